// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// The bodies of the calls that each sibling has: what the short path (``UMAShortPathState``) cannot serve is done from its
/// beginning.
extension UMAKernel {
  /// malloc(9) of `size` bytes: one of the nine zones up to 4096 bytes, whole pages above.
  @inline(__always)
  final func allocate(_ size: Int, _ type: MallocType, _ wait: WaitPolicy) -> KernelAddress {
    var address = KernelAddress.null
    return state.mallocFromCache(size, type, &address) ? address : allocateLong(size, type, wait)
  }

  @inline(never)
  private final func allocateLong(_ size: Int, _ type: MallocType, _ wait: WaitPolicy) -> KernelAddress {
    guard !state.pointee.isDead, UInt(bitPattern: type.index) < UInt(bitPattern: state.pointee.typeCount) else {
      return .null
    }
    let item = uma.malloc(size, type.index, wait)
    if checked, item != 0, !verifyMalloc(item, type) { return .null }
    return uma.address(item)
  }

  /// free(9); the null address is nothing to free.
  @inline(__always)
  final func release(_ address: KernelAddress, _ type: MallocType) {
    if !state.freeToCache(address, type) { releaseLong(address, type) }
  }

  @inline(never)
  private final func releaseLong(_ address: KernelAddress, _ type: MallocType) {
    guard !state.pointee.isDead, UInt(bitPattern: type.index) < UInt(bitPattern: state.pointee.typeCount) else {
      return
    }
    let offset = address.rawValue &- state.pointee.base
    guard offset < state.pointee.endOffset else { return refuse(address) }
    let item = UMAOffset(truncatingIfNeeded: offset)
    if checked, !verifyFree(item, type) { return }
    uma.free(item, type.index)
  }

  /// The line of memory that a free of this address will read first.
  @inline(__always)
  public final func prefetchFree(_ address: KernelAddress) { state.prefetchFree(address) }

  /// ks_maxused of the kernels that count it: behind a malloc.
  @inline(__always)
  final func noteHighUse(_ type: MallocType, allocated size: Int) {
    uma.noteHighUse(type.index, allocated: uma.allocatedBytes(size))
  }

  /// The same kernels before a free.
  @inline(__always)
  final func noteFree(_ address: KernelAddress, _ type: MallocType) {
    let offset = address.rawValue &- state.pointee.base
    guard offset < state.pointee.endOffset, UInt(bitPattern: type.index) < UInt(bitPattern: state.pointee.typeCount)
    else { return }
    uma.noteFreed(type.index, UMAOffset(truncatingIfNeeded: offset))
  }

  /// uma_zalloc(9).
  @inline(__always)
  public final func zoneAlloc(_ zone: ZoneID, _ wait: WaitPolicy) -> KernelAddress {
    var address = KernelAddress.null
    return state.itemFromCache(zone, &address) ? address : allocateItemLong(zone, wait)
  }

  @inline(never)
  private final func allocateItemLong(_ zone: ZoneID, _ wait: WaitPolicy) -> KernelAddress {
    guard !state.pointee.isDead, UInt(bitPattern: zone.index) < UInt(bitPattern: state.pointee.zoneCount) else {
      return .null
    }
    let item = uma.zalloc(zone.index, wait)
    if checked, item != 0, !uma.verifyAllocation(zone.index, item, type: nil) { return .null }
    return uma.address(item)
  }

  /// uma_zfree(9); the null address is nothing to free.
  @inline(__always)
  public final func zoneFree(_ zone: ZoneID, _ address: KernelAddress) {
    guard !state.pointee.isDead, UInt(bitPattern: zone.index) < UInt(bitPattern: state.pointee.zoneCount) else {
      return
    }
    let offset = address.rawValue &- state.pointee.base
    guard offset < state.pointee.endOffset else { return refuse(address, zone) }
    let item = UMAOffset(truncatingIfNeeded: offset)
    let slab = uma.slabs + Int(item / UInt32(kernelPageSize))
    guard slab.pointee.kind == UMAPageKind.slab, Int(slab.pointee.zone) == zone.index else {
      return refuse(address, zone)
    }
    if checked, !uma.verifyFree(zone.index, item, type: nil) { return }
    uma.zfree(zone.index, item)
  }

  /// A zone free of an address that is not the zone's.
  @inline(never)
  private final func refuse(_ address: KernelAddress, _ zone: ZoneID) {
    guard address != .null else { return }
    let place = UMA.hexadecimal(address.rawValue)
    uma.die(
      .panic(
        message: "UMA: Freed item \(place) did not belong to zone \(uma.zoneNames[zone.index])", requestBytes: 0))
  }

  /// A free of an address outside of everything that malloc gives.
  @inline(never)
  private final func refuse(_ address: KernelAddress) {
    guard address != .null else { return }
    let place = UMA.hexadecimal(address.rawValue)
    let page = UMA.hexadecimal(address.rawValue & ~UInt64(kernelPageSize - 1))
    uma.die(.panic(message: "free: address \(place)(\(page)) has not been allocated.", requestBytes: 0))
  }

  /// Checked mode: verifies and marks an item of malloc.
  @inline(never)
  private final func verifyMalloc(_ item: UMAOffset, _ type: MallocType) -> Bool {
    let slab = uma.slabs[Int(item) / kernelPageSize]
    if slab.kind == UMAPageKind.largeMalloc { return uma.verifyLargeAllocation(item, type: type.index) }
    return uma.verifyAllocation(Int(slab.zone), item, type: type.index)
  }

  /// Checked mode: an item of malloc is given back.
  @inline(never)
  private final func verifyFree(_ item: UMAOffset, _ type: MallocType) -> Bool {
    let slab = uma.slabs[Int(item) / kernelPageSize]
    switch slab.kind {
    case UMAPageKind.largeMalloc: return uma.verifyLargeFree(item, type: type.index)
    case UMAPageKind.slab where uma.kegs[Int(slab.zone)].flags.contains(.malloc):
      return uma.verifyFree(Int(slab.zone), item, type: type.index)
    default: return true
    }
  }
}
