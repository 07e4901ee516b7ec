// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// Status of an NFSv4 operation or compound: nfsstat4 (RFC 7530 section 13, RFC 7531).
public enum NFSStatus: UInt32, Error, Sendable, CaseIterable {
  /// NFS4_OK.
  case ok = 0
  /// NFS4ERR_PERM.
  case notOwner = 1
  /// NFS4ERR_NOENT.
  case noEntry = 2
  /// NFS4ERR_IO.
  case io = 5
  /// NFS4ERR_NXIO.
  case noDevice = 6
  /// NFS4ERR_ACCESS.
  case accessDenied = 13
  /// NFS4ERR_EXIST.
  case exists = 17
  /// NFS4ERR_XDEV.
  case crossDevice = 18
  /// NFS4ERR_NOTDIR.
  case notDirectory = 20
  /// NFS4ERR_ISDIR.
  case isDirectory = 21
  /// NFS4ERR_INVAL.
  case invalid = 22
  /// NFS4ERR_FBIG.
  case fileTooBig = 27
  /// NFS4ERR_NOSPC.
  case noSpace = 28
  /// NFS4ERR_ROFS.
  case readOnlyFileSystem = 30
  /// NFS4ERR_MLINK.
  case tooManyLinks = 31
  /// NFS4ERR_NAMETOOLONG.
  case nameTooLong = 63
  /// NFS4ERR_NOTEMPTY.
  case notEmpty = 66
  /// NFS4ERR_DQUOT.
  case quotaExceeded = 69
  /// NFS4ERR_STALE.
  case stale = 70
  /// NFS4ERR_BADHANDLE.
  case badHandle = 10001
  /// NFS4ERR_BAD_COOKIE.
  case badCookie = 10003
  /// NFS4ERR_NOTSUPP.
  case notSupported = 10004
  /// NFS4ERR_TOOSMALL.
  case tooSmall = 10005
  /// NFS4ERR_SERVERFAULT.
  case serverFault = 10006
  /// NFS4ERR_BADTYPE.
  case badType = 10007
  /// NFS4ERR_DELAY.
  case delay = 10008
  /// NFS4ERR_SAME.
  case same = 10009
  /// NFS4ERR_DENIED.
  case denied = 10010
  /// NFS4ERR_EXPIRED.
  case expired = 10011
  /// NFS4ERR_LOCKED.
  case locked = 10012
  /// NFS4ERR_GRACE.
  case grace = 10013
  /// NFS4ERR_FHEXPIRED.
  case filehandleExpired = 10014
  /// NFS4ERR_SHARE_DENIED.
  case shareDenied = 10015
  /// NFS4ERR_WRONGSEC.
  case wrongSecurity = 10016
  /// NFS4ERR_CLID_INUSE.
  case clientIDInUse = 10017
  /// NFS4ERR_RESOURCE.
  case resource = 10018
  /// NFS4ERR_MOVED.
  case moved = 10019
  /// NFS4ERR_NOFILEHANDLE.
  case noFilehandle = 10020
  /// NFS4ERR_MINOR_VERS_MISMATCH.
  case minorVersionMismatch = 10021
  /// NFS4ERR_STALE_CLIENTID.
  case staleClientID = 10022
  /// NFS4ERR_STALE_STATEID.
  case staleStateid = 10023
  /// NFS4ERR_OLD_STATEID.
  case oldStateid = 10024
  /// NFS4ERR_BAD_STATEID.
  case badStateid = 10025
  /// NFS4ERR_BAD_SEQID.
  case badSeqid = 10026
  /// NFS4ERR_NOT_SAME.
  case notSame = 10027
  /// NFS4ERR_LOCK_RANGE.
  case lockRange = 10028
  /// NFS4ERR_SYMLINK.
  case isSymlink = 10029
  /// NFS4ERR_RESTOREFH.
  case restoreFilehandle = 10030
  /// NFS4ERR_LEASE_MOVED.
  case leaseMoved = 10031
  /// NFS4ERR_ATTRNOTSUPP.
  case attributeNotSupported = 10032
  /// NFS4ERR_NO_GRACE.
  case noGrace = 10033
  /// NFS4ERR_RECLAIM_BAD.
  case reclaimBad = 10034
  /// NFS4ERR_RECLAIM_CONFLICT.
  case reclaimConflict = 10035
  /// NFS4ERR_BADXDR.
  case badXDR = 10036
  /// NFS4ERR_LOCKS_HELD.
  case locksHeld = 10037
  /// NFS4ERR_OPENMODE.
  case openMode = 10038
  /// NFS4ERR_BADOWNER.
  case badOwner = 10039
  /// NFS4ERR_BADCHAR.
  case badCharacter = 10040
  /// NFS4ERR_BADNAME.
  case badName = 10041
  /// NFS4ERR_BAD_RANGE.
  case badRange = 10042
  /// NFS4ERR_LOCK_NOTSUPP.
  case lockNotSupported = 10043
  /// NFS4ERR_OP_ILLEGAL.
  case operationIllegal = 10044
  /// NFS4ERR_DEADLOCK.
  case deadlock = 10045
  /// NFS4ERR_FILE_OPEN.
  case fileOpen = 10046
  /// NFS4ERR_ADMIN_REVOKED.
  case adminRevoked = 10047
  /// NFS4ERR_CB_PATH_DOWN.
  case callbackPathDown = 10048

  /// The name that RFC 7530 uses, for instance `NFS4ERR_STALE`.
  public var name: String {
    switch self {
    case .ok: "NFS4_OK"
    case .notOwner: "NFS4ERR_PERM"
    case .noEntry: "NFS4ERR_NOENT"
    case .io: "NFS4ERR_IO"
    case .noDevice: "NFS4ERR_NXIO"
    case .accessDenied: "NFS4ERR_ACCESS"
    case .exists: "NFS4ERR_EXIST"
    case .crossDevice: "NFS4ERR_XDEV"
    case .notDirectory: "NFS4ERR_NOTDIR"
    case .isDirectory: "NFS4ERR_ISDIR"
    case .invalid: "NFS4ERR_INVAL"
    case .fileTooBig: "NFS4ERR_FBIG"
    case .noSpace: "NFS4ERR_NOSPC"
    case .readOnlyFileSystem: "NFS4ERR_ROFS"
    case .tooManyLinks: "NFS4ERR_MLINK"
    case .nameTooLong: "NFS4ERR_NAMETOOLONG"
    case .notEmpty: "NFS4ERR_NOTEMPTY"
    case .quotaExceeded: "NFS4ERR_DQUOT"
    case .stale: "NFS4ERR_STALE"
    case .badHandle: "NFS4ERR_BADHANDLE"
    case .badCookie: "NFS4ERR_BAD_COOKIE"
    case .notSupported: "NFS4ERR_NOTSUPP"
    case .tooSmall: "NFS4ERR_TOOSMALL"
    case .serverFault: "NFS4ERR_SERVERFAULT"
    case .badType: "NFS4ERR_BADTYPE"
    case .delay: "NFS4ERR_DELAY"
    case .same: "NFS4ERR_SAME"
    case .denied: "NFS4ERR_DENIED"
    case .expired: "NFS4ERR_EXPIRED"
    case .locked: "NFS4ERR_LOCKED"
    case .grace: "NFS4ERR_GRACE"
    case .filehandleExpired: "NFS4ERR_FHEXPIRED"
    case .shareDenied: "NFS4ERR_SHARE_DENIED"
    case .wrongSecurity: "NFS4ERR_WRONGSEC"
    case .clientIDInUse: "NFS4ERR_CLID_INUSE"
    case .resource: "NFS4ERR_RESOURCE"
    case .moved: "NFS4ERR_MOVED"
    case .noFilehandle: "NFS4ERR_NOFILEHANDLE"
    case .minorVersionMismatch: "NFS4ERR_MINOR_VERS_MISMATCH"
    case .staleClientID: "NFS4ERR_STALE_CLIENTID"
    case .staleStateid: "NFS4ERR_STALE_STATEID"
    case .oldStateid: "NFS4ERR_OLD_STATEID"
    case .badStateid: "NFS4ERR_BAD_STATEID"
    case .badSeqid: "NFS4ERR_BAD_SEQID"
    case .notSame: "NFS4ERR_NOT_SAME"
    case .lockRange: "NFS4ERR_LOCK_RANGE"
    case .isSymlink: "NFS4ERR_SYMLINK"
    case .restoreFilehandle: "NFS4ERR_RESTOREFH"
    case .leaseMoved: "NFS4ERR_LEASE_MOVED"
    case .attributeNotSupported: "NFS4ERR_ATTRNOTSUPP"
    case .noGrace: "NFS4ERR_NO_GRACE"
    case .reclaimBad: "NFS4ERR_RECLAIM_BAD"
    case .reclaimConflict: "NFS4ERR_RECLAIM_CONFLICT"
    case .badXDR: "NFS4ERR_BADXDR"
    case .locksHeld: "NFS4ERR_LOCKS_HELD"
    case .openMode: "NFS4ERR_OPENMODE"
    case .badOwner: "NFS4ERR_BADOWNER"
    case .badCharacter: "NFS4ERR_BADCHAR"
    case .badName: "NFS4ERR_BADNAME"
    case .badRange: "NFS4ERR_BAD_RANGE"
    case .lockNotSupported: "NFS4ERR_LOCK_NOTSUPP"
    case .operationIllegal: "NFS4ERR_OP_ILLEGAL"
    case .deadlock: "NFS4ERR_DEADLOCK"
    case .fileOpen: "NFS4ERR_FILE_OPEN"
    case .adminRevoked: "NFS4ERR_ADMIN_REVOKED"
    case .callbackPathDown: "NFS4ERR_CB_PATH_DOWN"
    }
  }
}

extension NFSStatus: CustomStringConvertible {
  /// The name that RFC 7530 uses.
  public var description: String { name }
}
