// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// Counts by malloc type, for systems whose own allocator knows no types.
///
/// Linux and illumos hand out memory without a name for its purpose; the types of a server are kept here, beside the
/// allocator, so that reports of all models have the same rows. XNU's struct kmemstats is such a table over kalloc().
/// Nothing in the allocator depends on them.
final class MallocTypeTable {
  private(set) var names: [String] = []
  private var indices: [String: Int] = [:]
  private let records: UnsafeMutablePointer<RecordColumn<MallocTypeRecord>>

  init() {
    records = .allocate(capacity: 1)
    records.initialize(to: RecordColumn(capacity: 32))
  }

  deinit {
    records.pointee.deallocate()
    records.deallocate()
  }

  /// The index of a type; a new name is registered.
  func register(_ name: String) -> Int {
    if let known = indices[name] { return known }
    let index = records.pointee.append(MallocTypeRecord())
    names.append(name)
    indices[name] = index
    return index
  }

  /// Whether a handle is one of this table.
  @inline(__always)
  func isValid(_ type: Int) -> Bool { UInt(bitPattern: type) < UInt(bitPattern: records.pointee.count) }

  /// The counters of a type.
  @inline(__always)
  func record(_ type: Int) -> MallocTypeRecord { records.pointee.base[type] }

  /// An allocation of `bytes`, at the size that the allocator rounds to.
  @inline(__always)
  func charge(_ type: Int, _ bytes: Int) {
    let record = records.pointee.base + type
    record.pointee.charge(bytes)
    record.pointee.calls &+= 1
    record.pointee.sizes |= MallocTypeRecord.sizeBit(bytes)
  }

  /// A free of `bytes`.
  @inline(__always)
  func credit(_ type: Int, _ bytes: Int) { records.pointee.base[type].credit(bytes) }

  /// A request that got nothing.
  func refuse(_ type: Int) { records.pointee.base[type].mapBlocks &+= 1 }

  /// Statistics by type, in the order of registration.
  ///
  /// A free under another type than that of the allocation makes the signed counters of that row negative; the row then
  /// shows 0.
  func statistics() -> [MallocTypeStatistics] {
    names.indices.map { record($0).statistics(name: names[$0]) }
  }

  /// Checks the counters of each type against each other.
  ///
  /// - Returns: the bytes and items of all types.
  /// - Throws: the first violation, with its values.
  @discardableResult
  func checkCounters() throws(InvariantViolation) -> (bytes: Int, inUse: Int) {
    var sum = 0
    var items = 0
    for index in names.indices {
      let row = record(index)
      guard Int64(row.inUse) == Int64(bitPattern: row.calls &- row.frees) else {
        throw InvariantViolation(
          "malloc type \"\(names[index])\": \(row.inUse) in use, \(row.calls) requests, \(row.frees) frees")
      }
      guard row.highUse >= row.bytes else {
        throw InvariantViolation("malloc type \"\(names[index])\": \(row.bytes) bytes, high use \(row.highUse)")
      }
      sum += row.bytes
      items += row.inUse
    }
    return (bytes: sum, inUse: items)
  }

  /// Checks the counters, and their sums against what the allocator holds for callers of malloc.
  ///
  /// - Throws: the first violation, with its values.
  func checkInvariants(bytes: Int, inUse: Int) throws(InvariantViolation) {
    let sum = try checkCounters()
    guard sum.bytes == bytes, sum.inUse == inUse else {
      throw InvariantViolation(
        "malloc types hold \(sum.bytes) bytes in \(sum.inUse) items, the allocator \(bytes) bytes in \(inUse)")
    }
  }
}
