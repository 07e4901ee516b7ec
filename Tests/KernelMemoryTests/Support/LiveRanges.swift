// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// The address ranges of live allocations in ascending order: a second owner of a byte is found by one binary search.
struct LiveRanges {
  private var starts: [UInt64] = []
  private var ends: [UInt64] = []

  /// Number of ranges.
  var count: Int { starts.count }

  /// Takes a range in.
  ///
  /// - Returns: the start of a live range that it overlaps, nil where there is none.
  mutating func insert(_ start: UInt64, count: Int) -> UInt64? {
    let end = start + UInt64(count)
    let index = position(of: start)
    if index < starts.count, starts[index] < end { return starts[index] }
    if index > 0, ends[index - 1] > start { return starts[index - 1] }
    starts.insert(start, at: index)
    ends.insert(end, at: index)
    return nil
  }

  /// Takes the range that starts here out; false where there is none.
  mutating func remove(_ start: UInt64) -> Bool {
    let index = position(of: start)
    guard index < starts.count, starts[index] == start else { return false }
    starts.remove(at: index)
    ends.remove(at: index)
    return true
  }

  /// Index of the first range that starts at `start` or above.
  private func position(of start: UInt64) -> Int {
    var low = 0
    var high = starts.count
    while low < high {
      let middle = (low + high) / 2
      if starts[middle] < start { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
