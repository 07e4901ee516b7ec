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
      let counts = state.pointee.counts + (index * UMA.countsPerType + sizeClass * 2)
      statistics.requests &+= counts[0]
      statistics.frees &+= counts[1]
      statistics.bytes &+= (counts[0] &- counts[1]) &* (16 << UInt64(sizeClass))
      if counts[0] != 0 { statistics.sizes |= 1 << UInt64(sizeClass) }
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
    row.requests = requests(index)
    row.frees = frees(index)
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

  /// Allocations of a zone so far.
  func requests(_ zone: Int) -> UInt64 {
    var count = zones[zone].allocations
    for cpu in 0..<cpus { count &+= caches[cpu * UMAConstants.zoneCapacity + zone].allocations }
    return count
  }

  /// Frees of a zone so far.
  func frees(_ zone: Int) -> UInt64 {
    var count = zones[zone].frees
    for cpu in 0..<cpus { count &+= caches[cpu * UMAConstants.zoneCapacity + zone].frees }
    return count
  }
}
