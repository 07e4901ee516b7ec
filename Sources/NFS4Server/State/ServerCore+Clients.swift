// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4

extension ServerCore {
  /// A lease lasts this much longer than the client is told, seconds (NFSRV_LEASEDELTA).
  static let leaseDelta: UInt32 = 15
  /// Leases after which an expired client without state is freed (NFSRV_STALELEASE).
  static let staleLeases: UInt32 = 5
  /// Seconds after which an expired client is freed with its state (NFSRV_MOULDYLEASE: one week).
  static let mouldyLease: UInt32 = 604_800
  /// Clients above which one past its stale lease goes even with state (NFSRV_CLIENTHIGHWATER).
  static let clientHighWater = 1000

  /// When a lease that is renewed now ends; in the grace period it lasts twice as long (nfsrv_leaseexpiry).
  var leaseExpiry: UInt32 {
    let lease = UInt32(truncatingIfNeeded: configuration.leaseSeconds) &+ Self.leaseDelta
    return seconds &+ (isInGrace ? lease &* 2 : lease)
  }

  /// The confirmed client with this id, its lease renewed (nfsrv_getclient with CLOPS_RENEW).
  ///
  /// - Throws: NFS4ERR_STALE_CLIENTID for an id of an earlier run, one that was never made or is not confirmed, NFS4ERR_EXPIRED for one whose
  ///   client is gone.
  func renewedClient(_ id: UInt64) throws(NFSStatus) -> ClientRecord {
    let client = try confirmedClient(id)
    client.expiry = leaseExpiry
    return client
  }

  /// The confirmed client with this id, as ``renewedClient(_:)`` has it.
  func confirmedClient(_ id: UInt64) throws(NFSStatus) -> ClientRecord {
    let index = UInt32(truncatingIfNeeded: id)
    guard UInt32(truncatingIfNeeded: id >> 32) == boot, index != 0 else { throw .staleClientID }
    var link = Self.head(clientHeads, index)[word: 0]
    while link != 0 {
      let client = client(link)
      if client.index == index {
        variables.pointee.delegations.compoundClient = index
        return client
      }
      if client.pendingIndex == index && client.has(ClientRecord.pending) { throw .staleClientID }
      link = next(link, offset: ClientRecord.hashOffset)
    }
    if index >= variables.pointee.nextClientIndex || findPending(index) != nil { throw .staleClientID }
    throw .expired
  }

  /// The client of a stateid, its lease renewed.
  ///
  /// - Throws: NFS4ERR_STALE_STATEID, NFS4ERR_EXPIRED, NFS4ERR_BAD_STATEID.
  func renewedClient(of stateid: Stateid) throws(NFSStatus) -> ClientRecord {
    guard UInt32(truncatingIfNeeded: stateid.otherHigh >> 32) == boot else {
      // A special "other" with a seqid that makes no special stateid (RFC 7530 section 9.1.4.3).
      let allZeros = stateid.otherHigh == 0 && stateid.otherLow == 0
      let allOnes = stateid.otherHigh == .max && stateid.otherLow == .max
      throw allZeros || allOnes ? .badStateid : .staleStateid
    }
    do {
      return try renewedClient(stateid.otherHigh)
    } catch .expired {
      throw .expired
    } catch {
      throw .badStateid
    }
  }

  /// Calls `body` with each client in the order of the chains until it says that it is enough.
  @inline(__always)
  func eachClient(_ body: (ClientRecord) -> Bool) {
    var chain = 0
    while chain < Self.chains {
      var link = clientHeads[chain]
      while link != 0 {
        let following = next(link, offset: ClientRecord.hashOffset)
        if body(client(link)) { return }
        link = following
      }
      chain &+= 1
    }
  }

  /// The client with this id string; every chain is searched (nfsrv_setclient).
  func findClient(id: UnsafeRawBufferPointer) -> ClientRecord? {
    var found: ClientRecord? = nil
    eachClient { client in
      if equalBytes(UnsafeRawBufferPointer(client.id(layout)), id) { found = client }
      return found != nil
    }
    return found
  }

  /// The client whose unconfirmed record has this index.
  func findPending(_ index: UInt32) -> ClientRecord? {
    var found: ClientRecord? = nil
    eachClient { client in
      if client.has(ClientRecord.pending) && client.pendingIndex == index { found = client }
      return found != nil
    }
    return found
  }

  /// The chain that a client hangs in: that of the id that is confirmed, or waits to be.
  func chainKey(_ client: ClientRecord) -> UInt32 {
    client.has(ClientRecord.confirmed) ? client.index : client.pendingIndex
  }

  func link(_ client: ClientRecord) {
    insert(client.link, at: Self.head(clientHeads, chainKey(client)), offset: ClientRecord.hashOffset)
  }

  func unlink(_ client: ClientRecord) {
    remove(client.link, from: Self.head(clientHeads, chainKey(client)), offset: ClientRecord.hashOffset)
  }

  /// Cancels the lease of a client for the sake of another one, whose request its courtesy locks stood against: everything of the
  /// client goes, so that its id and stateids answer NFS4ERR_EXPIRED, and it may reclaim nothing after a restart, since another client
  /// has got what it had (RFC 7530 sections 9.6.3.1 to 9.6.3.4; nfsrv_clientconflict).
  func cancelLease(of client: ClientRecord) {
    if client.has(ClientRecord.stampedStable) { stable.remove([UInt8](client.id(layout))) }
    freeClient(client)
    variables.pointee.counters.expiredClientsFreed &+= 1
  }

  /// Frees every owner and open of a client (nfsrv_cleanclient).
  func releaseState(of client: ClientRecord) {
    while client.ownerHead[word: 0] != 0 { freeOwner(state(client.ownerHead[word: 0])) }
    freeDelegations(of: client)
  }

  /// Frees a client and what it holds (nfsrv_zapclient).
  func freeClient(_ client: ClientRecord) {
    releaseState(of: client)
    unlink(client)
    free(client.socketName, types.socketName)
    free(client.link, types.client)
    variables.pointee.clientCount &-= 1
    variables.pointee.stateCount &-= 1
  }
}
