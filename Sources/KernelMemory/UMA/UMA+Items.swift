// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension UMA {
  /// uma_zalloc: an item from the processor's cache, and else from the zone.
  ///
  /// - Returns: its offset, 0 where there is nothing to give or the kernel ended.
  @inline(__always)
  func zalloc(_ zone: Int, _ wait: WaitPolicy) -> UMAOffset {
    let cache = caches + (state.pointee.cacheBase &+ zone)
    if let bucket = cache.pointee.alloc {
      let count = bucket.pointee.count &- 1
      if count >= 0 {
        bucket.pointee.count = count
        cache.pointee.allocations &+= 1
        return bucket.items[Int(count)]
      }
    }
    return zallocSlow(zone, wait)
  }

  /// uma_zfree: an item into the processor's cache, and else into the zone.
  @inline(__always)
  func zfree(_ zone: Int, _ item: UMAOffset) {
    let cache = caches + (state.pointee.cacheBase &+ zone)
    if let bucket = cache.pointee.free, !kegs[zone].isFull {
      let count = bucket.pointee.count
      if count < bucket.pointee.entries {
        bucket.items[Int(count)] = item
        bucket.pointee.count = count &+ 1
        cache.pointee.frees &+= 1
        return
      }
    }
    zfreeSlow(zone, item)
  }

  /// The rest of uma_zalloc_arg: swap the buckets, take a full one, fill one, or take a single item.
  ///
  /// The free bucket is looked at only while there is an alloc bucket, as in the kernel.
  @inline(never)
  private func zallocSlow(_ index: Int, _ wait: WaitPolicy) -> UMAOffset {
    let zone = zones + index
    let cache = caches + (state.pointee.cacheBase &+ index)
    while true {
      if let bucket = cache.pointee.alloc {
        if bucket.pointee.count > 0 {
          bucket.pointee.count &-= 1
          cache.pointee.allocations &+= 1
          return bucket.items[Int(bucket.pointee.count)]
        }
        if let other = cache.pointee.free, other.pointee.count > 0 {
          cache.pointee.alloc = other
          cache.pointee.free = bucket
          continue
        }
        pushEmpty(zone, bucket)
        cache.pointee.alloc = nil
      }
      if let full = popFull(zone) {
        cache.pointee.alloc = full
        continue
      }
      if zone.pointee.bucketSize < UMAConstants.largestBucket { zone.pointee.bucketSize &+= 1 }
      if fillBucket(index, wait) { continue }
      if state.pointee.isDead { return 0 }
      return allocateFromSlab(index, wait)
    }
  }

  /// The rest of uma_zfree_arg: swap the buckets, put the full one on the zone's list and go on with an empty one, or
  /// free to the slab.
  @inline(never)
  private func zfreeSlow(_ index: Int, _ item: UMAOffset) {
    let zone = zones + index
    let cache = caches + (state.pointee.cacheBase &+ index)
    while !kegs[index].isFull {
      if let bucket = cache.pointee.free {
        if bucket.pointee.count < bucket.pointee.entries {
          bucket.items[Int(bucket.pointee.count)] = item
          bucket.pointee.count &+= 1
          cache.pointee.frees &+= 1
          return
        }
        if let other = cache.pointee.alloc, other.pointee.count < bucket.pointee.count {
          cache.pointee.free = other
          cache.pointee.alloc = bucket
          continue
        }
        cache.pointee.free = nil
        pushFull(zone, bucket)
      }
      if let empty = popEmpty(zone) {
        cache.pointee.free = empty
        continue
      }
      guard let fresh = allocateBucket(size: zone.pointee.bucketSize, .noWait) else { break }
      pushEmpty(zone, fresh)
    }
    freeToSlab(index, item)
  }
}
