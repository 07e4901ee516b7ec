// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import KernelMemory

extension ServerCore {
  /// Checks lists and counts of state and reply cache, and the file system.
  ///
  /// - Throws: the first violation, with its values.
  func checkInvariants() throws(InvariantViolation) {
    var found = Found()
    for chain in 0..<Self.chains {
      var link = clientHeads[chain]
      while link != 0 {
        try check(client(link), chain: UInt32(chain), &found)
        link = next(link, offset: ClientRecord.hashOffset)
      }
    }
    try checkLockFiles(&found)
    try checkReplies(found)
    try checkDelegations()
    let held = variables.pointee
    try expect("clients", found.clients, held.clientCount)
    try expect("open-owners", found.owners, held.ownerCount)
    try expect("opens", found.opens, held.openCount)
    try expect("opens by stateid", found.opensByStateid, held.openCount)
    try expect("opens by lock file", found.opensByFile, held.openCount)
    try expect(
      "state structures", found.clients + found.owners + found.opens + held.delegations.count, held.stateCount)
    try expect(
      "opens by file", (MemoryFileSystem.root..<files.count).reduce(0) { $0 + Int(files.inodes[$1].openCount) },
      found.opens)
    try files.checkInvariants()
  }

  private struct Found {
    var clients = 0
    var owners = 0
    var opens = 0
    var opensByStateid = 0
    var opensByFile = 0
    var lockFiles = 0
    var references = 0
  }

  func expect(_ what: String, _ found: Int, _ counted: Int) throws(InvariantViolation) {
    guard found == counted else { throw InvariantViolation("\(found) \(what) found, \(counted) counted") }
  }

  private func check(_ client: ClientRecord, chain: UInt32, _ found: inout Found) throws(InvariantViolation) {
    found.clients += 1
    guard chainKey(client) % UInt32(Self.chains) == chain else {
      throw InvariantViolation("client \(chainKey(client)) hangs in chain \(chain)")
    }
    for chain in 0..<UInt32(ClientRecord.stateChains) {
      var link = client.stateHead(chain)[word: 0]
      while link != 0 {
        guard state(link).stateIndex % UInt32(ClientRecord.stateChains) == chain, state(link).client == client.link
        else {
          throw InvariantViolation(
            "stateid \(state(link).stateIndex) hangs in chain \(chain) of client \(client.index)")
        }
        if state(link).has(StateRecord.open) { found.opensByStateid += 1 }
        link = next(link, offset: StateRecord.hashOffset)
      }
    }
    var link = client.ownerHead[word: 0]
    while link != 0 {
      let owner = state(link)
      found.owners += 1
      guard owner.has(StateRecord.owner), owner.client == client.link else {
        throw InvariantViolation("an owner of client \(client.index) has flags \(owner.flags)")
      }
      if owner.reply != 0 { found.references += 1 }
      var open = owner.openHead[word: 0]
      while open != 0 {
        guard state(open).has(StateRecord.open), state(open).openOwner == owner.link else {
          throw InvariantViolation("open \(state(open).stateIndex) hangs below another owner than its own")
        }
        found.opens += 1
        open = next(open, offset: StateRecord.listOffset)
      }
      link = next(link, offset: StateRecord.listOffset)
    }
  }

  private func checkLockFiles(_ found: inout Found) throws(InvariantViolation) {
    for chain in 0..<Self.chains {
      var link = lockFileHeads[chain]
      while link != 0 {
        let lockFile = lockFile(link)
        guard lockFile.useCount == 0 else { throw InvariantViolation("a lock file is held \(lockFile.useCount) times") }
        found.lockFiles += 1
        var open = lockFile.openHead[word: 0]
        while open != 0 {
          guard state(open).lockFile == link else {
            throw InvariantViolation("open \(state(open).stateIndex) hangs at another lock file than its own")
          }
          found.opensByFile += 1
          open = next(open, offset: StateRecord.fileOffset)
        }
        link = next(link, offset: LockFileRecord.hashOffset)
      }
    }
    try expect("lock files", found.lockFiles, variables.pointee.lockFileCount)
  }

  private func checkReplies(_ found: Found) throws(InvariantViolation) {
    var entries = 0
    var saved = 0
    var references = 0
    for chain in 0..<Self.chains {
      var link = cacheHeads[chain]
      while link != 0 {
        let entry = reply(link)
        entries += 1
        references += Int(entry.references)
        if entry.has(ReplyRecord.hasReply) { saved += 1 }
        guard !entry.has(ReplyRecord.inProgress) else {
          throw InvariantViolation("request \(entry.xid) is never ended")
        }
        link = next(link, offset: ReplyRecord.hashOffset)
      }
    }
    try expect("cache entries", entries, variables.pointee.cacheEntries)
    try expect("saved replies", saved, variables.pointee.savedReplies)
    try expect("references of owners to replies", references, found.references)
  }
}
