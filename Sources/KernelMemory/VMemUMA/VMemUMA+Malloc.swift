// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// malloc(9) over UMA (FreeBSD 10 and later, sys/kern/kern_malloc.c): zones of 16 to 65536 bytes, whole pages above.
extension VMemUMA {
  /// malloc_init: registers a type and takes an item for its statistics.
  func registerType(named name: String) -> Int {
    let index = appendType(named: name)
    if !state.pointee.isDead { _ = zalloc(state.pointee.statisticsZone, .wait) }
    return index
  }

  /// Whether a handle is that of a type.
  @inline(__always)
  func isType(_ type: MallocType) -> Bool {
    UInt(bitPattern: type.index) < UInt(bitPattern: state.pointee.typeCount)
  }

  /// Whether a handle is that of a zone.
  @inline(__always)
  func isZone(_ zone: ZoneID) -> Bool { UInt(bitPattern: zone.index) < UInt(bitPattern: state.pointee.zoneCount) }

  /// malloc(9).
  @inline(__always)
  func malloc(_ size: Int, _ type: MallocType, _ wait: WaitPolicy) -> KernelAddress {
    guard !state.pointee.isDead, isType(type) else { return .null }
    let item = mallocItem(size, type.index, wait)
    if checked, item != 0, !verifyMalloc(item, type) { return .null }
    return address(item)
  }

  /// free(9); the null address is nothing to free.
  @inline(__always)
  func free(_ address: KernelAddress, _ type: MallocType) {
    guard !state.pointee.isDead, isType(type) else { return }
    let offset = address.rawValue &- base
    guard offset < UInt64(truncatingIfNeeded: endPage &* kernelPageSize) else { return refuse(address) }
    let item = Offset(truncatingIfNeeded: offset)
    if checked, !verifyFree(item, type) { return }
    freeItem(item, type.index)
  }

  /// uma_zalloc(9).
  @inline(__always)
  func zoneAlloc(_ zone: ZoneID, _ wait: WaitPolicy) -> KernelAddress {
    guard !state.pointee.isDead, isZone(zone) else { return .null }
    let item = zalloc(zone.index, wait)
    if checked, item != 0, !verifyAllocation(zone.index, item, type: nil) { return .null }
    return address(item)
  }

  /// uma_zfree(9); the null address is nothing to free.
  @inline(__always)
  func zoneFree(_ zone: ZoneID, _ address: KernelAddress) {
    guard !state.pointee.isDead, isZone(zone) else { return }
    let offset = address.rawValue &- base
    guard offset < UInt64(truncatingIfNeeded: endPage &* kernelPageSize) else { return refuse(address, zone) }
    let item = Offset(truncatingIfNeeded: offset)
    let slab = slabs + Int(item / UInt32(kernelPageSize))
    guard slab.pointee.kind == .slab, Int(slab.pointee.zone) == zone.index else { return refuse(address, zone) }
    if checked, !verifyFree(zone.index, item, type: nil) { return }
    zfree(zone.index, item)
  }

  @inline(__always)
  private func mallocItem(_ size: Int, _ type: Int, _ wait: WaitPolicy) -> Offset {
    guard UInt(bitPattern: size) <= UInt(bitPattern: policy.largestMallocZone) else {
      return mallocLarge(size, type, wait)
    }
    let zone = Int(sizeClasses[(size &+ 15) >> 4])
    let sizeBit = UInt64(truncatingIfNeeded: zone &- state.pointee.firstMallocZone)
    let item = zalloc(zone, wait)
    let row = types + type
    guard item != 0 else {
      if !state.pointee.isDead { row.pointee.sizes |= 1 &<< sizeBit }
      return 0
    }
    row.pointee.sizes |= 1 &<< sizeBit
    row.pointee.allocatedBytes &+= 16 &<< sizeBit
    row.pointee.allocations &+= 1
    // malloc of 0 bytes asks for the smallest item; 65536 less one still fits.
    let asked = max(size, 1)
    requested[Int(item >> 4)] = UInt16(truncatingIfNeeded: asked &- 1)
    zones[zone].requestedBytes &+= asked
    return item
  }

  @inline(never)
  private func mallocLarge(_ size: Int, _ type: Int, _ wait: WaitPolicy) -> Offset {
    guard size > 0 else { return 0 }
    runWorkerIfDue()
    let item = largeMalloc(size, wait)
    guard item != 0 else { return 0 }
    let page = Int(item) / kernelPageSize
    types[type].allocatedBytes &+= UInt64(slabs[page].pages) * UInt64(kernelPageSize)
    types[type].allocations &+= 1
    return item
  }

  @inline(__always)
  private func freeItem(_ item: Offset, _ type: Int) {
    let slab = slabs + Int(item / UInt32(kernelPageSize))
    guard slab.pointee.kind == .slab else { return freeOther(item, type) }
    let zone = Int(slab.pointee.zone)
    let sizeBit = zone &- state.pointee.firstMallocZone
    guard UInt(bitPattern: sizeBit) < UInt(bitPattern: state.pointee.mallocZoneCount) else {
      return freeOther(item, type)
    }
    zones[zone].requestedBytes &-= Int(requested[Int(item >> 4)]) &+ 1
    zfree(zone, item)
    let row = types + type
    row.pointee.freedBytes &+= 16 &<< UInt64(truncatingIfNeeded: sizeBit)
    row.pointee.frees &+= 1
  }

  /// Large mallocs, and addresses that malloc never gave.
  @inline(never)
  private func freeOther(_ item: Offset, _ type: Int) {
    let page = Int(item) / kernelPageSize
    guard slabs[page].kind == .largeMalloc else { return refuse(address(item)) }
    types[type].freedBytes &+= UInt64(slabs[page].pages) * UInt64(kernelPageSize)
    types[type].frees &+= 1
    largeFree(page)
  }

  /// A free of an address that malloc did not give.
  @inline(never)
  func refuse(_ address: KernelAddress) {
    guard address != .null else { return }
    let place = TextColumn.hexadecimal(address.rawValue)
    let page = TextColumn.hexadecimal(address.rawValue & ~UInt64(kernelPageSize - 1))
    die(.panic(message: "free: address \(place)(\(page)) has not been allocated.", requestBytes: 0))
  }

  // MARK: Slab hashes

  /// A slab hash larger than the first: malloc of type "UMAHash", not waiting.
  func mallocHash(bytes: Int) -> Offset {
    let item = mallocItem(bytes, state.pointee.hashType, .noWait)
    if item != 0 { countHash(bytes, by: 1) }
    return item
  }

  /// Frees a hash of ``mallocHash(bytes:)``.
  func freeHash(_ item: Offset, bytes: Int) {
    countHash(bytes, by: -1)
    freeItem(item, state.pointee.hashType)
  }

  private func countHash(_ bytes: Int, by sign: Int) {
    if bytes > policy.largestMallocZone {
      state.pointee.hashLargePages += sign * ((bytes + kernelPageSize - 1) / kernelPageSize)
    } else {
      let zone = Int(sizeClasses[(bytes + 15) / 16])
      zones[zone].hashItems += sign
      zones[zone].hashBytes += sign * bytes
    }
  }
}
