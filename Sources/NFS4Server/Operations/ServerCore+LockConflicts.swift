// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4

/// What stands against a LOCK or LOCKT: locks of others.
extension ServerCore {
  /// Looks for a lock of another owner that stands against a new one.
  ///
  /// Locks of another client whose lease has run out are no obstacle: that client loses its lease (RFC 7530 section 9.6.3.1).
  ///
  /// - Throws: NFS4ERR_DENIED, or NFS4ERR_RECLAIM_CONFLICT for a reclaim; the lock in the way is what ``writeDenied(_:)`` tells.
  func checkLocks(
    _ file: FileReference, _ range: LockRange, isExclusive: Bool, isReclaim: Bool, leader: KernelLink,
    client: KernelLink
  ) throws(NFSStatus) {
    while let lockFile = findLockFile(file),
      let conflict = lockConflict(on: lockFile, range, isExclusive: isExclusive, leader: leader)
    {
      let other = self.client(state(conflict.holder).client)
      guard other.link != client, other.expiry < seconds else {
        variables.pointee.deniedLock = conflict.link
        throw isReclaim ? .reclaimConflict : .denied
      }
      cancelLease(of: other)
    }
  }

  /// Writes LOCK4denied: the lock in the way, whose owner cannot have gone since it was found.
  func writeDenied(_ c: inout Compound) {
    let lock = lock(variables.pointee.deniedLock)
    let owner = state(lock.holder)
    c.writer.put(lock.first)
    c.writer.put(lock.range.length)
    c.writer.put(lock.isExclusive ? NFSLock.write : NFSLock.read)
    c.writer.put(UInt64(owner.boot) << 32 | UInt64(owner.clientIndex))
    c.writer.putOpaque(owner.name(layout))
    variables.pointee.counters.locksDenied &+= 1
  }
}
