// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension OpenBSD39 {
  /// Every byte of kmem_map: live requests, their rounding, free items and large allocations of malloc(9).
  public func ledger() -> Ledger {
    var ledger = Ledger()
    buckets.add(to: &ledger)
    ledger.lost = lostBytes
    return ledger
  }

  /// Statistics by malloc type, in the order of registration; `mapBlocks` stays 0, for this kernel never counts it.
  public func mallocTypeStatistics() -> [MallocTypeStatistics] { buckets.typeStatistics() }

  /// Statistics by pool, the pool of page headers first; none lies in kmem_map.
  public func zoneStatistics() -> [ZoneStatistics] {
    (0..<pools.count).map { pools.statistics($0, isInMap: false) }
  }

  /// Statistics by size class of malloc(9), the smallest first, all sixteen.
  public func bucketStatistics() -> [BucketStatistics] { buckets.bucketStatistics() }

  /// `vmstat -m`: buckets, types, totals, pools (usr.bin/vmstat/vmstat.c, domem and dopool).
  ///
  /// No blank line lies between the totals and the pools: main() calls the two one behind the other (vmstat.c of 4.4).
  /// The pool table has the column Releases of the older generation; which one 3.9 has is not established. The last
  /// line counts the free pages of the page cache as allocated, as 4.4 does.
  public func vmstatM() -> String {
    let order = Array(buckets.typeNames.indices)
    return BucketVMStat.openBSD.text(buckets, order: order)
      + PoolVMStat.text(pools.poolStatistics(), extraBytes: (reserve?.freePages ?? 0) * kernelPageSize)
  }

  /// Empty: OpenBSD has no `vmstat -z`; its pools are in ``vmstatM()``.
  public func vmstatZ() -> String { "" }

  // MARK: Invariants

  /// Checks the ledger identity alone, in constant time.
  ///
  /// - Throws: the violation, with its values.
  public func checkLedger() throws(InvariantViolation) {
    try ledger().check(mapUsedBytes: mapUsedBytes, of: "kmem_map")
  }

  /// Checks the ledger, malloc's lists and accounts, every pool, the page cache and both maps.
  ///
  /// - Throws: the first violation, with its values.
  public func checkInvariants() throws(InvariantViolation) {
    try checkLedger()
    try buckets.checkInvariants()
    try pools.checkInvariants()
    try buckets.map.space.checkInvariants(name: "kmem_map")
    try poolMap.space.checkInvariants(name: reserve == nil ? "direct map" : "kernel_map")
    var listed = 0
    var stray = false
    reserve?.forEachFreePage { page in
      listed += 1
      if poolMap.space.isFree(page) || isPoolPage(page) { stray = true }
    }
    let cached = reserve?.freePages ?? 0
    guard listed == cached, !stray else {
      throw InvariantViolation("page cache: \(listed) pages listed, \(cached) counted, strays: \(stray)")
    }
    guard poolPages + cached == poolMap.space.usedPages else {
      throw InvariantViolation(
        "pool pages: \(poolMap.space.usedPages) used, pools hold \(poolPages), the page cache \(cached)")
    }
  }

  private func isPoolPage(_ page: Int) -> Bool {
    page < pools.state.pointee.end && pools.pages[page].pool != PoolAllocator.noPool
  }
}
