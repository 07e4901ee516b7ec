// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension UMA {
  /// uma_reclaim: drains every zone, newest first, and then the zones of headers and buckets once more, because the
  /// first pass put items back there.
  func reclaim() {
    guard !state.pointee.isDead else { return }
    enableBuckets()
    for zone in stride(from: state.pointee.zoneCount - 1, through: 0, by: -1) { drain(zone) }
    drain(InternalZone.slabs)
    drain(InternalZone.refcountedSlabs)
    for bucket in UMAConstants.bucketEntries.indices { drain(InternalZone.firstBucket + bucket) }
  }

  /// zone_drain: empties the buckets on the zone's lists and gives back its free slabs.
  ///
  /// Per-CPU caches keep what they
  /// have.
  func drain(_ zone: Int) {
    let keg = kegs + zone
    guard !keg.pointee.flags.contains(.noFree) else { return }
    drainBucketLists(zone)
    guard keg.pointee.freeItems != 0 else { return }
    // Slabs leave the list from its head and are given back in the opposite order: the order matters to the zones of
    // headers.
    var chain: Int32 = 0
    var page = head(zone, UMASlabList.free.rawValue).pointee
    while page != 0 {
      let next = slabs[Int(page)].next
      if !slabs[Int(page)].isBoot {
        remove(zone, Int(page))
        keg.pointee.pages &-= keg.pointee.pagesPerSlab
        keg.pointee.freeItems &-= keg.pointee.itemsPerSlab
        slabs[Int(page)].next = chain
        chain = page
      }
      page = next
    }
    while chain != 0 {
      let next = slabs[Int(chain)].next
      destroySlab(zone, Int(chain))
      chain = next
    }
  }

  /// bucket_cache_drain: items of full buckets go back to their slabs, the buckets to their zones.
  private func drainBucketLists(_ index: Int) {
    let zone = zones + index
    while let bucket = popFull(zone) {
      var count = Int(bucket.pointee.count)
      while count > 0 {
        count &-= 1
        returnItem(index, bucket.items[count])
      }
      bucket.pointee.count = 0
      freeBucket(bucket)
    }
    while let bucket = popEmpty(zone) { freeBucket(bucket) }
  }

  /// The virtual clock: runs the callout for every mark of 20 s that has passed, on processor 0.
  func advance(to nanoseconds: UInt64) {
    while state.pointee.nextCallout <= nanoseconds {
      let next = state.pointee.nextCallout.addingReportingOverflow(UMAConstants.calloutInterval)
      state.pointee.nextCallout = next.overflow ? .max : next.partialValue
      // A callout that found nothing to do finds nothing at the following marks either: nobody ran in between.
      if next.overflow || !runCallout() {
        let behind = nanoseconds - nanoseconds % UMAConstants.calloutInterval
        let mark = behind.addingReportingOverflow(UMAConstants.calloutInterval)
        state.pointee.nextCallout = mark.overflow ? .max : mark.partialValue
        return
      }
    }
  }

  /// uma_timeout: looks at the physical pages and expands hashes.
  ///
  /// - Returns: false where no hash was to be expanded.
  private func runCallout() -> Bool {
    guard !state.pointee.isDead else { return false }
    let cpu = currentCPU
    currentCPU = 0
    defer { currentCPU = cpu }
    enableBuckets()
    var found = false
    for zone in stride(from: state.pointee.zoneCount - 1, through: 0, by: -1) where expandHash(zone) { found = true }
    return found
  }

  /// zone_timeout: doubles the slab hash once there are as many slabs as entries, from malloc and without waiting.
  ///
  /// - Returns: false where the hash is large enough.
  private func expandHash(_ zone: Int) -> Bool {
    let keg = kegs + zone
    let entries = keg.pointee.hashEntries
    guard entries != 0, keg.pointee.slabs >= entries else { return false }
    let hash = mallocHash(bytes: entries * 2 * structures.pointerBytes)
    guard hash != 0 else { return true }
    let old = keg.pointee.hashOffset
    keg.pointee.hashEntries = entries * 2
    keg.pointee.hashOffset = hash
    if entries == UMAConstants.initialHashEntries {
      freeToSlab(InternalZone.hash, old)
    } else {
      freeHash(old, bytes: entries * structures.pointerBytes)
    }
    return true
  }
}
