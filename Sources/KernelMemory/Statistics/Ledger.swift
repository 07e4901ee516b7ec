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
