// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4

/// Ranges of locks: conflicts, and what a LOCK or LOCKU makes of the ranges that its owner holds (FreeBSD 8.1 nfs_nfsdstate.c,
/// nfsrv_updatelock and nfsrv_insertlock).
extension ServerCore {
  /// The first lock of the file that stands against a range of this type, nil for none.
  ///
  /// The locks of the owner that asks never do: `leader` is its leader, 0 for an owner that has none.
  func lockConflict(
    on lockFile: LockFileRecord, _ range: LockRange, isExclusive: Bool, leader: KernelLink
  ) -> LockRecord? {
    var link = lockFile.lockHead[word: 0]
    while link != 0 {
      let lock = lock(link)
      if lock.first <= range.last, range.first <= lock.last, isExclusive || lock.isExclusive,
        state(lock.holder).leader != leader
      {
        return lock
      }
      link = next(link, offset: LockRecord.fileOffset)
    }
    return nil
  }

  /// Gives a range to a lock-owner: locks of the same type that overlap or adjoin become one with it, others that the owner has on the
  /// file yield (RFC 7530 sections 9.2 and 9.3).
  ///
  /// `new` becomes the lock; `spare` is 0 afterwards where it became the second part of a lock that was split.
  func setLock(
    _ range: LockRange, isExclusive: Bool, for owner: StateRecord, new: KernelLink, spare: inout KernelLink
  ) {
    var whole = range
    var link = owner.lockHead[word: 0]
    while link != 0 {
      let old = lock(link)
      link = next(link, offset: LockRecord.ownerOffset)
      if old.isExclusive == isExclusive && whole.touches(old.range) {
        whole = LockRange(first: min(whole.first, old.first), last: max(whole.last, old.last))
        freeLock(old)
      }
    }
    clearLocks(whole, of: owner, spare: &spare)
    addLock(new, whole, isExclusive: isExclusive, to: owner)
  }

  /// Takes a range from a lock-owner, which may have none of it, or parts.
  ///
  /// POSIX knows an owner's locks on a file, not the open that each was taken under: so all of the owner's structures on the file yield.
  /// One `spare` is enough for the second part of a lock that is split, since an owner's locks on a file do not overlap; it is 0 once it
  /// is used.
  func clearLocks(_ range: LockRange, of owner: StateRecord, spare: inout KernelLink) {
    var link = owner.link
    repeat {
      let member = state(link)
      if member.lockFile == owner.lockFile { cut(range, from: member, spare: &spare) }
      link = next(link, offset: StateRecord.ringOffset)
    } while link != owner.link
  }

  private func cut(_ range: LockRange, from owner: StateRecord, spare: inout KernelLink) {
    var link = owner.lockHead[word: 0]
    while link != 0 {
      let old = lock(link)
      if old.first > range.last { return }
      link = next(link, offset: LockRecord.ownerOffset)
      if old.last < range.first { continue }
      let (first, last) = (old.first, old.last)
      if first < range.first {
        old.last = range.first &- 1
        if last > range.last {
          addLock(spare, LockRange(first: range.last &+ 1, last: last), isExclusive: old.isExclusive, to: owner)
          spare = 0
        }
      } else if last > range.last {
        old.first = range.last &+ 1
      } else {
        freeLock(old)
      }
    }
  }

  /// Enters a lock where its first byte belongs in the owner's list, and at the head of the file's.
  private func addLock(_ link: KernelLink, _ range: LockRange, isExclusive: Bool, to owner: StateRecord) {
    let new = lock(link)
    new.holder = owner.link
    new.lockFile = owner.lockFile
    new.first = range.first
    new.last = range.last
    new.flags = isExclusive ? 1 : 0
    var before: KernelLink = 0
    var after = owner.lockHead[word: 0]
    while after != 0 && lock(after).first < range.first {
      before = after
      after = next(after, offset: LockRecord.ownerOffset)
    }
    if before == 0 {
      insert(link, at: owner.lockHead, offset: LockRecord.ownerOffset)
    } else {
      insert(link, after: before, offset: LockRecord.ownerOffset)
    }
    insert(link, at: lockFile(owner.lockFile).lockHead, offset: LockRecord.fileOffset)
    variables.pointee.lockCount &+= 1
    variables.pointee.stateCount &+= 1
  }

  /// LIST_INSERT_AFTER.
  private func insert(_ element: KernelLink, after before: KernelLink, offset: Int) {
    let after = next(before, offset: offset)
    bytes(element)[word: offset] = after
    bytes(element)[word: offset &+ 4] = before
    bytes(before)[word: offset] = element
    if after != 0 { bytes(after)[word: offset &+ 4] = element }
  }

  /// Frees a lock (nfsrv_freenfslock); the owner stays.
  func freeLock(_ lock: LockRecord) {
    remove(lock.link, from: state(lock.holder).lockHead, offset: LockRecord.ownerOffset)
    remove(lock.link, from: lockFile(lock.lockFile).lockHead, offset: LockRecord.fileOffset)
    free(lock.link, types.lock)
    variables.pointee.lockCount &-= 1
    variables.pointee.stateCount &-= 1
  }
}
