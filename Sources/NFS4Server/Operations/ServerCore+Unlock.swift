// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import KernelMemory
import NFS4

/// LOCKT, LOCKU and RELEASE_LOCKOWNER (RFC 7530 sections 16.11, 16.12 and 16.37; FreeBSD 8.1 nfs_nfsdserv.c, nfsrvd_lockt, nfsrvd_locku
/// and nfsrvd_releaselckown).
extension ServerCore {
  /// LOCKT makes no state: an owner that the server does not know is one without locks.
  func lockTest(_ c: inout Compound) throws(NFSStatus) {
    let isExclusive = NFSLock.isExclusive(try c.lockType())
    let range = LockRange(offset: try c.long(), length: try c.long())
    let id = try c.long()
    let name = try c.opaque(limit: NFS4Protocol.opaqueLimit)
    let kind = lockableStatus(try currentFile(c))
    let buffer = try ownerBuffer(name)
    defer { free(buffer, types.state) }
    guard kind == .ok else { throw kind }
    guard let range else { throw .invalid }
    let client = try renewedClient(id)
    try checkGrace(reclaims: false, client)
    try checkLocks(
      c.current, range, isExclusive: isExclusive, isReclaim: false,
      leader: findLockOwner(name, of: client)?.link ?? 0, client: client.link)
  }

  /// LOCKU takes any range, locked, locked in part or not at all; the lock-owner and its stateid stay.
  func unlock(_ c: inout Compound) throws(NFSStatus) {
    _ = try c.lockType()
    let sequence = try c.word()
    let stateid = try c.stateid()
    let range = LockRange(offset: try c.long(), length: try c.long())
    let kind = lockableStatus(try currentFile(c))
    let buffer = try ownerBuffer(UnsafeRawBufferPointer(start: nil, count: 0))
    defer { free(buffer, types.state) }
    // What a lock that loses its middle leaves behind the gap.
    var spare = try malloc(layout.lock, types.lock)
    defer { if spare != 0 { free(spare, types.lock) } }
    let owner: StateRecord
    let stateidStatus: NFSStatus
    do throws(NFSStatus) {
      (owner, stateidStatus) = try lockOwner(stateid, sequence, kind, c)
    } catch {
      throw Self.blames(error, kind)
    }
    accept(sequence, by: state(owner.leader), entry: c.entry)
    guard kind == .ok else { throw kind }
    guard stateidStatus == .ok else { throw stateidStatus }
    guard let range else { throw .invalid }
    clearLocks(range, of: owner, spare: &spare)
    owner.advanceStateid()
    c.writer.put(owner.stateid)
  }

  /// RELEASE_LOCKOWNER forgets a lock-owner with its stateids and its kept reply, unless it holds a lock somewhere.
  func releaseLockOwner(_ c: inout Compound) throws(NFSStatus) {
    let id = try c.long()
    let name = try c.opaque(limit: NFS4Protocol.opaqueLimit)
    let buffer = try ownerBuffer(name)
    defer { free(buffer, types.state) }
    let client = try renewedClient(id)
    guard let leader = findLockOwner(name, of: client) else { return }
    var holdsLocks = false
    eachOfRing(leader) { if $0.holdsLocks { holdsLocks = true } }
    guard !holdsLocks else { throw .locksHeld }
    // The leader goes last, so that no other is made one.
    while true {
      let following = next(leader.link, offset: StateRecord.ringOffset)
      freeLockOwner(state(following))
      if following == leader.link { return }
    }
  }
}
