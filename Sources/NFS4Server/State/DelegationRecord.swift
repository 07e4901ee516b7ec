// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4

/// struct nfsstate as a delegation: the members of the union that an open or owner uses otherwise (FreeBSD 8.1
/// sys/fs/nfs/nfsrvstate.h: file revision, expiry, limit, compound reference).
///
/// Stateid, links, lock file, client and file lie where every ``StateRecord`` has them; the client's list is its list of delegations.
struct DelegationRecord {
  /// In ``StateRecord/flags``: a read delegation (NFSLCK_DELEGREAD).
  static let read: UInt32 = 0x0100_0000
  /// A write delegation (NFSLCK_DELEGWRITE).
  static let write: UInt32 = 0x0200_0000
  static let either = read | write
  /// It is to come back: a CB_RECALL was sent, or will be (NFSLCK_DELEGRECALL).
  static let recalled: UInt32 = 0x0400_0000
  /// A CB_RECALL is on its way.
  static let recalling: UInt32 = 0x0800_0000
  /// A CB_GETATTR is on its way.
  static let asking: UInt32 = 0x1000_0000
  /// The answer of a CB_GETATTR waits for the GETATTR that wanted it.
  static let answered: UInt32 = 0x2000_0000
  /// The holder has modified data (RFC 7530 section 10.4.3: "modified").
  static let modified: UInt32 = 0x4000_0000

  let record: StateRecord

  @inline(__always) init(_ record: StateRecord) { self.record = record }

  @inline(__always) var link: KernelLink { record.link }
  @inline(__always)
  func has(_ flag: UInt32) -> Bool { record.flags & flag != 0 }
  func set(_ flag: UInt32) { record.flags |= flag }
  func clear(_ flag: UInt32) { record.flags &= ~flag }

  /// open_delegation_type4.
  var type: UInt32 { has(Self.write) ? NFSOpen.delegateWrite : NFSOpen.delegateRead }

  /// The change attribute that the holder knows: "sc" of RFC 7530 section 10.4.3.
  var change: UInt64 {
    get { record.bytes[long: 44] }
    nonmutating set { record.bytes[long: 44] = newValue }
  }
  /// When a recalled delegation is revoked, virtual seconds since boot (ls_delegtimelimit).
  var limit: UInt32 {
    get { record.bytes[word: 52] }
    nonmutating set { record.bytes[word: 52] = newValue }
  }
  /// When CB_RECALL is sent again, virtual seconds since boot (ls_delegtime).
  var nextRecall: UInt32 {
    get { record.bytes[word: 60] }
    nonmutating set { record.bytes[word: 60] = newValue }
  }
  /// When the last CB_GETATTR was answered, virtual seconds since boot.
  var answerTime: UInt32 {
    get { record.bytes[word: 68] }
    nonmutating set { record.bytes[word: 68] = newValue }
  }
  /// The file's size as the holder sees it, bytes.
  var size: UInt64 {
    get { record.bytes[long: 84] }
    nonmutating set { record.bytes[long: 84] = newValue }
  }
}

extension StateRecord {
  /// True for a delegation.
  @inline(__always) var isDelegation: Bool { flags & DelegationRecord.either != 0 }
}
