// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension FreeBSD4 {
  /// Checks the ledger identity alone, in constant time.
  ///
  /// - Throws: the violation, with its values.
  public func checkLedger() throws(InvariantViolation) {
    let ledger = ledger()
    guard ledger.total == mapUsedBytes else {
      throw InvariantViolation("ledger: \(ledger.total) bytes accounted, \(mapUsedBytes) of kmem_map in use: \(ledger)")
    }
    guard ledger.rounding >= 0, ledger.live >= 0, ledger.large >= 0, ledger.slabFree >= 0 else {
      throw InvariantViolation("ledger: an account is negative: \(ledger)")
    }
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
