// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// A map of pages with a set of busy ranges: first fit at the lowest address, freed ranges merge at once.
///
/// The result is that of vm_map_findspace() (FreeBSD sys/vm/vm_map.c), whether that walks a list or a splay tree. Here
/// a bit stands for each page and a complete binary tree above the 64-page leaves keeps the free run at the start, the
/// free run at the end and the longest free run of every subtree, so that every call takes logarithmic time and
/// allocates nothing.
public final class AddressMap {
  /// Address of page 0.
  public let start: KernelAddress
  /// Size of the map, pages.
  public let capacityPages: Int
  /// Leaves of the tree, a power of two; those past the capacity are busy for ever.
  let leafCount: Int
  /// One bit a page, 1 = free; bit 0 is the lowest page of the leaf.
  let bits: UnsafeMutablePointer<UInt64>
  /// The tree as a heap: node 1 is the root, the children of n are 2n and 2n + 1, the leaves start at ``leafCount``.
  let nodes: UnsafeMutablePointer<Summary>
  /// The counters, in memory of their own: stored properties of a class cost an exclusivity check at each access.
  let state: UnsafeMutablePointer<State>

  struct State {
    var usedPages = 0
    var highWaterPages = 0
    /// Number of separate free runs.
    var runs: Int
    /// No leaf below this one has a free page; -1 where the tree has to be asked.
    var lowestFreeLeaf = -1
  }

  /// Free runs of a subtree, pages.
  struct Summary: Equatable {
    var prefix: Int32
    var suffix: Int32
    var longest: Int32
  }

  /// An empty map.
  ///
  /// - Parameters:
  ///   - start: address of the first page.
  ///   - pages: size of the map, 0 to 2^31 − 64 pages.
  public init(start: KernelAddress, pages: Int) {
    precondition(pages >= 0 && pages <= Int(Int32.max) - 64, "AddressMap: \(pages) pages")
    self.start = start
    capacityPages = pages
    var leaves = 1
    while leaves * 64 < pages { leaves *= 2 }
    leafCount = leaves
    bits = .allocate(capacity: leaves)
    nodes = .allocate(capacity: 2 * leaves)
    nodes.initialize(repeating: Summary(prefix: 0, suffix: 0, longest: 0), count: 2 * leaves)
    for leaf in 0..<leaves {
      let free = min(64, max(0, pages - leaf * 64))
      bits[leaf] = Self.mask(from: 0, count: free)
    }
    state = .allocate(capacity: 1)
    state.initialize(to: State(runs: pages > 0 ? 1 : 0))
    refresh(from: 0, through: leaves - 1)
  }

  deinit {
    bits.deallocate()
    nodes.deallocate()
    state.deallocate()
  }

  /// Takes the lowest-addressed run of free pages that is long enough.
  ///
  /// - Returns: the index of its first page, -1 where no free run is long enough or `pages` is below 1.
  public func allocate(pages: Int) -> Int {
    guard pages != 1 else { return allocateOne() }
    guard pages > 0, pages <= Int(nodes[1].longest) else { return -1 }
    let page = lowestRun(of: pages)
    take(page, pages)
    return page
  }

  /// Gives pages back; they merge with free neighbours.
  ///
  /// The whole range must be in use: a caller that frees free pages is an error of the model, which debug builds trap.
  public func free(page: Int, pages: Int) {
    precondition(
      page >= 0 && pages > 0 && pages <= capacityPages - page, "AddressMap: free of \(pages) pages at \(page)")
    assert(isUsed(page: page, pages: pages), "AddressMap: free of free pages among \(pages) at \(page)")
    state.pointee.runs &+= 1 &- neighbourRuns(page, pages)
    setBits(page, pages, free: true)
    state.pointee.usedPages &-= pages
    let leaf = page >> 6
    if state.pointee.lowestFreeLeaf > leaf { state.pointee.lowestFreeLeaf = leaf }
  }

  /// Takes a range that the caller knows to be free.
  func take(_ page: Int, _ pages: Int) {
    state.pointee.runs &+= neighbourRuns(page, pages) &- 1
    setBits(page, pages, free: false)
    count(pages)
  }

  /// Pages in use.
  public var usedPages: Int { state.pointee.usedPages }

  /// The most that ``usedPages`` ever was.
  public var highWaterPages: Int { state.pointee.highWaterPages }

  /// The longest run of free pages.
  public var largestFreeRun: Int { Int(nodes[1].longest) }

  /// Number of separate runs of free pages.
  public func freeRunCount() -> Int { state.pointee.runs }

  /// Address of a page.
  @inline(__always)
  public func address(ofPage page: Int) -> KernelAddress {
    KernelAddress(rawValue: start.rawValue &+ UInt64(truncatingIfNeeded: page &* kernelPageSize))
  }

  /// Index of the page that holds an address; outside of 0 to ``capacityPages`` − 1 where the address is not of this
  /// map.
  @inline(__always)
  public func page(of address: KernelAddress) -> Int {
    Int(truncatingIfNeeded: address.rawValue &- start.rawValue) >> 12
  }

  /// Whether the address is one of this map.
  @inline(__always)
  public func contains(_ address: KernelAddress) -> Bool {
    address.rawValue &- start.rawValue < UInt64(truncatingIfNeeded: capacityPages &* kernelPageSize)
  }

  /// Whether every page of a range inside the map is in use.
  public func isUsed(page: Int, pages: Int) -> Bool {
    for index in page..<page + pages where isFree(index) { return false }
    return true
  }

  /// Whether a page inside the map is free.
  @inline(__always)
  func isFree(_ page: Int) -> Bool { bits[page >> 6] >> UInt64(truncatingIfNeeded: page & 63) & 1 != 0 }

  // MARK: Search

  private func allocateOne() -> Int {
    guard nodes[1].longest > 0 else { return -1 }
    var leaf = state.pointee.lowestFreeLeaf
    if leaf < 0 || bits[leaf] == 0 {
      var node = 1
      while node < leafCount { node = 2 &* node &+ (nodes[2 &* node].longest > 0 ? 0 : 1) }
      leaf = node &- leafCount
      state.pointee.lowestFreeLeaf = leaf
    }
    let page = leaf &* 64 &+ bits[leaf].trailingZeroBitCount
    state.pointee.runs &+= neighbourRuns(page, 1) &- 1
    bits[leaf] &= bits[leaf] &- 1
    refresh(from: leaf, through: leaf)
    count(1)
    return page
  }

  /// The lowest run of at least `pages`, which the caller knows to exist.
  private func lowestRun(of pages: Int) -> Int {
    let wanted = Int32(truncatingIfNeeded: pages)
    var node = 1
    var span = leafCount &* 64
    var first = 0
    while node < leafCount {
      span >>= 1
      let left = nodes[2 &* node]
      if left.longest >= wanted {
        node = 2 &* node
      } else if left.suffix &+ nodes[2 &* node &+ 1].prefix >= wanted {
        return first &+ span &- Int(left.suffix)
      } else {
        node = 2 &* node &+ 1
        first &+= span
      }
    }
    return first &+ Self.starts(ofRuns: pages, in: bits[node &- leafCount]).trailingZeroBitCount
  }

  /// How many of the two pages around a range are free.
  @inline(__always)
  private func neighbourRuns(_ page: Int, _ pages: Int) -> Int {
    let before = page > 0 && isFree(page &- 1)
    let after = page &+ pages < capacityPages && isFree(page &+ pages)
    return (before ? 1 : 0) &+ (after ? 1 : 0)
  }

  @inline(__always)
  private func count(_ pages: Int) {
    let used = state.pointee.usedPages &+ pages
    state.pointee.usedPages = used
    if used > state.pointee.highWaterPages { state.pointee.highWaterPages = used }
  }

  // MARK: Upkeep

  private func setBits(_ page: Int, _ pages: Int, free: Bool) {
    let end = page &+ pages
    var next = page
    while next < end {
      let bit = next & 63
      let number = min(64 &- bit, end &- next)
      let mask = Self.mask(from: bit, count: number)
      if free { bits[next >> 6] |= mask } else { bits[next >> 6] &= ~mask }
      next &+= number
    }
    refresh(from: page >> 6, through: (end &- 1) >> 6)
  }

  /// Computes the nodes above a range of leaves anew; ends early at the first level where nothing changes.
  private func refresh(from first: Int, through last: Int) {
    for leaf in first...last { nodes[leafCount &+ leaf] = Self.summary(ofLeaf: bits[leaf]) }
    var low = (leafCount &+ first) >> 1
    var high = (leafCount &+ last) >> 1
    var childSpan: Int32 = 64
    while low > 0 {
      var changed = false
      for node in low...high {
        let joined = Self.join(nodes[2 &* node], nodes[2 &* node &+ 1], childSpan: childSpan)
        if joined != nodes[node] {
          nodes[node] = joined
          changed = true
        }
      }
      if !changed { return }
      low >>= 1
      high >>= 1
      childSpan &*= 2
    }
  }

  static func join(_ left: Summary, _ right: Summary, childSpan: Int32) -> Summary {
    Summary(
      prefix: left.prefix == childSpan ? childSpan &+ right.prefix : left.prefix,
      suffix: right.suffix == childSpan ? childSpan &+ left.suffix : right.suffix,
      longest: max(left.longest, right.longest, left.suffix &+ right.prefix))
  }

  static func summary(ofLeaf word: UInt64) -> Summary {
    Summary(
      prefix: Int32(truncatingIfNeeded: (~word).trailingZeroBitCount),
      suffix: Int32(truncatingIfNeeded: (~word).leadingZeroBitCount),
      longest: longestRun(in: word))
  }

  /// Length of the longest run of ones: the powers of two first, then what can be added to the largest one.
  private static func longestRun(in word: UInt64) -> Int32 {
    guard word != 0 else { return 0 }
    guard word != .max else { return 64 }
    var length: UInt64 = 1
    var starts = word
    while true {
      let doubled = starts & starts >> length
      if doubled == 0 { break }
      starts = doubled
      length &*= 2
    }
    // `starts` now marks runs of at least `length`, the largest power of two there is; fewer than `length` pages can be
    // missing.
    while true {
      let longer = starts & (word >> length)
      if longer == 0 { return Int32(truncatingIfNeeded: length) }
      starts = longer
      length &+= 1
    }
  }

  /// Marks every page at which at least `length` (1 to 64) free pages start.
  private static func starts(ofRuns length: Int, in word: UInt64) -> UInt64 {
    var marks = word
    var have = 1
    while have < length {
      let step = min(have, length &- have)
      marks &= marks >> UInt64(truncatingIfNeeded: step)
      have &+= step
    }
    return marks
  }

  private static func mask(from bit: Int, count: Int) -> UInt64 {
    count == 0 ? 0 : (UInt64.max >> UInt64(truncatingIfNeeded: 64 &- count)) << UInt64(truncatingIfNeeded: bit)
  }
}
