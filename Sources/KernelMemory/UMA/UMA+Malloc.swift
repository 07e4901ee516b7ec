// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// malloc(9) over UMA (FreeBSD 5 to 9, sys/kern/kern_malloc.c): nine zones of 16 to 4096 bytes, and whole pages above.
extension UMA {
  /// Requests above this size, in bytes, are whole pages (KMEM_ZMAX).
  static let largestMallocZone = kernelPageSize

  /// kmeminit: the zone of statistics where the kernel has one, then the nine zones of malloc.
  func createMallocZones() {
    let statistics = structures.typeStatisticsBytes
    if let index = createZone("mt_zone", size: statistics, flags: [.malloc, .bookkeeping]) {
      state.pointee.statisticsZone = index
    }
    state.pointee.firstMallocZone = state.pointee.zoneCount
    var size = 16
    var unit = 0
    while size <= UMA.largestMallocZone {
      guard let index = createZone("\(size)", size: size, flags: .malloc) else { return }
      while unit <= size / 16 {
        sizeClasses[unit] = UInt8(truncatingIfNeeded: index)
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
  @inline(__always)
  func malloc(_ size: Int, _ type: Int, _ wait: WaitPolicy) -> UMAOffset {
    guard UInt(bitPattern: size) <= UInt(UMA.largestMallocZone) else { return mallocLarge(size, type, wait) }
    let zone = Int(sizeClasses[(size &+ 15) >> 4])
    let sizeBit = zone &- state.pointee.firstMallocZone
    let item = zalloc(zone, wait)
    let row = types + type
    guard item != 0 else {
      if !state.pointee.isDead {
        row.pointee.sizes |= 1 &<< UInt64(truncatingIfNeeded: sizeBit)
        row.pointee.misses &+= 1
      }
      return 0
    }
    row.pointee.sizes |= 1 &<< UInt64(truncatingIfNeeded: sizeBit)
    row.pointee.allocatedBytes &+= 16 &<< UInt64(truncatingIfNeeded: sizeBit)
    row.pointee.allocations &+= 1
    requested[Int(item >> 4)] = UInt16(truncatingIfNeeded: size)
    state.pointee.requestedBytes &+= size
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
  @inline(__always)
  func free(_ item: UMAOffset, _ type: Int) {
    let slab = slabs + Int(item / UInt32(kernelPageSize))
    guard slab.pointee.kind == UMAPageKind.slab else { return freeOther(item, type) }
    let zone = Int(slab.pointee.zone)
    let sizeBit = zone &- state.pointee.firstMallocZone
    guard UInt(bitPattern: sizeBit) < 9 else { return freeOther(item, type) }
    state.pointee.requestedBytes &-= Int(requested[Int(item >> 4)])
    zfree(zone, item)
    let row = types + type
    row.pointee.freedBytes &+= 16 &<< UInt64(truncatingIfNeeded: sizeBit)
    row.pointee.frees &+= 1
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
      noteHighUse(state.pointee.hashType)
    }
    return item
  }

  /// Frees a hash of ``mallocHash(bytes:)``.
  func freeHash(_ item: UMAOffset, bytes: Int) {
    countHash(bytes, by: -1)
    free(item, state.pointee.hashType)
  }

  private func countHash(_ bytes: Int, by sign: Int) {
    if bytes > UMA.largestMallocZone {
      state.pointee.hashLargePages += sign * ((bytes + kernelPageSize - 1) / kernelPageSize)
    } else {
      state.pointee.hashRequestedBytes += sign * bytes
      state.pointee.hashZoneBytes += sign * kegs[Int(sizeClasses[(bytes + 15) / 16])].size
    }
  }

  /// ks_maxused: the most bytes of a type in use so far; kernels that count it call this after each malloc.
  @inline(__always)
  func noteHighUse(_ type: Int) {
    let row = types + type
    let used = row.pointee.allocatedBytes &- row.pointee.freedBytes
    if used > row.pointee.highestBytes { row.pointee.highestBytes = used }
  }

  /// A number as the kernel's %p prints it.
  static func hexadecimal(_ value: UInt64) -> String { "0x" + String(value, radix: 16) }
}
