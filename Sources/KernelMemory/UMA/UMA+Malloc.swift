// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// malloc(9) over UMA (FreeBSD 5 to 9, sys/kern/kern_malloc.c): nine zones of 16 to 4096 bytes, and whole pages above.
extension UMA {
  /// Requests above this size, in bytes, are whole pages (KMEM_ZMAX).
  static let largestMallocZone = kernelPageSize

  /// Zones of malloc: 16, 32 … 4096 bytes.
  static let mallocZones = 9
  /// Places of a malloc type in ``UMAState/counts``: at least one a size class, and a power of two.
  static let countsPerType = 16

  /// kmeminit: the zone of statistics where the kernel has one, then the nine zones of malloc.
  func createMallocZones() {
    let statistics = structures.typeStatisticsBytes
    if let index = createZone("mt_zone", size: statistics, flags: [.malloc, .bookkeeping]) {
      state.pointee.statisticsZone = index
    }
    state.pointee.firstMallocZone = state.pointee.zoneCount
    state.pointee.mallocCaches = state.pointee.caches + state.pointee.firstMallocZone
    var size = 16
    var unit = 0
    while size <= UMA.largestMallocZone {
      guard let index = createZone("\(size)", size: size, flags: .malloc) else { return }
      kegs[index].isMalloc = true
      while unit < size / 16 {
        state.pointee.sizeClasses[unit] = UInt8(truncatingIfNeeded: index - state.pointee.firstMallocZone)
        unit += 1
      }
      size *= 2
    }
  }

  /// malloc_init: registers a type and takes an item of mt_zone for its statistics, where there is this zone.
  func registerType(named name: String) -> Int {
    let index = appendType(named: name)
    let zone = state.pointee.statisticsZone
    if zone >= 0, !state.pointee.isDead { _ = zalloc(zone, .wait) }
    return index
  }

  /// malloc(9); the caller has looked at `isDead`.
  func malloc(_ size: Int, _ type: Int, _ wait: WaitPolicy) -> UMAOffset {
    guard UInt(bitPattern: size) <= UInt(UMA.largestMallocZone) else { return mallocLarge(size, type, wait) }
    let sizeClass = Int(state.pointee.sizeClasses[(max(size, 1) &- 1) >> 4])
    let item = zalloc(state.pointee.firstMallocZone &+ sizeClass, wait)
    guard item != 0 else {
      if !state.pointee.isDead {
        types[type].sizes |= 1 &<< UInt64(truncatingIfNeeded: sizeClass)
        types[type].misses &+= 1
      }
      return 0
    }
    UMAState.countMalloc(state, size &- 1, sizeClass, type, item)
    return item
  }

  @inline(never)
  private func mallocLarge(_ size: Int, _ type: Int, _ wait: WaitPolicy) -> UMAOffset {
    guard size > 0 else { return 0 }
    let item = largeMalloc(size, wait)
    guard item != 0 else {
      if !state.pointee.isDead { types[type].misses &+= 1 }
      return 0
    }
    let page = Int(item) / kernelPageSize
    types[type].allocatedBytes &+= UInt64(slabs[page].pages) * UInt64(kernelPageSize)
    types[type].allocations &+= 1
    return item
  }

  /// free(9); the caller has looked at `isDead`.
  ///
  /// The kernel finds the zone through the slab of the page (vtoslab). Here a denser column tells it.
  func free(_ item: UMAOffset, _ type: Int) {
    let sizeClass = state.pointee.requested.sizeClass(at: item)
    guard sizeClass >= 0 else { return freeOther(item, type) }
    UMAState.countFree(state, sizeClass, type, item)
    zfree(state.pointee.firstMallocZone &+ sizeClass, item)
  }

  /// Large mallocs, and addresses that malloc never gave.
  @inline(never)
  private func freeOther(_ item: UMAOffset, _ type: Int) {
    let page = Int(item) / kernelPageSize
    guard slabs[page].kind == UMAPageKind.largeMalloc else {
      let text = UMA.hexadecimal(address(item).rawValue)
      let pageText = UMA.hexadecimal(address(item).rawValue & ~UInt64(kernelPageSize - 1))
      die(.panic(message: "free: address \(text)(\(pageText)) has not been allocated.", requestBytes: 0))
      return
    }
    types[type].freedBytes &+= UInt64(slabs[page].pages) * UInt64(kernelPageSize)
    types[type].frees &+= 1
    largeFree(page)
  }

  /// A slab hash larger than the first: malloc of type "UMAHash", not waiting.
  func mallocHash(bytes: Int) -> UMAOffset {
    let item = malloc(bytes, state.pointee.hashType, .noWait)
    if item != 0 {
      countHash(bytes, by: 1)
      noteHighUse(state.pointee.hashType, allocated: allocatedBytes(bytes))
    }
    return item
  }

  /// Frees a hash of ``mallocHash(bytes:)``.
  func freeHash(_ item: UMAOffset, bytes: Int) {
    countHash(bytes, by: -1)
    types[state.pointee.hashType].usedBytes &-= UInt64(allocatedBytes(bytes))
    free(item, state.pointee.hashType)
  }

  private func countHash(_ bytes: Int, by sign: Int) {
    if bytes > UMA.largestMallocZone {
      state.pointee.hashLargePages += sign * ((bytes + kernelPageSize - 1) / kernelPageSize)
    } else {
      state.pointee.hashRequestedBytes += sign * bytes
      state.pointee.hashZoneBytes += sign * 16 << Int(state.pointee.sizeClasses[(bytes - 1) / 16])
    }
  }

  /// ks_maxused: the most bytes of a type in use so far; kernels that count it call this after each malloc.
  @inline(__always)
  func noteHighUse(_ type: Int, allocated bytes: Int) {
    let row = types + type
    let used = row.pointee.usedBytes &+ UInt64(truncatingIfNeeded: bytes)
    row.pointee.usedBytes = used
    if used > row.pointee.highestBytes { row.pointee.highestBytes = used }
  }

  /// The bytes of an item or of whole pages leave the count of those in use.
  @inline(__always)
  func noteFreed(_ type: Int, _ item: UMAOffset) {
    let sizeClass = state.pointee.requested.sizeClass(at: item)
    let large = Int(slabs[Int(item) / kernelPageSize].pages) &* kernelPageSize
    types[type].usedBytes &-= UInt64(truncatingIfNeeded: sizeClass >= 0 ? 16 &<< sizeClass : large)
  }

  /// Bytes that a malloc of this size takes of its type: those of the zone's items, or whole pages.
  @inline(__always)
  func allocatedBytes(_ size: Int) -> Int {
    guard UInt(bitPattern: size) <= UInt(UMA.largestMallocZone) else {
      return (size &+ kernelPageSize &- 1) & ~(kernelPageSize &- 1)
    }
    return 16 &<< Int(state.pointee.sizeClasses[(max(size, 1) &- 1) >> 4])
  }

  /// A number as the kernel's %p prints it.
  static func hexadecimal(_ value: UInt64) -> String { "0x" + String(value, radix: 16) }
}

extension UMAState {
  @inline(__always)
  static func give(_ cache: UnsafeMutablePointer<UMACache>, _ item: UMAOffset) -> Bool { UMA.give(cache, item) }

  @inline(__always)
  static func countMalloc(
    _ state: UnsafeMutablePointer<UMAState>, _ last: Int, _ sizeClass: Int, _ type: Int, _ item: UMAOffset
  ) {
    let size = last &+ 1
    state.pointee.counts[type &* UMA.countsPerType &+ sizeClass].allocations &+= 1
    state.pointee.requested.place(sizeClass, item).pointee = UInt16(truncatingIfNeeded: size)
    state.pointee.bytesAskedFor &+= size
  }

  @inline(__always)
  static func countFree(_ state: UnsafeMutablePointer<UMAState>, _ sizeClass: Int, _ type: Int, _ item: UMAOffset) {
    state.pointee.bytesGivenBack &+= Int(state.pointee.requested.place(sizeClass, item).pointee)
    state.pointee.counts[type &* UMA.countsPerType &+ sizeClass].frees &+= 1
  }
}
