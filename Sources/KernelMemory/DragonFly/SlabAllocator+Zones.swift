// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// Zones come and go here, and frees travel between processors.
extension SlabAllocator {
  /// Makes a zone the first of a class: the processor's last free zone, else new pages of kernel_map.
  ///
  /// Chunks whose size is a power of two lie at multiples of it, the others at multiples of 8 bytes.
  ///
  /// - Returns: its place, or a code of ``WiredMap``, all of which are below 0.
  @inline(never)
  func makeZone(_ index: Int, _ cpu: Int, _ wait: WaitPolicy) -> Int {
    let processor = processors + cpu
    var block = Int(processor.pointee.freeZones)
    if block >= 0 {
      processor.pointee.freeZones = zones[block].next
      processor.pointee.freeZoneCount &-= 1
      state.pointee.freeZones &-= 1
      limitShortPaths()
    } else {
      let page = map.allocateAligned(pages: 1 << zoneShift, wait)
      guard page >= 0 else { return page }
      block = page >> zoneShift
      state.pointee.zonesMade &+= 1
      state.pointee.recordEnd = max(state.pointee.recordEnd, page &+ 1 << zoneShift)
    }
    let layout = Self.layout(chunk: Int(chunkOfClass[index]), zoneSize: zoneSize)
    let chunk = UInt64(truncatingIfNeeded: Int(chunkOfClass[index]))
    var zone = Zone()
    zone.isLive = true
    zone.cpu = UInt8(truncatingIfNeeded: cpu)
    zone.classIndex = UInt8(truncatingIfNeeded: index)
    zone.chunk = chunkOfClass[index]
    zone.base = Int32(truncatingIfNeeded: layout.base)
    zone.chunks = Int32(truncatingIfNeeded: layout.chunks)
    zone.free = zone.chunks
    let column = words.column(itemSize: Int(chunk))
    zone.words = column.words + block << (zoneShift &+ column.shift)
    zone.start = map.space.start.rawValue &+ UInt64(truncatingIfNeeded: block << (zoneShift &+ 12) &+ layout.base)
    zone.sizeBit = MallocTypeRecord.sizeBit(Int(chunk))
    zone.reciprocal = UInt32(truncatingIfNeeded: ((1 as UInt64) << 32 &+ chunk &- 1) / chunk)
    let head = classHeads + (cpu &* SlabClasses.count &+ index)
    zone.next = head.pointee
    zones[block] = zone
    head.pointee = Int32(truncatingIfNeeded: block)
    (pageHeads + block << zoneShift).update(repeating: ItemWords.end, count: 1 << zoneShift)
    // The rest behind the last chunk has a word, too: no chunk begins there.
    let rest = layout.base &+ layout.chunks &* Int(chunk) < zoneSize ? 1 : 0
    zone.words?.update(repeating: ItemWords.end, count: layout.chunks &+ rest)
    state.pointee.liveZones &+= 1
    state.pointee.capacityBytes &+= layout.chunks &* Int(chunkOfClass[index])
    return block
  }

  /// Where the chunks of a zone lie: offset of the first one in bytes, and their number.
  static func layout(chunk: Int, zoneSize: Int) -> (base: Int, chunks: Int) {
    let alignment = chunk & (chunk - 1) == 0 ? chunk : SlabClasses.minimumChunk
    let base = (headerBytes + alignment - 1) / alignment * alignment
    return (base, (zoneSize - base) / chunk)
  }

  /// A wholly free zone goes to the free zones of its processor.
  @inline(never)
  func retire(_ block: Int, _ zone: UnsafeMutablePointer<Zone>, _ head: UnsafeMutablePointer<Int32>) {
    let next = zone.pointee.next
    let previous = zone.pointee.previous
    if Int(head.pointee) == block { head.pointee = next } else { zones[Int(previous)].next = next }
    if next != Self.none { zones[Int(next)].previous = previous }
    zone.pointee.isLive = false
    let processor = processors + Int(zone.pointee.cpu)
    zone.pointee.next = processor.pointee.freeZones
    zone.pointee.previous = Self.none
    processor.pointee.freeZones = Int32(truncatingIfNeeded: block)
    processor.pointee.freeZoneCount &+= 1
    state.pointee.freeZones &+= 1
    state.pointee.liveZones &-= 1
    state.pointee.capacityBytes &-= Int(zone.pointee.chunks) &* Int(zone.pointee.chunk)
    limitShortPaths()
  }

  /// Gives free zones back to kernel_map until the processor has two, the last retired first.
  @inline(never)
  func releaseFreeZones(of cpu: Int) {
    let processor = processors + cpu
    while processor.pointee.freeZoneCount > Self.releaseThreshold {
      let block = Int(processor.pointee.freeZones)
      processor.pointee.freeZones = zones[block].next
      processor.pointee.freeZoneCount &-= 1
      zones[block].next = Self.none
      state.pointee.freeZones &-= 1
      state.pointee.zonesReturned &+= 1
      map.free(page: block << zoneShift, pages: 1 << zoneShift)
    }
    limitShortPaths()
  }

  // MARK: Messages

  /// lwkt_send_ipiq: puts a free into the owner's queue; a full queue is taken by the owner first.
  @inline(never)
  func send(_ number: Int, _ block: Int, _ type: Int) {
    let zone = zones + block
    let owner = Int(zone.pointee.cpu)
    if processors[owner].messages == Self.messageCapacity { takeMessages(of: owner) }
    zone.pointee.words?[number] |= Self.inTransit
    messages[owner &* Self.messageCapacity &+ processors[owner].messages] = Message(
      block: Int32(truncatingIfNeeded: block), number: Int32(truncatingIfNeeded: number),
      type: UInt32(truncatingIfNeeded: type))
    processors[owner].messages &+= 1
    state.pointee.transitCount &+= 1
    state.pointee.transitBytes &+= Int(zone.pointee.chunk)
    state.pointee.messagesSent &+= 1
    limitShortPaths()
  }

  /// A processor does the frees that the others have sent it, in the order of arrival.
  @inline(never)
  func takeMessages(of cpu: Int) {
    let count = processors[cpu].messages
    guard count > 0 else { return }
    for index in 0..<count {
      let message = messages[cpu &* Self.messageCapacity &+ index]
      state.pointee.transitCount &-= 1
      state.pointee.transitBytes &-= Int(zones[Int(message.block)].chunk)
      freeChunk(Int(message.number), Int(message.block), Int(message.type))
    }
    processors[cpu].messages = 0
    limitShortPaths()
  }

  /// Every processor takes its messages: time passes.
  public func takeAllMessages() {
    guard state.pointee.transitCount != 0 else { return }
    for cpu in 0..<cpus { takeMessages(of: cpu) }
  }
}
