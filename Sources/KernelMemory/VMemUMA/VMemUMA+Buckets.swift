// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension VMemUMA {
  /// bucket_alloc: an empty bucket of the zone's wanted size, never waiting; nil while buckets are disabled.
  ///
  /// A zone of buckets gets a bucket for itself only if none is being looked for already, and one of the next larger
  /// size where it would have to serve itself.
  func allocateBucket(_ index: Int, inBucketZone: Bool) -> UnsafeMutablePointer<Bucket>? {
    guard !state.pointee.bucketsDisabled else { return nil }
    let isBucketZone = kegs[index].flags.contains(.bucket)
    if isBucketZone, inBucketZone { return nil }
    var size = Self.bucketZone(forEntries: zones[index].bucketSize)
    if firstBucketZone &+ size == index, size &+ 1 < Self.bucketZones.count { size &+= 1 }
    let item = zallocSlow(firstBucketZone &+ size, .noWait, inBucketZone: isBucketZone)
    guard item != 0 else { return nil }
    return bucketPools[size].take(offset: item)
  }

  /// bucket_free: an empty bucket goes back to its zone.
  func freeBucket(_ index: Int, _ bucket: UnsafeMutablePointer<Bucket>, inBucketZone: Bool) {
    let isBucketZone = kegs[index].flags.contains(.bucket)
    let size = Self.bucketZone(forEntries: Int(bucket.pointee.entries))
    let item = bucket.pointee.offset
    bucketPools[size].give(bucket)
    zfreeSlow(firstBucketZone &+ size, item, inBucketZone: isBucketZone && inBucketZone)
  }

  /// zone_alloc_bucket and zone_import: a bucket with as many items as are wanted.
  ///
  /// The first slab is asked for as the caller would, so that a caller may wait there; the others never wait.
  ///
  /// - Returns: nil where no item came, or the kernel ended.
  func fillBucket(_ index: Int, _ wait: WaitPolicy, inBucketZone: Bool) -> UnsafeMutablePointer<Bucket>? {
    let zone = zones + index
    var wanted = zone.pointee.bucketSize
    if zone.pointee.maximumItems != 0 {
      wanted = min(wanted, zone.pointee.maximumItems &- kegs[index].itemsOut)
      if wanted <= 0 { return nil }
    }
    guard let bucket = allocateBucket(index, inBucketZone: inBucketZone) else { return nil }
    wanted = min(Int(bucket.pointee.entries), wanted)
    let items = bucket.items
    var count = 0
    var policy = wait
    while count < wanted {
      let page = slabWithFreeItem(index, policy)
      guard page != 0 else { break }
      while slabs[page].freeCount != 0, count < wanted {
        items[count] = takeItem(index, page)
        count &+= 1
      }
      policy = .noWait
    }
    bucket.pointee.count = count
    if count > 0 { return bucket }
    // A kernel that ended leaves everything as it is; the bucket with it.
    if !state.pointee.isDead { freeBucket(index, bucket, inBucketZone: inBucketZone) }
    return nil
  }

  // MARK: The zone's cache of buckets

  /// zone_put_bucket: at the warm end, where the next caller takes it, or at the cold one.
  ///
  /// Without a working set every bucket goes to the one end there is.
  func pushBucket(_ index: Int, _ bucket: UnsafeMutablePointer<Bucket>, isWarm: Bool) {
    let zone = zones + index
    zone.pointee.bucketCount &+= 1
    zone.pointee.bucketItems &+= Int(bucket.pointee.count)
    if isWarm, zone.pointee.intervalMaximum < zone.pointee.bucketItems {
      zone.pointee.intervalMaximum = zone.pointee.bucketItems
    }
    if isWarm || !policy.hasWorkingSet {
      let first = zone.pointee.firstBucket
      bucket.pointee.previous = nil
      bucket.pointee.next = first
      if let first { first.pointee.previous = bucket } else { zone.pointee.lastBucket = bucket }
      zone.pointee.firstBucket = bucket
    } else {
      let last = zone.pointee.lastBucket
      bucket.pointee.previous = last
      bucket.pointee.next = nil
      if let last { last.pointee.next = bucket } else { zone.pointee.firstBucket = bucket }
      zone.pointee.lastBucket = bucket
    }
  }

  /// zone_fetch_bucket: the bucket that was put there last.
  func popBucket(_ index: Int) -> UnsafeMutablePointer<Bucket>? {
    let zone = zones + index
    guard let bucket = zone.pointee.firstBucket else { return nil }
    unlinkBucket(index, bucket)
    if zone.pointee.intervalMinimum > zone.pointee.bucketItems {
      zone.pointee.intervalMinimum = zone.pointee.bucketItems
    }
    return bucket
  }

  func unlinkBucket(_ index: Int, _ bucket: UnsafeMutablePointer<Bucket>) {
    let zone = zones + index
    let next = bucket.pointee.next
    let previous = bucket.pointee.previous
    if let next { next.pointee.previous = previous } else { zone.pointee.lastBucket = previous }
    if let previous { previous.pointee.next = next } else { zone.pointee.firstBucket = next }
    bucket.pointee.next = nil
    bucket.pointee.previous = nil
    zone.pointee.bucketCount &-= 1
    zone.pointee.bucketItems &-= Int(bucket.pointee.count)
  }

  /// zone_domain_update_wss: one interval of the working-set estimate ends.
  ///
  /// - Returns: false where nothing changed.
  func updateWorkingSet(_ index: Int) -> Bool {
    let zone = zones + index
    let before = zone.pointee.workingSet
    let delta = zone.pointee.intervalMaximum &- zone.pointee.intervalMinimum
    let estimate = (4 &* delta &+ before) / 5
    let isStill = estimate == before && delta == 0
    zone.pointee.workingSet = estimate
    zone.pointee.intervalMaximum = zone.pointee.bucketItems
    zone.pointee.intervalMinimum = zone.pointee.bucketItems
    return !isStill
  }

  /// bucket_cache_reclaim: gives buckets of the zone's cache and their items back, all of them or those above the
  /// working set, and makes the wanted size one smaller.
  func reclaimBuckets(_ index: Int, trimming: Bool) {
    let zone = zones + index
    var target = 0
    if trimming {
      target = max(zone.pointee.workingSet, zone.pointee.bucketItems &- zone.pointee.intervalMinimum)
    }
    while zone.pointee.bucketItems > target {
      guard let bucket = policy.hasWorkingSet ? zone.pointee.lastBucket : zone.pointee.firstBucket else { break }
      let count = Int(bucket.pointee.count)
      unlinkBucket(index, bucket)
      // The interval's bounds move along, so that the estimate does not see the trimming.
      zone.pointee.intervalMaximum &-= min(zone.pointee.intervalMaximum, count)
      zone.pointee.intervalMinimum &-= min(zone.pointee.intervalMinimum, count)
      for place in 0..<count { returnItem(index, bucket.items[place]) }
      bucket.pointee.count = 0
      freeBucket(index, bucket, inBucketZone: false)
    }
    if zone.pointee.bucketSize > zone.pointee.minimumBucketSize { zone.pointee.bucketSize &-= 1 }
  }
}
