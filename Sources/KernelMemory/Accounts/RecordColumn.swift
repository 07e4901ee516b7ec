// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// A growing column of records outside of any object: the record of an index lies at ``base`` + index.
///
/// The holder reads ``base`` anew at each call, for an ``append(_:copies:)`` may move the column, and calls
/// ``deallocate()`` in the end.
struct RecordColumn<Record> {
  /// The first record.
  private(set) var base: UnsafeMutablePointer<Record>
  /// Number of records.
  private(set) var count = 0
  private var capacity: Int

  /// An empty column with room for so many records, at least 1.
  init(capacity: Int) {
    self.capacity = max(1, capacity)
    base = .allocate(capacity: self.capacity)
  }

  /// Adds as many records of one content; a full column doubles its room first.
  ///
  /// - Returns: the index of the first of them.
  @discardableResult
  mutating func append(_ record: Record, copies: Int = 1) -> Int {
    let index = count
    if index + copies > capacity {
      capacity = max(2 * capacity, index + copies)
      let larger = UnsafeMutablePointer<Record>.allocate(capacity: capacity)
      larger.moveInitialize(from: base, count: index)
      base.deallocate()
      base = larger
    }
    (base + index).initialize(repeating: record, count: copies)
    count = index + copies
    return index
  }

  /// Gives the memory back; the column must not be used any more.
  func deallocate() { base.deinitialize(count: count).deallocate() }
}
