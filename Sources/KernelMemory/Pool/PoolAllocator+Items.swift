// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension PoolAllocator {
  /// pool_get(): takes one item.
  ///
  /// - Returns: the address, or null: ``refusal`` tells why.
  @inline(__always)
  public func get(_ index: Int, _ wait: WaitPolicy) -> KernelAddress {
    precondition(UInt(bitPattern: index) < UInt(bitPattern: state.pointee.pools.count), "PoolAllocator: pool \(index)")
    let pool = pools + index
    var page = Int(pool.pointee.current)
    if page < 0 || pool.pointee.out >= pool.pointee.hardLimit {
      page = refill(index, wait)
      guard page >= 0 else { return .null }
    }
    let record = pages + page
    let slot = Int(record.pointee.head)
    let cell = page << Self.slotShift | slot
    record.pointee.head = links[cell]
    links[cell] = Self.inUse
    pool.pointee.items &-= 1
    pool.pointee.out &+= 1
    pool.pointee.gets &+= 1
    let missing = Int(record.pointee.missing) &+ 1
    record.pointee.missing = UInt16(truncatingIfNeeded: missing)
    if missing == 1 { leftIdle(page, pool) }
    if missing == pool.pointee.itemsPerPage { becameFull(page, pool) }
    let item = address(page: page, slot: slot, size: pool.pointee.size)
    diagnostic?.verify(item, pool: index)
    if pool.pointee.items < pool.pointee.minimumItems { catchUp(index) }
    return item
  }

  /// pool_put(): gives one item back to its page.
  @inline(__always)
  @discardableResult
  public func put(_ index: Int, _ address: KernelAddress) -> FreeError {
    precondition(UInt(bitPattern: index) < UInt(bitPattern: state.pointee.pools.count), "PoolAllocator: pool \(index)")
    guard pools[index].out > 0 else { return .noneOut }
    let cell = cell(of: address, pool: index)
    guard cell >= 0 else { return .notAnItem }
    guard links[cell] == Self.inUse else { return .alreadyFree }
    release(index, cell)
    return .none
  }

  /// The part of pool_put() that follows its checks.
  @inline(__always)
  func release(_ index: Int, _ cell: Int) {
    let pool = pools + index
    let page = cell >> Self.slotShift
    let record = pages + page
    diagnostic?.mark(address(page: page, slot: cell & (1 << Self.slotShift &- 1), size: pool.pointee.size))
    links[cell] = record.pointee.head
    record.pointee.head = UInt16(truncatingIfNeeded: cell & (1 << Self.slotShift &- 1))
    let missing = Int(record.pointee.missing) &- 1
    record.pointee.missing = UInt16(truncatingIfNeeded: missing)
    pool.pointee.items &+= 1
    pool.pointee.out &-= 1
    pool.pointee.puts &+= 1
    if pool.pointee.current < 0 { pool.pointee.current = Int32(truncatingIfNeeded: page) }
    if missing == 0 {
      becameIdle(page, pool, index)
    } else if missing == pool.pointee.itemsPerPage &- 1 {
      // A full page that gets an item back is the next to be taken from, so that pools fragment less.
      unlink(page, pool)
      link(page, pool, .partial)
      pool.pointee.current = Int32(truncatingIfNeeded: page)
    }
  }

  // MARK: Pages that change their list

  @inline(never)
  private func leftIdle(_ page: Int, _ pool: UnsafeMutablePointer<Pool>) {
    pool.pointee.idle &-= 1
    unlink(page, pool)
    link(page, pool, .partial)
  }

  @inline(never)
  private func becameFull(_ page: Int, _ pool: UnsafeMutablePointer<Pool>) {
    unlink(page, pool)
    link(page, pool, .full)
    updateCurrent(pool)
  }

  /// The last item of a page came back: the page goes at once where there are too many.
  @inline(never)
  private func becameIdle(_ page: Int, _ pool: UnsafeMutablePointer<Pool>, _ index: Int) {
    pool.pointee.idle &+= 1
    let isSurplus =
      style.countsIdlePages
      ? pool.pointee.idle > pool.pointee.maximumPages
      : pool.pointee.pages > pool.pointee.minimumPages && pool.pointee.pages > pool.pointee.maximumPages
    if isSurplus && !pool.pointee.keepsPages {
      remove(page, pool)
      free(page, index)
    } else {
      unlink(page, pool)
      link(page, pool, .empty)
      pages[page].idleSince = state.pointee.now
    }
    updateCurrent(pool)
  }

  // MARK: Lists

  @inline(__always)
  func updateCurrent(_ pool: UnsafeMutablePointer<Pool>) {
    pool.pointee.current = pool.pointee.partial >= 0 ? pool.pointee.partial : pool.pointee.empty
  }

  /// Takes a page off its list.
  @inline(__always)
  func unlink(_ page: Int, _ pool: UnsafeMutablePointer<Pool>) {
    let record = pages + page
    let next = record.pointee.next
    let previous = record.pointee.previous
    if next >= 0 { pages[Int(next)].previous = previous }
    if previous >= 0 {
      pages[Int(previous)].next = next
    } else {
      setHead(pool, record.pointee.list, next)
    }
  }

  /// Puts a page at the head of a list.
  @inline(__always)
  func link(_ page: Int, _ pool: UnsafeMutablePointer<Pool>, _ list: PageList) {
    let head = self.head(pool, list)
    pages[page].next = head
    pages[page].previous = -1
    pages[page].list = list
    if head >= 0 { pages[Int(head)].previous = Int32(truncatingIfNeeded: page) }
    setHead(pool, list, Int32(truncatingIfNeeded: page))
  }

  @inline(__always)
  func head(_ pool: UnsafeMutablePointer<Pool>, _ list: PageList) -> Int32 {
    switch list {
    case .empty: pool.pointee.empty
    case .partial: pool.pointee.partial
    case .full: pool.pointee.full
    case .none: -1
    }
  }

  @inline(__always)
  private func setHead(_ pool: UnsafeMutablePointer<Pool>, _ list: PageList, _ page: Int32) {
    switch list {
    case .empty: pool.pointee.empty = page
    case .partial: pool.pointee.partial = page
    case .full: pool.pointee.full = page
    case .none: break
    }
  }
}
