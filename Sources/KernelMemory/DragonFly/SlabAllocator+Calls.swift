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
      UInt(bitPattern: type) < UInt(bitPattern: state.pointee.typeCount), "SlabAllocator: malloc type \(type)")
    if state.pointee.transitCount != 0 { takeMessages(of: state.pointee.cpu) }
    let record = state.pointee.types + type
    guard record.pointee.bytes < typeLimit else { return refuse(.typeLimit, record, wait) }
    let cpu = state.pointee.cpu
    if processors[cpu].freeZoneCount > Self.releaseThreshold && wait == .wait { releaseFreeZones(of: cpu) }
    let asked = size == 0 ? 1 : size
    guard UInt(bitPattern: asked) < UInt(bitPattern: zoneLimit), asked & (kernelPageSize &- 1) != 0 else {
      return mallocPages(asked, record, wait)
    }
    let index = Int(state.pointee.classOfSize[(asked &+ 7) >> 3])
    let chunk = Int(chunkOfClass[index])
    let head = classHeads + (cpu &* SlabClasses.count &+ index)
    if head.pointee == Self.none {
      let code = makeZone(index, cpu, wait)
      guard code >= 0 else { return refuse(Self.refusal(of: code), record, wait) }
    }
    let block = Int(head.pointee)
    let isListed = zones[block].freePages != 0
    let number = Self.takeChunk(state, head, asked: asked)
    if let diagnostic, isListed {
      let page = (Int(zones[block].base) &+ number &* chunk) >> 12
      diagnostic.verify(address(ofChunk: number, block), firstFreePage: page, pages: 1 << zoneShift)
    }
    record.pointee.charge(chunk)
    return address(ofChunk: number, block)
  }

  /// free(9) of an address that ``malloc(_:_:_:)`` returned; ``freeError`` says whether anything was wrong with it.
  ///
  /// A chunk of another processor's zone is not freed yet when the call returns.
  public func free(_ address: KernelAddress, _ type: Int) {
    precondition(
      UInt(bitPattern: type) < UInt(bitPattern: state.pointee.typeCount), "SlabAllocator: malloc type \(type)")
    if state.pointee.transitCount != 0 { takeMessages(of: state.pointee.cpu) }
    state.pointee.freeError = .none
    guard map.space.contains(address) else { return state.pointee.freeError = .noZone }
    let offset = Int(truncatingIfNeeded: address.rawValue &- map.space.start.rawValue)
    let page = offset >> 12
    guard largePages[page] == 0 else { return freePages(page, state.pointee.types + type) }
    let block = page >> zoneShift
    let zone = zones + block
    guard zone.pointee.isLive, let words = zone.pointee.words else { return state.pointee.freeError = .noZone }
    let inside = offset &- block << (zoneShift &+ 12) &- Int(zone.pointee.base)
    let number = Self.number(zone, inside)
    guard inside >= 0, number < Int(zone.pointee.fresh), number &* Int(zone.pointee.chunk) == inside else {
      return refuseFree(inside, zone)
    }
    let asked = words[number]
    guard asked < Self.inTransit else { return state.pointee.freeError = .alreadyFree }
    state.pointee.bytesGivenBack &+= Int(asked)
    if Int(zone.pointee.cpu) != state.pointee.cpu { return send(number, block, type) }
    freeChunk(number, block, type)
  }

  // MARK: Short paths

  /// The short path of malloc(9): a chunk of the first zone of a class.
  ///
  /// - Returns: false where the long path has to do the call.
  @inline(__always)
  static func take(
    _ state: UnsafeMutablePointer<State>, _ size: Int, _ type: Int, _ address: inout KernelAddress
  ) -> Bool {
    guard UInt(bitPattern: type) < UInt(bitPattern: state.pointee.fastTypes) else { return false }
    guard UInt(bitPattern: size) < UInt(bitPattern: state.pointee.zoneLimit) else { return false }
    guard size & (kernelPageSize &- 1) != 0 else { return false }
    let head = state.pointee.heads + Int(state.pointee.classOfSize[(size &+ 7) >> 3])
    let block = Int(head.pointee)
    guard block >= 0 else { return false }
    let zone = state.pointee.zones + block
    let record = state.pointee.types + type
    let chunk = Int(zone.pointee.chunk)
    guard record.pointee.admits(chunk) else { return false }
    record.pointee.take(chunk, sizeBit: zone.pointee.sizeBit)
    let number = takeChunk(state, head, asked: size)
    address = KernelAddress(rawValue: zone.pointee.start &+ UInt64(truncatingIfNeeded: number &* chunk))
    return true
  }

  /// The short path of free(9): a live chunk of a zone of the current processor.
  ///
  /// - Returns: false where the long path has to do the call.
  @inline(__always)
  static func give(_ state: UnsafeMutablePointer<State>, _ address: KernelAddress, _ type: Int) -> Bool {
    guard UInt(bitPattern: type) < UInt(bitPattern: state.pointee.fastTypes) else { return false }
    let offset = address.rawValue &- state.pointee.start
    guard offset < state.pointee.fastBytes else { return false }
    let page = Int(truncatingIfNeeded: offset) &>> 12
    let block = page &>> state.pointee.zoneShift
    let zone = state.pointee.zones + block
    guard Int(zone.pointee.cpu) == state.pointee.cpu else { return false }
    // Addresses before the first chunk wrap around, and those where there never was a zone are far from 0. A zone that
    // serves no class any more has free chunks alone.
    let inside = Int(truncatingIfNeeded: address.rawValue &- zone.pointee.start)
    guard UInt(bitPattern: inside) < 1 << 17 else { return false }
    let number = number(zone, inside)
    guard number &* Int(zone.pointee.chunk) == inside else { return false }
    let asked = zone.pointee.words.unsafelyUnwrapped[number]
    guard asked < inTransit else { return false }
    // A wholly free zone may leave its class.
    guard zone.pointee.free &+ 1 != zone.pointee.chunks else { return false }
    state.pointee.bytesGivenBack &+= Int(asked)
    state.pointee.types[type].credit(Int(zone.pointee.chunk))
    let head = state.pointee.heads + Int(zone.pointee.classIndex)
    putChunk(state, number, block, page, head)
    return true
  }

  /// The number of the chunk at an offset behind the first one.
  ///
  /// Exact below 2^17 bytes: the reciprocal is at most 1 / 2^32 of the chunk size too large.
  @inline(__always)
  static func number(_ zone: UnsafeMutablePointer<Zone>, _ inside: Int) -> Int {
    Int(truncatingIfNeeded: (UInt64(truncatingIfNeeded: inside) &* UInt64(zone.pointee.reciprocal)) &>> 32)
  }

  /// The word of the chunk that an address lies in; nil where there is no zone.
  @inline(__always)
  static func word(_ state: UnsafeMutablePointer<State>, _ address: KernelAddress) -> UnsafeMutablePointer<UInt16>? {
    let offset = address.rawValue &- state.pointee.start
    guard offset < state.pointee.fastBytes else { return nil }
    let zone = state.pointee.zones + Int(truncatingIfNeeded: offset) &>> (state.pointee.zoneShift &+ 12)
    guard let words = zone.pointee.words, address.rawValue >= zone.pointee.start else { return nil }
    return words + number(zone, Int(truncatingIfNeeded: address.rawValue &- zone.pointee.start))
  }

  // MARK: Chunks

  /// Takes a chunk of the first zone of a class: of the lowest page that has a free one, else one never used.
  @inline(__always)
  private static func takeChunk(
    _ state: UnsafeMutablePointer<State>, _ head: UnsafeMutablePointer<Int32>, asked: Int
  ) -> Int {
    let block = Int(head.pointee)
    let zone = state.pointee.zones + block
    let left = zone.pointee.free &- 1
    zone.pointee.free = left
    // The zone leaves the list with its last free chunk.
    let first = Unforeseen.choose(Unforeseen.isZero(Int(left)), Int(zone.pointee.next), block)
    head.pointee = Int32(truncatingIfNeeded: first)
    state.pointee.bytesAskedFor &+= asked
    let words = zone.pointee.words.unsafelyUnwrapped
    let pages = zone.pointee.freePages
    let number: Int
    if pages != 0 {
      let list = state.pointee.pageHeads + block &<< state.pointee.zoneShift & ~31 + pages.trailingZeroBitCount
      number = Int(list.pointee & ~ItemWords.free)
      let rest = words[number]
      list.pointee = rest
      let isEmpty = UInt32(truncatingIfNeeded: Unforeseen.isZero(Int(ItemWords.end &- rest)))
      zone.pointee.freePages = pages & (pages &- 1 | ~isEmpty)
    } else {
      number = Int(zone.pointee.fresh)
      zone.pointee.fresh &+= 1
    }
    words[number] = UInt16(truncatingIfNeeded: asked)
    return number
  }

  /// The owner's part of a free.
  @inline(never)
  func freeChunk(_ number: Int, _ block: Int, _ type: Int) {
    let zone = zones + block
    let chunk = Int(zone.pointee.chunk)
    let page = block << zoneShift &+ (Int(zone.pointee.base) &+ number &* chunk) >> 12
    diagnostic?.fill(address(ofChunk: number, block), size: chunk, next: address(ofWord: pageHeads[page], block))
    state.pointee.types[type].credit(chunk)
    let head = classHeads + (Int(zone.pointee.cpu) &* SlabClasses.count &+ Int(zone.pointee.classIndex))
    Self.putChunk(state, number, block, page, head)
    // A wholly free zone leaves its class if another one can serve it.
    let isSpare = zone.pointee.next != Self.none || Int(head.pointee) != block
    if zone.pointee.free == zone.pointee.chunks && isSpare { retire(block, zone, head) }
  }

  /// Puts a chunk on the list of the page of the map in which it begins, and its zone on that of the class if it had none.
  @inline(__always)
  private static func putChunk(
    _ state: UnsafeMutablePointer<State>, _ number: Int, _ block: Int, _ page: Int,
    _ head: UnsafeMutablePointer<Int32>
  ) {
    let zone = state.pointee.zones + block
    let list = state.pointee.pageHeads + page
    zone.pointee.words.unsafelyUnwrapped[number] = list.pointee
    list.pointee = ItemWords.free | UInt16(truncatingIfNeeded: number)
    zone.pointee.freePages |= 1 &<< UInt32(truncatingIfNeeded: page)
    let free = zone.pointee.free
    zone.pointee.free = free &+ 1
    let mask = Unforeseen.isZero(Int(free))
    let next = Int(head.pointee)
    // The zone before the first one takes what belongs to no zone.
    state.pointee.zones[next | ~mask].previous = Int32(truncatingIfNeeded: block)
    zone.pointee.next = Int32(truncatingIfNeeded: Unforeseen.choose(mask, next, Int(zone.pointee.next)))
    head.pointee = Int32(truncatingIfNeeded: Unforeseen.choose(mask, block, next))
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
    _ size: Int, _ record: UnsafeMutablePointer<MallocTypeAccount>, _ wait: WaitPolicy
  ) -> KernelAddress {
    let pages = size < 0 || size > Int.max &- kernelPageSize ? Int.max >> 12 : (size &+ kernelPageSize &- 1) >> 12
    let page = map.allocate(pages: pages, wait)
    guard page >= 0 else { return refuse(Self.refusal(of: page), record, wait) }
    largePages[page] = UInt32(truncatingIfNeeded: pages)
    state.pointee.recordEnd = max(state.pointee.recordEnd, page &+ pages)
    state.pointee.largeBytes &+= pages << 12
    record.pointee.charge(pages << 12)
    return map.space.address(ofPage: page)
  }

  /// A large allocation goes back at once, whichever processor frees it.
  @inline(never)
  private func freePages(_ page: Int, _ record: UnsafeMutablePointer<MallocTypeAccount>) {
    let pages = Int(largePages[page])
    largePages[page] = 0
    map.free(page: page, pages: pages)
    state.pointee.largeBytes &-= pages << 12
    record.pointee.credit(pages << 12)
  }

  // MARK: Accounts

  private static func refusal(of code: Int) -> Refusal {
    switch code {
    case WiredMap.noSpace: .mapFull
    case WiredMap.noPages: .noPages
    default: .pagesNeverCome
    }
  }

  @inline(never)
  private func refuse(
    _ refusal: Refusal, _ record: UnsafeMutablePointer<MallocTypeAccount>, _ wait: WaitPolicy
  ) -> KernelAddress {
    state.pointee.refusal = refusal
    record.pointee.refused &+= 1
    if refusal == .typeLimit { record.pointee.limitBlocks &+= 1 }
    if refusal == .mapFull { record.pointee.mapBlocks &+= 1 }
    if wait == .noWait { state.pointee.noWaitFailures &+= 1 }
    return .null
  }
}
