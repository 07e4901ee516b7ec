// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension FreeBSD6 {
  /// uma_zone_set_max: limits the items of a zone, rounded up to whole slabs; at the limit a waiting caller sleeps on
  /// "zonelimit".
  public func setLimit(of zone: ZoneID, items: Int) {
    guard zone.index >= 0, zone.index < state.pointee.zoneCount else { return }
    uma.setMaximum(zone.index, items: items)
  }

  /// Sets the limits of a stock kernel: nmbclusters on mbuf_cluster, and maxsockets on socket, inpcb and tcpcb.
  ///
  /// maxsockets is the larger of 2 × maxproc (maxfiles) and nmbclusters (recollection). Which zones have limits is
  /// sourced (reference page "kernel-allocators", chapter 18).
  public func applyKernelLimits() {
    let sockets = max(2 * sizing.maxProcesses, sizing.mbufClusters)
    for (name, items) in [
      ("mbuf_cluster", sizing.mbufClusters), ("socket", sockets), ("inpcb", sockets), ("tcpcb", sockets),
    ] {
      if let zone = zone(named: name) { setLimit(of: zone, items: items) }
    }
  }

  /// A zone free of an address that is not the zone's.
  @inline(never)
  func refuse(_ address: KernelAddress, _ zone: ZoneID) {
    guard address != .null else { return }
    let place = UMA.hexadecimal(address.rawValue)
    uma.die(
      .panic(
        message: "UMA: Freed item \(place) did not belong to zone \(uma.zoneNames[zone.index])", requestBytes: 0))
  }

  /// A free of an address outside of everything that malloc gives.
  @inline(never)
  func refuse(_ address: KernelAddress) {
    guard address != .null else { return }
    let place = UMA.hexadecimal(address.rawValue)
    let page = UMA.hexadecimal(address.rawValue & ~UInt64(kernelPageSize - 1))
    uma.die(.panic(message: "free: address \(place)(\(page)) has not been allocated.", requestBytes: 0))
  }

  /// Checked mode: verifies and marks an item of malloc.
  @inline(never)
  func verifyMalloc(_ item: UMAOffset, _ type: MallocType) -> Bool {
    let slab = uma.slabs[Int(item) / kernelPageSize]
    if slab.kind == UMAPageKind.largeMalloc { return uma.verifyLargeAllocation(item, type: type.index) }
    return uma.verifyAllocation(Int(slab.zone), item, type: type.index)
  }

  /// Checked mode: an item of malloc is given back.
  @inline(never)
  func verifyFree(_ item: UMAOffset, _ type: MallocType) -> Bool {
    let slab = uma.slabs[Int(item) / kernelPageSize]
    switch slab.kind {
    case UMAPageKind.largeMalloc: return uma.verifyLargeFree(item, type: type.index)
    case UMAPageKind.slab where uma.kegs[Int(slab.zone)].flags.contains(.malloc):
      return uma.verifyFree(Int(slab.zone), item, type: type.index)
    default: return true
    }
  }
}
