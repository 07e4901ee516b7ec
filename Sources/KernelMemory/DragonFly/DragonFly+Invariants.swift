// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension DragonFly {
  /// Checks the ledger identity alone.
  ///
  /// - Throws: the violation, with its values.
  public func checkLedger() throws(InvariantViolation) {
    try ledger().check(mapUsedBytes: mapUsedBytes, of: "kernel_map")
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
