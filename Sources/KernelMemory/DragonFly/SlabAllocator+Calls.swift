// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension SlabAllocator {
  /// malloc(9) (DragonFly sys/kern/kern_slaballoc.c).
  ///
  /// - Parameters:
  ///   - size: bytes; the kernel answers a request of 0 with a special pointer, here it counts as one of 1.
  ///   - type: index that ``register(_:)`` returned.
  ///   - wait: `.noWait` stands for M_NOWAIT, which contains M_NULLOK; such a call gives no zone back either.
  /// - Returns: the address, or null: ``refusal`` tells why.
  public func malloc(_ size: Int, _ type: Int, _ wait: WaitPolicy) -> KernelAddress {
    precondition(
      UInt(bitPattern: type) < UInt(bitPattern: state.pointee.types.count), "SlabAllocator: malloc type \(type)")
    if state.pointee.transitCount != 0 { takeMessages(of: state.pointee.cpu) }
    let record = types + type
    record.pointee.calls &+= 1
    guard record.pointee.bytes < typeLimit else { return refuse(.typeLimit, record, wait) }
    let cpu = state.pointee.cpu
    if processors[cpu].freeZoneCount > Self.releaseThreshold && wait == .wait { releaseFreeZones(of: cpu) }
    let asked = size == 0 ? 1 : size
    guard UInt(bitPattern: asked) < UInt(bitPattern: zoneLimit), asked & (kernelPageSize &- 1) != 0 else {
      return mallocPages(asked, record, wait)
    }
    let index = Int(classOfSize[(asked &+ 7) >> 3])
    let chunk = Int(chunkOfClass[index])
    let head = classHeads + (cpu &* SlabClasses.count &+ index)
    if head.pointee == Self.none {
      let code = makeZone(index, cpu, wait)
      guard code >= 0 else { return refuse(Self.refusal(of: code), record, wait) }
    }
    let block = Int(head.pointee)
    let zone = zones + block
    let slot = takeChunk(block, zone, head)
    requested[Int(slot)] = UInt16(truncatingIfNeeded: asked)
    state.pointee.liveBytes &+= asked
    state.pointee.liveChunkBytes &+= chunk
    charge(record, chunk)
    return address(ofSlot: slot, block, zone)
  }

  /// free(9) of an address that ``malloc(_:_:_:)`` returned; ``freeError`` says whether anything was wrong with it.
  ///
  /// A chunk of another processor's zone is not freed yet when the call returns.
  public func free(_ address: KernelAddress, _ type: Int) {
    precondition(
      UInt(bitPattern: type) < UInt(bitPattern: state.pointee.types.count), "SlabAllocator: malloc type \(type)")
    if state.pointee.transitCount != 0 { takeMessages(of: state.pointee.cpu) }
    state.pointee.freeError = .none
    guard map.space.contains(address) else { return state.pointee.freeError = .noZone }
    let offset = Int(truncatingIfNeeded: address.rawValue &- map.space.start.rawValue)
    let page = offset >> 12
    guard largePages[page] == 0 else { return freePages(page, types + type) }
    let block = page >> zoneShift
    let zone = zones + block
    guard zone.pointee.isLive else { return state.pointee.freeError = .noZone }
    let inside = offset &- block << (zoneShift &+ 12) &- Int(zone.pointee.base)
    // Exact below 2^17 bytes: the reciprocal is at most 1 / 2^32 of the chunk size too large.
    let number = Int(truncatingIfNeeded: (UInt64(truncatingIfNeeded: inside) &* zone.pointee.reciprocal) >> 32)
    guard inside >= 0, number < Int(zone.pointee.fresh), number &* Int(zone.pointee.chunk) == inside else {
      return refuseFree(inside, zone)
    }
    let slot = block << (zoneShift &+ Self.slotShift) &+ number
    let asked = requested[slot]
    guard asked != 0, asked & Self.inTransit == 0 else { return state.pointee.freeError = .alreadyFree }
    state.pointee.liveBytes &-= Int(asked)
    state.pointee.liveChunkBytes &-= Int(zone.pointee.chunk)
    if Int(zone.pointee.cpu) != state.pointee.cpu { return send(slot, zone, type) }
    freeChunk(slot, (offset >> 12) &- block << zoneShift, block, zone, types + type)
  }

  // MARK: Chunks

  /// Takes a chunk of the first zone of a class: of the lowest page that has a free one, else one never used.
  @inline(__always)
  private func takeChunk(
    _ block: Int, _ zone: UnsafeMutablePointer<Zone>, _ head: UnsafeMutablePointer<Int32>
  ) -> UInt32 {
    zone.pointee.free &-= 1
    if zone.pointee.free == 0 {
      let next = zone.pointee.next
      head.pointee = next
      if next != Self.none { zones[Int(next)].previous = Self.none }
      zone.pointee.next = Self.none
    }
    let pages = 1 << zoneShift
    let first = block << zoneShift
    var page = Int(zone.pointee.firstFreePage)
    while page < pages {
      let slot = pageHeads[first &+ page]
      if slot != Self.endOfList {
        pageHeads[first &+ page] = links[Int(slot)]
        zone.pointee.firstFreePage = Int32(truncatingIfNeeded: page)
        diagnostic?.verify(address(ofSlot: slot, block, zone), firstFreePage: page, pages: pages)
        return slot
      }
      page &+= 1
    }
    zone.pointee.firstFreePage = Int32(truncatingIfNeeded: pages)
    let slot = block << (zoneShift &+ Self.slotShift) &+ Int(zone.pointee.fresh)
    zone.pointee.fresh &+= 1
    return UInt32(truncatingIfNeeded: slot)
  }

  /// The owner's part of a free.
  @inline(__always)
  func freeChunk(
    _ slot: Int, _ page: Int, _ block: Int, _ zone: UnsafeMutablePointer<Zone>,
    _ record: UnsafeMutablePointer<MallocTypeRecord>
  ) {
    let list = pageHeads + (block << zoneShift &+ page)
    let next = list.pointee
    requested[slot] = 0
    links[slot] = next
    list.pointee = UInt32(truncatingIfNeeded: slot)
    if Int(zone.pointee.firstFreePage) > page { zone.pointee.firstFreePage = Int32(truncatingIfNeeded: page) }
    if let diagnostic {
      diagnostic.fill(
        address(ofSlot: UInt32(truncatingIfNeeded: slot), block, zone), size: Int(zone.pointee.chunk),
        next: next == Self.endOfList ? .null : address(ofSlot: next, block, zone))
    }
    record.pointee.credit(Int(zone.pointee.chunk))
    let head = classHeads + (Int(zone.pointee.cpu) &* SlabClasses.count &+ Int(zone.pointee.classIndex))
    if zone.pointee.free == 0 {
      zone.pointee.next = head.pointee
      zone.pointee.previous = Self.none
      if head.pointee != Self.none { zones[Int(head.pointee)].previous = Int32(truncatingIfNeeded: block) }
      head.pointee = Int32(truncatingIfNeeded: block)
    }
    zone.pointee.free &+= 1
    // A wholly free zone leaves its class if another one can serve it.
    if zone.pointee.free == zone.pointee.chunks && (zone.pointee.next != Self.none || Int(head.pointee) != block) {
      retire(block, zone, head)
    }
  }

  @inline(never)
  private func refuseFree(_ inside: Int, _ zone: UnsafeMutablePointer<Zone>) {
    let chunk = Int(zone.pointee.chunk)
    let number = inside / chunk
    let isChunk = inside >= 0 && inside % chunk == 0 && number < Int(zone.pointee.chunks)
    state.pointee.freeError = isChunk ? .alreadyFree : .illegalChunk(number)
  }

  // MARK: Whole pages

  @inline(never)
  private func mallocPages(
    _ size: Int, _ record: UnsafeMutablePointer<MallocTypeRecord>, _ wait: WaitPolicy
  ) -> KernelAddress {
    let pages = size < 0 || size > Int.max &- kernelPageSize ? Int.max >> 12 : (size &+ kernelPageSize &- 1) >> 12
    let page = map.allocate(pages: pages, wait)
    guard page >= 0 else { return refuse(Self.refusal(of: page), record, wait) }
    largePages[page] = UInt32(truncatingIfNeeded: pages)
    state.pointee.recordEnd = max(state.pointee.recordEnd, page &+ pages)
    state.pointee.largeBytes &+= pages << 12
    charge(record, pages << 12)
    return map.space.address(ofPage: page)
  }

  /// A large allocation goes back at once, whichever processor frees it.
  @inline(never)
  private func freePages(_ page: Int, _ record: UnsafeMutablePointer<MallocTypeRecord>) {
    let pages = Int(largePages[page])
    largePages[page] = 0
    map.free(page: page, pages: pages)
    state.pointee.largeBytes &-= pages << 12
    record.pointee.credit(pages << 12)
  }

  // MARK: Accounts

  @inline(__always)
  private func charge(_ record: UnsafeMutablePointer<MallocTypeRecord>, _ bytes: Int) {
    record.pointee.charge(bytes)
    record.pointee.sizes |= MallocTypeRecord.sizeBit(bytes)
  }

  private static func refusal(of code: Int) -> Refusal {
    switch code {
    case WiredMap.noSpace: .mapFull
    case WiredMap.noPages: .noPages
    default: .pagesNeverCome
    }
  }

  @inline(never)
  private func refuse(
    _ refusal: Refusal, _ record: UnsafeMutablePointer<MallocTypeRecord>, _ wait: WaitPolicy
  ) -> KernelAddress {
    state.pointee.refusal = refusal
    if refusal == .typeLimit { record.pointee.limitBlocks &+= 1 }
    if refusal == .mapFull { record.pointee.mapBlocks &+= 1 }
    if wait == .noWait { state.pointee.noWaitFailures &+= 1 }
    return .null
  }
}
