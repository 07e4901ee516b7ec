// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4

/// The arguments of a LOCK.
struct LockRequest {
  var isExclusive = false
  var isReclaim = false
  /// The range, nil where it is none.
  var range: LockRange?
  /// new_lock_owner: the lock-owner is given by name and ``stateid`` is that of the open.
  var isNew = false
  var openSequence: UInt32 = 0
  var lockSequence: UInt32 = 0
  var stateid: Stateid
  var clientID: UInt64 = 0
  /// The lock-owner's name; empty where ``stateid`` stands for it.
  var name = UnsafeRawBufferPointer(start: nil, count: 0)

  init(_ c: inout Compound) throws(NFSStatus) {
    isExclusive = NFSLock.isExclusive(try c.lockType())
    isReclaim = try c.flag()
    range = LockRange(offset: try c.long(), length: try c.long())
    isNew = try c.flag()
    if isNew {
      openSequence = try c.word()
      stateid = try c.stateid()
      lockSequence = try c.word()
      clientID = try c.long()
      name = try c.opaque(limit: NFS4Protocol.opaqueLimit)
    } else {
      stateid = try c.stateid()
      lockSequence = try c.word()
    }
  }

  /// share_access that the open must have for the lock, as fcntl(2) asks for it.
  var access: UInt32 { isExclusive ? NFSOpen.accessWrite : NFSOpen.accessRead }
}

extension Compound {
  /// An nfs_lock_type4.
  mutating func lockType() throws(NFSStatus) -> UInt32 {
    let type = try word()
    guard NFSLock.types.contains(type) else { throw .badXDR }
    return type
  }

  /// A boolean.
  mutating func flag() throws(NFSStatus) -> Bool {
    do { return try reader.bool() } catch { throw .badXDR }
  }
}
