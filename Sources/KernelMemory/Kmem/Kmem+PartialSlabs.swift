// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// The tree of partial slabs: the slab with the most buffers in use is the first.
///
/// The kernel keeps an AVL tree (kmem.c, kmem_partial_slab_cmp); here it is a treap over the page records with
/// priorities drawn from the page number. The order, and so every decision, is the same.
extension Kmem {
  /// KMEM_PARTIAL_SLAB_WEIGHT: fine at both ends, in bins between; the lowest comes first.
  @inline(__always)
  func weight(_ page: Int, _ record: UnsafeMutablePointer<KmemCache>) -> Int {
    let used = Int(pages[page].inUse)
    let shift = record.pointee.layout.binShift
    if used <= shift || Int(pages[page].chunks) &- used <= shift { return -used }
    return -(shift &+ used >> shift)
  }

  /// Whether the first slab is ordered before the second: by weight, then by the address of its kmem_slab_t.
  @inline(__always)
  private func isBefore(_ first: Int, _ second: Int, _ record: UnsafeMutablePointer<KmemCache>) -> Bool {
    let left = weight(first, record)
    let right = weight(second, record)
    return left != right ? left < right : pages[first].structure < pages[second].structure
  }

  @inline(__always)
  private func priority(_ page: Int) -> UInt32 {
    var mixed = UInt32(truncatingIfNeeded: page) &* 0x9E37_79B1
    mixed ^= mixed >> 15
    return mixed &* 0x85EB_CA6B
  }

  /// avl_first.
  func firstPartial(_ record: UnsafeMutablePointer<KmemCache>) -> Int? {
    var page = record.pointee.partialRoot
    guard page != Self.none else { return nil }
    while pages[Int(page)].left != Self.none { page = pages[Int(page)].left }
    return Int(page)
  }

  /// avl_add.
  func insertPartial(_ page: Int, _ record: UnsafeMutablePointer<KmemCache>) {
    pages[page].isPartial = true
    pages[page].left = Self.none
    pages[page].right = Self.none
    record.pointee.partialSlabs &+= 1
    let rank = priority(page)
    // Down to the first node of a lower priority; its subtree is split by the new slab.
    var parent = Self.none
    var node = record.pointee.partialRoot
    while node != Self.none, priority(Int(node)) >= rank {
      parent = node
      node = isBefore(page, Int(node), record) ? pages[Int(node)].left : pages[Int(node)].right
    }
    split(node, at: page, record)
    setChild(of: parent, to: UInt32(truncatingIfNeeded: page), for: page, record)
  }

  /// avl_remove; the slab's counts must still be those that it was inserted with, or order it the same.
  func removePartial(_ page: Int, _ record: UnsafeMutablePointer<KmemCache>) {
    let target = UInt32(truncatingIfNeeded: page)
    var parent = Self.none
    var node = record.pointee.partialRoot
    while node != target {
      precondition(node != Self.none, "Kmem: slab \(page) is not among the partial slabs")
      parent = node
      node = isBefore(page, Int(node), record) ? pages[Int(node)].left : pages[Int(node)].right
    }
    let joined = join(pages[page].left, pages[page].right)
    if parent == Self.none {
      record.pointee.partialRoot = joined
    } else if pages[Int(parent)].left == target {
      pages[Int(parent)].left = joined
    } else {
      pages[Int(parent)].right = joined
    }
    pages[page].isPartial = false
    record.pointee.partialSlabs &-= 1
  }

  private func setChild(
    of parent: UInt32, to child: UInt32, for page: Int, _ record: UnsafeMutablePointer<KmemCache>
  ) {
    if parent == Self.none {
      record.pointee.partialRoot = child
    } else if isBefore(page, Int(parent), record) {
      pages[Int(parent)].left = child
    } else {
      pages[Int(parent)].right = child
    }
  }

  /// Splits a subtree into what is ordered before the slab and what behind; they become its children.
  private func split(_ root: UInt32, at page: Int, _ record: UnsafeMutablePointer<KmemCache>) {
    var node = root
    var lastBefore = Self.none
    var lastBehind = Self.none
    while node != Self.none {
      if isBefore(Int(node), page, record) {
        if lastBefore == Self.none { pages[page].left = node } else { pages[Int(lastBefore)].right = node }
        lastBefore = node
        node = pages[Int(node)].right
      } else {
        if lastBehind == Self.none { pages[page].right = node } else { pages[Int(lastBehind)].left = node }
        lastBehind = node
        node = pages[Int(node)].left
      }
    }
    if lastBefore != Self.none { pages[Int(lastBefore)].right = Self.none }
    if lastBehind != Self.none { pages[Int(lastBehind)].left = Self.none }
  }

  /// Joins two subtrees, all of the first being ordered before all of the second.
  private func join(_ first: UInt32, _ second: UInt32) -> UInt32 {
    var left = first
    var right = second
    var root = Self.none
    var parent = Self.none
    var isLeftChild = false
    while left != Self.none || right != Self.none {
      let takesLeft = right == Self.none || (left != Self.none && priority(Int(left)) >= priority(Int(right)))
      let node = takesLeft ? left : right
      if parent == Self.none {
        root = node
      } else if isLeftChild {
        pages[Int(parent)].left = node
      } else {
        pages[Int(parent)].right = node
      }
      if left == Self.none || right == Self.none { break }
      parent = node
      isLeftChild = !takesLeft
      if takesLeft { left = pages[Int(node)].right } else { right = pages[Int(node)].left }
    }
    return root
  }
}
