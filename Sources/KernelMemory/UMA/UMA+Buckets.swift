// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension UMA {
  /// bucket_alloc: an empty bucket for `size` items, from the zone of the next larger size; nil while buckets are
  /// disabled.
  func allocateBucket(size: Int, _ wait: WaitPolicy) -> UnsafeMutablePointer<UMABucket>? {
    guard !state.pointee.bucketsDisabled else { return nil }
    let index = UMA.bucketIndex(entries: size)
    let item = allocateFromSlab(InternalZone.firstBucket + index, wait)
    guard item != 0 else { return nil }
    return bucketPools[index].take(offset: item)
  }

  /// bucket_free: the bucket goes back to its zone.
  func freeBucket(_ bucket: UnsafeMutablePointer<UMABucket>) {
    let index = UMA.bucketIndex(entries: Int(bucket.pointee.entries))
    freeToSlab(InternalZone.firstBucket + index, bucket.pointee.offset)
    bucketPools[index].give(bucket)
  }

  /// Which of the four bucket zones holds `entries` items: 16, 32, 64 or 128.
  static func bucketIndex(entries: Int) -> Int {
    entries <= 16 ? 0 : entries <= 32 ? 1 : entries <= 64 ? 2 : 3
  }

  /// bucket_enable: no buckets while free physical pages are below v_free_min.
  func enableBuckets() {
    if let physical {
      state.pointee.bucketsDisabled = physical.free < physical.freeMinimum
    } else {
      state.pointee.bucketsDisabled = false
    }
  }

  @inline(__always)
  func pushFull(_ zone: UnsafeMutablePointer<UMAZone>, _ bucket: UnsafeMutablePointer<UMABucket>) {
    bucket.pointee.next = zone.pointee.fullBuckets
    zone.pointee.fullBuckets = bucket
    zone.pointee.fullBucketCount &+= 1
    zone.pointee.fullBucketItems &+= Int(bucket.pointee.count)
  }

  @inline(__always)
  func popFull(_ zone: UnsafeMutablePointer<UMAZone>) -> UnsafeMutablePointer<UMABucket>? {
    guard let bucket = zone.pointee.fullBuckets else { return nil }
    zone.pointee.fullBuckets = bucket.pointee.next
    zone.pointee.fullBucketCount &-= 1
    zone.pointee.fullBucketItems &-= Int(bucket.pointee.count)
    return bucket
  }

  @inline(__always)
  func pushEmpty(_ zone: UnsafeMutablePointer<UMAZone>, _ bucket: UnsafeMutablePointer<UMABucket>) {
    bucket.pointee.next = zone.pointee.emptyBuckets
    zone.pointee.emptyBuckets = bucket
    zone.pointee.emptyBucketCount &+= 1
  }

  @inline(__always)
  func popEmpty(_ zone: UnsafeMutablePointer<UMAZone>) -> UnsafeMutablePointer<UMABucket>? {
    guard let bucket = zone.pointee.emptyBuckets else { return nil }
    zone.pointee.emptyBuckets = bucket.pointee.next
    zone.pointee.emptyBucketCount &-= 1
    return bucket
  }

  /// uma_zalloc_bucket: fills one bucket from the slabs and puts it on the zone's full list.
  ///
  /// The first slab is asked for as the caller would, so that a miss of a waiting caller may end the kernel; the others
  /// never wait. The kernel's limit of one fill per processor at a time cannot act here.
  ///
  /// - Returns: false where no item came, or the kernel ended: the items of the unfinished bucket then count as used.
  func fillBucket(_ index: Int, _ wait: WaitPolicy) -> Bool {
    let zone = zones + index
    guard let bucket = popEmpty(zone) ?? allocateBucket(size: zone.pointee.bucketSize, wait) else { return false }
    let wanted = min(Int(bucket.pointee.entries), zone.pointee.bucketSize)
    let items = bucket.items
    var count = Int(bucket.pointee.count)
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
    if state.pointee.isDead { return false }
    if count != 0 {
      pushFull(zone, bucket)
      return true
    }
    freeBucket(bucket)
    return false
  }
}
