// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension ZoneAllocator {
  /// Why a free was refused.
  public enum FreeError: Sendable {
    /// It was done.
    case none
    /// The address is not the start of an item of this zone.
    case notAnItem
    /// The item lies on the free list already.
    case alreadyFree
  }

  /// zalloc: takes one item.
  ///
  /// A zone grows while it still has up to its minimum of free items; where the first map is full they are used up.
  ///
  /// - Returns: the address, or null: ``refusal`` tells why.
  public func allocate(_ index: Int, _ wait: WaitPolicy) -> KernelAddress {
    precondition(UInt(bitPattern: index) < UInt(bitPattern: state.pointee.zones.count), "ZoneAllocator: zone \(index)")
    let zone = zones + index
    if zone.pointee.freeCount <= zone.pointee.freeMinimum {
      let fresh = grow(zone, index, wait)
      if fresh >= 0 {
        zone.pointee.requests &+= 1
        if fresh >= cells { zone.pointee.fallbackUsed &+= 1 }
        return address(ofCell: fresh)
      }
      // The second map is asked with M_WAITOK and pages are waited for inside the growth: neither comes back to the
      // list.
      guard zone.pointee.freeCount > 0, refusal != .fallbackFull, refusal != .pagesNeverCome else {
        zone.pointee.failures &+= 1
        return .null
      }
    }
    let cell = Int(zone.pointee.head)
    zone.pointee.head = link(cell)
    setLink(cell, Self.inUse)
    zone.pointee.freeCount &-= 1
    zone.pointee.requests &+= 1
    if cell >= cells { zone.pointee.fallbackUsed &+= 1 }
    let item = address(ofCell: cell)
    diagnostic?.take(item)
    return item
  }

  /// zfree: gives one item back, to the head of the list.
  @discardableResult
  public func free(_ index: Int, _ address: KernelAddress) -> FreeError {
    precondition(UInt(bitPattern: index) < UInt(bitPattern: state.pointee.zones.count), "ZoneAllocator: zone \(index)")
    let cell = cell(of: address)
    guard cell >= 0, Int(owner(cell)) == index else { return .notAnItem }
    let state = link(cell)
    guard state == Self.inUse else { return state == Self.notAnItem ? .notAnItem : .alreadyFree }
    let zone = zones + index
    setLink(cell, zone.pointee.head)
    zone.pointee.head = UInt32(truncatingIfNeeded: cell)
    zone.pointee.freeCount &+= 1
    zone.pointee.frees &+= 1
    if cell >= cells { zone.pointee.fallbackUsed &-= 1 }
    diagnostic?.mark(address)
    return .none
  }

  // MARK: Growth

  /// _zget: adds items; all but the last, which the caller gets, go on the list.
  ///
  /// - Returns: the cell of the last new item, −1 where there is none.
  @inline(never)
  private func grow(_ zone: UnsafeMutablePointer<Zone>, _ index: Int, _ wait: WaitPolicy) -> Int {
    switch zone.pointee.growth {
    case .pages(let pages):
      return growInMap(zone, index, pages, wait)
    case .limited(let items):
      guard zone.pointee.total < items else {
        state.pointee.refusal = .limit
        return -1
      }
      return growInMap(zone, index, 1, wait)
    case .reserved:
      return growInReservation(zone, index)
    }
  }

  private func growInMap(
    _ zone: UnsafeMutablePointer<Zone>, _ index: Int, _ pages: Int, _ wait: WaitPolicy
  ) -> Int {
    var target = map
    var firstCell = 0
    if fallbackShare > 0, let fallback {
      state.pointee.fallbackDebt += fallbackShare
      if state.pointee.fallbackDebt >= 1 {
        state.pointee.fallbackDebt -= 1
        target = fallback
        firstCell = cells
      }
    }
    let page = target.allocate(pages: pages, wait)
    guard page >= 0 else {
      switch page {
      case WiredMap.noSpace: state.pointee.refusal = firstCell == 0 ? .mapFull : .fallbackFull
      case WiredMap.noPages: state.pointee.refusal = .noPages
      default: state.pointee.refusal = .pagesNeverCome
      }
      return -1
    }
    zone.pointee.pages &+= pages
    let items = pages &* kernelPageSize / zone.pointee.size
    if firstCell == 0 {
      state.pointee.kernPages &+= pages
    } else {
      state.pointee.kmemPages &+= pages
      zone.pointee.fallbackPages &+= pages
      zone.pointee.fallbackTotal &+= items
    }
    own(firstCell &+ page &* Self.granulesPerPage, pages, index)
    return carve(zone, firstCell &+ page &* Self.granulesPerPage, items)
  }

  /// Fills one more page of a ZONE_INTERRUPT zone; an item may begin on the page before.
  private func growInReservation(_ zone: UnsafeMutablePointer<Zone>, _ index: Int) -> Int {
    guard zone.pointee.pages < zone.pointee.reservedPages else {
      state.pointee.refusal = .limit
      return -1
    }
    // VM_ALLOC_INTERRUPT: such a caller never waits for pages.
    if let physical = map.physical, !physical.take(1) {
      state.pointee.refusal = .noPages
      return -1
    }
    let size = zone.pointee.size
    let mapped = zone.pointee.pages &* kernelPageSize
    let carved = mapped / size &* size
    let base = zone.pointee.reservedPage &* Self.granulesPerPage
    own(base &+ zone.pointee.pages &* Self.granulesPerPage, 1, index)
    zone.pointee.pages &+= 1
    state.pointee.kmemPages &+= 1
    let items = (mapped &+ kernelPageSize &- carved) / size
    guard items > 0 else {
      state.pointee.refusal = .limit
      return -1
    }
    return carve(zone, base &+ carved >> Self.granuleShift, items)
  }

  private func own(_ cell: Int, _ pages: Int, _ index: Int) {
    let count = pages &* Self.granulesPerPage
    if cell < cells {
      state.pointee.ownedEnd = max(state.pointee.ownedEnd, cell / Self.granulesPerPage &+ pages)
      (links + cell).initialize(repeating: Self.notAnItem, count: count)
      (owners + cell / Self.granulesPerPage).update(repeating: UInt16(truncatingIfNeeded: index), count: pages)
    } else {
      state.pointee.fallbackOwnedEnd = max(
        state.pointee.fallbackOwnedEnd, (cell &- cells) / Self.granulesPerPage &+ pages)
      (fallbackLinks + (cell &- cells)).initialize(repeating: Self.notAnItem, count: count)
      (fallbackOwners + (cell &- cells) / Self.granulesPerPage)
        .update(repeating: UInt16(truncatingIfNeeded: index), count: pages)
    }
  }

  private func carve(_ zone: UnsafeMutablePointer<Zone>, _ first: Int, _ items: Int) -> Int {
    let step = zone.pointee.size >> Self.granuleShift
    var cell = first
    for _ in 1..<max(items, 1) {
      setLink(cell, zone.pointee.head)
      zone.pointee.head = UInt32(truncatingIfNeeded: cell)
      diagnostic?.mark(address(ofCell: cell))
      cell &+= step
    }
    zone.pointee.total &+= items
    zone.pointee.freeCount &+= items &- 1
    setLink(cell, Self.inUse)
    return cell
  }
}
