// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension VMemUMA {
  /// The short path of uma_zfree: an item into the processor's alloc bucket, which is warm, else into its free bucket;
  /// nothing is counted.
  ///
  /// - Returns: false where neither has room.
  @inline(__always)
  static func give(_ cache: UnsafeMutablePointer<Cache>, _ item: Offset) -> Bool {
    cache.pointee.allocOrNone.put(item) || cache.pointee.freeOrNone.put(item)
  }

  /// uma_zalloc: an item from the processor's cache, and else from the zone.
  ///
  /// - Returns: its offset, 0 where there is nothing to give or the kernel ended.
  @inline(__always)
  func zalloc(_ zone: Int, _ wait: WaitPolicy) -> Offset {
    let item = UMA.take(state.pointee.caches + zone, zone, state.pointee.zoneCounts)
    return item != 0 ? item : zallocMiss(zone, wait)
  }

  /// uma_zfree: an item into the processor's cache, and else into the zone; a zone at its limit takes it itself.
  @inline(__always)
  func zfree(_ zone: Int, _ item: Offset) {
    guard !kegs[zone].isFull, Self.give(state.pointee.caches + zone, item) else {
      return zfreeSlow(zone, item, inBucketZone: false)
    }
    state.pointee.zoneCounts[zone].frees &+= 1
  }

  /// A call from outside that the first bucket cannot serve: the reclaim worker had its turn before.
  @inline(never)
  private func zallocMiss(_ zone: Int, _ wait: WaitPolicy) -> Offset {
    runWorkerIfDue()
    return zallocSlow(zone, wait, inBucketZone: false)
  }

  /// uma_zalloc_arg: swap the buckets, take a full one, fill one, or take a single item.
  ///
  /// With `inBucketZone` a bucket for a zone of buckets is already being looked for.
  ///
  /// - Returns: its offset, 0 where there is nothing to give or the kernel ended.
  func zallocSlow(_ index: Int, _ wait: WaitPolicy, inBucketZone: Bool) -> Offset {
    let zone = zones + index
    let cache = state.pointee.caches + index
    while true {
      if let bucket = cache.pointee.alloc, bucket.pointee.count > 0 {
        bucket.pointee.count &-= 1
        state.pointee.zoneCounts[index].allocations &+= 1
        return bucket.items[Int(bucket.pointee.count)]
      }
      if let other = cache.pointee.free, other.pointee.count > 0 {
        cache.pointee.free = cache.pointee.alloc
        cache.pointee.alloc = other
        continue
      }
      if let empty = cache.pointee.alloc {
        cache.pointee.alloc = nil
        freeBucket(index, empty, inBucketZone: inBucketZone)
      }
      guard zone.pointee.bucketSize != 0, !state.pointee.bucketsDisabled else { break }
      let contended = isLockContended()
      // Giving the empty bucket back may have brought another one.
      if cache.pointee.alloc != nil { continue }
      if let full = popBucket(index) {
        cache.pointee.alloc = full
        continue
      }
      if contended, zone.pointee.bucketSize < Self.largestBucket { zone.pointee.bucketSize &+= 1 }
      guard let filled = fillBucket(index, wait, inBucketZone: inBucketZone) else { break }
      if cache.pointee.alloc == nil {
        cache.pointee.alloc = filled
        // What had to be fetched was missing from the working set.
        zone.pointee.intervalMaximum &+= Int(filled.pointee.count)
      } else {
        pushBucket(index, filled, isWarm: false)
      }
    }
    if state.pointee.isDead { return 0 }
    return allocateFromSlab(index, wait)
  }

  /// uma_zfree_arg: put the full free bucket on the zone's list and go on with an empty one, or free to the slab.
  func zfreeSlow(_ index: Int, _ item: Offset, inBucketZone: Bool) {
    let zone = zones + index
    let cache = state.pointee.caches + index
    while !kegs[index].isFull {
      if Self.give(cache, item) {
        state.pointee.zoneCounts[index].frees &+= 1
        return
      }
      guard zone.pointee.bucketSize != 0, !state.pointee.bucketsDisabled else { break }
      let contended = isLockContended()
      if let full = cache.pointee.free {
        cache.pointee.free = nil
        pushBucket(index, full, isWarm: true)
      }
      if contended, zone.pointee.bucketSize < Self.largestBucket { zone.pointee.bucketSize &+= 1 }
      guard let fresh = allocateBucket(index, inBucketZone: inBucketZone) else { break }
      if cache.pointee.free == nil {
        cache.pointee.free = fresh
      } else {
        freeBucket(index, fresh, inBucketZone: inBucketZone)
      }
    }
    freeToSlab(index, item)
  }

  /// Whether this taking of a zone's lock met another processor: so many of a thousand, evenly spread.
  @inline(__always)
  private func isLockContended() -> Bool {
    guard state.pointee.contention > 0 else { return false }
    state.pointee.contentionDebt &+= state.pointee.contention
    guard state.pointee.contentionDebt >= 1000 else { return false }
    state.pointee.contentionDebt &-= 1000
    return true
  }
}
