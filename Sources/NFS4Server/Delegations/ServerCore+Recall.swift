// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4

/// Recall and revocation of delegations (RFC 7530 sections 10.4.5 to 10.4.8; FreeBSD 8.1 nfs_nfsdstate.c, nfsrv_delegconflict).
extension ServerCore {
  /// Seconds between two CB_RECALLs of a delegation whose holder was not reached, or answered with an error: the reply of the OPEN that
  /// gave it may still be on its way (RFC 7530 section 10.4.6).
  static let recallRetrySeconds: UInt32 = 2
  /// Seconds that no delegation of a file is given after one was recalled (knfsd: 30 to 60 seconds by its two filters, recollection).
  static let recallPauseSeconds: UInt32 = 30

  /// Seconds from the first CB_RECALL to the revocation: not less than the lease (RFC 7530 section 10.4.7).
  var recallSeconds: UInt32 { UInt32(truncatingIfNeeded: configuration.leaseSeconds) &+ 1 }

  /// Recalls the delegations of a file that stand against an access.
  ///
  /// - Parameters:
  ///   - file: the file.
  ///   - access: `NFSOpen.accessRead` for what a read delegation does not stand against, `NFSOpen.accessWrite` otherwise.
  ///   - spared: a client whose delegations are no obstacle, 0 for none.
  /// - Returns: true while any is left: the caller answers NFS4ERR_DELAY.
  /// - Throws: NFS4ERR_SERVERFAULT where the kernel has failed.
  func recallDelegations(of file: FileReference, access: UInt32, sparing spared: KernelLink) throws(NFSStatus) -> Bool {
    guard variables.pointee.delegations.count > 0, let lockFile = findLockFile(file) else { return false }
    return try recallDelegations(of: lockFile, access: access, sparing: spared)
  }

  func recallDelegations(
    of lockFile: LockFileRecord, access: UInt32, sparing spared: KernelLink
  ) throws(NFSStatus) -> Bool {
    guard lockFile.delegationHead[word: 0] != 0 else { return false }
    // The lock file must outlive the delegations that are revoked.
    lockFile.useCount &+= 1
    defer {
      lockFile.useCount &-= 1
      if lockFile.isUnused { freeLockFile(lockFile) }
    }
    var isLeft = false
    var link = lockFile.delegationHead[word: 0]
    while link != 0 {
      let delegation = DelegationRecord(state(link))
      link = next(link, offset: StateRecord.fileOffset)
      if delegation.record.client == spared { continue }
      if access == NFSOpen.accessRead && delegation.has(DelegationRecord.read) { continue }
      let holder = client(delegation.record.client)
      if holder.expiry < seconds {
        cancelLease(of: holder)
        // Other delegations of the file may have gone with that client.
        link = lockFile.delegationHead[word: 0]
      } else if delegation.has(DelegationRecord.recalled) && seconds >= delegation.limit {
        revoke(delegation)
      } else {
        try recall(delegation)
        isLeft = true
      }
    }
    return isLeft
  }

  /// Wants a delegation back.
  func recall(_ delegation: DelegationRecord) throws(NFSStatus) {
    if !delegation.has(DelegationRecord.recalled) {
      markRecalled(delegation)
      noteRecall(lockFile(delegation.record.lockFile))
    }
    guard !delegation.has(DelegationRecord.recalling), seconds >= delegation.nextRecall else { return }
    let sent = try callBack(
      client(delegation.record.client), .recall, stateIndex: delegation.record.stateIndex,
      .recall(stateid: delegation.record.stateid, truncate: false, filehandle: filehandle(of: delegation)))
    if sent {
      delegation.set(DelegationRecord.recalling)
    } else {
      delegation.nextRecall = seconds &+ Self.recallRetrySeconds
    }
  }

  /// Begins the time within which a delegation is to come back.
  func markRecalled(_ delegation: DelegationRecord) {
    delegation.set(DelegationRecord.recalled)
    delegation.limit = seconds &+ recallSeconds
    delegation.nextRecall = seconds
    variables.pointee.delegations.recalledCount &+= 1
    variables.pointee.counters.recalls &+= 1
  }

  func filehandle(of delegation: DelegationRecord) -> Filehandle {
    let bytes = lockFile(delegation.record.lockFile).filehandle
    return Filehandle(UnsafeRawBufferPointer(start: bytes, count: ServerFilehandle.byteCount)) ?? Filehandle()
  }

  /// The holder has answered a CB_RECALL, or cannot be reached.
  ///
  /// NFS4_OK only says that it will give the delegation back. Any error may mean that the holder does not know of the delegation yet, so it
  /// is asked again until the time is over.
  func recallAnswered(_ index: UInt32, of client: ClientRecord, _ outcome: CallbackOutcome) {
    guard let delegation = findDelegation(index, of: client) else { return }
    delegation.clear(DelegationRecord.recalling)
    if case .replied(let body) = outcome, let result = Self.result(body, NFS4Callback.recall),
      result.status == NFSStatus.ok.rawValue
    {
      delegation.nextRecall = delegation.limit
    } else {
      delegation.nextRecall = seconds &+ Self.recallRetrySeconds
    }
  }

  /// The result of a CB_COMPOUND; nil for bytes that are none.
  static func result(_ body: [UInt8], _ operation: UInt32) -> CallbackResult? {
    body.withUnsafeBytes { bytes in
      var reader = XDRReader(bytes)
      return try? CallbackResult(from: &reader, operation: operation)
    }
  }

  /// Takes a delegation away from a client that did not give it back: its stateid is unknown from now on (NFS4ERR_BAD_STATEID).
  func revoke(_ delegation: DelegationRecord) {
    variables.pointee.counters.delegationsRevoked &+= 1
    freeDelegation(delegation)
  }

  /// Frees a delegation, with the lock file if nothing else uses it (nfsrv_freedeleg).
  func freeDelegation(_ delegation: DelegationRecord) {
    let record = delegation.record
    let client = client(record.client)
    let lockFile = lockFile(record.lockFile)
    remove(record.link, from: client.stateHead(record.stateIndex), offset: StateRecord.hashOffset)
    remove(record.link, from: client.delegationHead, offset: StateRecord.listOffset)
    remove(record.link, from: lockFile.delegationHead, offset: StateRecord.fileOffset)
    if delegation.has(DelegationRecord.recalled) { variables.pointee.delegations.recalledCount &-= 1 }
    if lockFile.isUnused { freeLockFile(lockFile) }
    free(record.link, types.state)
    variables.pointee.delegations.count &-= 1
    variables.pointee.delegations.wakes = true
    variables.pointee.stateCount &-= 1
  }

  /// Frees all delegations of a client.
  func freeDelegations(of client: ClientRecord) {
    while client.delegationHead[word: 0] != 0 {
      freeDelegation(DelegationRecord(state(client.delegationHead[word: 0])))
    }
  }

  /// The client's delegation with this stateid.
  func findDelegation(_ index: UInt32, of client: ClientRecord) -> DelegationRecord? {
    guard let record = findOpen(index, of: client), record.isDelegation else { return nil }
    return DelegationRecord(record)
  }

  // MARK: time

  /// Looks for recalls whose time is over, or that are to be repeated: the timer raises a flag, the next compound acts.
  func delegationTick() {
    guard variables.pointee.delegations.recalledCount > 0, !variables.pointee.delegations.hasWork else { return }
    eachClient { client in
      var link = client.delegationHead[word: 0]
      while link != 0 {
        let delegation = DelegationRecord(state(link))
        if delegation.has(DelegationRecord.recalled),
          seconds >= delegation.limit
            || (seconds >= delegation.nextRecall && !delegation.has(DelegationRecord.recalling))
        {
          variables.pointee.delegations.hasWork = true
          return true
        }
        link = next(link, offset: StateRecord.listOffset)
      }
      return false
    }
  }

  /// Revokes what was not given back in time, and repeats recalls.
  func sweepDelegations() throws(NFSStatus) {
    variables.pointee.delegations.hasWork = false
    var failed = false
    eachClient { client in
      var link = client.delegationHead[word: 0]
      while link != 0 {
        let delegation = DelegationRecord(state(link))
        link = next(link, offset: StateRecord.listOffset)
        guard delegation.has(DelegationRecord.recalled) else { continue }
        if seconds >= delegation.limit {
          revoke(delegation)
        } else {
          do throws(NFSStatus) { try recall(delegation) } catch { failed = true }
        }
      }
      return failed
    }
    // Only a kernel without memory ends here.
    if failed { throw .serverFault }
  }

  // MARK: files that were recalled

  private func noteRecall(_ lockFile: LockFileRecord) {
    let file = FileReference(
      file: Int32(bitPattern: lockFile.filehandle[word: 12]), generation: lockFile.filehandle[word: 16])
    let place = Int(UInt32(bitPattern: file.file)) % DelegationVariables.recallPlaces
    variables.pointee.delegations.recalls[place] = DelegationVariables.Recall(
      file: file, until: seconds &+ Self.recallPauseSeconds)
  }

  /// Whether a delegation of the file was recalled not long ago: it would come and go.
  func wasRecalled(_ file: FileReference) -> Bool {
    let place = Int(UInt32(bitPattern: file.file)) % DelegationVariables.recallPlaces
    let recall = variables.pointee.delegations.recalls[place]
    return recall.file == file && seconds < recall.until
  }
}
