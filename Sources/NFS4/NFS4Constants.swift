// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// Numbers of the ONC RPC program (RFC 7530 section 3.1, RFC 7531) and the protocol's own limits.
public enum NFS4Protocol {
  /// RPC program number of NFS.
  public static let program: UInt32 = 100_003
  /// RPC version of NFSv4.
  public static let version: UInt32 = 4
  /// Procedure NULL.
  public static let nullProcedure: UInt32 = 0
  /// Procedure COMPOUND.
  public static let compoundProcedure: UInt32 = 1
  /// Longest filehandle, bytes (NFS4_FHSIZE).
  public static let filehandleLimit = 128
  /// Bytes of a verifier (NFS4_VERIFIER_SIZE).
  public static let verifierSize = 8
  /// Longest client id, open-owner or lock-owner, bytes (NFS4_OPAQUE_LIMIT).
  public static let opaqueLimit = 1024
  /// Bytes of the part of a stateid that the server alone understands.
  public static let stateidOtherSize = 12
  /// Bitmap words that are read, of which NFSv4.0 defines two; a longer bitmap is refused.
  ///
  /// A server must not fail a request for attributes that it does not know (RFC 7530 section 16.7.4), so there is room for any number that
  /// a test suite may think of; Linux knfsd has the same limit (fs/nfsd/nfs4xdr.c; recollection).
  public static let bitmapWordLimit = 1000
  /// Longest attribute list that is read, bytes: room for an ACL of some hundred entries, none of which is kept.
  public static let attributeListLimit = 65_536
  /// Longest component name that is read from a message, bytes; servers refuse above their own `maxname` with NFS4ERR_NAMETOOLONG.
  ///
  /// A name is a view of the message and is never copied before its length is checked, so the limit is no protection of memory.
  public static let componentReadLimit = 1 << 20
  /// Longest symbolic link text that is read from a message, bytes; as for ``componentReadLimit``.
  public static let linkTextReadLimit = 1 << 20
  /// Longest owner string that is read, bytes; servers refuse what names nobody with NFS4ERR_BADOWNER.
  public static let ownerReadLimit = 1 << 16
  /// Longest tag of a COMPOUND that is read, bytes.
  public static let tagLimit = 1024
}

/// Type of a file: nfs_ftype4.
public enum NFSFileType: UInt32, Sendable {
  /// Regular file.
  case regular = 1
  /// Directory.
  case directory = 2
  /// Block device.
  case blockDevice = 3
  /// Character device.
  case characterDevice = 4
  /// Symbolic link.
  case symbolicLink = 5
  /// Socket.
  case socket = 6
  /// FIFO.
  case fifo = 7
  /// Named attribute directory.
  case attributeDirectory = 8
  /// Named attribute.
  case namedAttribute = 9
}

/// Bits of ACCESS (RFC 7530 section 16.1).
public enum NFSAccess {
  /// Read a file or list a directory.
  public static let read: UInt32 = 0x01
  /// Look up a name in a directory.
  public static let lookup: UInt32 = 0x02
  /// Rewrite data or change a directory's entries.
  public static let modify: UInt32 = 0x04
  /// Write new data or add entries.
  public static let extend: UInt32 = 0x08
  /// Delete an entry.
  public static let delete: UInt32 = 0x10
  /// Execute a file.
  public static let execute: UInt32 = 0x20
  /// Every bit that NFSv4.0 knows.
  public static let all: UInt32 = 0x3F
}

/// Numbers of OPEN (RFC 7530 section 16.16).
public enum NFSOpen {
  /// share_access READ.
  public static let accessRead: UInt32 = 1
  /// share_access WRITE.
  public static let accessWrite: UInt32 = 2
  /// share_access BOTH.
  public static let accessBoth: UInt32 = 3
  /// share_deny NONE; the deny bits otherwise equal the access bits.
  public static let denyNone: UInt32 = 0
  /// opentype4 NOCREATE.
  public static let noCreate: UInt32 = 0
  /// opentype4 CREATE.
  public static let create: UInt32 = 1
  /// createmode4 UNCHECKED4.
  public static let unchecked: UInt32 = 0
  /// createmode4 GUARDED4.
  public static let guarded: UInt32 = 1
  /// createmode4 EXCLUSIVE4.
  public static let exclusive: UInt32 = 2
  /// open_claim_type4 CLAIM_NULL.
  public static let claimNull: UInt32 = 0
  /// open_claim_type4 CLAIM_PREVIOUS.
  public static let claimPrevious: UInt32 = 1
  /// open_claim_type4 CLAIM_DELEGATE_CUR.
  public static let claimDelegateCurrent: UInt32 = 2
  /// open_claim_type4 CLAIM_DELEGATE_PREV.
  public static let claimDelegatePrevious: UInt32 = 3
  /// open_delegation_type4 OPEN_DELEGATE_NONE.
  public static let delegateNone: UInt32 = 0
  /// open_delegation_type4 OPEN_DELEGATE_READ.
  public static let delegateRead: UInt32 = 1
  /// open_delegation_type4 OPEN_DELEGATE_WRITE.
  public static let delegateWrite: UInt32 = 2
  /// OPEN4_RESULT_CONFIRM: the open-owner must be confirmed.
  public static let resultConfirm: UInt32 = 0x2
  /// OPEN4_RESULT_LOCKTYPE_POSIX: byte-range locks may be split.
  public static let resultLockTypePOSIX: UInt32 = 0x4
}

/// stable_how4 of WRITE (RFC 7530 section 16.36).
public enum NFSStable {
  /// UNSTABLE4.
  public static let unstable: UInt32 = 0
  /// DATA_SYNC4.
  public static let dataSync: UInt32 = 1
  /// FILE_SYNC4.
  public static let fileSync: UInt32 = 2
}
