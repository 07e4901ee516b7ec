// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// What a compound is for: the procedures that a kernel client counts (the per-op lines of Linux'
/// /proc/self/mountstats).
public enum RPCKind: UInt8, Sendable, CaseIterable {
  /// OPEN.
  case open
  /// OPEN_CONFIRM.
  case openConfirm
  /// OPEN_DOWNGRADE.
  case openDowngrade
  /// CLOSE.
  case close
  /// SETATTR.
  case setattr
  /// ACCESS.
  case access
  /// GETATTR for attributes of a file.
  case getattr
  /// LOOKUP.
  case lookup
  /// REMOVE.
  case remove
  /// RENAME.
  case rename
  /// LINK.
  case link
  /// CREATE of a symbolic link.
  case symlink
  /// CREATE of a directory.
  case create
  /// GETATTR for statfs(2).
  case statfs
  /// READDIR.
  case readdir
  /// READLINK.
  case readlink
  /// READ.
  case read
  /// WRITE.
  case write
  /// COMMIT.
  case commit
  /// SETCLIENTID.
  case setClientID
  /// SETCLIENTID_CONFIRM.
  case setClientIDConfirm
  /// RENEW.
  case renew
  /// DELEGRETURN.
  case delegationReturn
  /// PUTROOTFH and what belongs to it, at mount.
  case lookupRoot
  /// GETATTR of what the server can do, at mount.
  case serverCapabilities
  /// GETATTR of transfer sizes and the lease, at mount.
  case fsinfo
  /// GETATTR of name limits, at mount.
  case pathconf

  /// The name as mountstats prints it, for instance `OPEN_CONFIRM`.
  public var name: String {
    switch self {
    case .open: "OPEN"
    case .openConfirm: "OPEN_CONFIRM"
    case .openDowngrade: "OPEN_DOWNGRADE"
    case .close: "CLOSE"
    case .setattr: "SETATTR"
    case .access: "ACCESS"
    case .getattr: "GETATTR"
    case .lookup: "LOOKUP"
    case .remove: "REMOVE"
    case .rename: "RENAME"
    case .link: "LINK"
    case .symlink: "SYMLINK"
    case .create: "CREATE"
    case .statfs: "STATFS"
    case .readdir: "READDIR"
    case .readlink: "READLINK"
    case .read: "READ"
    case .write: "WRITE"
    case .commit: "COMMIT"
    case .setClientID: "SETCLIENTID"
    case .setClientIDConfirm: "SETCLIENTID_CONFIRM"
    case .renew: "RENEW"
    case .delegationReturn: "DELEGRETURN"
    case .lookupRoot: "LOOKUP_ROOT"
    case .serverCapabilities: "SERVER_CAPS"
    case .fsinfo: "FSINFO"
    case .pathconf: "PATHCONF"
    }
  }
}

/// How many compounds of each kind were sent.
public struct RPCCounts: Sendable, Equatable {
  private var counts: [UInt64]

  init(_ counts: UnsafePointer<UInt64>) {
    self.counts = RPCKind.allCases.map { counts[Int($0.rawValue)] }
  }

  /// Compounds of one kind.
  public subscript(kind: RPCKind) -> UInt64 { counts[Int(kind.rawValue)] }

  /// Compounds of all kinds.
  public var total: UInt64 { counts.reduce(0, +) }

  /// What was sent between two moments.
  public static func - (later: RPCCounts, earlier: RPCCounts) -> RPCCounts {
    var difference = later
    for index in difference.counts.indices { difference.counts[index] &-= earlier.counts[index] }
    return difference
  }
}
