// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// What had been counted at the moment of a sample: the clocks that growth of the map may follow.
///
/// All figures are totals since the start of the run.
public struct ClockReadings: Codable, Equatable, Sendable {
  /// Virtual seconds; of a real server, seconds.
  public var virtualSeconds = 0.0
  /// Passes finished.
  public var passes: UInt64 = 0
  /// RPCs answered.
  public var rpcs: UInt64 = 0
  /// NFS operations inside of these.
  public var nfsOperations: UInt64 = 0
  /// Operations that touch clients, owners, opens or locks.
  public var stateOperations: UInt64 = 0
  /// Calls of malloc(9).
  public var mallocCalls: UInt64 = 0
  /// Calls of free(9).
  public var freeCalls: UInt64 = 0
  /// Bytes asked of malloc(9).
  public var mallocBytes: UInt64 = 0
  /// Items taken from zones.
  public var zoneAllocations: UInt64 = 0
  /// Items given back to zones.
  public var zoneFrees: UInt64 = 0
  /// Allocations above one page.
  public var largeAllocations: UInt64 = 0
  /// Vnodes made.
  public var vnodeCreations: UInt64 = 0

  enum CodingKeys: String, CodingKey {
    case virtualSeconds = "virtual_seconds"
    case passes, rpcs
    case nfsOperations = "nfs_operations"
    case stateOperations = "state_ops"
    case mallocCalls = "malloc_calls"
    case freeCalls = "free_calls"
    case mallocBytes = "malloc_bytes"
    case zoneAllocations = "zone_allocs"
    case zoneFrees = "zone_frees"
    case largeAllocations = "large_allocs"
    case vnodeCreations = "vnode_creations"
  }

  /// All zero.
  public init() {}
}

/// The kernel map at the moment of a sample, bytes.
public struct MapReading: Codable, Equatable, Sendable {
  /// Bytes in use.
  public var usedBytes = 0
  /// The most that was in use so far.
  public var highWaterBytes = 0
  /// The largest free range.
  public var largestFreeBytes = 0

  enum CodingKeys: String, CodingKey {
    case usedBytes = "used_bytes"
    case highWaterBytes = "high_water_bytes"
    case largestFreeBytes = "largest_free_bytes"
  }

  /// All zero.
  public init() {}
}

/// Every byte of the map by account (design page "architecture", section The ledger).
public struct LedgerReading: Codable, Equatable, Sendable {
  /// Bytes that callers asked for and hold.
  public var live = 0
  /// What size classes add to them.
  public var rounding = 0
  /// Free items in slabs.
  public var slabFree = 0
  /// Free items in per-CPU caches.
  public var cpuBuckets = 0
  /// Free items in zone-level caches.
  public var zoneBuckets = 0
  /// Slab headers and waste.
  public var slabOverhead = 0
  /// The allocator's own bookkeeping.
  public var bucketStructures = 0
  /// Large allocations, rounded to pages.
  public var large = 0
  /// In nobody's books.
  public var lost = 0

  enum CodingKeys: String, CodingKey {
    case live, rounding, large, lost
    case slabFree = "slab_free"
    case cpuBuckets = "cpu_buckets"
    case zoneBuckets = "zone_buckets"
    case slabOverhead = "slab_overhead"
    case bucketStructures = "bucket_structures"
  }

  /// All zero.
  public init() {}

  /// The accounts with their names in JSON, in the order of the architecture page.
  public var accounts: [(name: String, bytes: Int)] {
    [
      ("live", live), ("rounding", rounding), ("slab_free", slabFree), ("cpu_buckets", cpuBuckets),
      ("zone_buckets", zoneBuckets), ("slab_overhead", slabOverhead), ("bucket_structures", bucketStructures),
      ("large", large), ("lost", lost),
    ]
  }

  /// The sum of the accounts, which equals the used bytes of the map.
  public var total: Int { accounts.reduce(0) { $0 + $1.bytes } }
}

/// One malloc type or zone at the moment of a sample.
public struct CacheReading: Codable, Equatable, Sendable {
  /// Whether it is a malloc type or a zone.
  public enum Kind: String, Codable, Sendable {
    /// A malloc(9) type.
    case malloc
    /// A zone, pool or slab cache.
    case zone
  }

  /// Malloc type or zone.
  public var kind: Kind
  /// Its name.
  public var name: String
  /// Objects in use.
  public var inUse: UInt64
  /// Bytes of these objects at the size that the allocator rounds to.
  public var bytes: UInt64
  /// Free objects that it keeps; 0 for malloc types.
  public var free: UInt64
  /// Pages that it holds; 0 for malloc types.
  public var pages: UInt64
  /// Allocations so far.
  public var requests: UInt64

  enum CodingKeys: String, CodingKey {
    case kind, name, bytes, free, pages, requests
    case inUse = "in_use"
  }

  /// Puts a reading together.
  public init(
    kind: Kind, name: String, inUse: UInt64, bytes: UInt64, free: UInt64, pages: UInt64, requests: UInt64
  ) {
    self.kind = kind
    self.name = name
    self.inUse = inUse
    self.bytes = bytes
    self.free = free
    self.pages = pages
    self.requests = requests
  }
}

/// One sample: everything that was measured at one moment of a run.
public struct Sample: Codable, Equatable, Sendable {
  /// The clocks.
  public var clocks: ClockReadings
  /// The map.
  public var map: MapReading
  /// The ledger.
  public var ledger: LedgerReading
  /// Malloc types and zones.
  public var caches: [CacheReading]

  /// Puts a sample together.
  public init(clocks: ClockReadings, map: MapReading, ledger: LedgerReading, caches: [CacheReading]) {
    self.clocks = clocks
    self.map = map
    self.ledger = ledger
    self.caches = caches
  }
}
