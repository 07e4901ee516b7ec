// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension SLUB {
  /// __alloc_pages: a block, with one run of reclaim for a caller that may wait.
  ///
  /// - Returns: the first page, or −1 with ``State/refusal`` set.
  func takePages(order: Int, _ wait: WaitPolicy) -> Int {
    guard order <= BuddyAllocator.largestOrder else {
      state.pointee.refusal = .tooLarge
      return -1
    }
    var page = tryPages(order: order)
    if page < 0 && wait == .wait {
      // Direct reclaim: shrinkers and the page cache. Slab pages cannot be moved, so that compaction finds none.
      state.pointee.reclaims &+= 1
      if let physical {
        if physical.waitAndTake(1) { physical.give(1) }
        page = tryPages(order: order)
      }
      if page < 0 { state.pointee.refusal = order > Self.costlyOrder ? .costlyOrder : .outOfMemory }
    } else if page < 0 {
      state.pointee.refusal = .noPages
    }
    if page >= 0 { state.pointee.pageEnd = max(state.pointee.pageEnd, page + 1 << order) }
    return page
  }

  private func tryPages(order: Int) -> Int {
    let count = 1 << order
    if let physical, !physical.take(count) { return -1 }
    let page = buddy.allocate(order: order)
    if page < 0 { physical?.give(count) }
    return page
  }

  /// __free_pages.
  func givePages(_ page: Int, order: Int) {
    buddy.free(page: page, order: order)
    physical?.give(1 << order)
  }

  /// kmalloc_large(): a block of pages, the next power of two.
  func allocateLarge(_ size: Int, _ wait: WaitPolicy) -> KernelAddress {
    let order = size > 0 && size <= Int(UInt32.max) ? BuddyAllocator.order(ofBytes: size) : Int.max
    let page = takePages(order: order, wait)
    guard page >= 0 else { return .null }
    pages[page].kind = SLUBPageKind.large
    pages[page].order = UInt8(truncatingIfNeeded: order)
    requested[page << Self.cellShift] = UInt32(truncatingIfNeeded: size)
    state.pointee.largePages &+= 1 << order
    state.pointee.largeCount &+= 1
    return address(page: page, object: 0, size: 0)
  }

  /// free_large_kmalloc().
  ///
  /// - Returns: bytes of the block, 0 where the address is not the start of one.
  func freeLarge(_ address: KernelAddress) -> Int {
    let offset = Int(truncatingIfNeeded: address.rawValue &- startAddress)
    let page = offset >> 12
    guard page >= 0, page < buddy.capacityPages, offset & (kernelPageSize - 1) == 0,
      pages[page].kind == SLUBPageKind.large
    else { return 0 }
    let order = Int(pages[page].order)
    pages[page].kind = SLUBPageKind.none
    requested[page << Self.cellShift] = 0
    state.pointee.largePages &-= 1 << order
    state.pointee.largeCount &-= 1
    givePages(page, order: order)
    return kernelPageSize << order
  }

  /// Takes pages out of the linear map into nobody's books, one at a time.
  ///
  /// - Returns: false where there are fewer; what was there is lost.
  func losePages(_ count: Int, _ wait: WaitPolicy) -> Bool {
    for _ in 0..<count {
      guard takePages(order: 0, wait) >= 0 else { return false }
      state.pointee.lostPages &+= 1
    }
    return true
  }
}
