// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension VMemUMA {
  /// Checks slab lists, free items, buckets and caches of every zone, the sums over all of them, and the arena.
  ///
  /// - Throws: the first violation, with its values.
  func checkInvariants() throws(InvariantViolation) {
    // A bit for each item that lies in a bucket; set up for pages with slabs alone.
    let marks = UnsafeMutablePointer<UInt64>.allocate(capacity: endPage * 4)
    defer { marks.deallocate() }
    var sums = Sums()
    for index in 0..<state.pointee.zoneCount {
      try checkSlabs(index, marks, &sums)
      try checkBuckets(index, marks, &sums)
      try checkCounts(index)
    }
    try checkSums(sums)
    try arena.checkInvariants()
    try arena.source?.checkInvariants()
    try directMap?.checkInvariants(name: "direct map")
  }

  /// What the zones add up to.
  private struct Sums {
    var arenaPages = 0
    var directPages = 0
    /// Slabs by zone of their headers.
    var headers = [Int](repeating: 0, count: VMemUMA.zoneCapacity)
    /// Buckets by bucket zone.
    var buckets = [Int](repeating: 0, count: VMemUMA.bucketZones.count)
  }

  private func checkSlabs(
    _ index: Int, _ marks: UnsafeMutablePointer<UInt64>, _ sums: inout Sums
  ) throws(InvariantViolation) {
    let keg = kegs[index]
    let name = zoneNames[index]
    var count = 0
    var free = 0
    var boot = 0
    for list in [SlabList.part, .free, .full] {
      var previous = 0
      var page = Int(head(index, list.rawValue).pointee)
      while page != 0 {
        let slab = slabs[page]
        let freeCount = Int(slab.freeCount)
        guard slab.kind == .slab, Int(slab.zone) == index, Int(slab.list) == list.rawValue,
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
        try checkBits(index, page)
        (marks + page * 4).initialize(repeating: 0, count: 4)
        count += 1
        free += freeCount
        if slab.isBoot { boot += 1 } else { try checkPlace(index, page) }
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
      sums.arenaPages += keg.pages - keg.bootPages
    }
    if keg.flags.contains(.offPage) { sums.headers[keg.headerZone] += count }
  }

  /// The free bits of a slab are as many as it counts, all of items that exist.
  private func checkBits(_ index: Int, _ page: Int) throws(InvariantViolation) {
    let items = kegs[index].itemsPerSlab
    var count = 0
    for word in 0..<4 {
      let bits = freeBits[page * 4 + word]
      let valid = min(64, max(0, items - word * 64))
      guard valid == 64 || bits >> UInt64(valid) == 0 else {
        throw InvariantViolation("zone \(zoneNames[index]): slab \(page) has free items past its \(items)")
      }
      count += bits.nonzeroBitCount
    }
    guard count == Int(slabs[page].freeCount) else {
      throw InvariantViolation(
        "zone \(zoneNames[index]): slab \(page) has \(count) free items, counted \(slabs[page].freeCount)")
    }
  }

  /// A slab lies where its pages are in use: in the arena or in the direct map.
  private func checkPlace(_ index: Int, _ page: Int) throws(InvariantViolation) {
    let pages = kegs[index].pagesPerSlab
    if page >= firstDirectPage {
      guard kegs[index].isDirect, directMap?.isUsed(page: page - firstDirectPage, pages: 1) == true else {
        throw InvariantViolation("zone \(zoneNames[index]): slab \(page) lies in a free page of the direct map")
      }
    } else {
      guard !kegs[index].isDirect, arena.isBusy(page - firstArenaPage, quanta: pages) else {
        throw InvariantViolation("zone \(zoneNames[index]): slab \(page) of \(pages) pages is no segment of the arena")
      }
    }
  }

  private func checkBuckets(
    _ index: Int, _ marks: UnsafeMutablePointer<UInt64>, _ sums: inout Sums
  ) throws(InvariantViolation) {
    let zone = zones[index]
    let name = zoneNames[index]
    var count = 0
    var items = 0
    var previous: UnsafeMutablePointer<Bucket>?
    var next = zone.firstBucket
    while let bucket = next {
      guard bucket.pointee.count > 0, bucket.pointee.previous == previous else {
        throw InvariantViolation("zone \(name): bucket \(count) of \(bucket.pointee.count) items is linked wrongly")
      }
      try checkItems(index, bucket, marks, &sums)
      count += 1
      items += Int(bucket.pointee.count)
      previous = bucket
      next = bucket.pointee.next
    }
    guard count == zone.bucketCount, items == zone.bucketItems, previous == zone.lastBucket else {
      throw InvariantViolation(
        "zone \(name): \(count) buckets with \(items) items, counted \(zone.bucketCount) with \(zone.bucketItems)")
    }
    for cpu in 0..<cpus {
      let cache = caches[cpu * Self.zoneCapacity + index]
      if let alloc = cache.alloc { try checkItems(index, alloc, marks, &sums) }
      if let free = cache.free { try checkItems(index, free, marks, &sums) }
    }
  }

  /// Every item in a bucket lies in a slab of the zone, begins where one may, and is nowhere else.
  private func checkItems(
    _ index: Int, _ bucket: UnsafeMutablePointer<Bucket>, _ marks: UnsafeMutablePointer<UInt64>, _ sums: inout Sums
  ) throws(InvariantViolation) {
    let keg = kegs[index]
    let name = zoneNames[index]
    guard !keg.flags.contains(.internal) else { throw InvariantViolation("internal zone \(name) has a bucket") }
    guard bucket.pointee.count <= bucket.pointee.entries else {
      throw InvariantViolation("zone \(name): \(bucket.pointee.count) items in a bucket of \(bucket.pointee.entries)")
    }
    let owner = slabs[Int(bucket.pointee.offset) / kernelPageSize]
    let size = Self.bucketZone(forEntries: Int(bucket.pointee.entries))
    guard owner.kind == .slab, Int(owner.zone) == firstBucketZone + size else {
      throw InvariantViolation(
        "zone \(name): a bucket lies at \(bucket.pointee.offset), in a page of zone \(owner.zone)")
    }
    sums.buckets[size] += 1
    for place in 0..<Int(bucket.pointee.count) {
      let item = Int(bucket.items[place])
      let page = item / kernelPageSize
      let (slot, rest) = (item % kernelPageSize).quotientAndRemainder(dividingBy: keg.stride)
      guard slabs[page].kind == .slab, Int(slabs[page].zone) == index, rest == 0, slot < keg.itemsPerSlab else {
        throw InvariantViolation("zone \(name): \(item) in a bucket is no item of the zone")
      }
      let bit: UInt64 = 1 << UInt64(slot & 63)
      let word = page * 4 + slot >> 6
      guard freeBits[word] & bit == 0, marks[word] & bit == 0 else {
        throw InvariantViolation(
          "zone \(name): item \(item) is free twice (bucket and \(marks[word] & bit == 0 ? "slab" : "bucket"))")
      }
      marks[word] |= bit
    }
  }

  private func checkCounts(_ index: Int) throws(InvariantViolation) {
    let row = zoneStatistics(index)
    let zone = zones[index]
    let byCalls = Int(row.requests) - Int(row.frees)
    guard row.used >= 0, state.pointee.isDead ? row.used >= byCalls : row.used == byCalls else {
      throw InvariantViolation(
        "zone \(row.name): \(row.used) items used, \(row.requests) allocations less \(row.frees) frees")
    }
    guard zone.bucketSize >= zone.minimumBucketSize, zone.bucketSize <= Self.largestBucket else {
      throw InvariantViolation("zone \(row.name): wanted bucket size \(zone.bucketSize)")
    }
    guard zone.intervalMinimum >= 0, zone.intervalMinimum <= zone.intervalMaximum, zone.workingSet >= 0 else {
      throw InvariantViolation(
        "zone \(row.name): working set \(zone.workingSet), interval \(zone.intervalMinimum) to \(zone.intervalMaximum)")
    }
  }

  private func checkSums(_ sums: Sums) throws(InvariantViolation) {
    let state = state.pointee
    let pages = sums.arenaPages + state.largePages + state.lostPages
    guard pages == arena.inUse, sums.directPages == directMap?.usedPages ?? 0 else {
      throw InvariantViolation(
        "\(sums.arenaPages) pages of zones, \(state.largePages) of large mallocs, \(state.lostPages) lost; "
          + "\(arena.inUse) of the arena in use, \(sums.directPages) direct")
    }
    let counted = pages + (policy.countsDirectMap ? sums.directPages : 0)
    let ledger = ledger()
    guard counted == state.usedPages, ledger.total == counted * kernelPageSize, ledger.live >= 0, ledger.rounding >= 0
    else {
      throw InvariantViolation(
        "the accounts add up to \(ledger.total), not to \(counted) pages (\(state.usedPages) counted): \(ledger)")
    }
    guard !state.isDead else { return }
    for (size, count) in sums.buckets.enumerated() {
      let used = zoneStatistics(firstBucketZone + size).used
      guard used == count else {
        throw InvariantViolation("\(count) buckets of size class \(size), \(used) items in use")
      }
    }
    var large = 0
    if policy.largeMallocHasHeader {
      for page in firstArenaPage..<firstDirectPage where slabs[page].kind == .largeMalloc { large += 1 }
    }
    for (place, index) in headerZones.enumerated() {
      let used = zoneStatistics(index).used
      let expected = sums.headers[index] + (place == 0 ? large : 0)
      guard used == expected else {
        throw InvariantViolation("\(expected) off-page headers of zone \(zoneNames[index]), \(used) items in use")
      }
    }
  }
}
