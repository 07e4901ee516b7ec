// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4

/// DELEGRETURN, DELEGPURGE (RFC 7530 sections 16.7 and 16.8).
extension ServerCore {
  func delegationReturn(_ c: inout Compound) throws(NFSStatus) {
    let stateid = try c.stateid()
    let file = try currentFile(c)
    guard files.inodes[file].isRegular else { throw .invalid }
    guard !stateid.isSpecial else { throw .badStateid }
    let client = try renewedClient(of: stateid)
    let record = try requireOpen(stateid.otherLow, of: client)
    guard record.isDelegation, record.file == UInt32(bitPattern: c.current.file) else { throw .badStateid }
    try checkSequence(of: stateid, against: record)
    variables.pointee.counters.delegationsReturned &+= 1
    freeDelegation(DelegationRecord(record))
  }

  /// Delegations do not survive a client's restart here: there is no CLAIM_DELEGATE_PREV, and so no DELEGPURGE
  /// (RFC 7530 section 10.2.1: a server without the one answers NFS4ERR_NOTSUPP to the other).
  func delegationPurge(_ c: inout Compound) throws(NFSStatus) {
    _ = try c.long()
    throw .notSupported
  }
}
