// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4

/// Lock-owners: found by name, made below an open, freed with it (FreeBSD 8.1 nfs_nfsdstate.c, nfsrv_getowner, nfsrv_freelockowner).
extension ServerCore {
  @inline(__always)
  func lock(_ link: KernelLink) -> LockRecord { LockRecord(link: link, bytes: bytes(link)) }

  /// The leader of the client's lock-owner with this name, nil where the server knows none.
  func findLockOwner(_ name: UnsafeRawBufferPointer, of client: ClientRecord) -> StateRecord? {
    findOwner(name, in: client.lockOwnerHead, offset: StateRecord.clientOffset)
  }

  /// What a lock-owner has below an open.
  func findLockOwner(_ leader: StateRecord, under open: StateRecord) -> StateRecord? {
    var link = open.lockOwnerHead[word: 0]
    while link != 0 {
      let owner = state(link)
      if owner.leader == leader.link { return owner }
      link = next(link, offset: StateRecord.listOffset)
    }
    return nil
  }

  /// Calls `body` with each structure of a lock-owner, which `body` must not free.
  @inline(__always)
  func eachOfRing(_ leader: StateRecord, _ body: (StateRecord) -> Void) {
    var link = leader.link
    repeat {
      let member = state(link)
      link = next(link, offset: StateRecord.ringOffset)
      body(member)
    } while link != leader.link
  }

  /// Turns the structure that the arguments were read into, which has the name and is zero otherwise, into a lock-owner below an open.
  ///
  /// `leader` is the lock-owner where the client has it already.
  func addLockOwner(_ link: KernelLink, under open: StateRecord, leader: StateRecord?) -> StateRecord {
    let owner = state(link)
    let client = client(open.client)
    enterStateid(owner, of: client)
    owner.flags = StateRecord.lockOwner
    owner.lockFile = open.lockFile
    owner.open = open.link
    owner.file = open.file
    insert(link, at: open.lockOwnerHead, offset: StateRecord.listOffset)
    if let leader {
      owner.leader = leader.link
      let after = next(leader.link, offset: StateRecord.ringOffset)
      joinRing(leader.link, link)
      joinRing(link, after)
    } else {
      owner.leader = link
      joinRing(link, link)
      insert(link, at: client.lockOwnerHead, offset: StateRecord.clientOffset)
    }
    variables.pointee.lockOwnerCount &+= 1
    variables.pointee.stateCount &+= 1
    return owner
  }

  private func joinRing(_ before: KernelLink, _ after: KernelLink) {
    bytes(before)[word: StateRecord.ringOffset] = after
    bytes(after)[word: StateRecord.ringOffset &+ 4] = before
  }

  /// Frees what a lock-owner has below an open, with its locks; the last of its structures takes the kept reply along.
  func freeLockOwner(_ owner: StateRecord) {
    while owner.holdsLocks { freeLock(lock(owner.lockHead[word: 0])) }
    let client = client(owner.client)
    remove(owner.link, from: client.stateHead(owner.stateIndex), offset: StateRecord.hashOffset)
    remove(owner.link, from: state(owner.open).lockOwnerHead, offset: StateRecord.listOffset)
    let after = next(owner.link, offset: StateRecord.ringOffset)
    if owner.isLeader {
      remove(owner.link, from: client.lockOwnerHead, offset: StateRecord.clientOffset)
      if after == owner.link {
        if owner.reply != 0 { dropReference(reply(owner.reply)) }
      } else {
        handOver(owner, to: state(after), client)
      }
    }
    joinRing(bytes(owner.link)[word: StateRecord.ringOffset &+ 4], after)
    free(owner.link, types.state)
    variables.pointee.lockOwnerCount &-= 1
    variables.pointee.stateCount &-= 1
  }

  /// Makes another structure of a lock-owner its leader.
  private func handOver(_ owner: StateRecord, to heir: StateRecord, _ client: ClientRecord) {
    heir.ownerSequence = owner.ownerSequence
    heir.reply = owner.reply
    insert(heir.link, at: client.lockOwnerHead, offset: StateRecord.clientOffset)
    eachOfRing(owner) { $0.leader = heir.link }
  }

  /// Frees the lock-owners of an open, and with them every lock that was taken under it.
  @inline(__always)
  func freeLockOwners(of open: StateRecord) {
    while open.lockOwnerHead[word: 0] != 0 { freeLockOwner(state(open.lockOwnerHead[word: 0])) }
  }

  /// Tells the lock-owners of an open that their client has another structure now.
  func moveLockOwners(of open: StateRecord, to client: ClientRecord) {
    var link = open.lockOwnerHead[word: 0]
    while link != 0 {
      state(link).client = client.link
      link = next(link, offset: StateRecord.listOffset)
    }
  }
}
