// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension NetBSD {
  /// Every byte of kmem_map: malloc(9), and the pools whose pages lie there.
  ///
  /// Objects in groups are `cpuBuckets` and `zoneBuckets`; groups and page headers in use are `bucketStructures`.
  public func ledger() -> Ledger {
    var ledger = Ledger()
    buckets.add(to: &ledger)
    ledger.lost = lostBytes
    pools.add(to: &ledger, source: 0, cached: cachedObjects())
    return ledger
  }

  /// Objects of each pool in groups.
  private func cachedObjects() -> [(perCPU: Int, shared: Int)] {
    (0..<pools.count).map { index in
      let cache = pools.pools[index].cache
      return cache >= 0 ? caches.cachedObjects(cache) : (perCPU: 0, shared: 0)
    }
  }

  /// Statistics by malloc type, in the order of registration; `mapBlocks` stays 0, for this kernel never counts it.
  public func mallocTypeStatistics() -> [MallocTypeStatistics] { buckets.typeStatistics() }

  /// Statistics by pool in the order of creation; what its cache holds counts as free.
  public func zoneStatistics() -> [ZoneStatistics] {
    (0..<pools.count).map { index in
      var row = pools.statistics(index, isInMap: pools.pools[index].source == 0)
      let cache = pools.pools[index].cache
      if cache >= 0 { caches.add(to: &row, cache: cache) }
      return row
    }
  }

  /// Statistics by size class of malloc(9), the smallest first, all sixteen.
  public func bucketStatistics() -> [BucketStatistics] { buckets.bucketStatistics() }

  /// `vmstat -m`: buckets, types, totals, pools (usr.bin/vmstat/vmstat.c, domem and dopool).
  ///
  /// The text is that of vmstat.c 1.117 (2003), taken for 5 (inferred). Types come newest first, pools by name. The
  /// counts of a pool are those of pool(9): what caches hold is out.
  public func vmstatM() -> String {
    let order = Array(buckets.typeNames.indices.reversed())
    // strcmp() of the names, which are plain ASCII.
    let rows = pools.poolStatistics().sorted { Array($0.name.utf8).lexicographicallyPrecedes(Array($1.name.utf8)) }
    return BucketVMStat.netBSD.text(buckets, order: order) + PoolVMStat.text(rows, extraBytes: 0) + "\n"
  }

  /// Empty: NetBSD has no `vmstat -z`; its pools are in ``vmstatM()``.
  public func vmstatZ() -> String { "" }

  // MARK: Invariants

  /// Checks the ledger identity alone, in a time that grows with the number of pools only.
  ///
  /// - Throws: the violation, with its values.
  public func checkLedger() throws(InvariantViolation) {
    try ledger().check(mapUsedBytes: mapUsedBytes, of: "kmem_map")
  }

  /// Checks the ledger, malloc's lists and accounts, every pool and cache, and the maps.
  ///
  /// - Throws: the first violation, with its values.
  public func checkInvariants() throws(InvariantViolation) {
    try checkLedger()
    try buckets.checkInvariants()
    try pools.checkInvariants(cached: cachedObjects().map { $0.perCPU + $0.shared })
    try caches.checkInvariants()
    try buckets.map.space.checkInvariants(name: "kmem_map")
    guard let kernelMap else { return }
    try kernelMap.space.checkInvariants(name: "kernel_map")
    let held = (0..<pools.count).reduce(0) { $0 + (pools.pools[$1].source == 1 ? pools.pools[$1].pages : 0) }
    guard held == kernelMap.space.usedPages else {
      throw InvariantViolation("kernel_map: \(kernelMap.space.usedPages) pages used, pools hold \(held)")
    }
  }
}
