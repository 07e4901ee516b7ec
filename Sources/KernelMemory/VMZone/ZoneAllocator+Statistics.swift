// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension ZoneAllocator {
  /// Why the last ``allocate(_:_:)`` returned null.
  public var refusal: Refusal { state.pointee.refusal }
  /// zone_kern_pages: pages taken from the first map by zones without a reservation.
  public var kernPages: Int { state.pointee.kernPages }
  /// zone_kmem_pages: pages taken from the second map, and pages that fill reservations.
  public var kmemPages: Int { state.pointee.kmemPages }
  /// zone_kmem_kvaspace: address space reserved, bytes.
  public var reservedBytes: Int { state.pointee.reservedBytes }
  /// struct vm_zone of every zone, in the order of creation.
  @inline(__always)
  var zones: UnsafeMutablePointer<Zone> { state.pointee.zones.base }

  /// Items that a zone may have (zmax), 0 without a limit.
  public func limit(_ index: Int) -> Int {
    switch zones[index].growth {
    case .pages: 0
    case .reserved(let items), .limited(let items): items
    }
  }

  /// Statistics of one zone; all free items count as those of slabs, for there is no other place.
  public func statistics(_ index: Int) -> ZoneStatistics {
    let zone = zones[index]
    var row = ZoneStatistics(name: names[index], size: zone.size, isInMap: false)
    row.limit = limit(index)
    row.used = zone.total - zone.freeCount
    row.free = zone.freeCount
    row.kegFree = zone.freeCount
    row.requests = zone.requests
    row.frees = zone.frees
    row.failures = zone.failures
    row.pages = zone.pages
    return row
  }

  /// The bytes that zones hold in the second map, by account of a ledger: all zero where no growth went there.
  public func addFallback(to ledger: inout Ledger) {
    for index in names.indices where zones[index].fallbackPages > 0 {
      let zone = zones[index]
      ledger.live += zone.fallbackUsed * zone.requestedSize
      ledger.rounding += zone.fallbackUsed * (zone.size - zone.requestedSize)
      ledger.slabFree += (zone.fallbackTotal - zone.fallbackUsed) * zone.size
      ledger.slabOverhead += zone.fallbackPages * kernelPageSize - zone.fallbackTotal * zone.size
    }
  }
}
