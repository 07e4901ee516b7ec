// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// The hot path: the bodies of the four calls that each sibling has.
extension UMAKernel {
  /// malloc(9) of `size` bytes: one of the nine zones up to 4096 bytes, whole pages above.
  @inline(__always)
  final func allocate(_ size: Int, _ type: MallocType, _ wait: WaitPolicy) -> KernelAddress {
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
    guard !state.pointee.isDead, UInt(bitPattern: type.index) < UInt(bitPattern: state.pointee.typeCount) else {
      return
    }
    let offset = address.rawValue &- uma.base
    guard offset < endOffset else { return refuse(address) }
    let item = UMAOffset(truncatingIfNeeded: offset)
    if checked, !verifyFree(item, type) { return }
    uma.free(item, type.index)
  }

  /// uma_zalloc(9).
  @inline(__always)
  final func allocateItem(_ zone: ZoneID, _ wait: WaitPolicy) -> KernelAddress {
    guard !state.pointee.isDead, UInt(bitPattern: zone.index) < UInt(bitPattern: state.pointee.zoneCount) else {
      return .null
    }
    let item = uma.zalloc(zone.index, wait)
    if checked, item != 0, !uma.verifyAllocation(zone.index, item, type: nil) { return .null }
    return uma.address(item)
  }

  /// uma_zfree(9); the null address is nothing to free.
  @inline(__always)
  final func releaseItem(_ zone: ZoneID, _ address: KernelAddress) {
    guard !state.pointee.isDead, UInt(bitPattern: zone.index) < UInt(bitPattern: state.pointee.zoneCount) else {
      return
    }
    let offset = address.rawValue &- uma.base
    guard offset < endOffset else { return refuse(address, zone) }
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
