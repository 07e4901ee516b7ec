// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import CPrefetch

/// What the short path of a call reads of a kernel over UMA: all of it lies in one record.
protocol UMAShortPathState {
  /// Malloc types and zones below these are served; 0 in checked mode and once the kernel has ended.
  var fastTypes: Int { get }
  var fastZones: Int { get }
  /// The address of offset 0, and where the offsets end that have pages.
  var base: UInt64 { get }
  var endOffset: UInt64 { get }
  /// The largest size of the malloc zones, bytes (KMEM_ZMAX).
  var largestMallocZone: UInt { get }
  /// Size class by (size - 1) / 16.
  var sizeClasses: UnsafeMutablePointer<UInt8> { get }
  /// The first cache of the current processor, and that of the first malloc zone there.
  var caches: UnsafeMutablePointer<UMACache> { get }
  var mallocCaches: UnsafeMutablePointer<UMACache> { get }
  var zoneCounts: UnsafeMutablePointer<CallCounts> { get }
  var requested: RequestedSizes { get }

  /// An item into a bucket of the processor; false where none has room, and then nothing has happened.
  static func give(_ cache: UnsafeMutablePointer<UMACache>, _ item: UMAOffset) -> Bool
  /// What malloc notes of an item that it hands out; `last` is the size asked for less one.
  static func countMalloc(
    _ state: UnsafeMutablePointer<Self>, _ last: Int, _ sizeClass: Int, _ type: Int, _ item: UMAOffset)
  /// What free notes of an item that it takes.
  static func countFree(_ state: UnsafeMutablePointer<Self>, _ sizeClass: Int, _ type: Int, _ item: UMAOffset)
}

/// The short path: it serves what the processor's buckets can serve; where it cannot, nothing has happened, and the long path
/// does the call from its beginning.
extension UnsafeMutablePointer where Pointee: UMAShortPathState {
  /// malloc(9) of 1 byte or more from the bucket of its zone.
  @inline(__always)
  func mallocFromCache(_ size: Int, _ type: MallocType, _ address: inout KernelAddress) -> Bool {
    guard UInt(bitPattern: type.index) < UInt(bitPattern: pointee.fastTypes) else { return false }
    // One comparison for 0 bytes, too: less one it is the largest number.
    let last = size &- 1
    guard UInt(bitPattern: last) < pointee.largestMallocZone else { return false }
    let sizeClass = Int(pointee.sizeClasses[last >> 4])
    let cache = pointee.mallocCaches + sizeClass
    let bucket = cache.pointee.allocOrNone
    let left = bucket.pointee.count &- 1
    guard left >= 0 else { return false }
    bucket.pointee.count = left
    let item = bucket.items[left]
    Pointee.countMalloc(self, last, sizeClass, type.index, item)
    address = KernelAddress(rawValue: pointee.base &+ UInt64(item))
    return true
  }

  /// free(9) into a bucket of the zone that the page belongs to.
  @inline(__always)
  func freeToCache(_ address: KernelAddress, _ type: MallocType) -> Bool {
    guard UInt(bitPattern: type.index) < UInt(bitPattern: pointee.fastTypes) else { return false }
    let offset = address.rawValue &- pointee.base
    guard offset < pointee.endOffset else { return false }
    let item = UMAOffset(truncatingIfNeeded: offset)
    let sizeClass = pointee.requested.sizeClass(at: item)
    guard sizeClass >= 0 else { return false }
    guard Pointee.give(pointee.mallocCaches + sizeClass, item) else { return false }
    Pointee.countFree(self, sizeClass, type.index, item)
    return true
  }

  /// Fetches what a free of this address will read.
  @inline(__always)
  func prefetchFree(_ address: KernelAddress) {
    let offset = address.rawValue &- pointee.base
    guard offset < pointee.endOffset else { return }
    let item = UMAOffset(truncatingIfNeeded: offset)
    let sizeClass = pointee.requested.sizeClass(at: item)
    if sizeClass >= 0 { nfschurn_prefetch(pointee.requested.place(sizeClass, item)) }
  }

  /// uma_zalloc(9) from the bucket of the zone.
  @inline(__always)
  func itemFromCache(_ zone: ZoneID, _ address: inout KernelAddress) -> Bool {
    guard UInt(bitPattern: zone.index) < UInt(bitPattern: pointee.fastZones) else { return false }
    let item = UMA.take(pointee.caches + zone.index, zone.index, pointee.zoneCounts)
    guard item != 0 else { return false }
    address = KernelAddress(rawValue: pointee.base &+ UInt64(item))
    return true
  }
}
