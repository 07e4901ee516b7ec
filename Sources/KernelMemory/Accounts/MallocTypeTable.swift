// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// Counts by malloc type, for systems whose own allocator knows no types.
///
/// Linux and illumos hand out memory without a name for its purpose; the types of a server are kept here, beside the
/// allocator, so that reports of all models have the same rows. Nothing in the allocator depends on them.
final class MallocTypeTable {
  /// Counters of one type.
  struct Record {
    var inUse = 0
    var bytes = 0
    var highUse = 0
    var requests: UInt64 = 0
    var frees: UInt64 = 0
    var failures: UInt64 = 0
    var sizes: UInt64 = 0
  }

  private struct State {
    var records: UnsafeMutablePointer<Record>
    var count = 0
    var capacity = 32
  }

  private(set) var names: [String] = []
  private var indices: [String: Int] = [:]
  private let state: UnsafeMutablePointer<State>

  init() {
    state = .allocate(capacity: 1)
    state.initialize(to: State(records: .allocate(capacity: 32)))
  }

  deinit {
    state.pointee.records.deallocate()
    state.deallocate()
  }

  /// The index of a type; a new name is registered.
  func register(_ name: String) -> Int {
    if let known = indices[name] { return known }
    let index = state.pointee.count
    if index == state.pointee.capacity {
      let larger = UnsafeMutablePointer<Record>.allocate(capacity: 2 * index)
      larger.moveInitialize(from: state.pointee.records, count: index)
      state.pointee.records.deallocate()
      state.pointee.records = larger
      state.pointee.capacity = 2 * index
    }
    (state.pointee.records + index).initialize(to: Record())
    names.append(name)
    state.pointee.count = index + 1
    indices[name] = index
    return index
  }

  /// Whether a handle is one of this table.
  @inline(__always)
  func isValid(_ type: Int) -> Bool { UInt(bitPattern: type) < UInt(bitPattern: state.pointee.count) }

  /// The counters of a type.
  @inline(__always)
  func record(_ type: Int) -> Record { state.pointee.records[type] }

  /// An allocation of `bytes`, at the size that the allocator rounds to.
  @inline(__always)
  func charge(_ type: Int, _ bytes: Int) {
    let record = state.pointee.records + type
    let total = record.pointee.bytes &+ bytes
    record.pointee.bytes = total
    record.pointee.inUse &+= 1
    record.pointee.requests &+= 1
    if total > record.pointee.highUse {
      record.pointee.highUse = total
    }
    record.pointee.sizes |= Self.sizeBit(bytes)
  }

  /// A free of `bytes`.
  @inline(__always)
  func credit(_ type: Int, _ bytes: Int) {
    let record = state.pointee.records + type
    record.pointee.bytes &-= bytes
    record.pointee.inUse &-= 1
    record.pointee.frees &+= 1
  }

  /// A request that got nothing.
  func refuse(_ type: Int) { state.pointee.records[type].failures &+= 1 }

  /// Bit n for sizes above 8 << n up to 16 << n bytes.
  @inline(__always)
  static func sizeBit(_ bytes: Int) -> UInt64 {
    guard bytes > 16 else { return 1 }
    return 1 << UInt64(truncatingIfNeeded: Int.bitWidth &- (bytes &- 1).leadingZeroBitCount &- 4)
  }

  /// Statistics by type, in the order of registration.
  ///
  /// A free under another type than that of the allocation makes the signed counters of that row negative; the row then
  /// shows 0.
  func statistics() -> [MallocTypeStatistics] {
    names.indices.map { index in
      let row = record(index)
      return MallocTypeStatistics(
        name: names[index], inUse: UInt64(max(0, row.inUse)), bytes: UInt64(max(0, row.bytes)),
        requests: row.requests, frees: row.frees, highUse: UInt64(row.highUse), mapBlocks: row.failures,
        sizes: row.sizes)
    }
  }

  /// Checks the counters against what the allocator holds for callers of malloc.
  ///
  /// - Throws: the first violation, with its values.
  func checkInvariants(bytes: Int, inUse: Int) throws(InvariantViolation) {
    var sum = 0
    var items = 0
    for index in names.indices {
      let row = record(index)
      guard Int64(row.inUse) == Int64(bitPattern: row.requests &- row.frees) else {
        throw InvariantViolation(
          "malloc type \"\(names[index])\": \(row.inUse) in use, \(row.requests) requests, \(row.frees) frees")
      }
      guard row.highUse >= row.bytes else {
        throw InvariantViolation("malloc type \"\(names[index])\": \(row.bytes) bytes, high use \(row.highUse)")
      }
      sum += row.bytes
      items += row.inUse
    }
    guard sum == bytes, items == inUse else {
      throw InvariantViolation(
        "malloc types hold \(sum) bytes in \(items) items, the allocator \(bytes) bytes in \(inUse)")
    }
  }
}
