// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension BucketMalloc {
  /// What the page records say about one class.
  private struct Found {
    var total = 0
    var free = 0
  }

  /// Checks lists, page records and accounts against each other.
  ///
  /// - Throws: the first violation, with its values.
  public func checkInvariants() throws(InvariantViolation) {
    let classes = 0...Self.largestListedClass
    for index in classes { try checkList(index) }
    var found = [Found](repeating: Found(), count: classes.count)
    var live = 0
    var large = 0
    for page in 0..<min(state.pointee.recordEnd, map.space.capacityPages) {
      let index = Int(records[page].sizeClass)
      guard index < Self.classCount else { continue }
      let pages = index > Self.largestListedClass ? Int(records[page].count) : index == Self.largestListedClass ? 2 : 1
      guard pages > 0, page + pages <= map.space.capacityPages, map.space.isUsed(page: page, pages: pages) else {
        throw InvariantViolation("malloc: \(pages) pages at \(page), class \(16 << index), are not all used in the map")
      }
      if index > Self.largestListedClass {
        large += pages * kernelPageSize
      } else {
        live += try checkPage(page, index, &found[index])
      }
    }
    var rounded = 0
    for index in classes {
      guard found[index].total == buckets[index].total, found[index].free == buckets[index].totalFree else {
        throw InvariantViolation(
          "malloc: pages of class \(16 << index) hold \(found[index].total) items,"
            + " \(found[index].free) free; counted \(buckets[index].total), \(buckets[index].totalFree)")
      }
      rounded += (found[index].total - found[index].free) << (index + Self.minimumShift)
    }
    guard live == liveBytes, rounded == liveRoundedBytes else {
      throw InvariantViolation(
        "malloc: live items hold \(live) bytes of \(rounded), the accounts say \(liveBytes) of \(liveRoundedBytes)")
    }
    guard large == largeBytes else {
      throw InvariantViolation("malloc: large allocations of \(large) bytes, the account says \(largeBytes)")
    }
    try checkTypes(bytes: rounded + large)
  }

  private func checkTypes(bytes: Int) throws(InvariantViolation) {
    var typeBytes = 0
    var inUse = 0
    for (index, name) in typeNames.enumerated() {
      let type = types[index]
      typeBytes += type.bytes
      inUse += type.inUse
      guard UInt64(bitPattern: Int64(type.inUse)) == type.calls &- type.frees else {
        throw InvariantViolation(
          "malloc type \"\(name)\": \(type.inUse) in use, \(type.calls) requests, \(type.frees) frees")
      }
      guard type.highUse >= type.bytes else {
        throw InvariantViolation("malloc type \"\(name)\": \(type.bytes) bytes, high use \(type.highUse)")
      }
    }
    guard typeBytes == bytes else {
      throw InvariantViolation("malloc: types hold \(typeBytes) bytes, pages say \(bytes)")
    }
    let items = (0..<Self.classCount).reduce(0) { $0 + buckets[$1].total - buckets[$1].totalFree }
    guard items == inUse else { throw InvariantViolation("malloc: types have \(inUse) in use, buckets \(items)") }
  }

  /// Walks one free list.
  private func checkList(_ index: Int) throws(InvariantViolation) {
    let bucket = buckets[index]
    let size = 16 << index
    var length = 0
    var item = bucket.head
    var last = Self.endOfList
    while item != Self.endOfList {
      let page = Int(item >> 8)
      guard page < map.space.capacityPages, Int(records[page].sizeClass) == index else {
        throw InvariantViolation("malloc: item \(item) on the list of \(size) bytes is of another class")
      }
      guard requested[Int(item)] == 0 else {
        throw InvariantViolation("malloc: item \(item) on the list of \(size) bytes is live")
      }
      length += 1
      guard length <= bucket.total else { throw InvariantViolation("malloc: the list of \(size) bytes has a loop") }
      last = item
      item = links[Int(item)]
    }
    guard length == bucket.totalFree else {
      throw InvariantViolation("malloc: \(length) items on the list of \(size) bytes, \(bucket.totalFree) counted")
    }
    guard order == .lifo || length == 0 || bucket.tail == last else {
      throw InvariantViolation("malloc: the tail of the list of \(size) bytes is \(bucket.tail), expected \(last)")
    }
  }

  /// Counts the items of one page; returns the bytes that callers asked for.
  private func checkPage(_ page: Int, _ index: Int, _ found: inout Found) throws(InvariantViolation) -> Int {
    let size = 16 << index
    let items = buckets[index].itemsPerRefill
    var live = 0
    var free = 0
    for slot in 0..<items {
      let asked = Int(requested[page << Self.slotShift | slot])
      guard asked <= size else {
        throw InvariantViolation("malloc: item \(slot) of page \(page): \(asked) bytes in class \(size)")
      }
      if asked == 0 { free += 1 }
      live += asked
    }
    guard free == Int(records[page].count) else {
      throw InvariantViolation("malloc: page \(page) of class \(size): \(free) free, \(records[page].count) counted")
    }
    found.total += items
    found.free += free
    return live
  }
}
