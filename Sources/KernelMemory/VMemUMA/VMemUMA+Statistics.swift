// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension VMemUMA {
  /// Statistics by malloc type, in the order of registration.
  func typeStatistics() -> [MallocTypeStatistics] {
    typeNames.indices.map { index in
      let row = types[index]
      var statistics = MallocTypeStatistics(
        name: typeNames[index], inUse: 0, bytes: row.allocatedBytes &- row.freedBytes, requests: row.allocations,
        frees: row.frees, sizes: row.sizes)
      for sizeClass in 0..<state.pointee.mallocZoneCount {
        let counts = state.pointee.counts[(index + 1) * Self.countsPerRow + sizeClass]
        statistics.requests &+= counts.allocations
        statistics.frees &+= counts.frees
        statistics.bytes &+= (counts.allocations &- counts.frees) &* (16 << UInt64(sizeClass))
        if counts.allocations != 0 { statistics.sizes |= 1 << UInt64(sizeClass) }
      }
      statistics.inUse = statistics.requests &- statistics.frees
      return statistics
    }
  }

  /// Statistics by zone, in the order of creation.
  func zoneStatistics() -> [ZoneStatistics] { zoneNames.indices.map { zoneStatistics($0) } }

  /// What the kernel counts for one zone (sysctl_vm_zone_stats): free items in slabs, buckets and caches; used are the
  /// others in slabs.
  func zoneStatistics(_ index: Int) -> ZoneStatistics {
    let keg = kegs[index]
    let zone = zones[index]
    var row = ZoneStatistics(name: zoneNames[index], size: keg.size, isInMap: isCounted(index))
    row.limit = policy.limitsItems ? zone.maximumItems : keg.maximumPages / keg.pagesPerSlab * keg.itemsPerSlab
    row.kegFree = keg.freeItems
    row.cpuFree = cachedItems(index)
    row.free = keg.freeItems + row.cpuFree + zone.bucketItems
    row.used = keg.slabs * keg.itemsPerSlab - row.free
    let calls = calls(index)
    row.requests = calls.allocations
    row.frees = calls.frees
    row.failures = zone.failures
    row.pages = keg.pages
    row.bootPages = keg.bootPages
    row.pagesReturned = keg.pagesReturned
    row.fullBuckets = zone.bucketCount
    row.bucketCount = zone.bucketSize
    return row
  }

  /// Allocations and frees of a zone so far; of a zone of malloc, those of all types.
  private func calls(_ zone: Int) -> CallCounts {
    guard kegs[zone].isMalloc else { return state.pointee.zoneCounts[zone] }
    let sizeClass = zone - state.pointee.firstMallocZone
    return typeNames.indices.reduce(into: CallCounts()) { sum, type in
      let counts = state.pointee.counts[(type + 1) * Self.countsPerRow + sizeClass]
      sum.allocations &+= counts.allocations
      sum.frees &+= counts.frees
    }
  }

  /// `vmstat -m` (usr.bin/vmstat/vmstat.c, domemstat_malloc); `highUse` is the column that recent releases dropped.
  ///
  /// Types without allocations are left out. The order is that of registration.
  func vmstatM(highUse: Bool) -> String {
    let highColumn = highUse ? " " + TextColumn.right("HighUse", 7) : ""
    var text = "\(TextColumn.right("Type", 13)) \(TextColumn.right("InUse", 5)) \(TextColumn.right("MemUse", 6))"
    text += "\(highColumn) \(TextColumn.right("Requests", 8))  Size(s)\n"
    for row in typeStatistics() where row.requests != 0 || row.inUse != 0 {
      let kilobytes = (row.bytes + 1023) / 1024
      text += "\(TextColumn.right(row.name, 13)) \(TextColumn.right(row.inUse, 5)) \(TextColumn.right(kilobytes, 5))K"
      if highUse { text += " " + TextColumn.right("-", 7) }
      let sizes = (0..<32).filter { row.sizes & (1 << UInt64($0)) != 0 }.map { "\(16 << $0)" }
      text += " \(TextColumn.right(row.requests, 8))  \(sizes.joined(separator: ","))\n"
    }
    return text
  }

  /// The rows of `vmstat -z` (domemstat_zone): seven numbers, or eight with the cross-domain frees of 12 and later, which
  /// a kernel with one memory domain does not have.
  func vmstatZRows(crossDomain: Bool) -> String {
    var text = ""
    for row in zoneStatistics() {
      text += "\(TextColumn.left(row.name + ":", 20)) \(TextColumn.right(row.size, 6)), "
      text += "\(TextColumn.right(row.limit, 6)),\(TextColumn.right(row.requests &- row.frees, 8)),"
      text += "\(TextColumn.right(row.free, 8)),\(TextColumn.right(row.requests, 8)),"
      text += "\(TextColumn.right(row.failures, 4)),"
      text += TextColumn.right(sleeps(of: row.name), 4)
      text += crossDomain ? ",\(TextColumn.right(0, 4))\n" : "\n"
    }
    return text
  }

  private func sleeps(of name: String) -> UInt64 { zoneIndex(named: name).map { zones[$0].sleeps } ?? 0 }
}
