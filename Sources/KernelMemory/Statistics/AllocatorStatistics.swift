// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// What a kernel counts for one malloc type.
public struct MallocTypeStatistics: Equatable, Sendable {
  /// Name as `vmstat -m` shows it.
  public var name: String
  /// Allocations less frees.
  public var inUse: UInt64
  /// Bytes in use, at the size that the allocator rounds to.
  public var bytes: UInt64
  /// Allocations so far.
  public var requests: UInt64
  /// Frees so far.
  public var frees: UInt64
  /// The most bytes in use so far, nil where the system does not count it.
  public var highUse: UInt64?
  /// The limit in bytes, nil where the system has none.
  public var limit: UInt64?
  /// Requests that met the type's limit.
  public var limitBlocks: UInt64
  /// Requests that met a full map.
  public var mapBlocks: UInt64
  /// Bit n stands for the size class of 16 << n bytes.
  public var sizes: UInt64

  /// Puts a row together.
  public init(
    name: String, inUse: UInt64, bytes: UInt64, requests: UInt64, frees: UInt64, highUse: UInt64? = nil,
    limit: UInt64? = nil, limitBlocks: UInt64 = 0, mapBlocks: UInt64 = 0, sizes: UInt64
  ) {
    self.name = name
    self.inUse = inUse
    self.bytes = bytes
    self.requests = requests
    self.frees = frees
    self.highUse = highUse
    self.limit = limit
    self.limitBlocks = limitBlocks
    self.mapBlocks = mapBlocks
    self.sizes = sizes
  }
}

/// What a kernel counts for one zone, and where its free items lie.
public struct ZoneStatistics: Equatable, Sendable {
  /// Name as `vmstat -z` shows it.
  public var name: String
  /// Size of an item, bytes.
  public var size: Int
  /// Limit on items, 0 for none.
  public var limit: Int
  /// Items in use.
  public var used: Int
  /// Free items, wherever they lie.
  public var free: Int
  /// Allocations so far.
  public var requests: UInt64
  /// Frees so far.
  public var frees: UInt64
  /// Requests that got nothing.
  public var failures: UInt64
  /// Pages that the zone holds, those of the boot pool included.
  public var pages: Int
  /// Pages of the boot pool, which lie outside of the map.
  public var bootPages: Int
  /// Pages that the zone has given back so far.
  public var pagesReturned: UInt64
  /// Free items in slabs.
  public var kegFree: Int
  /// Free items in per-CPU caches.
  public var cpuFree: Int
  /// Full buckets at the zone.
  public var fullBuckets: Int
  /// Empty buckets at the zone.
  public var emptyBuckets: Int
  /// The wanted size of a bucket (uz_count), 0 where the zone has none.
  public var bucketCount: Int
  /// True where the zone's pages lie in the kernel map.
  public var isInMap: Bool

  /// A row of zeros with a name and an item size in bytes.
  public init(name: String, size: Int, isInMap: Bool) {
    self.name = name
    self.size = size
    self.isInMap = isInMap
    limit = 0
    used = 0
    free = 0
    requests = 0
    frees = 0
    failures = 0
    pages = 0
    bootPages = 0
    pagesReturned = 0
    kegFree = 0
    cpuFree = 0
    fullBuckets = 0
    emptyBuckets = 0
    bucketCount = 0
  }
}
