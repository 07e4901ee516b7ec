// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension VMemUMA {
  /// Whether the pages of a keg are in the accounts.
  func isCounted(_ index: Int) -> Bool { !kegs[index].isDirect || policy.countsDirectMap }

  /// Bytes in the accounts: of the arena, and of the direct map where the policy counts it.
  var usedBytes: Int { state.pointee.usedPages * kernelPageSize }
  /// The most that ``usedBytes`` ever was.
  var highWaterBytes: Int { state.pointee.highWaterPages * kernelPageSize }

  /// Every byte of ``usedBytes``, by account.
  ///
  /// - `live` and `rounding`: mallocs at the size asked for; items of other zones at the zone's item size. The
  ///   alignment of items is rounding.
  /// - `slabFree`, `cpuBuckets`, `zoneBuckets`: free items at their stride, in slabs, per-CPU caches and the zones'
  ///   caches of buckets.
  /// - `slabOverhead`: headers in the slab and the waste at its end, of all but the allocator's own zones.
  /// - `bucketStructures`: all pages of the zones that serve the allocator alone (kegs, zones, off-page headers, hashes,
  ///   buckets) whatever is in them; malloc's statistics; the mallocs of type "UMAHash".
  /// - `large`: mallocs above the largest zone, rounded to pages.
  ///
  /// Boot pages and a direct map that does not count are in no account.
  func ledger() -> Ledger {
    var ledger = Ledger()
    let state = state.pointee
    for index in 0..<state.zoneCount where isCounted(index) {
      let keg = kegs[index]
      let zone = zones[index]
      if !keg.flags.isDisjoint(with: [.internal, .bucket]) {
        ledger.bucketStructures += (keg.pages - keg.bootPages) * kernelPageSize
        continue
      }
      let cached = cachedItems(index)
      let used = keg.itemsOut - cached - zone.bucketItems
      ledger.slabFree += keg.freeItems * keg.stride
      ledger.cpuBuckets += cached * keg.stride
      ledger.zoneBuckets += zone.bucketItems * keg.stride
      ledger.slabOverhead += keg.slabs * (keg.pagesPerSlab * kernelPageSize - keg.itemsPerSlab * keg.stride)
      if keg.flags.contains(.bookkeeping) {
        ledger.bucketStructures += used * keg.stride
      } else if keg.flags.contains(.malloc) {
        let asked = requestedBytes(index) - zone.hashBytes
        ledger.live += asked
        ledger.rounding += (used - zone.hashItems) * keg.stride - asked
        ledger.bucketStructures += zone.hashItems * keg.stride
      } else {
        ledger.live += used * keg.size
        ledger.rounding += used * (keg.stride - keg.size)
      }
    }
    ledger.bucketStructures += state.hashLargePages * kernelPageSize
    ledger.large = (state.largePages - state.hashLargePages) * kernelPageSize
    ledger.lost = state.lostPages * kernelPageSize
    return ledger
  }

  /// Bytes asked for by the live mallocs of a zone.
  private func requestedBytes(_ index: Int) -> Int {
    let bytes = state.pointee.counts[index - state.pointee.firstMallocZone]
    return Int(bytes.allocations &- bytes.frees)
  }

  /// Items in the per-CPU caches of a zone.
  func cachedItems(_ index: Int) -> Int {
    var items = 0
    for cpu in 0..<cpus {
      let cache = caches[cpu * Self.zoneCapacity + index]
      if let bucket = cache.alloc { items += Int(bucket.pointee.count) }
      if let bucket = cache.free { items += Int(bucket.pointee.count) }
    }
    return items
  }
}
