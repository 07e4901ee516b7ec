// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// Counters of one malloc type: struct kmemstats of 4.4BSD, later struct malloc_type.
///
/// They are signed where the kernel's are: a free of more bytes than a type holds, possible where an item is freed under
/// another type than it was allocated with, makes them negative.
struct MallocTypeRecord {
  /// ks_inuse.
  var inUse = 0
  /// ks_memuse, at the size that the allocator rounds to.
  var bytes = 0
  /// ks_maxused.
  var highUse = 0
  /// ks_calls.
  var calls: UInt64 = 0
  var frees: UInt64 = 0
  /// ks_limblocks.
  var limitBlocks: UInt64 = 0
  /// ks_mapblocks, or requests that got nothing where a kernel has no such counter.
  var mapBlocks: UInt64 = 0
  /// ks_size: bit n stands for sizes above 8 << n up to 16 << n bytes.
  var sizes: UInt64 = 0

  /// An item of so many bytes more.
  @inline(__always)
  mutating func charge(_ size: Int) {
    bytes &+= size
    inUse &+= 1
    if bytes > highUse { highUse = bytes }
  }

  /// An item of so many bytes less.
  @inline(__always)
  mutating func credit(_ size: Int) {
    bytes &-= size
    inUse &-= 1
    frees &+= 1
  }

  /// The bit of ``sizes`` for so many bytes.
  @inline(__always)
  static func sizeBit(_ bytes: Int) -> UInt64 {
    1 << UInt64(truncatingIfNeeded: Int.bitWidth &- (max(bytes, 16) &- 1).leadingZeroBitCount &- 4)
  }

  /// The row of the statistics; what is negative shows 0.
  ///
  /// - Parameters:
  ///   - name: of the type.
  ///   - limit: bytes that the type may hold, nil without a limit.
  /// - Returns: the row.
  func statistics(name: String, limit: Int? = nil) -> MallocTypeStatistics {
    MallocTypeStatistics(
      name: name, inUse: UInt64(max(0, inUse)), bytes: UInt64(max(0, bytes)), requests: calls, frees: frees,
      highUse: UInt64(highUse), limit: limit.map { UInt64($0) }, limitBlocks: limitBlocks, mapBlocks: mapBlocks,
      sizes: sizes)
  }
}
