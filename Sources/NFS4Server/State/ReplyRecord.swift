// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// struct nfsrvcache in modelled memory: one entry of the duplicate request cache (FreeBSD 8.1 sys/fs/nfs/nfsrvcache.h).
struct ReplyRecord {
  /// The request is being served (RC_INPROG).
  static let inProgress: UInt32 = 1
  /// The entry holds a reply (RC_REPMBUF).
  static let hasReply: UInt32 = 2
  static let hashOffset = 0
  /// Links of a list of saved replies: those of a connection, or those whose connection is gone.
  static let listOffset = 8

  let link: KernelLink
  let bytes: UnsafeMutableRawPointer

  /// When a saved reply is dropped at the latest, virtual seconds since boot.
  var expiry: UInt32 {
    get { bytes[word: 16] }
    nonmutating set { bytes[word: 16] = newValue }
  }
  var xid: UInt32 {
    get { bytes[word: 20] }
    nonmutating set { bytes[word: 20] = newValue }
  }
  var flags: UInt32 {
    get { bytes[word: 24] }
    nonmutating set { bytes[word: 24] = newValue }
  }
  var requestLength: UInt32 {
    get { bytes[word: 28] }
    nonmutating set { bytes[word: 28] = newValue }
  }
  var checksum: UInt32 {
    get { bytes[word: 32] }
    nonmutating set { bytes[word: 32] = newValue }
  }
  /// Owners that point here (rc_refcnt).
  var references: UInt32 {
    get { bytes[word: 36] }
    nonmutating set { bytes[word: 36] = newValue }
  }
  /// Head of the mbuf chain of the reply.
  var reply: KernelLink {
    get { bytes[word: 40] }
    nonmutating set { bytes[word: 40] = newValue }
  }
  /// Serial number of the connection that the request came on (rc_sockref).
  var connection: UInt32 {
    get { bytes[word: 44] }
    nonmutating set { bytes[word: 44] = newValue }
  }
  /// Where the bytes of the reply are kept, see ``ReplyStore``; 0 for nowhere.
  var storage: UInt32 {
    get { bytes[word: 48] }
    nonmutating set { bytes[word: 48] = newValue }
  }

  @inline(__always)
  func has(_ flag: UInt32) -> Bool { flags & flag != 0 }
}
