// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// Blocks that lie at multiples of their own size, as vm_map_findspace() of DragonFly finds them when it is given an
/// alignment.
extension AddressMap {
  /// The largest block that ``allocateAligned(pages:)`` serves: the pages of a leaf.
  public static let largestAlignedBlock = 64

  /// Takes the lowest-addressed free block whose index is a multiple of its length.
  ///
  /// The index counts from the start of the map: an address is aligned where the start is.
  ///
  /// - Parameter pages: a power of two, 1 to ``largestAlignedBlock``.
  /// - Returns: the index of its first page, −1 where there is none.
  public func allocateAligned(pages: Int) -> Int {
    precondition(
      pages > 0 && pages <= Self.largestAlignedBlock && pages & (pages - 1) == 0,
      "AddressMap: an aligned block of \(pages) pages")
    // A block never crosses a leaf, for its length divides 64.
    var leaf = nextLeaf(from: 0, withRunOf: pages)
    while leaf >= 0 {
      let starts = Self.alignedStarts(ofRuns: pages, in: bits[leaf])
      if starts != 0 {
        let page = leaf &* 64 &+ starts.trailingZeroBitCount
        take(page, pages)
        return page
      }
      leaf = nextLeaf(from: leaf &+ 1, withRunOf: pages)
    }
    return -1
  }

  /// The lowest leaf from `first` on with a free run of so many pages inside it, −1 where there is none.
  private func nextLeaf(from first: Int, withRunOf pages: Int) -> Int {
    guard first < leafCount else { return -1 }
    let wanted = Int32(truncatingIfNeeded: pages)
    var node = leafCount &+ first
    if nodes[node].longest >= wanted { return first }
    // Up until a right neighbour may have one, then down to its lowest; a long run of a subtree may lie across its
    // leaves, so that the descent can end in a leaf without one.
    while true {
      while node & 1 == 1 {
        node >>= 1
        if node <= 1 { return -1 }
      }
      if node <= 1 { return -1 }
      node &+= 1
      guard nodes[node].longest >= wanted else { continue }
      while node < leafCount { node = 2 &* node &+ (nodes[2 &* node].longest >= wanted ? 0 : 1) }
      if nodes[node].longest >= wanted { return node &- leafCount }
    }
  }

  /// Marks every multiple of `length` at which so many free pages start.
  private static func alignedStarts(ofRuns length: Int, in word: UInt64) -> UInt64 {
    var marks = word
    var have = 1
    while have < length {
      marks &= marks >> UInt64(truncatingIfNeeded: have)
      have &*= 2
    }
    var multiples: UInt64 = 1
    var step = length
    while step < 64 {
      multiples |= multiples << UInt64(truncatingIfNeeded: step)
      step &*= 2
    }
    return marks & multiples
  }
}
