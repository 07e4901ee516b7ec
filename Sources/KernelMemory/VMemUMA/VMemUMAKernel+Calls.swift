// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// The bodies of the calls that each sibling has: what the short path (``UMAShortPathState``) cannot serve is done from its
/// beginning.
extension VMemUMAKernel {
  /// malloc(9).
  @inline(__always)
  final func allocate(_ size: Int, _ type: MallocType, _ wait: WaitPolicy) -> KernelAddress {
    var address = KernelAddress.null
    return state.mallocFromCache(size, type, &address) ? address : allocateLong(size, type, wait)
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
    if !state.freeToCache(address, type) { releaseLong(address, type) }
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

  /// The line of memory that a free of this address will read first.
  @inline(__always)
  public final func prefetchFree(_ address: KernelAddress) { state.prefetchFree(address) }

  /// uma_zalloc(9).
  @inline(__always)
  public final func zoneAlloc(_ zone: ZoneID, _ wait: WaitPolicy) -> KernelAddress {
    var address = KernelAddress.null
    return state.itemFromCache(zone, &address) ? address : allocateItemLong(zone, wait)
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
  public final func zoneFree(_ zone: ZoneID, _ address: KernelAddress) {
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
