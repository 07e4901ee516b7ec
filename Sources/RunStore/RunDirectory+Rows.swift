// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import GRDB

/// Tables and rows of the database of samples.
extension RunDirectory {
  private static let columns = [
    "virtual_seconds", "passes", "rpcs", "nfs_operations", "state_ops", "malloc_calls", "free_calls", "malloc_bytes",
    "zone_allocs", "zone_frees", "large_allocs", "vnode_creations", "map_used", "map_high_water", "map_largest_free",
    "live",
    "rounding", "slab_free", "cpu_buckets", "zone_buckets", "slab_overhead", "bucket_structures", "large", "lost",
  ]

  static func createTables(_ database: Database) throws {
    let typed = columns.map { $0 == "virtual_seconds" ? "\($0) REAL NOT NULL" : "\($0) INTEGER NOT NULL" }
    try database.execute(
      sql: """
        CREATE TABLE run (schema_version INTEGER NOT NULL, record TEXT NOT NULL);
        CREATE TABLE sample (id INTEGER PRIMARY KEY, \(typed.joined(separator: ", ")));
        CREATE TABLE cache (
          sample INTEGER NOT NULL REFERENCES sample(id), position INTEGER NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL,
          in_use INTEGER NOT NULL, bytes INTEGER NOT NULL, free INTEGER NOT NULL, pages INTEGER NOT NULL,
          requests INTEGER NOT NULL, PRIMARY KEY (sample, position)) WITHOUT ROWID;
        """)
  }

  static func insert(_ sample: Sample, id: Int, into database: Database) throws {
    let clocks = sample.clocks
    let counts: [UInt64] = [
      clocks.passes, clocks.rpcs, clocks.nfsOperations, clocks.stateOperations, clocks.mallocCalls, clocks.freeCalls,
      clocks.mallocBytes, clocks.zoneAllocations, clocks.zoneFrees, clocks.largeAllocations, clocks.vnodeCreations,
    ]
    let map = [sample.map.usedBytes, sample.map.highWaterBytes, sample.map.largestFreeBytes]
    var arguments: [any DatabaseValueConvertible] = [id, clocks.virtualSeconds]
    arguments += counts.map { Int64(clamping: $0) }
    arguments += map
    arguments += sample.ledger.accounts.map(\.bytes)
    let marks = Array(repeating: "?", count: columns.count + 1).joined(separator: ", ")
    try database.execute(
      sql: "INSERT INTO sample (id, \(columns.joined(separator: ", "))) VALUES (\(marks))",
      arguments: StatementArguments(arguments))
    let statement = try database.makeStatement(sql: "INSERT INTO cache VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)")
    for (position, cache) in sample.caches.enumerated() {
      try statement.execute(arguments: [
        id, position, cache.kind.rawValue, cache.name, Int64(clamping: cache.inUse), Int64(clamping: cache.bytes),
        Int64(clamping: cache.free), Int64(clamping: cache.pages), Int64(clamping: cache.requests),
      ])
    }
  }

  static func sample(_ row: Row, caches: [CacheReading]) -> Sample {
    func count(_ name: String) -> UInt64 { UInt64(clamping: row[name] as Int64) }
    var clocks = ClockReadings()
    clocks.virtualSeconds = row["virtual_seconds"]
    clocks.passes = count("passes")
    clocks.rpcs = count("rpcs")
    clocks.nfsOperations = count("nfs_operations")
    clocks.stateOperations = count("state_ops")
    clocks.mallocCalls = count("malloc_calls")
    clocks.freeCalls = count("free_calls")
    clocks.mallocBytes = count("malloc_bytes")
    clocks.zoneAllocations = count("zone_allocs")
    clocks.zoneFrees = count("zone_frees")
    clocks.largeAllocations = count("large_allocs")
    clocks.vnodeCreations = count("vnode_creations")
    var map = MapReading()
    map.usedBytes = row["map_used"]
    map.highWaterBytes = row["map_high_water"]
    map.largestFreeBytes = row["map_largest_free"]
    var ledger = LedgerReading()
    ledger.live = row["live"]
    ledger.rounding = row["rounding"]
    ledger.slabFree = row["slab_free"]
    ledger.cpuBuckets = row["cpu_buckets"]
    ledger.zoneBuckets = row["zone_buckets"]
    ledger.slabOverhead = row["slab_overhead"]
    ledger.bucketStructures = row["bucket_structures"]
    ledger.large = row["large"]
    ledger.lost = row["lost"]
    return Sample(clocks: clocks, map: map, ledger: ledger, caches: caches)
  }

  static func cache(_ row: Row) -> CacheReading {
    func count(_ name: String) -> UInt64 { UInt64(clamping: row[name] as Int64) }
    return CacheReading(
      kind: CacheReading.Kind(rawValue: row["kind"]) ?? .zone, name: row["name"], inUse: count("in_use"),
      bytes: count("bytes"), free: count("free"), pages: count("pages"), requests: count("requests"))
  }
}
