// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension UMA {
  /// What the kernel counts for one malloc type, with the most bytes in use where it counts those.
  func typeStatistics(_ index: Int, withHighUse: Bool = false) -> MallocTypeStatistics {
    let row = types[index]
    var statistics = MallocTypeStatistics(
      name: typeNames[index], inUse: 0, bytes: row.allocatedBytes &- row.freedBytes, requests: row.allocations,
      frees: row.frees, highUse: withHighUse ? row.highestBytes : nil, sizes: row.sizes)
    for sizeClass in 0..<UMA.mallocZones {
      let counts = state.pointee.counts[index * UMA.countsPerType + sizeClass]
      statistics.requests &+= counts.allocations
      statistics.frees &+= counts.frees
      statistics.bytes &+= (counts.allocations &- counts.frees) &* (16 << UInt64(sizeClass))
      if counts.allocations != 0 { statistics.sizes |= 1 << UInt64(sizeClass) }
    }
    statistics.inUse = statistics.requests &- statistics.frees
    return statistics
  }

  /// What the kernel counts for one zone (sysctl_vm_zone): free items in slabs, full buckets and caches; used are the
  /// others in slabs.
  func zoneStatistics(_ index: Int) -> ZoneStatistics {
    let keg = kegs[index]
    let zone = zones[index]
    var row = ZoneStatistics(name: zoneNames[index], size: keg.size, isInMap: !keg.isDirect)
    row.limit = keg.maximumPages * keg.itemsPerSlab
    row.kegFree = keg.freeItems
    row.cpuFree = cachedItems(index)
    row.free = keg.freeItems + row.cpuFree + zone.fullBucketItems
    row.used = keg.slabs * keg.itemsPerSlab - row.free
    let calls = calls(index)
    row.requests = calls.allocations
    row.frees = calls.frees
    row.failures = zone.failures
    row.pages = keg.pages
    row.bootPages = keg.bootPages
    row.pagesReturned = keg.pagesReturned
    row.fullBuckets = zone.fullBucketCount
    row.emptyBuckets = zone.emptyBucketCount
    row.bucketCount = zone.bucketSize
    return row
  }

  /// Items in the per-CPU caches of a zone.
  func cachedItems(_ zone: Int) -> Int {
    var items = 0
    for cpu in 0..<cpus {
      let cache = caches[cpu * UMAConstants.zoneCapacity + zone]
      if let bucket = cache.alloc { items += Int(bucket.pointee.count) }
      if let bucket = cache.free { items += Int(bucket.pointee.count) }
    }
    return items
  }

  /// Allocations and frees of a zone so far; of a zone of malloc, those of all types.
  func calls(_ zone: Int) -> CallCounts {
    guard kegs[zone].isMalloc else { return state.pointee.zoneCounts[zone] }
    let sizeClass = zone - state.pointee.firstMallocZone
    return typeNames.indices.reduce(into: CallCounts()) { sum, type in
      let counts = state.pointee.counts[type * UMA.countsPerType + sizeClass]
      sum.allocations &+= counts.allocations
      sum.frees &+= counts.frees
    }
  }
}
