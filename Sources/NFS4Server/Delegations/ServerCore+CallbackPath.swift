// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import KernelMemory
import NFS4

extension ServerCore {
  /// Tells a client that renews its lease and holds delegations that it cannot be called back (RFC 7530 sections 10.4.7 and 16.30.5).
  ///
  /// The lease is renewed all the same. What was recalled in vain may be kept for another lease from the first time on that the client is told,
  /// and the way to it is tried again: its callback service may be back.
  ///
  /// - Throws: NFS4ERR_CB_PATH_DOWN.
  func tellCallbackPath(_ client: ClientRecord) throws(NFSStatus) {
    guard client.has(ClientRecord.callbackDown), client.delegationHead[word: 0] != 0 else { return }
    if !client.has(ClientRecord.callbackDownTold) {
      client.flags |= ClientRecord.callbackDownTold
      var link = client.delegationHead[word: 0]
      while link != 0 {
        let delegation = DelegationRecord(state(link))
        if delegation.has(DelegationRecord.recalled) { delegation.limit = seconds &+ recallSeconds }
        link = next(link, offset: StateRecord.listOffset)
      }
    }
    try probeCallbackPath(client)
    throw .callbackPathDown
  }

  /// Checks lists and counts of delegations and callbacks.
  ///
  /// - Throws: the first violation, with its values.
  func checkDelegations() throws(InvariantViolation) {
    var found = (byClient: 0, byFile: 0, byStateid: 0, recalled: 0, callbacks: 0)
    for chain in 0..<Self.chains {
      var link = clientHeads[chain]
      while link != 0 {
        let client = client(link)
        link = next(link, offset: ClientRecord.hashOffset)
        for chain in 0..<UInt32(ClientRecord.stateChains) {
          var record = client.stateHead(chain)[word: 0]
          while record != 0 {
            if state(record).isDelegation { found.byStateid += 1 }
            record = next(record, offset: StateRecord.hashOffset)
          }
        }
        var record = client.delegationHead[word: 0]
        while record != 0 {
          let delegation = DelegationRecord(state(record))
          found.byClient += 1
          if delegation.has(DelegationRecord.recalled) { found.recalled += 1 }
          guard delegation.record.isDelegation, delegation.record.client == client.link else {
            throw InvariantViolation("a delegation of client \(client.index) has flags \(delegation.record.flags)")
          }
          record = next(record, offset: StateRecord.listOffset)
        }
      }
      link = lockFileHeads[chain]
      while link != 0 {
        try checkDelegations(of: lockFile(link), &found.byFile)
        link = next(link, offset: LockFileRecord.hashOffset)
      }
    }
    var link = variables.pointee.delegations.callbackHead
    while link != 0 {
      found.callbacks += 1
      link = next(link, offset: CallbackRecord.listOffset)
    }
    let held = variables.pointee.delegations
    try expect("delegations by client", found.byClient, held.count)
    try expect("delegations by file", found.byFile, held.count)
    try expect("delegations by stateid", found.byStateid, held.count)
    try expect("recalled delegations", found.recalled, held.recalledCount)
    try expect("callbacks", found.callbacks, held.callbackCount)
  }

  /// A write delegation is alone, and beside a delegation nobody else writes, unless it is on its way back.
  private func checkDelegations(of lockFile: LockFileRecord, _ count: inout Int) throws(InvariantViolation) {
    var link = lockFile.delegationHead[word: 0]
    while link != 0 {
      let delegation = DelegationRecord(state(link))
      let file = Int(delegation.record.file)
      count += 1
      guard delegation.record.lockFile == lockFile.link,
        files.exists(file, generation: lockFile.filehandle[word: 16])
      else { throw InvariantViolation("a delegation of file \(file) hangs at another lock file than its own") }
      let isAlone = lockFile.delegationHead[word: 0] == link && next(link, offset: StateRecord.fileOffset) == 0
      guard isAlone || delegation.has(DelegationRecord.read) else {
        throw InvariantViolation("file \(file) has a write delegation beside another one")
      }
      var record = lockFile.openHead[word: 0]
      while record != 0 {
        let open = state(record)
        let isOther = open.client != delegation.record.client
        let conflicts = delegation.has(DelegationRecord.write) || open.access & NFSOpen.accessWrite != 0
        guard !isOther || !conflicts else {
          throw InvariantViolation("open \(open.stateIndex) stands against a delegation of file \(file)")
        }
        record = next(record, offset: StateRecord.fileOffset)
      }
      link = next(link, offset: StateRecord.fileOffset)
    }
  }
}
