// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4

/// What stands between a delegation and the operations of others (RFC 7530 sections 10.4.1, 10.4.3 and 10.4.5).
extension ServerCore {
  /// Attributes that the holder of a write delegation may know better than the server.
  static let delegatedAttributes: AttributeMask = [.change, .size, .spaceUsed, .timeModify, .timeMetadata]

  /// NFS4ERR_DELAY for an operation that waits for a callback and has done nothing yet.
  ///
  /// Where the transport allows it and the operations before had no effect, the whole compound is put off for a moment instead.
  func delay(_ c: borrowing Compound) -> NFSStatus {
    if variables.pointee.delegations.mayHold, c.mayRepeat { variables.pointee.delegations.isHeld = true }
    return .delay
  }

  /// The client that the compound is known to come from, 0 if that is not known.
  private var requester: KernelLink {
    let delegations = variables.pointee.delegations
    let index = delegations.compoundClient != 0 ? delegations.compoundClient : delegations.connectionClient
    guard index != 0, index != Self.manyClients, let client = findConfirmed(index) else { return 0 }
    return client.link
  }

  /// READ and WRITE with a special stateid count as an OPEN for that access; SETATTR as one for writing.
  ///
  /// - Throws: NFS4ERR_DELAY while a delegation of another client is in the way.
  func settleDelegations(_ c: borrowing Compound, access: UInt32) throws(NFSStatus) {
    guard variables.pointee.delegations.count > 0 else { return }
    if try recallDelegations(of: c.current, access: access, sparing: requester) { throw delay(c) }
  }

  /// REMOVE, RENAME and LINK of a file: every delegation comes back, the client's own as well, since nothing in these requests tells which
  /// client sends them.
  ///
  /// - Throws: NFS4ERR_DELAY while one is left.
  func settleDelegations(_ c: borrowing Compound, ofNamed file: Int?) throws(NFSStatus) {
    guard variables.pointee.delegations.count > 0, let file, files.inodes[file].isRegular else { return }
    if try recallDelegations(of: reference(file), access: NFSOpen.accessWrite, sparing: 0) { throw delay(c) }
  }

  // MARK: OPEN

  /// The access of an OPEN as a delegation sees it: opens that write, truncate or keep readers out conflict with a read delegation.
  private func conflictingAccess(_ request: OpenRequest) -> UInt32 {
    let truncates = request.creates && request.attributes.mask.contains(.size)
    let writes = request.access & NFSOpen.accessWrite != 0 || request.deny & NFSOpen.accessRead != 0 || truncates
    return writes ? NFSOpen.accessWrite : NFSOpen.accessRead
  }

  /// Recalls what stands against an OPEN of another client.
  ///
  /// - Throws: NFS4ERR_SHARE_DENIED where an open is in the way that no return of a delegation can change, NFS4ERR_DELAY while a delegation
  ///   is left.
  func settleDelegations(
    _ request: OpenRequest, _ lockFile: LockFileRecord, client: ClientRecord
  ) throws(NFSStatus) {
    guard variables.pointee.delegations.count > 0, lockFile.delegationHead[word: 0] != 0 else { return }
    var link = lockFile.openHead[word: 0]
    while link != 0 {
      let open = state(link)
      let conflicts = open.deny & request.access != 0 || open.access & request.deny != 0
      // What a holder of a delegation has open is its own affair until the delegation is back.
      if conflicts, open.client == client.link || !holdsDelegation(self.client(open.client), of: lockFile),
        self.client(open.client).expiry >= seconds
      {
        throw .shareDenied
      }
      link = next(link, offset: StateRecord.fileOffset)
    }
    let isLeft = try recallDelegations(of: lockFile, access: conflictingAccess(request), sparing: client.link)
    if isLeft { throw .delay }
  }

  private func holdsDelegation(_ client: ClientRecord, of lockFile: LockFileRecord) -> Bool {
    var link = lockFile.delegationHead[word: 0]
    while link != 0 {
      if state(link).client == client.link { return true }
      link = next(link, offset: StateRecord.fileOffset)
    }
    return false
  }

  /// Puts an OPEN off before its sequence number counts, where the compound may be held.
  func holdOpen(_ c: borrowing Compound, _ request: OpenRequest, _ file: Int) throws(NFSStatus) {
    guard variables.pointee.delegations.mayHold, c.mayRepeat, request.claim == NFSOpen.claimNull,
      variables.pointee.delegations.count > 0,
      let lockFile = findLockFile(reference(file)), lockFile.delegationHead[word: 0] != 0,
      UInt32(truncatingIfNeeded: request.clientID >> 32) == boot,
      let client = findConfirmed(UInt32(truncatingIfNeeded: request.clientID))
    else { return }
    if let owner = findOwner(state(request.owner).name(layout), of: client) {
      // A retransmission is answered from the owner's reply, a wrong number as such.
      guard check(request.sequence, of: owner, entry: c.entry) == .next else { return }
    }
    do throws(NFSStatus) {
      try settleDelegations(request, lockFile, client: client)
    } catch {
      // Anything else is found again where it is to be answered.
      if error == .delay { throw delay(c) }
      if error != .shareDenied { throw error }
    }
  }

  /// Checks what an OPEN with CLAIM_DELEGATE_CUR shows: a delegation of this client and file that allows the access.
  ///
  /// - Throws: NFS4ERR_BAD_STATEID, NFS4ERR_OLD_STATEID, NFS4ERR_STALE_STATEID, NFS4ERR_EXPIRED, NFS4ERR_OPENMODE.
  func checkDelegationClaim(_ stateid: Stateid, of client: ClientRecord, file: Int, access: UInt32) throws(NFSStatus) {
    guard !stateid.isSpecial else { throw .badStateid }
    let holder = try renewedClient(of: stateid)
    let record = try requireOpen(stateid.otherLow, of: holder)
    guard holder.link == client.link, record.isDelegation, record.file == UInt32(truncatingIfNeeded: file) else {
      throw .badStateid
    }
    try checkSequence(of: stateid, against: record)
    let writes = access & NFSOpen.accessWrite != 0
    guard !writes || DelegationRecord(record).has(DelegationRecord.write) else { throw .openMode }
  }

  // MARK: CB_GETATTR

  /// What the holder of a write delegation makes of the file, for attributes that it may know better (RFC 7530 section 10.4.3).
  ///
  /// A holder that has modified data makes the file look modified just now: change and times move on with each answer.
  ///
  /// - Returns: the size as the holder sees it; nil where the server's own attributes are right.
  /// - Throws: NFS4ERR_DELAY while the holder is asked.
  func delegatedSize(_ c: borrowing Compound, _ file: Int, wanted: AttributeMask) throws(NFSStatus) -> UInt64? {
    guard variables.pointee.delegations.count > 0, !wanted.isDisjoint(with: Self.delegatedAttributes),
      let lockFile = findLockFile(reference(file)), lockFile.delegationHead[word: 0] != 0
    else { return nil }
    let delegation = DelegationRecord(state(lockFile.delegationHead[word: 0]))
    guard delegation.has(DelegationRecord.write) else { return nil }
    let holder = client(delegation.record.client)
    // A holder whose lease is over is not asked: it stands in nobody's way until a conflict.
    if isRequester(holder) || holder.expiry < seconds { return nil }
    if delegation.has(DelegationRecord.recalled) && seconds >= delegation.limit {
      revoke(delegation)
      return nil
    }
    guard delegation.has(DelegationRecord.answered) || seconds < delegation.answerTime else {
      try askAttributes(delegation, holder)
      throw delay(c)
    }
    delegation.clear(DelegationRecord.answered)
    if delegation.size != files.inodes[file].size { delegation.set(DelegationRecord.modified) }
    guard delegation.has(DelegationRecord.modified) else { return nil }
    files.touchContents(file)
    delegation.change = files.inodes[file].change
    return delegation.size
  }

  private func askAttributes(_ delegation: DelegationRecord, _ holder: ClientRecord) throws(NFSStatus) {
    guard !delegation.has(DelegationRecord.asking) else { return }
    // Whoever cannot be asked gives the delegation back.
    guard !holder.has(ClientRecord.callbackDown) else { return try recall(delegation) }
    let sent = try callBack(
      holder, .getAttributes, stateIndex: delegation.record.stateIndex,
      .getAttributes(filehandle: filehandle(of: delegation), mask: [.change, .size]))
    if sent { delegation.set(DelegationRecord.asking) }
  }

  /// The holder has answered a CB_GETATTR, or cannot be reached.
  func attributesAnswered(_ index: UInt32, of client: ClientRecord, _ outcome: CallbackOutcome) {
    guard let delegation = findDelegation(index, of: client) else { return }
    delegation.clear(DelegationRecord.asking)
    guard case .replied(let body) = outcome, let result = Self.result(body, NFS4Callback.getAttributes),
      result.status == NFSStatus.ok.rawValue || result.status == NFSStatus.delay.rawValue
    else {
      // "The server MAY simply recall the delegation to avoid its use" (RFC 7530 section 10.4.3). Only a kernel without memory throws.
      try? recall(delegation)
      return
    }
    guard result.status == NFSStatus.ok.rawValue else { return }
    delegation.size = result.size ?? files.inodes[Int(delegation.record.file)].size
    if let change = result.change, change != delegation.change { delegation.set(DelegationRecord.modified) }
    delegation.set(DelegationRecord.answered)
    delegation.answerTime = seconds &+ 1
  }
}
