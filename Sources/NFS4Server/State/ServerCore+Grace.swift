// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import KernelMemory
import NFS4

/// The grace period behind a restart, and who may reclaim in it (RFC 7530 section 9.6.2; nfsrv_checkgrace, nfsrv_checkstable).
extension ServerCore {
  /// Whether the grace period is on.
  @inline(__always) var isInGrace: Bool { variables.pointee.graceEnd != 0 && seconds < variables.pointee.graceEnd }

  /// Starts an instance of the service: with a grace period after a restart, or where stable storage knows of an instance before.
  func beginInstance(isRestart: Bool = false) {
    let hasPast = isRestart || stable.count > 0
    stable.beginInstance()
    if hasPast && configuration.graceSeconds > 0 {
      variables.pointee.graceEnd = seconds &+ UInt32(truncatingIfNeeded: configuration.graceSeconds)
    } else {
      endGrace()
    }
  }

  /// Ends the grace period: from now on nothing is reclaimed.
  func endGrace() {
    variables.pointee.graceEnd = 0
    stable.endGrace()
  }

  /// Checks an OPEN or LOCK against the grace period.
  ///
  /// - Parameters:
  ///   - reclaims: whether the request reclaims what the client had before the restart.
  ///   - client: who asks.
  /// - Throws: NFS4ERR_GRACE for what is new in the grace period; NFS4ERR_NO_GRACE for a reclaim outside of it, or of a client that stable
  ///   storage does not know, or whose lease was cancelled: no further reclaim of that client can succeed.
  func checkGrace(reclaims: Bool, _ client: ClientRecord) throws(NFSStatus) {
    guard isInGrace else {
      if reclaims { throw .noGrace }
      return
    }
    guard reclaims else { throw .grace }
    guard client.has(ClientRecord.mayReclaim) else { throw .noGrace }
  }

  /// Checks what needs no state but could stand against state that is still to be reclaimed: READ, WRITE and SETATTR of the size with a
  /// special stateid, REMOVE, RENAME.
  ///
  /// With the stateid of a reclaimed open they go on: no open that stood beside it before the restart can deny its access.
  ///
  /// - Throws: NFS4ERR_GRACE.
  @inline(__always)
  func checkGraceForChange() throws(NFSStatus) {
    if isInGrace { throw .grace }
  }

  /// Writes the record of a client that has state now to stable storage, once (nfsrv_writestable); it is made up in M_TEMP.
  func stampStable(_ client: ClientRecord) throws(NFSStatus) {
    guard !client.has(ClientRecord.stampedStable) else { return }
    client.flags |= ClientRecord.stampedStable
    free(try temporary(layout.stableRecord &+ Int(client.idLength)), types.temporary)
    stable.note([UInt8](client.id(layout)))
  }
}
