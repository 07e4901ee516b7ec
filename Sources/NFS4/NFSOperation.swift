// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// Operation of an NFSv4.0 COMPOUND: nfs_opnum4 (RFC 7530 section 16, RFC 7531).
public enum NFSOperation: UInt32, Sendable, CaseIterable {
  /// ACCESS.
  case access = 3
  /// CLOSE.
  case close = 4
  /// COMMIT.
  case commit = 5
  /// CREATE.
  case create = 6
  /// DELEGPURGE.
  case delegationPurge = 7
  /// DELEGRETURN.
  case delegationReturn = 8
  /// GETATTR.
  case getAttributes = 9
  /// GETFH.
  case getFilehandle = 10
  /// LINK.
  case link = 11
  /// LOCK.
  case lock = 12
  /// LOCKT.
  case lockTest = 13
  /// LOCKU.
  case unlock = 14
  /// LOOKUP.
  case lookup = 15
  /// LOOKUPP.
  case lookupParent = 16
  /// NVERIFY.
  case verifyNot = 17
  /// OPEN.
  case open = 18
  /// OPENATTR.
  case openNamedAttributes = 19
  /// OPEN_CONFIRM.
  case openConfirm = 20
  /// OPEN_DOWNGRADE.
  case openDowngrade = 21
  /// PUTFH.
  case putFilehandle = 22
  /// PUTPUBFH.
  case putPublicFilehandle = 23
  /// PUTROOTFH.
  case putRootFilehandle = 24
  /// READ.
  case read = 25
  /// READDIR.
  case readDirectory = 26
  /// READLINK.
  case readLink = 27
  /// REMOVE.
  case remove = 28
  /// RENAME.
  case rename = 29
  /// RENEW.
  case renew = 30
  /// RESTOREFH.
  case restoreFilehandle = 31
  /// SAVEFH.
  case saveFilehandle = 32
  /// SECINFO.
  case securityInformation = 33
  /// SETATTR.
  case setAttributes = 34
  /// SETCLIENTID.
  case setClientID = 35
  /// SETCLIENTID_CONFIRM.
  case setClientIDConfirm = 36
  /// VERIFY.
  case verify = 37
  /// WRITE.
  case write = 38
  /// RELEASE_LOCKOWNER.
  case releaseLockOwner = 39
  /// OP_ILLEGAL.
  case illegal = 10044

  /// Operation numbers below this are counted one by one; OP_ILLEGAL is counted apart.
  public static let countedLimit = 40

  /// The name that RFC 7530 uses, for instance `OPEN_CONFIRM`.
  public var name: String {
    switch self {
    case .access: "ACCESS"
    case .close: "CLOSE"
    case .commit: "COMMIT"
    case .create: "CREATE"
    case .delegationPurge: "DELEGPURGE"
    case .delegationReturn: "DELEGRETURN"
    case .getAttributes: "GETATTR"
    case .getFilehandle: "GETFH"
    case .link: "LINK"
    case .lock: "LOCK"
    case .lockTest: "LOCKT"
    case .unlock: "LOCKU"
    case .lookup: "LOOKUP"
    case .lookupParent: "LOOKUPP"
    case .verifyNot: "NVERIFY"
    case .open: "OPEN"
    case .openNamedAttributes: "OPENATTR"
    case .openConfirm: "OPEN_CONFIRM"
    case .openDowngrade: "OPEN_DOWNGRADE"
    case .putFilehandle: "PUTFH"
    case .putPublicFilehandle: "PUTPUBFH"
    case .putRootFilehandle: "PUTROOTFH"
    case .read: "READ"
    case .readDirectory: "READDIR"
    case .readLink: "READLINK"
    case .remove: "REMOVE"
    case .rename: "RENAME"
    case .renew: "RENEW"
    case .restoreFilehandle: "RESTOREFH"
    case .saveFilehandle: "SAVEFH"
    case .securityInformation: "SECINFO"
    case .setAttributes: "SETATTR"
    case .setClientID: "SETCLIENTID"
    case .setClientIDConfirm: "SETCLIENTID_CONFIRM"
    case .verify: "VERIFY"
    case .write: "WRITE"
    case .releaseLockOwner: "RELEASE_LOCKOWNER"
    case .illegal: "ILLEGAL"
    }
  }

  /// True for operations that make, change or free state: what the clock `state_ops` counts.
  ///
  /// These are the operations of reference table "Operation -> MALLOC / FREE" that touch a client, an owner, an open, a lock or a
  /// delegation (RFC 7530 chapter 9).
  public var changesState: Bool {
    switch self {
    case .open, .openConfirm, .openDowngrade, .close, .lock, .unlock, .lockTest, .releaseLockOwner, .setClientID,
      .setClientIDConfirm, .delegationReturn, .delegationPurge, .renew:
      true
    default: false
    }
  }

  /// False for operations that only look, set the filehandles or renew a lease: a compound of these alone can be carried out again.
  public var hasEffect: Bool {
    switch self {
    case .access, .getAttributes, .getFilehandle, .lookup, .lookupParent, .verifyNot, .putFilehandle,
      .putPublicFilehandle, .putRootFilehandle, .read, .readDirectory, .readLink, .renew, .restoreFilehandle,
      .saveFilehandle, .securityInformation, .verify:
      false
    default: true
    }
  }
}
