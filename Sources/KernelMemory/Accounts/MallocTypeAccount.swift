// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// Counters of one malloc type, kept so that a malloc and a free each change their own and compare once.
///
/// Most calls move no other number than these counters: they neither raise the high use nor meet the limit. Both are
/// one comparison of ``taken`` with ``ceiling``; behind it ``charge(_:)`` does the whole sum.
struct MallocTypeAccount {
  /// Bytes of all mallocs so far, at the size that the allocator rounds to.
  var taken = 0
  /// Bytes of all frees so far and ``reserve``: as long as `taken` stays at or below, the high use stays, and the type
  /// holds less than its limit before the malloc.
  var ceiling = 0
  /// Mallocs that got memory.
  var mallocs: UInt64 = 0
  var frees: UInt64 = 0
  /// ks_size, as in ``MallocTypeRecord/sizes``.
  var sizes: UInt64 = 0
  /// The most bytes in use so far.
  private(set) var highUse = 0
  /// Bytes that the type may hold before a malloc.
  let limit: Int
  var limitBlocks: UInt64 = 0
  var mapBlocks: UInt64 = 0
  /// Mallocs that got nothing, those of the two counters above included.
  var refused: UInt64 = 0

  /// An account without memory.
  ///
  /// - Parameter limit: bytes that the type may hold before a malloc.
  init(limit: Int = .max) { self.limit = limit }

  private var reserve: Int { min(highUse, limit) }

  /// Bytes in use; below 0 where more was freed under the type than was taken.
  var bytes: Int { taken &- (ceiling &- reserve) }

  /// Whether a malloc of so many bytes changes counters alone.
  @inline(__always)
  func admits(_ bytes: Int) -> Bool { taken &+ bytes <= ceiling }

  /// A malloc that ``admits(_:)`` so many bytes.
  @inline(__always)
  mutating func take(_ bytes: Int, sizeBit: UInt64) {
    taken &+= bytes
    mallocs &+= 1
    sizes |= sizeBit
  }

  /// Any malloc of so many bytes.
  mutating func charge(_ bytes: Int) {
    take(bytes, sizeBit: MallocTypeRecord.sizeBit(bytes))
    let used = self.bytes
    guard used > highUse else { return }
    ceiling &+= min(used, limit) &- reserve
    highUse = used
  }

  /// A free of so many bytes.
  @inline(__always)
  mutating func credit(_ bytes: Int) {
    ceiling &+= bytes
    frees &+= 1
  }

  /// The counters as a kernel keeps them.
  var record: MallocTypeRecord {
    MallocTypeRecord(
      inUse: Int(truncatingIfNeeded: mallocs &- frees), bytes: bytes, highUse: highUse, calls: mallocs &+ refused,
      frees: frees, limitBlocks: limitBlocks, mapBlocks: mapBlocks, sizes: sizes)
  }
}
