// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4

/// Why an error of the RFC's table cannot happen here.
enum ConformanceReason {
  /// The reason for an operation and an error, nil where it can happen: then there is a case.
  static func reason(_ operation: NFSOperation, _ status: NFSStatus) -> String? {
    special[Row(operation, status)] ?? general(operation, status)
  }

  struct Row: Hashable {
    let operation: NFSOperation
    let status: NFSStatus

    init(_ operation: NFSOperation, _ status: NFSStatus) {
      self.operation = operation
      self.status = status
    }
  }

  /// Reasons of single rows, by area.
  static let special: [Row: String] = files.merging(opens) { first, _ in first }.merging(locks) { first, _ in first }
    .merging(delegations) { first, _ in first }

  /// Operations that a delegation of another client can stand in the way of.
  private static let waits: Set<NFSOperation> = [
    .open, .read, .write, .setAttributes, .remove, .rename, .link, .getAttributes, .verify, .verifyNot,
  ]

  private static func general(_ operation: NFSOperation, _ status: NFSStatus) -> String? {
    switch status {
    case .filehandleExpired: "filehandles are persistent (fh_expire_type 0)"
    case .moved, .leaseMoved: "there is one file system, and it never moves"
    case .wrongSecurity: "every flavour that the server takes is good for the whole export"
    case .crossDevice: "there is one file system"
    case .io, .noDevice: "files lie in memory, which does not fail"
    case .serverFault: "kept for a modelled kernel that has failed, and then the RPC itself answers SYSTEM_ERR"
    case .badHandle where operation != .putFilehandle:
      "PUTFH refuses a handle that this server did not make, so no operation behind it has one"
    case .stale where operation != .putFilehandle && operation != .restoreFilehandle:
      "a compound is carried out behind one lock, and PUTFH and RESTOREFH refuse the handle of a file that is gone"
    case .adminRevoked:
      "nobody revokes state by hand; what a lease or a recall took is NFS4ERR_EXPIRED or NFS4ERR_BAD_STATEID"
    case .delay where !waits.contains(operation): "nothing but the recall of a delegation makes a request wait"
    case .fileOpen: "files that are open can be removed and replaced"
    case .deadlock: "no lock request waits: one that would is denied at once"
    case .lockNotSupported: "every type of lock that the protocol has is supported"
    case .badRange: "ranges are 64 bits wide"
    case .lockRange: "ranges are split and merged as POSIX has it"
    default: nil
    }
  }
}
