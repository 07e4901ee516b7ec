// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension UMA {
  /// Items of one zone by where they are.
  private struct ItemCount {
    var slabFree = 0
    var cached = 0
    var inFullBuckets = 0
    /// Taken from the slabs and not handed out: the unfinished bucket of a kernel that ended while it filled one.
    var unfinished = 0
    var used = 0
  }

  /// Every byte of the map in use, by account.
  ///
  /// - `live` and `rounding`: mallocs at the size asked for; items of other zones at the zone's item size. The
  ///   alignment of items is rounding.
  /// - `slabFree`, `cpuBuckets`, `zoneBuckets`: free items at their stride, in slabs, per-CPU caches and full buckets.
  ///   The items of a bucket that the kernel was filling when it ended are with the full buckets.
  /// - `slabOverhead`: headers in the page, free-list entries and the waste at the end, of all but internal zones.
  /// - `bucketStructures`: all pages of internal zones (kegs, zones, off-page headers, hashes, buckets) whatever is in
  ///   them, because these serve the allocator alone; the items in use of mt_zone, which hold malloc's statistics; the
  ///   mallocs of type "UMAHash".
  /// - `large`: mallocs above 4096 bytes, rounded to pages.
  ///
  /// Boot pages and the direct map lie outside of the map: what lies in them is in no account.
  func ledger() -> Ledger {
    var ledger = Ledger()
    let state = state.pointee
    var mallocBytes = 0
    for index in 0..<state.zoneCount {
      let keg = kegs[index]
      let flags = keg.flags
      if keg.isDirect { continue }
      if flags.contains(.internal) {
        ledger.bucketStructures += (keg.pages - keg.bootPages) * kernelPageSize
        continue
      }
      let items = itemCount(index)
      ledger.slabFree += items.slabFree * keg.stride
      ledger.cpuBuckets += items.cached * keg.stride
      ledger.zoneBuckets += (items.inFullBuckets + items.unfinished) * keg.stride
      let slabs = (keg.pages - keg.bootPages) / keg.pagesPerSlab
      ledger.slabOverhead += slabs * (keg.pagesPerSlab * kernelPageSize - keg.itemsPerSlab * keg.stride)
      if flags.contains(.bookkeeping) {
        ledger.bucketStructures += items.used * keg.stride
      } else if flags.contains(.malloc) {
        mallocBytes += items.used * keg.stride
      } else {
        ledger.live += items.used * keg.size
        ledger.rounding += items.used * (keg.stride - keg.size)
      }
    }
    if directMap == nil {
      let asked = state.bytesAskedFor - state.bytesGivenBack - state.hashRequestedBytes
      ledger.live += asked
      ledger.rounding += mallocBytes - state.hashZoneBytes - asked
      ledger.bucketStructures += state.hashZoneBytes
    }
    ledger.bucketStructures += state.hashLargePages * kernelPageSize
    ledger.large = (state.largePages - state.hashLargePages) * kernelPageSize
    ledger.lost = state.lostPages * kernelPageSize
    return ledger
  }

  /// The items of a zone whose pages lie in the map.
  private func itemCount(_ index: Int) -> ItemCount {
    let keg = kegs[index]
    let zone = zones[index]
    var count = ItemCount()
    count.slabFree = keg.freeItems
    count.cached = cachedItems(index)
    count.inFullBuckets = zone.fullBucketItems
    let outOfSlabs = keg.slabs * keg.itemsPerSlab - keg.freeItems
    count.used = Int(calls(index).allocations &- calls(index).frees)
    count.unfinished = outOfSlabs - count.cached - count.inFullBuckets - count.used
    guard keg.bootPages > 0 else { return count }
    let boot = bootItemCount(index)
    count.slabFree -= boot.slabFree
    count.cached -= boot.cached
    count.inFullBuckets -= boot.inFullBuckets
    count.used -= boot.used
    return count
  }

  /// The items of a zone that lie in boot pages.
  private func bootItemCount(_ index: Int) -> ItemCount {
    var count = ItemCount()
    var outOfSlabs = 0
    for page in 1..<UMA.firstMapPage where slabs[page].kind == UMAPageKind.slab && Int(slabs[page].zone) == index {
      count.slabFree += Int(slabs[page].freeCount)
      outOfSlabs += kegs[index].itemsPerSlab - Int(slabs[page].freeCount)
    }
    for cpu in 0..<cpus {
      let cache = caches[cpu * UMAConstants.zoneCapacity + index]
      count.cached += UMA.bootItems(in: cache.alloc) + UMA.bootItems(in: cache.free)
    }
    var bucket = zones[index].fullBuckets
    while let full = bucket {
      count.inFullBuckets += UMA.bootItems(in: full)
      bucket = full.pointee.next
    }
    count.used = outOfSlabs - count.cached - count.inFullBuckets
    return count
  }

  private static func bootItems(in bucket: UnsafeMutablePointer<UMABucket>?) -> Int {
    guard let bucket else { return 0 }
    var count = 0
    for index in 0..<Int(bucket.pointee.count) where Int(bucket.items[index]) < firstMapPage * kernelPageSize {
      count += 1
    }
    return count
  }
}
