// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension UMA {
  /// The short path of uma_zalloc: the last item of the processor's alloc bucket.
  ///
  /// - Returns: its offset, 0 where the bucket has nothing.
  @inline(__always)
  static func take(
    _ cache: UnsafeMutablePointer<UMACache>, _ zone: Int, _ zoneCounts: UnsafeMutablePointer<CallCounts>
  ) -> UMAOffset {
    let bucket = cache.pointee.allocOrNone
    let count = bucket.pointee.count &- 1
    guard count >= 0 else { return 0 }
    bucket.pointee.count = count
    zoneCounts[zone].allocations &+= 1
    return bucket.items[count]
  }

  /// The short path of uma_zfree: an item into the processor's free bucket; nothing is counted.
  ///
  /// - Returns: false where the bucket has no room.
  @inline(__always)
  static func give(_ cache: UnsafeMutablePointer<UMACache>, _ item: UMAOffset) -> Bool {
    cache.pointee.freeOrNone.put(item)
  }

  /// uma_zalloc: an item from the processor's cache, and else from the zone.
  ///
  /// - Returns: its offset, 0 where there is nothing to give or the kernel ended.
  @inline(__always)
  func zalloc(_ zone: Int, _ wait: WaitPolicy) -> UMAOffset {
    let item = UMA.take(state.pointee.caches + zone, zone, state.pointee.zoneCounts)
    return item != 0 ? item : zallocSlow(zone, wait)
  }

  /// uma_zfree: an item into the processor's cache, and else into the zone; a zone at its limit takes it itself.
  @inline(__always)
  func zfree(_ zone: Int, _ item: UMAOffset) {
    guard !kegs[zone].isFull, UMA.give(state.pointee.caches + zone, item) else { return zfreeSlow(zone, item) }
    state.pointee.zoneCounts[zone].frees &+= 1
  }

  /// The rest of uma_zalloc_arg: swap the buckets, take a full one, fill one, or take a single item.
  ///
  /// The free bucket is looked at only while there is an alloc bucket, as in the kernel.
  @inline(never)
  private func zallocSlow(_ index: Int, _ wait: WaitPolicy) -> UMAOffset {
    let zone = zones + index
    let cache = state.pointee.caches + index
    while true {
      if let bucket = cache.pointee.alloc {
        if bucket.pointee.count > 0 {
          bucket.pointee.count &-= 1
          state.pointee.zoneCounts[index].allocations &+= 1
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
    let cache = state.pointee.caches + index
    while !kegs[index].isFull {
      if let bucket = cache.pointee.free {
        if bucket.pointee.count < bucket.pointee.entries {
          bucket.items[Int(bucket.pointee.count)] = item
          bucket.pointee.count &+= 1
          state.pointee.zoneCounts[index].frees &+= 1
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
