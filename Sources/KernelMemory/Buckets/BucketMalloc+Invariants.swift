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
    for page in 0..<min(state.pointee.pageEnd - 1, map.space.capacityPages) {
      let index = sizeClass(ofPage: page + 1)
      guard index < Self.classCount else { continue }
      let count = Int(state.pointee.counts[page + 1])
      let range = index > Self.largestListedClass ? count : index == Self.largestListedClass ? 2 : 1
      guard range > 0, page + range <= map.space.capacityPages, map.space.isUsed(page: page, pages: range) else {
        throw InvariantViolation("malloc: \(range) pages at \(page), class \(16 << index), are not all used in the map")
      }
      if index > Self.largestListedClass {
        large += range * kernelPageSize
      } else {
        live += try checkPage(page, index, &found[index])
      }
    }
    var rounded = 0
    for index in classes {
      let bucket = bucket(index).pointee
      guard found[index].total == bucket.total, found[index].free == Int(bucket.free) else {
        throw InvariantViolation(
          "malloc: pages of class \(16 << index) hold \(found[index].total) items,"
            + " \(found[index].free) free; counted \(bucket.total), \(bucket.free)")
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
      let type = types[index].pointee
      typeBytes += type.bytes
      inUse += type.inUse
      guard type.highUse >= type.bytes, type.quietBytes <= min(type.highUse, typeLimit) else {
        throw InvariantViolation("malloc type \"\(name)\": \(type.bytes) bytes, high use \(type.highUse)")
      }
    }
    guard typeBytes == bytes else {
      throw InvariantViolation("malloc: types hold \(typeBytes) bytes, pages say \(bytes)")
    }
    let items = (0..<Self.classCount).reduce(0) { $0 + bucket($1).pointee.used }
    guard items == inUse else { throw InvariantViolation("malloc: types have \(inUse) in use, buckets \(items)") }
  }

  /// Walks one free list.
  private func checkList(_ index: Int) throws(InvariantViolation) {
    let bucket = bucket(index).pointee
    let size = 16 << index
    var length = 0
    var last = 0
    var item = Int(bucket.places[0])
    while item != 0 {
      let page = (item << Int(bucket.shift)) >> 12
      guard page <= map.space.capacityPages, sizeClass(ofPage: page) == index else {
        throw InvariantViolation("malloc: item \(item) on the list of \(size) bytes is of another class")
      }
      guard bucket.places[item] >= 0 else {
        throw InvariantViolation("malloc: item \(item) on the list of \(size) bytes is live")
      }
      length += 1
      guard length <= bucket.total else { throw InvariantViolation("malloc: the list of \(size) bytes has a loop") }
      last = item
      item = Int(bucket.places[item])
    }
    guard length == Int(bucket.free) else {
      throw InvariantViolation("malloc: \(length) items on the list of \(size) bytes, \(bucket.free) counted")
    }
    guard order == .lifo || Int(bucket.tail) == last else {
      throw InvariantViolation("malloc: the tail of the list of \(size) bytes is \(bucket.tail), expected \(last)")
    }
  }

  /// Counts the items of one page; returns the bytes that callers asked for.
  private func checkPage(_ page: Int, _ index: Int, _ found: inout Found) throws(InvariantViolation) -> Int {
    let size = 16 << index
    let bucket = bucket(index).pointee
    let items = Int(bucket.itemsPerRefill)
    let places = bucket.places + (((page + 1) << 12) >> Int(bucket.shift))
    let count = Int(state.pointee.counts[page + 1])
    var live = 0
    var free = 0
    for slot in 0..<items {
      let asked = max(0, -Int(places[slot]))
      guard asked <= size else {
        throw InvariantViolation("malloc: item \(slot) of page \(page): \(asked) bytes in class \(size)")
      }
      if asked == 0 { free += 1 }
      live += asked
    }
    guard free == count else {
      throw InvariantViolation("malloc: page \(page) of class \(size): \(free) free, \(count) counted")
    }
    found.total += items
    found.free += free
    return live
  }
}
