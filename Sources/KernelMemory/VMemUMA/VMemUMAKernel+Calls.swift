// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import CPrefetch

/// The hot path: the bodies of the four calls that each sibling has.
///
/// The short path serves what the processor's buckets can serve, and reads ``VMemUMA/State`` alone; everything else is the
/// long path, which does the call from its beginning.
extension VMemUMAKernel {
  /// malloc(9).
  @inline(__always)
  final func allocate(_ size: Int, _ type: MallocType, _ wait: WaitPolicy) -> KernelAddress {
    var address = KernelAddress.null
    return allocateFromCache(size, type, &address) ? address : allocateLong(size, type, wait)
  }

  /// The short path of malloc: false where the bucket has nothing.
  @inline(__always)
  final func allocateFromCache(_ size: Int, _ type: MallocType, _ address: inout KernelAddress) -> Bool {
    let state = self.state
    guard UInt(bitPattern: type.index) < UInt(bitPattern: state.pointee.fastTypes) else { return false }
    // One comparison for 0 bytes, too: less one it is the largest number.
    let last = size &- 1
    guard UInt(bitPattern: last) < state.pointee.largestMallocZone else { return false }
    let sizeClass = Int(state.pointee.sizeClasses[last >> 4])
    let cache = state.pointee.mallocCaches + sizeClass
    let bucket = cache.pointee.allocOrNone
    let left = bucket.pointee.count &- 1
    guard left >= 0 else { return false }
    bucket.pointee.count = left
    let item = bucket.items[left]
    VMemUMA.countMalloc(state, last, sizeClass, type.index, item)
    address = KernelAddress(rawValue: state.pointee.base &+ UInt64(item))
    return true
  }

  @inline(never)
  private final func allocateLong(_ size: Int, _ type: MallocType, _ wait: WaitPolicy) -> KernelAddress {
    guard !state.pointee.isDead, uma.isType(type) else { return .null }
    let item = uma.malloc(size, type.index, wait)
    if uma.checked, item != 0, !uma.verifyMalloc(item, type) { return .null }
    return uma.address(item)
  }

  /// free(9); the null address is nothing to free.
  @inline(__always)
  final func release(_ address: KernelAddress, _ type: MallocType) {
    if !releaseToCache(address, type) { releaseLong(address, type) }
  }

  /// The short path of free: false where the bucket has no room.
  @inline(__always)
  final func releaseToCache(_ address: KernelAddress, _ type: MallocType) -> Bool {
    let state = self.state
    guard UInt(bitPattern: type.index) < UInt(bitPattern: state.pointee.fastTypes) else { return false }
    let offset = address.rawValue &- state.pointee.base
    guard offset < state.pointee.endOffset else { return false }
    let item = UMAOffset(truncatingIfNeeded: offset)
    let sizeClass = state.pointee.requested.sizeClass(at: item)
    guard sizeClass >= 0 else { return false }
    guard VMemUMA.give(state.pointee.mallocCaches + sizeClass, item) else { return false }
    VMemUMA.countFree(state, sizeClass, type.index, item)
    return true
  }

  @inline(never)
  private final func releaseLong(_ address: KernelAddress, _ type: MallocType) {
    guard !state.pointee.isDead, uma.isType(type) else { return }
    let offset = address.rawValue &- state.pointee.base
    guard offset < state.pointee.endOffset else { return uma.refuse(address) }
    let item = UMAOffset(truncatingIfNeeded: offset)
    if uma.checked, !uma.verifyFree(item, type) { return }
    uma.free(item, type.index)
  }

  /// Fetches what ``release(_:_:)`` of this address will read.
  @inline(__always)
  final func prefetchRelease(_ address: KernelAddress) {
    let offset = address.rawValue &- state.pointee.base
    guard offset < state.pointee.endOffset else { return }
    let item = UMAOffset(truncatingIfNeeded: offset)
    let sizeClass = state.pointee.requested.sizeClass(at: item)
    if sizeClass >= 0 { nfschurn_prefetch(state.pointee.requested.place(sizeClass, item)) }
  }

  /// uma_zalloc(9).
  @inline(__always)
  final func allocateItem(_ zone: ZoneID, _ wait: WaitPolicy) -> KernelAddress {
    guard UInt(bitPattern: zone.index) < UInt(bitPattern: state.pointee.fastZones) else {
      return allocateItemLong(zone, wait)
    }
    let item = UMA.take(state.pointee.caches + zone.index, zone.index, state.pointee.zoneCounts)
    guard item != 0 else { return allocateItemLong(zone, wait) }
    return KernelAddress(rawValue: state.pointee.base &+ UInt64(item))
  }

  @inline(never)
  private final func allocateItemLong(_ zone: ZoneID, _ wait: WaitPolicy) -> KernelAddress {
    guard !state.pointee.isDead, uma.isZone(zone) else { return .null }
    let item = uma.zalloc(zone.index, wait)
    if uma.checked, item != 0, !uma.verifyAllocation(zone.index, item, type: nil) { return .null }
    return uma.address(item)
  }

  /// uma_zfree(9); the null address is nothing to free.
  @inline(__always)
  final func releaseItem(_ zone: ZoneID, _ address: KernelAddress) {
    guard !state.pointee.isDead, uma.isZone(zone) else { return }
    let offset = address.rawValue &- state.pointee.base
    guard offset < state.pointee.endOffset else { return uma.refuse(address, zone) }
    let item = UMAOffset(truncatingIfNeeded: offset)
    let slab = uma.slabs + Int(item / UInt32(kernelPageSize))
    guard slab.pointee.kind == .slab, Int(slab.pointee.zone) == zone.index else { return uma.refuse(address, zone) }
    if uma.checked, !uma.verifyFree(zone.index, item, type: nil) { return }
    uma.zfree(zone.index, item)
  }
}
