// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension FreeBSD4 {
  /// Checks the ledger identity alone, in constant time.
  ///
  /// - Throws: the violation, with its values.
  public func checkLedger() throws(InvariantViolation) {
    try ledger().check(mapUsedBytes: mapUsedBytes, of: "kmem_map")
  }

  /// Checks the ledger, malloc's lists and accounts, every zone and every map.
  ///
  /// - Throws: the first violation, with its values.
  public func checkInvariants() throws(InvariantViolation) {
    try checkLedger()
    try buckets.checkInvariants()
    try zones.checkInvariants()
    try mbufs.checkInvariants()
    try buckets.map.space.checkInvariants(name: "kmem_map")
    try zones.map.space.checkInvariants(name: "kernel_map")
    try mbufs.map.space.checkInvariants(name: "mb_map")
    let inMbufMap = mbufs.zones[0].pages + mbufs.zones[1].pages
    guard inMbufMap == mbufs.map.space.usedPages else {
      throw InvariantViolation("mb_map: \(mbufs.map.space.usedPages) pages used, mbufs and clusters hold \(inMbufMap)")
    }
    let reserved = zones.reservedBytes / kernelPageSize
    guard zones.kernPages + reserved == zones.map.space.usedPages else {
      throw InvariantViolation(
        "kernel_map: \(zones.map.space.usedPages) pages used, zones hold \(zones.kernPages) and"
          + " reserve \(reserved)")
    }
  }
}
