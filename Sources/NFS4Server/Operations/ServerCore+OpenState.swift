// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import KernelMemory
import NFS4

/// The state side of OPEN (FreeBSD 8.1 sys/fs/nfsserver/nfs_nfsdstate.c, nfsrv_opencheck and nfsrv_openctrl).
extension ServerCore {
  /// Checks client, owner, sequence number and share reservation before the file is made or changed.
  ///
  /// A structure for the lock file is taken first, since malloc may sleep and the state lock is held after. With an existing file that
  /// has none it becomes the file's lock file; otherwise it is given back.
  ///
  /// - Parameters:
  ///   - request: the arguments.
  ///   - existing: the file, nil where there is none to open.
  ///   - failing: what is already known to be wrong, reported once the sequence number is found right.
  ///   - entry: the request's entry in the reply cache.
  /// - Throws: `failing`, NFS4ERR_RESOURCE, NFS4ERR_BAD_SEQID, NFS4ERR_GRACE, NFS4ERR_NO_GRACE, NFS4ERR_SHARE_DENIED,
  ///   NFS4ERR_RECLAIM_CONFLICT and what ``renewedClient(_:)`` throws.
  func openCheck(
    _ request: OpenRequest, existing: Int?, failing: NFSStatus, entry: ReplyRecord
  ) throws(NFSStatus) {
    guard variables.pointee.stateCount <= configuration.stateLimit else { throw .resource }
    var spare = try malloc(layout.lockFile, types.lockFile)
    defer { if spare != 0 { free(spare, types.lockFile) } }
    let client = try renewedClient(request.clientID)
    var failing = failing
    if failing == .ok, request.claim == NFSOpen.claimDelegateCurrent, let existing {
      // Under a delegation that was reclaimed opens are made in the grace period as well (RFC 7530 section 10.2.1).
      do throws(NFSStatus) {
        try checkDelegationClaim(request.delegation, of: client, file: existing, access: request.access)
      } catch {
        failing = error
      }
    } else if failing != .notSupported {
      // A claim that is never served is told so at any time.
      do throws(NFSStatus) { try checkGrace(reclaims: request.reclaims, client) } catch { failing = error }
    }
    if let owner = findOwner(state(request.owner).name(layout), of: client) {
      try checkSequence(request, owner, failing: failing, entry)
    }
    guard failing == .ok else { throw failing }
    guard let file = existing else { return }
    let reference = reference(file)
    let lockFile: LockFileRecord
    if let known = findLockFile(reference) {
      lockFile = known
    } else {
      lockFile = linkLockFile(spare, reference)
      spare = 0
    }
    lockFile.useCount &+= 1
    defer { lockFile.useCount &-= 1 }
    if request.claim == NFSOpen.claimNull { try settleDelegations(request, lockFile, client: client) }
    do throws(NFSStatus) {
      try checkShare(reference, access: request.access, deny: request.deny, client: client.link)
    } catch {
      // Two reclaims cannot stand against each other unless one of the clients never had its open.
      throw request.reclaims ? .reclaimConflict : error
    }
  }

  /// Compares an OPEN's sequence number with its owner's; an owner that never confirmed is thrown away for a new OPEN
  /// (RFC 7530 section 16.18.5).
  private func checkSequence(
    _ request: OpenRequest, _ owner: StateRecord, failing: NFSStatus, _ entry: ReplyRecord
  ) throws(NFSStatus) {
    switch check(request.sequence, of: owner, entry: entry) {
    case .replay: throw replay(owner)
    case .next where !owner.has(StateRecord.needsConfirm):
      if Self.advancesSequence(failing) { accept(request.sequence, by: owner, entry: entry) }
    case .bad where !owner.has(StateRecord.needsConfirm): throw .badSeqid
    case .next, .bad: freeOwner(owner)
    }
  }

  /// Lets the compound be answered with the reply that an owner keeps; the status is never seen.
  func replay(_ owner: StateRecord) -> NFSStatus {
    variables.pointee.replay = owner.reply
    variables.pointee.counters.ownerReplays &+= 1
    return .serverFault
  }

  /// Makes the open, or widens the one that the owner has.
  ///
  /// Everything that may be needed is taken before the state lock: a lock file, an open and a delegation. What is left over is given
  /// back, the delegation mostly. Client, limit and share reservation were checked by ``openCheck(_:existing:failing:entry:)`` behind the
  /// same lock, so nothing but the end of the kernel can stop it.
  func openControl(
    _ request: inout OpenRequest, _ result: inout OpenResult, entry: ReplyRecord
  ) throws(NFSStatus) {
    var spareLockFile = era.allocatesSparesInOpen ? try malloc(layout.lockFile, types.lockFile) : 0
    var spareOpen = try malloc(layout.state, types.state)
    var spareDelegation = era.allocatesSparesInOpen ? try malloc(layout.state, types.state) : 0
    let client = try renewedClient(request.clientID)
    if era.callsBackOnFirstOpen && client.has(ClientRecord.needsCallbackNull) { try callBackNull(client) }
    let reference = reference(result.file)
    let lockFile: LockFileRecord
    if let known = findLockFile(reference) {
      lockFile = known
    } else {
      if spareLockFile == 0 { spareLockFile = try malloc(layout.lockFile, types.lockFile) }
      lockFile = linkLockFile(spareLockFile, reference)
      spareLockFile = 0
    }
    free(spareLockFile, types.lockFile)

    let owner: StateRecord
    if let known = findOwner(state(request.owner).name(layout), of: client) {
      owner = known
    } else {
      owner = addOwner(&request, client, entry)
    }
    if request.reclaims { try stampStable(client) }
    let isConfirmed = !owner.has(StateRecord.needsConfirm)
    let held: StateRecord
    if let open = findOpen(of: owner, lockFile) {
      held = open
      open.flags |= request.access | request.deny << StateRecord.denyShift
      open.modes |= StateRecord.mode(access: request.access, deny: request.deny)
      open.sequence = Self.nextSequence(open.sequence)
      open.uid = request.uid
      open.flavor = request.flavor
      result.stateid = open.stateid
    } else {
      let open = addOpen(spareOpen, request, owner: owner, client, lockFile, file: result.file)
      spareOpen = 0
      held = open
      result.stateid = open.stateid
    }
    result.flags = NFSOpen.resultLockTypePOSIX | (isConfirmed ? 0 : NFSOpen.resultConfirm)
    if isConfirmed && request.claim == NFSOpen.claimNull {
      result.delegation = try grantDelegation(
        held, request.access, of: client, lockFile, spare: &spareDelegation, mayRead: result.mayRead)
    } else if request.reclaims {
      result.delegation = try reclaimDelegation(
        request.reclaimedDelegation, with: held, of: client, lockFile, spare: &spareDelegation)
    }
    free(spareOpen, types.state)
    free(spareDelegation, types.state)
  }

  /// The owner's open of a file.
  private func findOpen(of owner: StateRecord, _ lockFile: LockFileRecord) -> StateRecord? {
    var link = lockFile.openHead[word: 0]
    while link != 0 {
      let open = state(link)
      if open.openOwner == owner.link { return open }
      link = next(link, offset: StateRecord.fileOffset)
    }
    return nil
  }

  /// Turns the structure that the arguments were read into into the owner, which waits to be confirmed.
  ///
  /// A reclaim needs no confirmation: so soon after the restart no owner can have been thrown away (RFC 7530 section 9.1.11).
  private func addOwner(_ request: inout OpenRequest, _ client: ClientRecord, _ entry: ReplyRecord) -> StateRecord {
    let owner = state(request.owner)
    request.owner = 0
    owner.flags = StateRecord.owner | (request.reclaims ? 0 : StateRecord.needsConfirm)
    owner.client = client.link
    insert(owner.link, at: client.ownerHead, offset: StateRecord.listOffset)
    accept(request.sequence, by: owner, entry: entry)
    variables.pointee.ownerCount &+= 1
    variables.pointee.stateCount &+= 1
    return owner
  }

  private func addOpen(
    _ link: KernelLink, _ request: OpenRequest, owner: StateRecord, _ client: ClientRecord,
    _ lockFile: LockFileRecord, file: Int
  ) -> StateRecord {
    let open = state(link)
    open.bytes.initializeMemory(as: UInt8.self, repeating: 0, count: layout.state)
    open.sequence = 1
    enterStateid(open, of: client)
    open.flags = StateRecord.open | request.access | request.deny << StateRecord.denyShift
    open.modes = StateRecord.mode(access: request.access, deny: request.deny)
    open.lockFile = lockFile.link
    open.openOwner = owner.link
    open.file = UInt32(truncatingIfNeeded: file)
    open.uid = request.uid
    open.flavor = request.flavor
    insert(link, at: owner.openHead, offset: StateRecord.listOffset)
    insert(link, at: lockFile.openHead, offset: StateRecord.fileOffset)
    owner.idleTicks = 0
    variables.pointee.openCount &+= 1
    variables.pointee.stateCount &+= 1
    files.noteOpen(file)
    vfs.opened(file)
    return open
  }

  /// The first OPEN of a client with a callback program sends CB_NULL (nfsrv_docallback, newnfs_request).
  ///
  /// That takes a credential and a request for the time of the call. The call goes nowhere here: no delegation ever hangs on it.
  private func callBackNull(_ client: ClientRecord) throws(NFSStatus) {
    client.flags &= ~ClientRecord.needsCallbackNull
    let credential = kernel.allocate(.credential)
    let request = try malloc(layout.callbackRequest, types.callbackRequest)
    free(request, types.callbackRequest)
    kernel.free(.credential, credential)
  }
}
