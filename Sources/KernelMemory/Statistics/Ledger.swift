// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// Every byte of the kernel map in use, by account.
///
/// The identity `total == mapUsedBytes` holds after every event of every model; `lost` is zero unless a fault loses address space.
public struct Ledger: Equatable, Sendable {
  /// Bytes that callers asked for and hold.
  public var live = 0
  /// What size classes and zones add to these requests.
  public var rounding = 0
  /// Free items in slabs, or in the free lists of buckets and zones without slabs.
  public var slabFree = 0
  /// Free items in per-CPU caches.
  public var cpuBuckets = 0
  /// Free items in zone-level caches.
  public var zoneBuckets = 0
  /// Slab headers, alignment and waste at the end of slabs.
  public var slabOverhead = 0
  /// Memory of the allocator's own bookkeeping: buckets, off-page headers, hashes.
  public var bucketStructures = 0
  /// Live allocations above the largest size class, rounded to pages.
  public var large = 0
  /// Address space in nobody's books.
  public var lost = 0

  /// All zero.
  public init() {}

  /// The sum of the accounts, bytes.
  public var total: Int {
    live + rounding + slabFree + cpuBuckets + zoneBuckets + slabOverhead + bucketStructures + large + lost
  }
}

extension Ledger {
  /// Checks that the accounts sum up to the bytes of the map in use and that none is negative.
  ///
  /// - Parameters:
  ///   - mapUsedBytes: bytes in use.
  ///   - map: the kernel's name for the map.
  /// - Throws: the violation, with all accounts.
  func check(mapUsedBytes: Int, of map: String) throws(InvariantViolation) {
    guard total == mapUsedBytes else {
      throw InvariantViolation("ledger: \(total) bytes accounted, \(mapUsedBytes) of \(map) in use: \(self)")
    }
    guard
      live >= 0, rounding >= 0, slabFree >= 0, cpuBuckets >= 0, zoneBuckets >= 0, slabOverhead >= 0,
      bucketStructures >= 0, large >= 0, lost >= 0
    else { throw InvariantViolation("ledger: an account is negative: \(self)") }
  }
}
