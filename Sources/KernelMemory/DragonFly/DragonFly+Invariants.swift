// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension DragonFly {
  /// Checks the ledger identity alone.
  ///
  /// - Throws: the violation, with its values.
  public func checkLedger() throws(InvariantViolation) {
    let ledger = ledger()
    guard ledger.total == mapUsedBytes else {
      throw InvariantViolation(
        "ledger: \(ledger.total) bytes accounted, \(mapUsedBytes) of kernel_map in use: \(ledger)")
    }
    guard ledger.rounding >= 0, ledger.slabFree >= 0, ledger.slabOverhead >= 0, ledger.cpuBuckets >= 0 else {
      throw InvariantViolation("ledger: an account is negative: \(ledger)")
    }
  }

  /// Checks the ledger, the slab allocator, every zone and kernel_map.
  ///
  /// - Throws: the first violation, with its values.
  public func checkInvariants() throws(InvariantViolation) {
    try checkLedger()
    try slabs.checkInvariants()
    try zones.checkInvariants()
    try map.space.checkInvariants(name: "kernel_map")
  }
}
