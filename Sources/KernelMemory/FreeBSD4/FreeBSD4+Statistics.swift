// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension FreeBSD4 {
  /// Every byte of malloc's share of kmem_map: live requests, their rounding, free items, large allocations, and zone
  /// items of the growths that found kernel_map locked.
  public func ledger() -> Ledger {
    var ledger = Ledger()
    buckets.add(to: &ledger)
    ledger.lost = lostBytes
    zones.addFallback(to: &ledger)
    return ledger
  }

  /// Statistics by malloc type, in the order of registration; `mapBlocks` stays 0, for this kernel never counts it.
  public func mallocTypeStatistics() -> [MallocTypeStatistics] { buckets.typeStatistics() }

  /// Statistics by zone: those of kernel_map, then mbuf and mbuf_cluster.
  ///
  /// `isInMap` is false throughout: only the growths that found kernel_map locked lie in malloc's share of kmem_map.
  public func zoneStatistics() -> [ZoneStatistics] {
    let own = zones.names.indices.map(zones.statistics)
    let count = objects.kernelZoneCount
    return own[..<count] + mbufs.names.indices.map(mbufs.statistics) + own[count...]
  }

  /// Statistics by size class of malloc(9), the smallest first, all sixteen.
  public func bucketStatistics() -> [BucketStatistics] { buckets.bucketStatistics() }
}
