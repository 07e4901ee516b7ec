// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// One 16-bit word for every item of slabs: the bytes asked for of a live item, the link to the next free one of a free item.
///
/// There is a column for every power of two up to a page, each over the whole address space, and the words of a slab lie side
/// by side in the column of its item size: items of a size take few lines of memory, wherever their slabs are. Columns are
/// memory that costs nothing until it is touched. A kernel keeps the link in the item, which the model does not touch.
struct ItemWords {
  /// Words from here on are links of free items: the number of the next free item is added.
  ///
  /// Below lie the sizes of live ones.
  static let free: UInt16 = 0xC000
  /// The end of a list of free items, as a word.
  static let end = UInt16.max
  /// log2 of the smallest item.
  private static let smallestShift = 3
  private static let pageShift = 12

  private let columns: UnsafeMutablePointer<UnsafeMutablePointer<UInt16>>

  /// Columns over page numbers below `pages`.
  init(pages: Int) {
    columns = .allocate(capacity: Self.pageShift - Self.smallestShift + 1)
    for index in 0...Self.pageShift - Self.smallestShift {
      (columns + index).initialize(to: .zeroed(max(1, pages << (Self.pageShift - Self.smallestShift - index))))
    }
  }

  func deallocate() {
    for index in 0...Self.pageShift - Self.smallestShift { columns[index].deallocate() }
    columns.deallocate()
  }

  /// The column of items of a size of at least 8 bytes, and log2 of its words for a page: a slab of such items that begins at a
  /// page has the words from page << shift on, by the number of the item.
  func column(itemSize: Int) -> (words: UnsafeMutablePointer<UInt16>, shift: Int) {
    let shift = min(Int.bitWidth - 1 - itemSize.leadingZeroBitCount, Self.pageShift)
    return (columns[shift - Self.smallestShift], Self.pageShift - shift)
  }
}
