// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension UMA {
  /// uma_zcreate: takes an item of "UMA Zones" and one of "UMA Kegs", and a hash where slabs are found by one.
  ///
  /// Without an alignment mask items are aligned as pointers are.
  ///
  /// - Returns: the zone's index, nil where the allocator has no room for one more or the kernel ended.
  @discardableResult
  func createZone(
    _ name: String, size: Int, alignmentMask: Int? = nil, flags: UMAZoneFlags = [],
    usesBootPages: Bool = false
  ) -> Int? {
    let index = state.pointee.zoneCount
    guard index < UMAConstants.zoneCapacity, !state.pointee.isDead, size > 0 else { return nil }
    // The zone of kegs and the zone of zones are static in the kernel, and so is the first one's keg.
    if index > InternalZone.zones {
      guard allocateFromSlab(InternalZone.zones, .wait) != 0 else { return nil }
    }
    if index > InternalZone.kegs {
      guard allocateFromSlab(InternalZone.kegs, .wait) != 0 else { return nil }
    }
    let layout = UMASlabLayout(
      size: size, alignmentMask: alignmentMask ?? structures.pointerAlignmentMask, flags: flags, structures: structures)
    var keg = UMAKeg(
      flags: layout.flags, size: size, stride: layout.itemStride, itemsPerSlab: layout.itemsPerSlab,
      pagesPerSlab: layout.pagesPerSlab)
    keg.usesBootPages = usesBootPages && layout.pagesPerSlab == 1
    keg.isDirect = directMap != nil && layout.pagesPerSlab == 1
    if layout.flags.contains(.offPage) {
      keg.headerZone = flags.contains(.refcount) ? InternalZone.refcountedSlabs : InternalZone.slabs
    }
    if layout.flags.contains(.hash) {
      keg.hashOffset = allocateFromSlab(InternalZone.hash, .wait)
      guard keg.hashOffset != 0 else { return nil }
      keg.hashEntries = UMAConstants.initialHashEntries
    }
    (kegs + index).initialize(to: keg)
    var zone = UMAZone()
    if !flags.contains(.internal) {
      zone.bucketSize =
        flags.contains(.maxBucket) ? UMAConstants.largestBucket : min(layout.itemsPerSlab, UMAConstants.largestBucket)
    }
    (zones + index).initialize(to: zone)
    appendZoneName(name)
    state.pointee.zoneCount = index + 1
    setFastPath()
    return index
  }

  /// uma_startup: the zones that UMA needs itself, out of boot pages, in the kernel's order.
  func createInternalZones() {
    typealias C = UMAConstants
    let flags: UMAZoneFlags = .internal
    createZone(
      "UMA Kegs", size: structures.kegBytes, alignmentMask: C.zoneAlignmentMask, flags: flags, usesBootPages: true)
    createZone(
      "UMA Zones", size: structures.zoneBytes + structures.cacheBytes * cpus, alignmentMask: C.zoneAlignmentMask,
      flags: flags,
      usesBootPages: true)
    createZone("UMA Slabs", size: structures.offPageHeaderBytes, flags: flags, usesBootPages: true)
    createZone("UMA RCntSlabs", size: structures.refcountedOffPageHeaderBytes, flags: flags, usesBootPages: true)
    createZone("UMA Hash", size: C.initialHashEntries * structures.pointerBytes, flags: flags, usesBootPages: true)
    for entries in C.bucketEntries {
      createZone("\(entries) Bucket", size: structures.bucketBytes(entries: entries), flags: flags, usesBootPages: true)
    }
  }

  /// What is left of the boot pages is gone, as if other zones of a real kernel had taken it.
  func discardBootPages() { state.pointee.bootPagesLeft = 0 }

  /// uma_zone_set_max: a limit on the items of a zone, rounded up to whole slabs.
  func setMaximum(_ zone: Int, items: Int) {
    let keg = kegs + zone
    guard items > 0 else { return }
    let perSlab = keg.pointee.itemsPerSlab
    keg.pointee.maximumPages = (items + perSlab - 1) / perSlab * keg.pointee.pagesPerSlab
    // Frees of a zone at its limit bypass the caches, which the short path of malloc's zones does not look at.
    if keg.pointee.isMalloc {
      state.pointee.hasMallocLimit = true
      setFastPath()
    }
  }
}
