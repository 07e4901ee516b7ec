// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import KernelMemory
import NFS4

/// LOCK (RFC 7530 section 16.10; FreeBSD 8.1 nfs_nfsdserv.c, nfsrvd_lock, and nfs_nfsdstate.c, nfsrv_lockctrl).
extension ServerCore {
  /// Structures that a LOCK takes before the state lock is held, because malloc may sleep; what is not used is given back.
  private struct Spares {
    /// The lock-owner, with its name.
    var owner: KernelLink = 0
    var lock: KernelLink = 0
    /// The second part of a lock that the new one splits.
    var split: KernelLink = 0
  }

  /// Who locks, once the sequence numbers were found right.
  private struct Locker {
    let open: StateRecord
    /// The open-owner of a LOCK with new_lock_owner.
    let openOwner: StateRecord?
    /// The lock-owner's leader, nil for one that the server does not know.
    let leader: StateRecord?
    /// What the lock-owner has below the open.
    var owner: StateRecord?
    /// What is wrong with the stateid's seqid.
    let stateidStatus: NFSStatus
  }

  func lock(_ c: inout Compound) throws(NFSStatus) {
    let request = try LockRequest(&c)
    let kind = lockableStatus(try currentFile(c))
    var spares = Spares()
    defer { giveBack(spares) }
    spares.owner = try ownerBuffer(request.name)
    spares.lock = try malloc(layout.lock, types.lock)
    spares.split = try malloc(layout.lock, types.lock)
    guard variables.pointee.stateCount <= configuration.stateLimit else { throw .resource }
    var locker: Locker
    do throws(NFSStatus) {
      locker = request.isNew ? try newLocker(request, kind, c) : try knownLocker(request, kind, c)
    } catch {
      throw Self.blames(error, kind)
    }
    // From here on both sequence numbers have advanced whatever comes of the request.
    if let openOwner = locker.openOwner { accept(request.openSequence, by: openOwner, entry: c.entry) }
    if let leader = locker.leader { accept(request.lockSequence, by: leader, entry: c.entry) }
    guard kind == .ok else { throw kind }
    guard locker.stateidStatus == .ok else { throw locker.stateidStatus }
    guard let range = request.range else { throw .invalid }
    guard locker.open.access & request.access == request.access else { throw .openMode }
    try checkGrace(reclaims: request.isReclaim, client(locker.open.client))
    try checkLocks(
      c.current, range, isExclusive: request.isExclusive, isReclaim: request.isReclaim,
      leader: locker.leader?.link ?? 0, client: locker.open.client)
    let owner: StateRecord
    if let known = locker.owner {
      owner = known
    } else {
      owner = addLockOwner(spares.owner, under: locker.open, leader: locker.leader)
      spares.owner = 0
      if locker.leader == nil { accept(request.lockSequence, by: owner, entry: c.entry) }
    }
    setLock(range, isExclusive: request.isExclusive, for: owner, new: spares.lock, spare: &spares.split)
    spares.lock = 0
    owner.advanceStateid()
    c.writer.put(owner.stateid)
  }

  private func giveBack(_ spares: Spares) {
    if spares.owner != 0 { free(spares.owner, types.state) }
    if spares.lock != 0 { free(spares.lock, types.lock) }
    if spares.split != 0 { free(spares.split, types.lock) }
  }

  /// The structure that LOCK, LOCKT, LOCKU and RELEASE_LOCKOWNER read a lock-owner into.
  func ownerBuffer(_ name: UnsafeRawBufferPointer) throws(NFSStatus) -> KernelLink {
    let link = try mallocZeroed(layout.state &+ name.count, types.state)
    let owner = state(link)
    owner.nameLength = UInt32(truncatingIfNeeded: name.count)
    if let base = name.baseAddress { (owner.bytes + layout.state).copyMemory(from: base, byteCount: name.count) }
    return link
  }

  /// What stands against locks of a file because of its type.
  func lockableStatus(_ file: Int) -> NFSStatus {
    if files.inodes[file].isRegular { return .ok }
    return files.inodes[file].isDirectory ? .isDirectory : .invalid
  }

  /// Which of two faults a client is told: a stateid that is none, or a filehandle that is no file's, which comes first.
  ///
  /// A sequence number out of order comes before either (RFC 7530 section 9.1.9).
  static func blames(_ status: NFSStatus, _ kind: NFSStatus) -> NFSStatus {
    status == .badSeqid || kind == .ok ? status : kind
  }

  /// open_to_lock_owner4: an open, its owner's sequence number, and a lock-owner by name.
  private func newLocker(
    _ request: LockRequest, _ kind: NFSStatus, _ c: borrowing Compound
  ) throws(NFSStatus) -> Locker {
    let client = try renewedClient(request.clientID)
    guard try renewedClient(of: request.stateid).link == client.link else { throw .badStateid }
    let open = try requireOpen(request.stateid.otherLow, of: client)
    guard open.has(StateRecord.open), isOfFile(open, kind, c) else { throw .badStateid }
    let openOwner = state(open.openOwner)
    let leader = findLockOwner(request.name, of: client)
    let openCheck = check(request.openSequence, of: openOwner, entry: c.entry)
    // An owner that the server does not know takes no part in the comparison (RFC 7530 section 9.1.9).
    var lockCheck = openCheck
    if let leader { lockCheck = check(request.lockSequence, of: leader, entry: c.entry) }
    guard openCheck != .bad, lockCheck != .bad else { throw .badSeqid }
    if openCheck == .replay { throw replay(openOwner) }
    if lockCheck == .replay, let leader { throw replay(leader) }
    guard !openOwner.has(StateRecord.needsConfirm) else { throw .badStateid }
    // A lock-owner that has a stateid below the open must use it (RFC 7530 section 16.10.5).
    if let leader, findLockOwner(leader, under: open) != nil { throw .badSeqid }
    return Locker(
      open: open, openOwner: openOwner, leader: leader, owner: nil,
      stateidStatus: try sequenceStatus(of: request.stateid, against: open))
  }

  /// exist_lock_owner4: the stateid that the lock-owner has.
  private func knownLocker(
    _ request: LockRequest, _ kind: NFSStatus, _ c: borrowing Compound
  ) throws(NFSStatus) -> Locker {
    let (owner, status) = try lockOwner(request.stateid, request.lockSequence, kind, c)
    return Locker(
      open: state(owner.open), openOwner: nil, leader: state(owner.leader), owner: owner, stateidStatus: status)
  }

  /// The lock-owner of a stateid, once its sequence number was found right.
  ///
  /// - Returns: the lock-owner, and NFS4ERR_OLD_STATEID where the stateid's seqid is an earlier one, with which the number advances.
  /// - Throws: NFS4ERR_BAD_SEQID, NFS4ERR_BAD_STATEID and what ``renewedClient(of:)`` throws.
  func lockOwner(
    _ stateid: Stateid, _ sequence: UInt32, _ kind: NFSStatus, _ c: borrowing Compound
  ) throws(NFSStatus) -> (owner: StateRecord, status: NFSStatus) {
    let client = try renewedClient(of: stateid)
    let owner = try requireOpen(stateid.otherLow, of: client)
    guard owner.has(StateRecord.lockOwner), isOfFile(owner, kind, c) else { throw .badStateid }
    switch check(sequence, of: state(owner.leader), entry: c.entry) {
    case .bad: throw .badSeqid
    case .replay: throw replay(state(owner.leader))
    case .next: break
    }
    return (owner, try sequenceStatus(of: stateid, against: owner))
  }

  /// Whether state is of the current file; where that is none, its owner's number is to advance behind the refusal.
  private func isOfFile(_ record: StateRecord, _ kind: NFSStatus, _ c: borrowing Compound) -> Bool {
    let current = c.current.file
    return kind != .ok || record.file == UInt32(bitPattern: current)
  }

  /// Compares the seqid of a stateid: an earlier one lets the owner's number advance, a later one was never given.
  private func sequenceStatus(of stateid: Stateid, against record: StateRecord) throws(NFSStatus) -> NFSStatus {
    do throws(NFSStatus) {
      try checkSequence(of: stateid, against: record)
    } catch {
      guard Self.advancesSequence(error) else { throw error }
      return error
    }
    return .ok
  }
}
