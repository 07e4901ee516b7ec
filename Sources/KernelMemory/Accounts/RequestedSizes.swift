// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Glibc

/// Bytes asked for by the live items of power-of-two size classes: what a kernel forgets and the ledger needs.
///
/// Class n has items of 16 << n bytes and a column of its own, with a place for every 16 << n bytes of the address space, so that
/// the places of a slab lie side by side and a free of an item touches two dense columns alone: the class of its page and
/// the place. Columns are memory that costs nothing until it is touched.
struct RequestedSizes {
  /// log2 of the smallest item.
  private static let smallestShift = 4

  /// By page number: class + 1, or 0 for a page without items of a class.
  let classOfPage: UnsafeMutablePointer<UInt8>
  private let columns: UnsafeMutablePointer<UnsafeMutablePointer<UInt16>>
  private let classes: Int

  /// Columns for `classes` classes over page numbers below `pages`.
  init(pages: Int, classes: Int) {
    self.classes = classes
    classOfPage = .zeroed(pages)
    columns = .allocate(capacity: classes)
    for index in 0..<classes {
      (columns + index).initialize(to: .zeroed((pages * kernelPageSize) >> (index + Self.smallestShift) + 1))
    }
  }

  func deallocate() {
    for index in 0..<classes { columns[index].deallocate() }
    columns.deallocate()
    classOfPage.deallocate()
  }

  /// A new slab of a class: nothing is asked for yet.
  func begin(class index: Int, page: Int, pages: Int) {
    (classOfPage + page).update(repeating: UInt8(truncatingIfNeeded: index &+ 1), count: pages)
    let first = (page &* kernelPageSize) >> (index &+ Self.smallestShift)
    let end = ((page &+ pages) &* kernelPageSize &- 1) >> (index &+ Self.smallestShift)
    (columns[index] + first).update(repeating: 0, count: end &- first &+ 1)
  }

  /// The slab's pages go back.
  func end(page: Int, pages: Int) { (classOfPage + page).update(repeating: 0, count: pages) }

  /// The class of the item at an offset into the address space; −1 where there is none.
  @inline(__always)
  func sizeClass(at offset: UInt32) -> Int { Int(classOfPage[Int(offset >> 12)]) &- 1 }

  /// The place of an item of a class.
  @inline(__always)
  func place(_ sizeClass: Int, _ offset: UInt32) -> UnsafeMutablePointer<UInt16> {
    columns[sizeClass] + Int(offset &>> UInt32(truncatingIfNeeded: sizeClass &+ Self.smallestShift))
  }
}
