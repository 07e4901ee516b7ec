// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4

/// struct nfsstate in modelled memory: an open-owner, an open or a lock-owner (FreeBSD 8.1 sys/fs/nfs/nfsrvstate.h, one struct for all uses).
struct StateRecord {
  /// share_access bits in ``flags``.
  static let accessMask: UInt32 = 0x3
  /// share_deny bits in ``flags``, shifted by ``denyShift``.
  static let denyMask: UInt32 = 0x30
  static let denyShift: UInt32 = 4
  static let owner: UInt32 = 0x100
  static let open: UInt32 = 0x200
  /// The owner's first OPEN waits for OPEN_CONFIRM (NFSLCK_NEEDSCONFIRM).
  static let needsConfirm: UInt32 = 0x400
  /// A lock-owner below an open, see ``lockHead``.
  static let lockOwner: UInt32 = 0x1000

  /// Offset of the links of the chain of stateids.
  static let hashOffset = 0
  /// Offset of the links of the client's owners, the owner's opens or the open's lock-owners.
  static let listOffset = 8
  /// Offset of the links of the lock file's opens.
  static let fileOffset = 16

  let link: KernelLink
  let bytes: UnsafeMutableRawPointer

  /// seqid of the stateid.
  var sequence: UInt32 {
    get { bytes[word: 24] }
    nonmutating set { bytes[word: 24] = newValue }
  }
  var boot: UInt32 {
    get { bytes[word: 28] }
    nonmutating set { bytes[word: 28] = newValue }
  }
  var clientIndex: UInt32 {
    get { bytes[word: 32] }
    nonmutating set { bytes[word: 32] = newValue }
  }
  var stateIndex: UInt32 {
    get { bytes[word: 36] }
    nonmutating set { bytes[word: 36] = newValue }
  }
  var flags: UInt32 {
    get { bytes[word: 40] }
    nonmutating set { bytes[word: 40] = newValue }
  }
  /// Last seqid of an owner (ls_seq).
  var ownerSequence: UInt32 {
    get { bytes[word: 44] }
    nonmutating set { bytes[word: 44] = newValue }
  }
  /// Reply-cache entry of an owner's last operation (ls_op).
  var reply: KernelLink {
    get { bytes[word: 48] }
    nonmutating set { bytes[word: 48] = newValue }
  }
  /// Head of an owner's opens (ls_open).
  @inline(__always) var openHead: UnsafeMutableRawPointer { bytes + 52 }
  var lockFile: KernelLink {
    get { bytes[word: 56] }
    nonmutating set { bytes[word: 56] = newValue }
  }
  /// The owner of an open (ls_openowner).
  var openOwner: KernelLink {
    get { bytes[word: 60] }
    nonmutating set { bytes[word: 60] = newValue }
  }
  var client: KernelLink {
    get { bytes[word: 64] }
    nonmutating set { bytes[word: 64] = newValue }
  }
  /// Ticks of the server timer that an owner has been without opens (ls_noopens).
  var idleTicks: UInt32 {
    get { bytes[word: 68] }
    nonmutating set { bytes[word: 68] = newValue }
  }
  var nameLength: UInt32 {
    get { bytes[word: 72] }
    nonmutating set { bytes[word: 72] = newValue }
  }
  /// File id of an open.
  var file: UInt32 {
    get { bytes[word: 76] }
    nonmutating set { bytes[word: 76] = newValue }
  }
  /// One bit for each pair of access and deny that an OPEN asked for, which OPEN_DOWNGRADE may go back to.
  var modes: UInt32 {
    get { bytes[word: 80] }
    nonmutating set { bytes[word: 80] = newValue }
  }

  /// User number of the principal that opened last.
  var uid: UInt32 {
    get { bytes[word: 84] }
    nonmutating set { bytes[word: 84] = newValue }
  }
  /// Security flavor of the principal that opened last.
  var flavor: UInt32 {
    get { bytes[word: 88] }
    nonmutating set { bytes[word: 88] = newValue }
  }

  @inline(__always)
  func has(_ flag: UInt32) -> Bool { flags & flag != 0 }

  @inline(__always) var access: UInt32 { flags & Self.accessMask }
  @inline(__always) var deny: UInt32 { (flags & Self.denyMask) >> Self.denyShift }

  /// The owner's name, behind the fields of the structure.
  @inline(__always)
  func name(_ layout: StateLayout) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: bytes + layout.state, count: Int(nameLength))
  }

  @inline(__always) var stateid: Stateid {
    Stateid(sequence: sequence, otherHigh: UInt64(boot) << 32 | UInt64(clientIndex), otherLow: stateIndex)
  }

  /// The bit of ``modes`` for a pair of access (1 to 3) and deny (0 to 3).
  @inline(__always)
  static func mode(access: UInt32, deny: UInt32) -> UInt32 { 1 << (access | deny << 2) }
}
