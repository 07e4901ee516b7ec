// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension PoolAllocator {
  /// Checks every pool, its pages and lists, and that every owned page is in use in its map.
  ///
  /// - Parameter cached: items of each pool that caches hold, as they count them; empty where there are no caches.
  /// - Throws: the first violation, with its values.
  public func checkInvariants(cached: [Int] = []) throws(InvariantViolation) {
    for index in names.indices { try check(index, cached: index < cached.count ? cached[index] : 0) }
    var owned = [Int](repeating: 0, count: names.count)
    var headers = [Int](repeating: 0, count: names.count)
    for page in 0..<state.pointee.end where pages[page].pool != Self.noPool {
      let index = Int(pages[page].pool)
      let pool = pools[index]
      owned[index] += 1
      let space = sources[pool.source].map.space
      let inMap = page - bases[pool.source]
      guard inMap >= 0, inMap < space.capacityPages, !space.isFree(inMap) else {
        throw InvariantViolation("pool \(names[index]): page \(page) is not in use in its map")
      }
      guard (pools[index].headerPool >= 0) == (pages[page].header != 0) else {
        throw InvariantViolation("pool \(names[index]): page \(page) has header \(pages[page].header)")
      }
      if pool.headerPool >= 0 {
        headers[pool.headerPool] += 1
        let cell = cell(of: KernelAddress(rawValue: pages[page].header), pool: pool.headerPool)
        guard cell >= 0, links[cell] == Self.inUse else {
          throw InvariantViolation("pool \(names[index]): the header of page \(page) is not in use")
        }
      }
    }
    for index in names.indices {
      guard owned[index] == pools[index].pages else {
        throw InvariantViolation("pool \(names[index]): \(owned[index]) pages, \(pools[index].pages) counted")
      }
      if headers[index] > 0 && headers[index] != pools[index].out {
        throw InvariantViolation("pool \(names[index]): \(pools[index].out) headers out for \(headers[index]) pages")
      }
    }
  }

  private func check(_ index: Int, cached: Int) throws(InvariantViolation) {
    let name = names[index]
    let pool = pools[index]
    var found = (pages: 0, free: 0, out: 0, cached: 0, empty: 0)
    for list in [PageList.empty, .partial, .full] {
      var page = head(pools + index, list)
      var previous: Int32 = -1
      while page >= 0 {
        let record = pages[Int(page)]
        guard Int(record.pool) == index, record.list == list, record.previous == previous else {
          throw InvariantViolation("pool \(name): page \(page) is on the \(list) list by mistake")
        }
        let free = try freeItems(Int(page), index)
        let missing = Int(record.missing)
        guard free + missing == pool.itemsPerPage else {
          throw InvariantViolation(
            "pool \(name): page \(page): \(free) free, \(missing) missing of \(pool.itemsPerPage)")
        }
        let expected: PageList = missing == 0 ? .empty : free == 0 ? .full : .partial
        guard list == expected else {
          throw InvariantViolation("pool \(name): page \(page) with \(missing) items out is on the \(list) list")
        }
        for slot in 0..<pool.itemsPerPage where links[Int(page) << Self.slotShift | slot] == Self.cached {
          found.cached += 1
        }
        found.pages += 1
        found.free += free
        found.out += missing
        if list == .empty { found.empty += 1 }
        guard found.pages <= pool.pages else { throw InvariantViolation("pool \(name): the \(list) list has a loop") }
        previous = page
        page = record.next
      }
    }
    guard found.pages == pool.pages, found.free == pool.items, found.out == pool.out, found.empty == pool.idle else {
      throw InvariantViolation(
        "pool \(name): \(found.pages) pages, \(found.empty) idle, \(found.free) items free, \(found.out) out; counted"
          + " \(pool.pages), \(pool.idle), \(pool.items), \(pool.out)")
    }
    guard found.cached == cached else {
      throw InvariantViolation("pool \(name): \(found.cached) items marked as cached, caches hold \(cached)")
    }
    guard pool.gets &- pool.puts == UInt64(pool.out), pool.pageAllocations &- pool.pageFrees == UInt64(pool.pages)
    else {
      throw InvariantViolation(
        "pool \(name): \(pool.gets) gets, \(pool.puts) puts, \(pool.out) out; \(pool.pageAllocations) pages taken,"
          + " \(pool.pageFrees) freed, \(pool.pages) held")
    }
    guard (pool.current < 0) == (pool.items == 0), pool.current < 0 || pages[Int(pool.current)].list != .full else {
      throw InvariantViolation("pool \(name): current page \(pool.current) with \(pool.items) free items")
    }
    guard pool.pages <= pool.highWaterPages, pool.out <= pool.hardLimit else {
      throw InvariantViolation("pool \(name): \(pool.pages) pages of \(pool.highWaterPages), \(pool.out) items out")
    }
    if style.countsIdlePages, !pool.keepsPages, pool.idle > max(pool.maximumPages, pool.minimumPages) {
      throw InvariantViolation("pool \(name): \(pool.idle) idle pages, \(pool.maximumPages) allowed")
    }
  }

  /// Walks the free list of one page.
  private func freeItems(_ page: Int, _ index: Int) throws(InvariantViolation) -> Int {
    var slot = pages[page].head
    var count = 0
    while slot != Self.endOfList {
      guard Int(slot) < pools[index].itemsPerPage, count < pools[index].itemsPerPage else {
        throw InvariantViolation("pool \(names[index]): page \(page) has slot \(slot) on its list")
      }
      count += 1
      slot = links[page << Self.slotShift | Int(slot)]
    }
    return count
  }
}
