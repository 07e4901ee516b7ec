// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// struct nfsstate as a lock-owner: what one lock-owner holds below one open, and the stateid of it.
///
/// The kernel has one structure for each pair of open and lock-owner, each with a sequence number. RFC 7530 section 9.1.7 counts for the
/// lock-owner, whatever it locks: so the structures of one lock-owner form a ring, and one of them, the leader, has the number and the
/// kept reply of all.
extension StateRecord {
  /// Offset of the links of the client's lock-owners, in which leaders hang.
  static let clientOffset = 16
  /// Offset of the links of the ring of one lock-owner's structures.
  static let ringOffset = 80

  /// Head of a lock-owner's locks, in the order of their first bytes (ls_lock).
  @inline(__always) var lockHead: UnsafeMutableRawPointer { bytes + 52 }
  /// The open that a lock-owner locks under (ls_openstp).
  var open: KernelLink {
    get { bytes[word: 60] }
    nonmutating set { bytes[word: 60] = newValue }
  }
  /// The structure with the sequence number of the lock-owner, which may be this one.
  var leader: KernelLink {
    get { bytes[word: 68] }
    nonmutating set { bytes[word: 68] = newValue }
  }
  /// Head of the lock-owners of an open (ls_lock of an open).
  @inline(__always) var lockOwnerHead: UnsafeMutableRawPointer { bytes + 92 }

  @inline(__always) var isLeader: Bool { leader == link }
  @inline(__always) var holdsLocks: Bool { lockHead[word: 0] != 0 }

  /// Gives the stateid its next seqid.
  func advanceStateid() { sequence = ServerCore.nextSequence(sequence) }
}
