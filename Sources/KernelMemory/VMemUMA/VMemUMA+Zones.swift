// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension VMemUMA {
  /// uma_zcreate: takes an item of "UMA Zones" and one of "UMA Kegs", and a hash where slabs are found by one.
  ///
  /// - Returns: the zone's index, nil where the allocator has no room for one more or the kernel ended.
  @discardableResult
  func createZone(
    _ name: String, size: Int, alignmentMask: Int? = nil, flags: Flags = [], usesBootPages: Bool = false
  ) -> Int? {
    let index = state.pointee.zoneCount
    guard index < Self.zoneCapacity, !state.pointee.isDead, size > 0 else { return nil }
    var zone = Zone()
    // The zone of kegs and the zone of zones are static in the kernel, and so is the first one's keg.
    if index > 1 {
      zone.offset = allocateFromSlab(1, .wait)
      guard zone.offset != 0 else { return nil }
    }
    if index > 0 {
      guard allocateFromSlab(0, .wait) != 0 else { return nil }
    }
    let layout = Layout(
      size: size, alignmentMask: alignmentMask ?? policy.pointerBytes - 1, flags: flags, policy: policy)
    var keg = Keg(
      flags: layout.flags, size: size, stride: layout.stride, itemsPerSlab: layout.itemsPerSlab,
      pagesPerSlab: layout.pagesPerSlab, headerBytes: layout.headerBytes)
    keg.isDirect = directMap != nil && layout.pagesPerSlab == 1
    keg.usesBootPages = usesBootPages && layout.pagesPerSlab == 1
    if layout.flags.contains(.offPage) {
      let place = policy.headerZones.firstIndex { $0.items >= layout.itemsPerSlab } ?? 0
      keg.headerZone = headerZones[place]
    }
    if layout.flags.contains(.hash) {
      keg.hashOffset = allocateFromSlab(hashZone, .wait)
      guard keg.hashOffset != 0 else { return nil }
      keg.hashEntries = Self.initialHashEntries
    }
    (kegs + index).initialize(to: keg)
    if !flags.contains(.internal) {
      zone.bucketSize = flags.contains(.maxBucket) ? Self.largestBucket : Self.bucketSize(forItem: size)
      zone.minimumBucketSize = zone.bucketSize
    }
    (zones + index).initialize(to: zone)
    appendZoneName(name)
    state.pointee.zoneCount = index + 1
    setFastPath()
    return index
  }

  /// uma_startup: the zones that UMA needs itself, out of boot pages, in the kernel's order.
  func createInternalZones() {
    let flags: Flags = .internal
    // UMA_ALIGN_CACHE: 64 bytes.
    createZone("UMA Kegs", size: policy.kegBytes, alignmentMask: 63, flags: flags, usesBootPages: true)
    createZone(
      "UMA Zones", size: policy.zoneBytes + policy.cacheBytes * cpus, alignmentMask: 63, flags: flags,
      usesBootPages: true)
    for zone in policy.headerZones {
      if let index = createZone(zone.name, size: zone.size, flags: flags, usesBootPages: true) {
        headerZones.append(index)
      }
    }
    if policy.hasHashes {
      let bytes = Self.initialHashEntries * policy.pointerBytes
      hashZone = createZone("UMA Hash", size: bytes, flags: flags, usesBootPages: true) ?? 0
    }
    firstBucketZone = state.pointee.zoneCount
    for zone in Self.bucketZones {
      createZone("\(zone.words) Bucket", size: zone.words * policy.pointerBytes, flags: .bucket)
    }
  }

  /// kmeminit: the zone of statistics, then those of malloc.
  func createMallocZones() {
    let statistics = policy.statisticsZone
    state.pointee.statisticsZone =
      createZone(statistics.name, size: statistics.size, flags: [.malloc, .bookkeeping]) ?? 0
    state.pointee.firstMallocZone = state.pointee.zoneCount
    state.pointee.mallocCaches = state.pointee.caches + state.pointee.firstMallocZone
    var size = 16
    var unit = 0
    while size <= policy.largestMallocZone {
      guard let index = createZone("\(policy.mallocPrefix)\(size)", size: size, flags: .malloc) else { return }
      kegs[index].isMalloc = true
      while unit < size / 16 {
        state.pointee.sizeClasses[unit] = UInt8(truncatingIfNeeded: state.pointee.mallocZoneCount)
        unit += 1
      }
      state.pointee.mallocZoneCount += 1
      size *= 2
    }
  }

  /// What is left of the boot pages is gone, as if other zones of a real kernel had taken it.
  func discardBootPages() { state.pointee.bootPagesLeft = 0 }

  /// uma_zone_set_max: a limit on the items of a zone, rounded up to whole slabs where the kernel counts those.
  func setMaximum(_ index: Int, items: Int) {
    guard items > 0 else { return }
    if policy.limitsItems {
      zones[index].maximumItems = items
      return
    }
    let perSlab = kegs[index].itemsPerSlab
    if kegs[index].isMalloc {
      state.pointee.hasMallocLimit = true
      setFastPath()
    }
    kegs[index].maximumPages = (items + perSlab - 1) / perSlab * kegs[index].pagesPerSlab
  }
}
