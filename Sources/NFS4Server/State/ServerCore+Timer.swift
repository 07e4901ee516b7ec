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
    let limit = configuration.courtesySeconds.map { UInt32(truncatingIfNeeded: $0) } ?? Self.mouldyLease
    let nearlyFull = variables.pointee.stateCount &* 10 > configuration.stateLimit &* 9
    delegationTick()
    let lease = UInt32(truncatingIfNeeded: configuration.leaseSeconds)
    let stale = Self.staleLeases &* lease
    eachClient { client in
      dropPending(of: client, now)
      if !client.has(ClientRecord.expired) && client.expiry < now {
        let past = now &- client.expiry
        let isEmpty = client.ownerHead[word: 0] == 0 && client.delegationHead[word: 0] == 0
        let tooMany = variables.pointee.clientCount > Self.clientHighWater
        let isOver = past > limit || !client.has(ClientRecord.confirmed)
        if isOver || (past > stale && (isEmpty || tooMany)) || nearlyFull {
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
        } else if owner.has(StateRecord.needsConfirm) {
          owner.idleTicks &+= 1
          if owner.idleTicks > lease { variables.pointee.hasIdleOwners = true }
        }
        link = next(link, offset: StateRecord.listOffset)
      }
      return false
    }
    // A server that keeps no courtesy locks does not wait for a compound; but in the middle of one nothing is freed below its feet.
    if configuration.courtesySeconds != nil && !variables.pointee.isServing { sweep() }
  }

  /// Drops an unconfirmed record beside a confirmed one that nobody confirms within a lease (RFC 7530 section 16.34.5).
  private func dropPending(of client: ClientRecord, _ now: UInt32) {
    guard client.has(ClientRecord.pending), client.has(ClientRecord.confirmed), client.pendingExpiry < now else {
      return
    }
    client.flags &= ~ClientRecord.pending
    client.pendingIndex = 0
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
      let lease = UInt32(truncatingIfNeeded: configuration.leaseSeconds)
      eachClient { client in
        var link = client.ownerHead[word: 0]
        while link != 0 {
          let owner = state(link)
          link = next(link, offset: StateRecord.listOffset)
          let isIdle = owner.openHead[word: 0] == 0 && (crowded || owner.idleTicks > Self.idleTickLimit)
          // An OPEN that is not confirmed within a lease is undone (RFC 7530 section 16.18.5).
          let isForgotten = owner.has(StateRecord.needsConfirm) && owner.idleTicks > lease
          if isIdle || isForgotten {
            freeOwner(owner)
            variables.pointee.counters.idleOwnersFreed &+= 1
          }
        }
        return false
      }
    }
  }
}
