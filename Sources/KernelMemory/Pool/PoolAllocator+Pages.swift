// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension PoolAllocator {
  /// What pool_get() does where the current page does not serve: the page to take from, or -1.
  @inline(never)
  func refill(_ index: Int, _ wait: WaitPolicy) -> Int {
    while true {
      let pool = pools + index
      if pool.pointee.out >= pool.pointee.hardLimit {
        state.pointee.refusal = .limit
        break
      }
      if pool.pointee.current >= 0 { return Int(pool.pointee.current) }
      // Items may have come back while the page source slept.
      if !grow(index, wait) && pool.pointee.current < 0 { break }
    }
    pools[index].failures &+= 1
    return -1
  }

  /// Adds a page to a pool; false, and ``refusal`` set, where there is none.
  ///
  /// The page daemon may run in here and take empty pages of any pool, and caches may give items back to this one.
  private func grow(_ index: Int, _ wait: WaitPolicy) -> Bool {
    let source = pools[index].source
    var page = sources[source].take(wait)
    while page < 0 {
      guard wait == .wait, onShortage?(source, page) == true else { return refuse(page) }
      if pools[index].current >= 0 { return true }
      page = sources[source].take(wait)
    }
    var header: UInt64 = 0
    if pools[index].headerPool >= 0 {
      header = get(pools[index].headerPool, wait).rawValue
      guard header != 0 else {
        sources[source].give(page)
        return false
      }
    }
    prime(page &+ bases[source], index, header)
    pools[index].pageAllocations &+= 1
    return true
  }

  private func refuse(_ code: Int) -> Bool {
    switch code {
    case WiredMap.noSpace: state.pointee.refusal = .mapFull
    case WiredMap.pagesNeverCome: state.pointee.refusal = .pagesNeverCome
    default: state.pointee.refusal = .noPages
    }
    return false
  }

  /// pool_prime_page(): carves a page of the window.
  private func prime(_ page: Int, _ index: Int, _ header: UInt64) {
    while state.pointee.end <= page {
      (pages + state.pointee.end).initialize(to: Page())
      state.pointee.end &+= 1
    }
    let pool = pools + index
    let record = pages + page
    record.pointee.pool = UInt16(truncatingIfNeeded: index)
    record.pointee.missing = 0
    record.pointee.header = header
    record.pointee.offset = UInt16(truncatingIfNeeded: pool.pointee.color)
    record.pointee.idleSince = state.pointee.now
    pool.pointee.color &+= pool.pointee.alignment
    if pool.pointee.color > pool.pointee.largestColor { pool.pointee.color = 0 }
    link(page, pool, .empty)
    pool.pointee.idle &+= 1

    let count = pool.pointee.itemsPerPage
    let first = page << Self.slotShift
    for slot in 0..<count {
      let next = style.lowestItemFirst ? slot &+ 1 : slot &- 1
      links[first &+ slot] = next < 0 || next == count ? Self.endOfList : UInt16(truncatingIfNeeded: next)
      diagnostic?.mark(address(page: page, slot: slot, size: pool.pointee.size))
    }
    record.pointee.head = style.lowestItemFirst ? 0 : UInt16(truncatingIfNeeded: count &- 1)
    pool.pointee.items &+= count
    if pool.pointee.current < 0 { pool.pointee.current = Int32(truncatingIfNeeded: page) }
    pool.pointee.pages &+= 1
    pool.pointee.highWaterPages = max(pool.pointee.highWaterPages, pool.pointee.pages)
  }

  /// pr_rmpage(): takes an idle page out of its pool; ``free(_:_:)`` gives it back.
  func remove(_ page: Int, _ pool: UnsafeMutablePointer<Pool>) {
    pool.pointee.idle &-= 1
    pool.pointee.items &-= pool.pointee.itemsPerPage
    unlink(page, pool)
    pages[page].pool = Self.noPool
    pages[page].list = .none
    pool.pointee.pages &-= 1
    pool.pointee.pageFrees &+= 1
    updateCurrent(pool)
  }

  /// Gives a removed page back to its source, then its header to the pool of headers.
  func free(_ page: Int, _ index: Int) {
    let source = pools[index].source
    let header = pages[page].header
    sources[source].give(page &- bases[source])
    guard header != 0 else { return }
    put(pools[index].headerPool, KernelAddress(rawValue: header))
  }

  /// pool_reclaim(): frees the empty pages that have been idle for so long, down to the pool's minimum.
  ///
  /// - Parameters:
  ///   - index: of the pool.
  ///   - age: virtual nanoseconds; 0 takes every empty page.
  /// - Returns: the number of pages that were freed.
  @discardableResult
  public func reclaim(_ index: Int, idleFor age: UInt64 = 0) -> Int {
    let pool = pools + index
    guard !pool.pointee.keepsPages else { return 0 }
    let now = state.pointee.now
    var page = pool.pointee.empty
    // The removed pages, the last one first: pools queue them that way and free them from the head.
    var queue: Int32 = -1
    var count = 0
    while page >= 0 {
      let next = pages[Int(page)].next
      if pool.pointee.pages <= pool.pointee.minimumPages { break }
      if now &- pages[Int(page)].idleSince >= age {
        if pool.pointee.items &- pool.pointee.itemsPerPage < pool.pointee.minimumItems { break }
        remove(Int(page), pool)
        pages[Int(page)].next = queue
        queue = page
        count += 1
      }
      page = next
    }
    while queue >= 0 {
      let next = pages[Int(queue)].next
      free(Int(queue), index)
      queue = next
    }
    return count
  }

  // MARK: Marks

  /// pool_catchup(): adds pages without waiting until the pool has its minimum of free items.
  @inline(never)
  func catchUp(_ index: Int) {
    while pools[index].items < pools[index].minimumItems {
      guard grow(index, .noWait) else { return }
    }
  }

  /// pool_prime(): adds pages for `items`, which the pool keeps for ever.
  public func prime(_ index: Int, items: Int) {
    let perPage = pools[index].itemsPerPage
    for _ in 0..<(items + perPage - 1) / perPage {
      guard grow(index, .noWait) else { break }
      pools[index].minimumPages += 1
    }
    if pools[index].minimumPages >= pools[index].maximumPages {
      pools[index].maximumPages = pools[index].minimumPages + 1
    }
  }

  /// pool_setlowat(): the pool keeps at least so many free items.
  public func setLowWater(_ index: Int, items: Int) {
    pools[index].minimumItems = items
    pools[index].minimumPages = pagesFor(items, index)
    catchUp(index)
  }

  /// pool_sethiwat(): the pool keeps at most the pages of so many items when they are idle.
  public func setHighWater(_ index: Int, items: Int) { pools[index].maximumPages = pagesFor(items, index) }

  /// pool_sethardlimit(): so many items may be out at a time; the high water mark is set to the same number.
  ///
  /// A limit below what is out already is refused.
  ///
  /// - Parameters:
  ///   - index: of the pool.
  ///   - items: the limit.
  ///   - failing: whether a caller that may wait gets null at the limit too (PR_LIMITFAIL).
  public func setHardLimit(_ index: Int, items: Int, failing: Bool) {
    guard items >= pools[index].out else { return }
    pools[index].hardLimit = items
    pools[index].failsAtLimit = failing
    pools[index].maximumPages = pagesFor(items, index)
  }

  private func pagesFor(_ items: Int, _ index: Int) -> Int {
    (items + pools[index].itemsPerPage - 1) / pools[index].itemsPerPage
  }
}
