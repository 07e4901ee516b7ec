// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension ServerCore {
  /// Ticks of the timer after which an owner without opens is thrown away (NFSNOOPEN).
  static let idleTickLimit: UInt32 = 120

  /// The server's timer of one second: it counts and raises flags; the next compound frees (nfsrv_servertimer).
  func timerTick() {
    guard !variables.pointee.dead, kernel.failure == nil else { return }
    let now = seconds
    if variables.pointee.graceEnd != 0 && now >= variables.pointee.graceEnd { endGrace() }
    let crowded = variables.pointee.stateCount &* 2 > configuration.stateLimit
    let nearlyFull = variables.pointee.stateCount &* 10 > configuration.stateLimit &* 9
    let stale = Self.staleLeases &* UInt32(truncatingIfNeeded: configuration.leaseSeconds)
    eachClient { client in
      if !client.has(ClientRecord.expired) && client.expiry < now {
        let past = now &- client.expiry
        let isEmpty = client.ownerHead[word: 0] == 0
        let tooMany = variables.pointee.clientCount > Self.clientHighWater
        if (past > stale && (isEmpty || tooMany)) || past > Self.mouldyLease || nearlyFull {
          client.flags |= ClientRecord.expired
          variables.pointee.hasExpiredClients = true
        }
      }
      var link = client.ownerHead[word: 0]
      while link != 0 {
        let owner = state(link)
        if owner.openHead[word: 0] == 0 {
          owner.idleTicks &+= 1
          if owner.idleTicks > Self.idleTickLimit || crowded { variables.pointee.hasIdleOwners = true }
        }
        link = next(link, offset: StateRecord.listOffset)
      }
      return false
    }
  }

  /// Frees what the timer marked, at the start of a compound (nfsrvd_compound).
  func sweep() {
    if variables.pointee.hasExpiredClients {
      variables.pointee.hasExpiredClients = false
      eachClient { client in
        // A client that renewed its lease in the meantime is spared.
        if client.has(ClientRecord.expired) {
          if client.expiry < seconds {
            cancelLease(of: client)
          } else {
            client.flags &= ~ClientRecord.expired
          }
        }
        return false
      }
    }
    if variables.pointee.hasIdleOwners {
      variables.pointee.hasIdleOwners = false
      let crowded = variables.pointee.stateCount &* 2 > configuration.stateLimit
      eachClient { client in
        var link = client.ownerHead[word: 0]
        while link != 0 {
          let owner = state(link)
          link = next(link, offset: StateRecord.listOffset)
          if owner.openHead[word: 0] == 0 && (crowded || owner.idleTicks > Self.idleTickLimit) {
            freeOwner(owner)
            variables.pointee.counters.idleOwnersFreed &+= 1
          }
        }
        return false
      }
    }
  }
}
