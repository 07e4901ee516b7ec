// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// pool(9): pools of equal items in pages of their own, whose pages go back while the system runs.
///
/// OpenBSD sys/kern/subr_pool.c of 3.6 to 4.4 and NetBSD sys/kern/subr_pool.c since 2002. Each page is on one of three
/// lists: empty (all items free), partial, full. Items of a page are a LIFO list. An allocation takes from the current
/// page: a partial one where there is any, else an empty one, else a new one. The last item that comes back makes its
/// page idle; it is freed at once where there are too many, else kept on the empty list until a reclaim.
///
/// Page records and item links lie in columns beside the maps, over one window of pages that covers them all.
public final class PoolAllocator {
  /// What differs between the systems.
  public struct Style: Sendable {
    /// sizeof(struct pool_item_header) in bytes, aligned.
    public var headerBytes: Int
    /// sizeof(struct pool_item) in bytes: the smallest item.
    public var smallestItem: Int
    /// ALIGN(1): alignment of items that ask for none, bytes.
    public var alignment: Int
    /// When the header lies in the page.
    public var headerRule: PoolLayout.HeaderRule
    /// Whether the items of a new page are handed out from the lowest address up (OpenBSD) or from the highest down.
    public var lowestItemFirst: Bool
    /// pr_maxpages of a new pool, pages.
    public var maximumPages: Int
    /// Whether an idle page is freed where idle pages exceed the maximum (OpenBSD), or where all pages do (NetBSD).
    public var countsIdlePages: Bool
    /// PI_MAGIC.
    public var magic: UInt32

    /// Puts a style together.
    public init(
      headerBytes: Int, smallestItem: Int, alignment: Int, headerRule: PoolLayout.HeaderRule, lowestItemFirst: Bool,
      maximumPages: Int, countsIdlePages: Bool, magic: UInt32
    ) {
      self.headerBytes = headerBytes
      self.smallestItem = smallestItem
      self.alignment = alignment
      self.headerRule = headerRule
      self.lowestItemFirst = lowestItemFirst
      self.maximumPages = maximumPages
      self.countsIdlePages = countsIdlePages
      self.magic = magic
    }
  }

  /// Why the last request got nothing.
  public enum Refusal: Sendable {
    /// It was served.
    case none
    /// The pool has as many items out as it may (pr_hardlimit).
    case limit
    /// The map has no room.
    case mapFull
    /// There is no page for a caller that may not sleep.
    case noPages
    /// Physical pages are short for ever.
    case pagesNeverCome
  }

  /// Why a free was refused.
  public enum FreeError: Sendable {
    /// It was done.
    case none
    /// No item is out (pr_nout is 0).
    case noneOut
    /// The address is not the start of an item of this pool.
    case notAnItem
    /// The item is free already.
    case alreadyFree
  }

  /// UINT_MAX: no limit.
  public static let unlimited = Int(UInt32.max)
  /// Link of an item in use.
  static let inUse: UInt16 = .max
  /// Link of an item that a pool cache holds.
  static let cached: UInt16 = .max - 1
  /// The end of a page's list.
  static let endOfList: UInt16 = .max - 2
  /// The most pools.
  public static let largestCount = 65_000
  /// A page of no pool.
  static let noPool: UInt16 = .max
  /// Items that a page can hold: the stride of the item column.
  static let slotShift = 9

  /// The list that a page is on.
  enum PageList: UInt8 {
    case none, empty, partial, full
  }

  /// struct pool_item_header.
  struct Page {
    var next: Int32 = -1
    var previous: Int32 = -1
    var pool = PoolAllocator.noPool
    /// ph_nmissing: items out.
    var missing: UInt16 = 0
    /// First free slot.
    var head = PoolAllocator.endOfList
    /// Offset of the first item: the page's colour.
    var offset: UInt16 = 0
    var list = PageList.none
    /// Address of a header outside of the page, 0 for one in the page.
    var header: UInt64 = 0
    /// When the page became idle, virtual nanoseconds (ph_time).
    var idleSince: UInt64 = 0
  }

  /// struct pool.
  struct Pool {
    var size: Int
    var requestedSize: Int
    var alignment: Int
    var itemsPerPage: Int
    var largestColor: Int
    var color = 0
    /// 2^24 / size, rounded up: slots are found without a division.
    var reciprocal: Int
    /// pr_curpage, -1 for none.
    var current: Int32 = -1
    var empty: Int32 = -1
    var partial: Int32 = -1
    var full: Int32 = -1
    /// pr_nitems: free items.
    var items = 0
    /// pr_nout.
    var out = 0
    var pages = 0
    var idle = 0
    var minimumItems = 0
    var minimumPages = 0
    var maximumPages: Int
    var hardLimit = PoolAllocator.unlimited
    /// PR_LIMITFAIL: a waiting caller gets null at the limit too.
    var failsAtLimit = false
    var gets: UInt64 = 0
    var puts: UInt64 = 0
    var failures: UInt64 = 0
    var pageAllocations: UInt64 = 0
    var pageFrees: UInt64 = 0
    var highWaterPages = 0
    var source: Int
    /// The pool of headers, -1 where they lie in the page.
    var headerPool: Int
    /// Items are the bookkeeping of other pools.
    var isInternal: Bool
    /// Pages never go back: for traces whose zones say so.
    var keepsPages: Bool
    /// The cache before the pool, -1 for none.
    var cache = -1
  }

  /// The allocator's own variables.
  struct State {
    var refusal = Refusal.none
    var pools = RecordColumn<Pool>(capacity: 32)
    /// Virtual nanoseconds since boot.
    var now: UInt64 = 0
    /// No page of the window from here on ever had an owner.
    var end = 0
  }

  /// What differs between the systems.
  public let style: Style
  /// Names of the pools (pr_wchan), in the order of creation.
  public private(set) var names: [String] = []
  /// Where pages come from.
  let sources: [PoolPageSource]
  /// Index in the window of the first page of each source's map.
  let bases: [Int]
  /// Address of page 0 of the window.
  let start: UInt64
  /// Pages of the window.
  let windowPages: Int
  let pages: UnsafeMutablePointer<Page>
  /// The slot behind each free item; stride `1 << slotShift`.
  let links: UnsafeMutablePointer<UInt16>
  let diagnostic: PoolDiagnostic?
  /// Variables, in memory of their own: stored properties of a class cost an exclusivity check at each access.
  let state: UnsafeMutablePointer<State>

  /// What a waiting caller can do about a page source that has nothing; the pool is asked again where it returns true.
  ///
  /// The arguments are the source and a code of ``WiredMap``.
  var onShortage: ((Int, Int) -> Bool)?

  /// An allocator without pools.
  ///
  /// - Parameters:
  ///   - style: what differs between the systems.
  ///   - sources: where pages come from; their maps must not overlap.
  ///   - backing: the bytes behind the maps; given, free items carry PI_MAGIC, which is verified at reuse.
  public init(style: Style, sources: [PoolPageSource], checkedBacking backing: BackingBytes? = nil) {
    precondition(!sources.isEmpty, "PoolAllocator: no page source")
    self.style = style
    self.sources = sources
    let spaces = sources.map(\.map.space)
    let start = spaces.reduce(UInt64.max) { min($0, $1.start.rawValue) }
    let end = spaces.reduce(0) { max($0, $1.start.rawValue + UInt64($1.capacityPages * kernelPageSize)) }
    self.start = start
    windowPages = Int(end - start) / kernelPageSize
    precondition(windowPages < 1 << 22, "PoolAllocator: \(windowPages) pages")
    bases = spaces.map { Int($0.start.rawValue - start) / kernelPageSize }
    diagnostic = backing.map { PoolDiagnostic(backing: $0, magic: style.magic) }
    pages = .allocate(capacity: max(1, windowPages))
    links = .allocate(capacity: max(1, windowPages << Self.slotShift))
    state = .allocate(capacity: 1)
    state.initialize(to: State())
  }

  deinit {
    state.pointee.pools.deallocate()
    pages.deallocate()
    links.deallocate()
    state.deallocate()
  }

  /// struct pool of every pool, in the order of creation.
  @inline(__always)
  var pools: UnsafeMutablePointer<Pool> { state.pointee.pools.base }
  /// Number of pools.
  public var count: Int { state.pointee.pools.count }
  /// Why the last ``get(_:_:)`` returned null.
  public var refusal: Refusal { state.pointee.refusal }

  /// pool_init: creates a pool.
  ///
  /// - Parameters:
  ///   - name: as `vmstat -m` shows it.
  ///   - requestedSize: size of an item, bytes, at most a page.
  ///   - alignment: of items, bytes, a power of two; nil takes the system's.
  ///   - source: index of its page source.
  ///   - headerPool: the pool of headers; nil where the header of this pool must lie in the page.
  ///   - isInternal: true for pools whose items are the bookkeeping of others.
  ///   - keepsPages: true for a pool whose pages never go back; the kernels have none.
  /// - Returns: its index.
  public func create(
    _ name: String, size requestedSize: Int, alignment: Int? = nil, source: Int = 0, headerPool: Int?,
    isInternal: Bool = false, keepsPages: Bool = false
  ) -> Int {
    let step = alignment ?? style.alignment
    let layout = PoolLayout(
      requestedSize: requestedSize, alignment: step, smallest: style.smallestItem, headerBytes: style.headerBytes,
      rule: style.headerRule)
    precondition(layout.headerInPage || headerPool != nil, "PoolAllocator: pool \(name) needs a pool of headers")
    precondition(layout.itemsPerPage <= 1 << Self.slotShift, "PoolAllocator: items of \(layout.size) bytes")
    let index = names.count
    state.pointee.pools.append(
      Pool(
        size: layout.size, requestedSize: requestedSize, alignment: step, itemsPerPage: layout.itemsPerPage,
        largestColor: layout.largestColor, reciprocal: (1 << 24 + layout.size - 1) / layout.size,
        maximumPages: style.maximumPages, source: source,
        headerPool: layout.headerInPage ? -1 : headerPool ?? -1, isInternal: isInternal,
        keepsPages: keepsPages))
    names.append(name)
    return index
  }

  /// The virtual clock, nanoseconds since boot: pages that become idle from now on bear this time.
  public func advance(to nanoseconds: UInt64) { state.pointee.now = max(state.pointee.now, nanoseconds) }

  /// The address of a slot.
  @inline(__always)
  func address(page: Int, slot: Int, size: Int) -> KernelAddress {
    KernelAddress(
      rawValue: start &+ UInt64(truncatingIfNeeded: page &* kernelPageSize &+ Int(pages[page].offset) &+ slot &* size))
  }

  /// The cell of an item of this pool: page << slotShift | slot, or -1 where the address is not the start of one.
  @inline(__always)
  func cell(of address: KernelAddress, pool index: Int) -> Int {
    let offset = address.rawValue &- start
    let page = Int(truncatingIfNeeded: offset >> 12)
    guard UInt(bitPattern: page) < UInt(bitPattern: state.pointee.end), Int(pages[page].pool) == index else {
      return -1
    }
    let within = Int(truncatingIfNeeded: offset & 4095) &- Int(pages[page].offset)
    let pool = pools + index
    guard within >= 0 else { return -1 }
    let slot = (within &* pool.pointee.reciprocal) >> 24
    guard slot &* pool.pointee.size == within, slot < pool.pointee.itemsPerPage else { return -1 }
    return page << Self.slotShift | slot
  }
}
