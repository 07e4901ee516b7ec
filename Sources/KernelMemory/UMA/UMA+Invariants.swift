// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension UMA {
  /// Checks slab lists, free lists, buckets and caches of every zone, and the sums over all of them.
  ///
  /// - Throws: the first violation, with its values.
  func checkInvariants() throws(InvariantViolation) {
    let totalPages = firstDirectPage + (directMap?.capacityPages ?? 0)
    // 1 for an item that lies free in its slab, 2 for one in a bucket; only the bytes of pages with slabs are ever set
    // up.
    let marks = UnsafeMutablePointer<UInt8>.allocate(capacity: totalPages * UMAConstants.freeListStride)
    defer { marks.deallocate() }
    var sums = UMASums()
    for zone in 0..<state.pointee.zoneCount {
      try checkSlabs(zone, marks, &sums)
      try checkBuckets(zone, marks, &sums)
      try checkCounts(zone, marks)
    }
    try checkSums(sums)
    try map.checkInvariants(name: "kmem_map")
    try directMap?.checkInvariants(name: "direct map")
  }

  /// What the zones add up to.
  private struct UMASums {
    var mapPages = 0
    var directPages = 0
    /// Slabs by zone of their headers.
    var headers = [Int: Int]()
    /// Buckets by bucket zone.
    var buckets = [Int](repeating: 0, count: UMAConstants.bucketEntries.count)
  }

  private func checkSlabs(
    _ zone: Int, _ marks: UnsafeMutablePointer<UInt8>, _ sums: inout UMASums
  ) throws(InvariantViolation) {
    let keg = kegs[zone]
    let name = zoneNames[zone]
    var count = 0
    var free = 0
    var boot = 0
    for list in [UMASlabList.part, .free, .full] {
      var previous = 0
      var page = Int(head(zone, list.rawValue).pointee)
      while page != 0 {
        let slab = slabs[page]
        let freeCount = Int(slab.freeCount)
        guard slab.kind == UMAPageKind.slab, Int(slab.zone) == zone, Int(slab.list) == list.rawValue,
          Int(slab.previous) == previous
        else {
          throw InvariantViolation("zone \(name): page \(page) on list \(list) is no slab of the zone there: \(slab)")
        }
        let fits =
          switch list {
          case .part: freeCount < keg.itemsPerSlab && freeCount > 0
          case .free: freeCount == keg.itemsPerSlab
          case .full: freeCount == 0
          }
        guard fits else {
          throw InvariantViolation(
            "zone \(name): slab \(page) with \(freeCount) of \(keg.itemsPerSlab) free is on list \(list)")
        }
        try walkFreeList(zone, page, marks)
        count += 1
        free += freeCount
        if slab.isBoot { boot += 1 } else { try checkPlace(zone, page) }
        guard count <= keg.slabs else { throw InvariantViolation("zone \(name): more slabs listed than \(keg.slabs)") }
        previous = page
        page = Int(slab.next)
      }
    }
    guard count == keg.slabs, boot == keg.bootPages else {
      throw InvariantViolation(
        "zone \(name): \(count) slabs listed, \(boot) of boot pages; counted \(keg.slabs) and \(keg.bootPages)")
    }
    guard free == keg.freeItems else {
      throw InvariantViolation("zone \(name): \(free) free items in slabs, counted \(keg.freeItems)")
    }
    if keg.isDirect {
      sums.directPages += keg.pages - keg.bootPages
    } else {
      sums.mapPages += keg.pages - keg.bootPages
    }
    if keg.flags.contains(.offPage) { sums.headers[keg.headerZone, default: 0] += count }
  }

  /// A slab lies where its pages are in use: in kmem_map or in the direct map.
  private func checkPlace(_ zone: Int, _ page: Int) throws(InvariantViolation) {
    let isInUse =
      kegs[zone].isDirect
      ? directMap?.isUsed(page: page - firstDirectPage, pages: 1) == true
      : map.isUsed(page: page - UMA.firstMapPage, pages: kegs[zone].pagesPerSlab)
    guard isInUse else { throw InvariantViolation("zone \(zoneNames[zone]): slab \(page) lies in free pages") }
  }

  private func walkFreeList(
    _ zone: Int, _ page: Int, _ marks: UnsafeMutablePointer<UInt8>
  ) throws(InvariantViolation) {
    let items = kegs[zone].itemsPerSlab
    let base = page * UMAConstants.freeListStride
    (marks + base).initialize(repeating: 0, count: items)
    var index = Int(slabs[page].firstFree)
    for step in 0..<Int(slabs[page].freeCount) {
      guard index < items, marks[base + index] == 0 else {
        throw InvariantViolation("zone \(zoneNames[zone]): free list of slab \(page) comes to \(index) at step \(step)")
      }
      marks[base + index] = 1
      index = Int(freeLists[base + index])
    }
  }

  private func checkBuckets(
    _ index: Int, _ marks: UnsafeMutablePointer<UInt8>, _ sums: inout UMASums
  ) throws(InvariantViolation) {
    let zone = zones[index]
    let name = zoneNames[index]
    var count = 0
    var items = 0
    var bucket = zone.fullBuckets
    while let full = bucket {
      guard full.pointee.count > 0 else { throw InvariantViolation("zone \(name): an empty bucket on the full list") }
      try checkItems(index, full, marks, &sums)
      count += 1
      items += Int(full.pointee.count)
      bucket = full.pointee.next
    }
    guard count == zone.fullBucketCount, items == zone.fullBucketItems else {
      throw InvariantViolation(
        "zone \(name): \(count) full buckets with \(items) items, counted \(zone.fullBucketCount) "
          + "with \(zone.fullBucketItems)"
      )
    }
    count = 0
    bucket = zone.emptyBuckets
    while let empty = bucket {
      guard empty.pointee.count == 0 else {
        throw InvariantViolation("zone \(name): \(empty.pointee.count) items in a bucket of the empty list")
      }
      try checkItems(index, empty, marks, &sums)
      count += 1
      bucket = empty.pointee.next
    }
    guard count == zone.emptyBucketCount else {
      throw InvariantViolation("zone \(name): \(count) empty buckets, counted \(zone.emptyBucketCount)")
    }
    for cpu in 0..<cpus {
      let cache = caches[cpu * UMAConstants.zoneCapacity + index]
      if let alloc = cache.alloc { try checkItems(index, alloc, marks, &sums) }
      if let free = cache.free { try checkItems(index, free, marks, &sums) }
    }
  }

  /// Every item in a bucket lies in a slab of the zone, begins where one may, and is nowhere else.
  private func checkItems(
    _ zone: Int, _ bucket: UnsafeMutablePointer<UMABucket>, _ marks: UnsafeMutablePointer<UInt8>, _ sums: inout UMASums
  ) throws(InvariantViolation) {
    let keg = kegs[zone]
    let name = zoneNames[zone]
    guard !keg.flags.contains(.internal) else { throw InvariantViolation("internal zone \(name) has a bucket") }
    guard bucket.pointee.count <= bucket.pointee.entries else {
      throw InvariantViolation("zone \(name): \(bucket.pointee.count) items in a bucket of \(bucket.pointee.entries)")
    }
    let owner = slabs[Int(bucket.pointee.offset) / kernelPageSize]
    let bucketIndex = UMA.bucketIndex(entries: Int(bucket.pointee.entries))
    guard owner.kind == UMAPageKind.slab, Int(owner.zone) == InternalZone.firstBucket + bucketIndex else {
      throw InvariantViolation(
        "zone \(name): a bucket lies at \(bucket.pointee.offset), in a page of zone \(owner.zone)")
    }
    sums.buckets[bucketIndex] += 1
    for place in 0..<Int(bucket.pointee.count) {
      let item = Int(bucket.items[place])
      let page = item / kernelPageSize
      let (index, rest) = (item % kernelPageSize).quotientAndRemainder(dividingBy: keg.stride)
      guard slabs[page].kind == UMAPageKind.slab, Int(slabs[page].zone) == zone, rest == 0, index < keg.itemsPerSlab
      else { throw InvariantViolation("zone \(name): \(item) in a bucket is no item of the zone") }
      let mark = page * UMAConstants.freeListStride + index
      guard marks[mark] == 0 else {
        throw InvariantViolation(
          "zone \(name): item \(item) is free twice (\(marks[mark] == 1 ? "slab" : "bucket") and bucket)")
      }
      marks[mark] = 2
    }
  }

  private func checkCounts(_ index: Int, _ marks: UnsafeMutablePointer<UInt8>) throws(InvariantViolation) {
    let row = zoneStatistics(index)
    let byCalls = Int(row.requests) - Int(row.frees)
    guard row.used >= 0, state.pointee.isDead ? row.used >= byCalls : row.used == byCalls else {
      throw InvariantViolation(
        "zone \(row.name): \(row.used) items used, \(row.requests) allocations less \(row.frees) frees")
    }
    guard row.bucketCount <= UMAConstants.largestBucket else {
      throw InvariantViolation("zone \(row.name): wanted bucket size \(row.bucketCount)")
    }
  }

  private func checkSums(_ sums: UMASums) throws(InvariantViolation) {
    let state = state.pointee
    let pages = sums.mapPages + state.largePages + state.lostPages
    guard pages == map.usedPages else {
      throw InvariantViolation(
        "\(sums.mapPages) pages of zones, \(state.largePages) of large mallocs, \(state.lostPages) lost; "
          + "\(map.usedPages) of the map in use"
      )
    }
    let direct = directMap?.usedPages ?? 0
    guard sums.directPages == direct else {
      throw InvariantViolation("\(sums.directPages) pages of zones in the direct map, \(direct) of it in use")
    }
    let ledger = ledger()
    guard ledger.total == map.usedPages * kernelPageSize, ledger.live >= 0, ledger.rounding >= 0 else {
      throw InvariantViolation(
        "the accounts add up to \(ledger.total), not to \(map.usedPages * kernelPageSize): \(ledger)")
    }
    guard !state.isDead else { return }
    for (index, count) in sums.buckets.enumerated() {
      let used = zoneStatistics(InternalZone.firstBucket + index).used
      guard used == count else {
        throw InvariantViolation("\(count) buckets of size class \(index), \(used) items in use")
      }
    }
    var large = 0
    var largePages = 0
    for page in UMA.firstMapPage..<UMA.firstMapPage + map.capacityPages
    where slabs[page].kind == UMAPageKind.largeMalloc {
      large += 1
      largePages += Int(slabs[page].pages)
      guard map.isUsed(page: page - UMA.firstMapPage, pages: Int(slabs[page].pages)) else {
        throw InvariantViolation("the large malloc at page \(page) lies in free pages")
      }
    }
    guard largePages == state.largePages else {
      throw InvariantViolation("large mallocs of \(largePages) pages, counted \(state.largePages)")
    }
    let headers = zoneStatistics(InternalZone.slabs).used
    guard headers == sums.headers[InternalZone.slabs, default: 0] + large else {
      throw InvariantViolation("\(headers) headers in use, \(sums.headers) slabs and \(large) large mallocs")
    }
    try checkMallocTypes()
  }

  /// The bytes of all malloc types are the items in use of the malloc zones and the large mallocs.
  private func checkMallocTypes() throws(InvariantViolation) {
    var byType: UInt64 = 0
    for type in 0..<state.pointee.typeCount { byType &+= typeStatistics(type).bytes }
    var byZone = state.pointee.largePages * kernelPageSize
    for zone in 0..<state.pointee.zoneCount where kegs[zone].flags.isSuperset(of: .malloc) {
      if kegs[zone].flags.contains(.bookkeeping) { continue }
      byZone += zoneStatistics(zone).used * kegs[zone].size
    }
    guard Int(byType) == byZone else {
      throw InvariantViolation("\(byType) bytes in malloc types, \(byZone) in malloc zones and large mallocs")
    }
  }
}
