// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// A page supplier that gives out blocks of 2^order pages: the buddy system of Linux for one zone of one node.
///
/// Linux mm/page_alloc.c (expand, __free_one_page), in its shape of 5.9 and later: a request takes the first block of
/// the smallest order that has one, the low half of a split block is used and the high half goes to the list below; a
/// freed block merges with its buddy as long as that is a free block of the same order. It goes to the head of its
/// list, or to the tail where the next larger block is likely to form soon (buddy_merge_likely). (recollection)
///
/// Left out: the per-CPU page lists in front of it, migrate types and the reserves below the watermarks. They move
/// single pages between lists and change no count of pages in use.
public final class BuddyAllocator {
  /// MAX_PAGE_ORDER: the largest block is 4 MiB.
  public static let largestOrder = 10
  /// No page.
  static let none = UInt32.max
  /// Mark of a page that starts no free block.
  static let notFree: UInt8 = .max

  struct List {
    var head = BuddyAllocator.none
    var tail = BuddyAllocator.none
    var count = 0
  }

  struct Link {
    var previous: UInt32
    var next: UInt32
  }

  struct State {
    var usedPages = 0
    var highWaterPages = 0
    /// Bit n is set where order n has a free block.
    var occupied: UInt32 = 0
    var splits: UInt64 = 0
    var merges: UInt64 = 0
  }

  /// Address of page 0, a multiple of 4 MiB.
  public let start: KernelAddress
  /// Pages of the zone.
  public let capacityPages: Int
  let lists: UnsafeMutablePointer<List>
  let links: UnsafeMutablePointer<Link>
  /// Order of the free block that starts at each page, ``notFree`` elsewhere.
  let orders: UnsafeMutablePointer<UInt8>
  let state: UnsafeMutablePointer<State>

  /// A zone of free pages.
  ///
  /// Its blocks are as large as alignment allows and lie in ascending order on their lists, as memblock hands them over
  /// at boot (recollection).
  public init(start: KernelAddress, pages: Int) {
    precondition(pages >= 0 && pages < 1 << 28, "BuddyAllocator: \(pages) pages")
    precondition(start.rawValue & 0x3F_FFFF == 0, "BuddyAllocator: start \(start.rawValue)")
    self.start = start
    capacityPages = pages
    lists = .allocate(capacity: Self.largestOrder + 1)
    lists.initialize(repeating: List(), count: Self.largestOrder + 1)
    links = .allocate(capacity: max(1, pages))
    orders = .allocate(capacity: max(1, pages))
    orders.initialize(repeating: Self.notFree, count: max(1, pages))
    state = .allocate(capacity: 1)
    state.initialize(to: State())
    var page = 0
    while page < pages {
      var order = page == 0 ? Self.largestOrder : min(Self.largestOrder, page.trailingZeroBitCount)
      while page + (1 << order) > pages { order -= 1 }
      insert(page, order, atTail: true)
      page += 1 << order
    }
  }

  deinit {
    lists.deallocate()
    links.deallocate()
    orders.deallocate()
    state.deallocate()
  }

  /// Pages in use.
  public var usedPages: Int { state.pointee.usedPages }
  /// The most that ``usedPages`` ever was.
  public var highWaterPages: Int { state.pointee.highWaterPages }
  /// Blocks that were halved so far.
  public var splits: UInt64 { state.pointee.splits }
  /// Pairs of blocks that were joined so far.
  public var merges: UInt64 { state.pointee.merges }

  /// Pages of the largest free block, 0 where nothing is free.
  public var largestFreeBlock: Int {
    let occupied = state.pointee.occupied
    return occupied == 0 ? 0 : 1 << (31 - occupied.leadingZeroBitCount)
  }

  /// Free blocks of an order.
  public func freeBlocks(order: Int) -> Int { lists[order].count }

  /// get_order(): the smallest order whose block holds `bytes`.
  @inline(__always)
  public static func order(ofBytes bytes: Int) -> Int {
    guard bytes > kernelPageSize else { return 0 }
    return Int.bitWidth - ((bytes - 1) >> 12).leadingZeroBitCount
  }

  /// Takes a block.
  ///
  /// - Returns: its first page; −1 where no block of the order or a larger one is free.
  public func allocate(order: Int) -> Int {
    guard order >= 0, order <= Self.largestOrder else { return -1 }
    let candidates = state.pointee.occupied >> UInt32(truncatingIfNeeded: order)
    guard candidates != 0 else { return -1 }
    var found = order + candidates.trailingZeroBitCount
    let page = Int(lists[found].head)
    remove(page, found)
    while found > order {
      found -= 1
      insert(page + (1 << found), found, atTail: false)
      state.pointee.splits &+= 1
    }
    let used = state.pointee.usedPages + (1 << order)
    state.pointee.usedPages = used
    if used > state.pointee.highWaterPages { state.pointee.highWaterPages = used }
    return page
  }

  /// Gives a block back.
  public func free(page: Int, order: Int) {
    precondition(
      page >= 0 && order >= 0 && order <= Self.largestOrder && page + (1 << order) <= capacityPages
        && page & ((1 << order) - 1) == 0, "BuddyAllocator: free of order \(order) at page \(page)")
    assert(orders[page] == Self.notFree, "BuddyAllocator: page \(page) is free")
    state.pointee.usedPages -= 1 << order
    var page = page
    var order = order
    while order < Self.largestOrder {
      let buddy = page ^ (1 << order)
      guard isFree(buddy, order) else { break }
      remove(buddy, order)
      page &= buddy
      order += 1
      state.pointee.merges &+= 1
    }
    insert(page, order, atTail: mergeIsLikely(page, order))
  }

  /// Whether a free block of exactly this order starts at a page.
  @inline(__always)
  func isFree(_ page: Int, _ order: Int) -> Bool {
    page < capacityPages && Int(orders[page]) == order
  }

  /// buddy_merge_likely: the buddy of the next larger block is free, so that this block is better left alone.
  private func mergeIsLikely(_ page: Int, _ order: Int) -> Bool {
    guard order < Self.largestOrder - 1 else { return false }
    let larger = page & ~(1 << order)
    return isFree(larger ^ (1 << (order + 1)), order + 1)
  }

  private func insert(_ page: Int, _ order: Int, atTail: Bool) {
    let list = lists + order
    let index = UInt32(truncatingIfNeeded: page)
    orders[page] = UInt8(truncatingIfNeeded: order)
    if list.pointee.count == 0 {
      links[page] = Link(previous: Self.none, next: Self.none)
      list.pointee.head = index
      list.pointee.tail = index
      state.pointee.occupied |= 1 << UInt32(truncatingIfNeeded: order)
    } else if atTail {
      links[page] = Link(previous: list.pointee.tail, next: Self.none)
      links[Int(list.pointee.tail)].next = index
      list.pointee.tail = index
    } else {
      links[page] = Link(previous: Self.none, next: list.pointee.head)
      links[Int(list.pointee.head)].previous = index
      list.pointee.head = index
    }
    list.pointee.count += 1
  }

  private func remove(_ page: Int, _ order: Int) {
    let list = lists + order
    let link = links[page]
    orders[page] = Self.notFree
    if link.previous == Self.none { list.pointee.head = link.next } else { links[Int(link.previous)].next = link.next }
    if link.next == Self.none {
      list.pointee.tail = link.previous
    } else {
      links[Int(link.next)].previous = link.previous
    }
    list.pointee.count -= 1
    if list.pointee.count == 0 { state.pointee.occupied &= ~(1 << UInt32(truncatingIfNeeded: order)) }
  }
}
