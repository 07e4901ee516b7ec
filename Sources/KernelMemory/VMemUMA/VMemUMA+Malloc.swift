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

  /// malloc(9) from its beginning, of a living kernel and an existing type.
  func malloc(_ size: Int, _ type: Int, _ wait: WaitPolicy) -> Offset {
    guard UInt(bitPattern: size) <= UInt(bitPattern: policy.largestMallocZone) else {
      return mallocLarge(size, type, wait)
    }
    // malloc of 0 bytes asks for the smallest item.
    let last = max(size, 1) &- 1
    let sizeClass = Int(state.pointee.sizeClasses[last >> 4])
    let item = zalloc(state.pointee.firstMallocZone &+ sizeClass, wait)
    guard item != 0 else {
      if !state.pointee.isDead { types[type].sizes |= 1 &<< UInt64(truncatingIfNeeded: sizeClass) }
      return 0
    }
    State.countMalloc(state, last, sizeClass, type, item)
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

  /// free(9) from its beginning, of a living kernel and an existing type.
  ///
  /// The kernel finds the zone through the slab of the page (vtoslab). Here a denser column tells it.
  func free(_ item: Offset, _ type: Int) {
    let sizeClass = state.pointee.requested.sizeClass(at: item)
    guard sizeClass >= 0 else { return freeOther(item, type) }
    State.countFree(state, sizeClass, type, item)
    zfree(state.pointee.firstMallocZone &+ sizeClass, item)
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
    let item = malloc(bytes, state.pointee.hashType, .noWait)
    if item != 0 { countHash(bytes, by: 1) }
    return item
  }

  /// Frees a hash of ``mallocHash(bytes:)``.
  func freeHash(_ item: Offset, bytes: Int) {
    countHash(bytes, by: -1)
    free(item, state.pointee.hashType)
  }

  private func countHash(_ bytes: Int, by sign: Int) {
    if bytes > policy.largestMallocZone {
      state.pointee.hashLargePages += sign * ((bytes + kernelPageSize - 1) / kernelPageSize)
    } else {
      let zone = state.pointee.firstMallocZone + Int(state.pointee.sizeClasses[(bytes - 1) / 16])
      zones[zone].hashItems += sign
      zones[zone].hashBytes += sign * bytes
    }
  }
}

extension VMemUMA.State {
  @inline(__always)
  static func give(_ cache: UnsafeMutablePointer<UMACache>, _ item: UMAOffset) -> Bool { VMemUMA.give(cache, item) }

  @inline(__always)
  static func countMalloc(
    _ state: UnsafeMutablePointer<Self>, _ last: Int, _ sizeClass: Int, _ type: Int, _ item: UMAOffset
  ) {
    // Less one, so that 65536 fits.
    state.pointee.requested.place(sizeClass, item).pointee = UInt16(truncatingIfNeeded: last)
    let row = state.pointee.counts + sizeClass
    row.pointee.allocations &+= UInt64(truncatingIfNeeded: last &+ 1)
    row[(type &+ 1) &* VMemUMA.countsPerRow].allocations &+= 1
  }

  @inline(__always)
  static func countFree(_ state: UnsafeMutablePointer<Self>, _ sizeClass: Int, _ type: Int, _ item: UMAOffset) {
    let row = state.pointee.counts + sizeClass
    row.pointee.frees &+= UInt64(state.pointee.requested.place(sizeClass, item).pointee) &+ 1
    row[(type &+ 1) &* VMemUMA.countsPerRow].frees &+= 1
  }
}
