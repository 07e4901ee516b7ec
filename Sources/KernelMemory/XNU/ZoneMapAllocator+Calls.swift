// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension ZoneMapAllocator {
  /// zalloc_canblock: takes one element.
  ///
  /// - Parameters:
  ///   - index: the zone.
  ///   - wait: `.noWait` stands for zalloc_noblock(), which leaves the growth of an empty zone to a thread call.
  ///   - asked: bytes that the caller wants of the element, for the ledger.
  /// - Returns: the address, or null: ``refusal`` tells why.
  public func allocate(_ index: Int, _ wait: WaitPolicy, asked: Int) -> KernelAddress {
    precondition(UInt(bitPattern: index) < UInt(bitPattern: state.pointee.zoneCount), "ZoneMapAllocator: zone \(index)")
    let zone = zones + index
    // try_alloc_from_zone: chunks with live elements first, then those without.
    var page = Int(zone.pointee.intermediate.head)
    if page < 0 {
      page = Int(zone.pointee.allFree.head)
      if page < 0 {
        guard wait == .wait else { return leaveToThreadCall(zone) }
        guard grow(index) else {
          zone.pointee.failures &+= 1
          return .null
        }
        page = Int(zone.pointee.allFree.head)
      }
      zone.pointee.allFreePages &-= Int(chunks[page].pages)
    }
    let chunk = chunks + page
    let number = chunk.pointee.head
    let slot = page << Self.slotShift &+ Int(number)
    chunk.pointee.head = links[slot]
    chunk.pointee.free &-= 1
    if chunk.pointee.free == 0 {
      move(page, zone, to: .allUsed)
    } else if chunk.pointee.state == .allFree {
      move(page, zone, to: .intermediate)
    }
    let size = zone.pointee.size
    let wanted = max(asked, 1)
    requested[slot] = UInt16(truncatingIfNeeded: wanted)
    zone.pointee.used &+= 1
    zone.pointee.free &-= 1
    zone.pointee.requests &+= 1
    state.pointee.liveBytes &+= wanted
    state.pointee.liveElementBytes &+= size
    let address = address(ofElement: Int(number), page: page, size: size)
    if let diagnostic {
      let next = chunk.pointee.head
      diagnostic.take(
        address, size: size, zone: index,
        next: next == Self.endOfList ? .null : self.address(ofElement: Int(next), page: page, size: size))
    }
    return address
  }

  /// zfree: gives one element back, to the head of its chunk's list; ``freeError`` says whether anything was wrong.
  ///
  /// - Parameters:
  ///   - index: the zone; −1 takes the zone of the element, as kfree_addr() does.
  ///   - address: the element.
  public func free(_ index: Int, _ address: KernelAddress) {
    state.pointee.freeError = .none
    guard map.space.contains(address) else { return state.pointee.freeError = .notAllocated }
    let offset = Int(truncatingIfNeeded: address.rawValue &- map.space.start.rawValue)
    let page = offset >> 12 &- Int(offsets[offset >> 12])
    let chunk = chunks + page
    guard chunk.pointee.state != .absent else { return state.pointee.freeError = .notAllocated }
    let owner = Int(chunk.pointee.zone)
    state.pointee.ownerOfFreed = owner
    guard index < 0 || owner == index else { return state.pointee.freeError = .otherZone }
    let zone = zones + owner
    let inside = offset &- page << 12
    // Exact below 2^15 bytes: the reciprocal is at most 1 / 2^32 of the element size too large.
    let number = Int(truncatingIfNeeded: (UInt64(truncatingIfNeeded: inside) &* zone.pointee.reciprocal) >> 32)
    let size = zone.pointee.size
    guard number < Int(chunk.pointee.elements), number &* size == inside else {
      return state.pointee.freeError = .notAnElement
    }
    let slot = page << Self.slotShift &+ number
    let asked = Int(requested[slot])
    guard asked != 0 else { return state.pointee.freeError = .alreadyFree }
    if let diagnostic {
      let next = chunk.pointee.head
      diagnostic.poison(
        address, size: size,
        next: next == Self.endOfList ? .null : self.address(ofElement: Int(next), page: page, size: size))
    }
    requested[slot] = 0
    links[slot] = chunk.pointee.head
    chunk.pointee.head = UInt16(truncatingIfNeeded: number)
    chunk.pointee.free &+= 1
    if chunk.pointee.free == chunk.pointee.elements {
      move(page, zone, to: .allFree)
      zone.pointee.allFreePages &+= Int(chunk.pointee.pages)
    } else if chunk.pointee.free == 1 {
      move(page, zone, to: .intermediate)
    }
    zone.pointee.used &-= 1
    zone.pointee.free &+= 1
    zone.pointee.frees &+= 1
    state.pointee.liveBytes &-= asked
    state.pointee.liveElementBytes &-= size
  }

  // MARK: Queues

  /// Moves a chunk to the tail of another queue; chunks without free elements are on none here.
  @inline(__always)
  func move(_ page: Int, _ zone: UnsafeMutablePointer<Zone>, to next: ChunkState) {
    let chunk = chunks + page
    switch chunk.pointee.state {
    case .intermediate: unlink(chunk, &zone.pointee.intermediate)
    case .allFree: unlink(chunk, &zone.pointee.allFree)
    case .absent, .allUsed: break
    }
    chunk.pointee.state = next
    switch next {
    case .intermediate: append(page, &zone.pointee.intermediate)
    case .allFree: append(page, &zone.pointee.allFree)
    case .absent, .allUsed: break
    }
  }

  @inline(__always)
  private func unlink(_ chunk: UnsafeMutablePointer<Chunk>, _ queue: inout Queue) {
    let next = chunk.pointee.next
    let previous = chunk.pointee.previous
    if previous == Self.none { queue.head = next } else { chunks[Int(previous)].next = next }
    if next == Self.none { queue.tail = previous } else { chunks[Int(next)].previous = previous }
  }

  @inline(__always)
  private func append(_ page: Int, _ queue: inout Queue) {
    let index = Int32(truncatingIfNeeded: page)
    chunks[page].next = Self.none
    chunks[page].previous = queue.tail
    if queue.tail == Self.none { queue.head = index } else { chunks[Int(queue.tail)].next = index }
    queue.tail = index
  }
}
