// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import KernelMemory

/// What is always true of lock-owners and locks.
extension ServerCore {
  /// How many lock-owners and locks were found, and how many lock-owners keep a reply.
  struct LockFindings {
    var owners = 0
    var locks = 0
    var references = 0
  }

  /// Checks lists, rings, leaders and ranges of every client, and the locks of every file.
  ///
  /// - Throws: the first violation, with its values.
  func checkLocks() throws(InvariantViolation) -> LockFindings {
    var found = LockFindings()
    var leaders = 0
    for client in clientsForCheck() {
      let before = found.owners
      var ownerLink = client.ownerHead[word: 0]
      while ownerLink != 0 {
        var openLink = state(ownerLink).openHead[word: 0]
        while openLink != 0 {
          try checkLockOwners(of: state(openLink), client, &found)
          openLink = next(openLink, offset: StateRecord.listOffset)
        }
        ownerLink = next(ownerLink, offset: StateRecord.listOffset)
      }
      leaders = 0
      var members = 0
      var link = client.lockOwnerHead[word: 0]
      while link != 0 {
        guard state(link).isLeader else {
          throw InvariantViolation("lock-owner \(state(link).stateIndex) is listed and no leader")
        }
        leaders += 1
        eachOfRing(state(link)) { if $0.leader == link { members += 1 } }
        link = next(link, offset: StateRecord.clientOffset)
      }
      guard members == found.owners - before else {
        throw InvariantViolation(
          "client \(client.index): \(found.owners - before) lock-owners below opens, \(members) in \(leaders) rings")
      }
    }
    try checkLocksOfFiles(found.locks)
    return found
  }

  private func clientsForCheck() -> [ClientRecord] {
    var clients: [ClientRecord] = []
    eachClient {
      clients.append($0)
      return false
    }
    return clients
  }

  private func checkLockOwners(
    of open: StateRecord, _ client: ClientRecord, _ found: inout LockFindings
  ) throws(InvariantViolation) {
    var link = open.lockOwnerHead[word: 0]
    while link != 0 {
      let owner = state(link)
      found.owners += 1
      guard owner.has(StateRecord.lockOwner), owner.open == open.link, owner.client == client.link,
        owner.lockFile == open.lockFile, owner.file == open.file
      else { throw InvariantViolation("lock-owner \(owner.stateIndex) does not belong to open \(open.stateIndex)") }
      guard equalBytes(owner.name(layout), state(owner.leader).name(layout)), state(owner.leader).isLeader else {
        throw InvariantViolation("lock-owner \(owner.stateIndex) follows another owner")
      }
      if owner.isLeader && owner.reply != 0 { found.references += 1 }
      var before: LockRecord? = nil
      var lockLink = owner.lockHead[word: 0]
      while lockLink != 0 {
        let lock = lock(lockLink)
        found.locks += 1
        guard lock.holder == link, lock.lockFile == owner.lockFile, lock.first <= lock.last else {
          throw InvariantViolation("lock \(lock.first)...\(lock.last) does not belong to \(owner.stateIndex)")
        }
        if let before {
          let apart = before.last < lock.first
          let isOne = before.isExclusive == lock.isExclusive && before.range.touches(lock.range)
          guard apart, !isOne else {
            throw InvariantViolation(
              "owner \(owner.stateIndex) has \(before.first)...\(before.last) and \(lock.first)...\(lock.last)")
          }
        }
        before = lock
        lockLink = next(lockLink, offset: LockRecord.ownerOffset)
      }
      link = next(link, offset: StateRecord.listOffset)
    }
  }

  /// No byte of a file is locked twice, but by shared locks of different owners.
  private func checkLocksOfFiles(_ expected: Int) throws(InvariantViolation) {
    var count = 0
    for chain in 0..<Self.chains {
      var link = lockFileHeads[chain]
      while link != 0 {
        var locks: [LockRecord] = []
        var lockLink = lockFile(link).lockHead[word: 0]
        while lockLink != 0 {
          guard lock(lockLink).lockFile == link else { throw InvariantViolation("a lock hangs at another file") }
          locks.append(lock(lockLink))
          lockLink = next(lockLink, offset: LockRecord.fileOffset)
        }
        count += locks.count
        try checkOverlaps(locks.sorted { ($0.first, $0.last) < ($1.first, $1.last) })
        link = next(link, offset: LockFileRecord.hashOffset)
      }
    }
    guard count == expected else {
      throw InvariantViolation("\(count) locks hang at files, \(expected) at owners")
    }
  }

  private func checkOverlaps(_ sorted: [LockRecord]) throws(InvariantViolation) {
    var latest: LockRecord? = nil
    var latestExclusive: LockRecord? = nil
    var latestOfOwner: [KernelLink: LockRecord] = [:]
    for lock in sorted {
      let leader = state(lock.holder).leader
      for other in [lock.isExclusive ? latest : nil, latestExclusive, latestOfOwner[leader]] {
        guard let other, other.last >= lock.first else { continue }
        throw InvariantViolation("locks \(other.first)...\(other.last) and \(lock.first)...\(lock.last) of one file")
      }
      if (latest?.last ?? 0) <= lock.last { latest = lock }
      if lock.isExclusive { latestExclusive = lock }
      latestOfOwner[leader] = lock
    }
  }
}
