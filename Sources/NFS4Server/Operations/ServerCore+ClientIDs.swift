// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import KernelMemory
import NFS4

/// SETCLIENTID, SETCLIENTID_CONFIRM, RENEW (RFC 7530 sections 16.30, 16.33, 16.34).
extension ServerCore {
  /// Longest network id and universal address that are read, bytes.
  private static let addressLimit = 128

  func setClientID(_ c: inout Compound) throws(NFSStatus) {
    let verifier = try c.long()
    let id = try c.opaque(limit: NFS4Protocol.opaqueLimit)
    let program = try c.word()
    let network = try c.opaque(limit: Self.addressLimit)
    let address = try c.opaque(limit: Self.addressLimit)
    let ident = try c.word()
    guard !id.isEmpty else { throw .invalid }
    guard variables.pointee.stateCount <= configuration.stateLimit else { throw .resource }

    // The new structure is there before the state lock is taken, whatever the outcome (nfsrvd_setclientid).
    let link = try mallocZeroed(layout.client &+ id.count, types.client)
    let socketName = try mallocZeroed(layout.socketName, types.socketName)
    UniversalAddress.store(address, into: bytes(socketName))
    let new = client(link)
    let old = findClient(id: id)
    if let old, isInUse(old, by: c.principal) {
      free(socketName, types.socketName)
      free(link, types.client)
      variables.pointee.inUseAddress = bytes(old.socketName)[long: 0]
      throw .clientIDInUse
    }
    let pendingAddress = bytes(socketName)[long: 0]
    if let old {
      // Until its confirmation nothing of the new record counts: callbacks go to the address that is confirmed.
      if old.has(ClientRecord.confirmed) { bytes(socketName).copyMemory(from: bytes(old.socketName), byteCount: 16) }
      replace(old, by: new)
    } else {
      new.boot = boot
      new.expiry = leaseExpiry
      variables.pointee.clientCount &+= 1
      variables.pointee.stateCount &+= 1
    }
    new.idLength = UInt32(truncatingIfNeeded: id.count)
    new.id(layout).copyMemory(from: id)
    new.socketName = socketName
    // Another principal, which may take the id over where nothing hangs on it, is another client.
    let isUpdate =
      new.has(ClientRecord.confirmed) && new.verifier == verifier
      && isPrincipal(c.principal, uid: new.uid, flavor: new.flavor)
    new.pendingAddress = pendingAddress
    new.pendingExpiry = leaseExpiry
    new.pendingIndex = isUpdate ? new.index : takeClientIndex()
    new.pendingConfirmation = takeConfirmation()
    new.pendingVerifier = verifier
    new.pendingCallbackProgram = program
    new.pendingCallbackIdent = ident
    new.pendingUID = c.principal.uid
    new.pendingFlavor = c.principal.flavor
    new.flags |= ClientRecord.pending
    new.flags &= ~ClientRecord.pendingStreamAddress
    if UniversalAddress.isStream(network) { new.flags |= ClientRecord.pendingStreamAddress }
    self.link(new)
    c.writer.put(UInt64(boot) << 32 | UInt64(new.pendingIndex))
    c.writer.put(new.pendingConfirmation)
  }

  /// Moves everything of a client into a new structure and frees the old one: its state lists hang below the new one from now on.
  private func replace(_ old: ClientRecord, by new: ClientRecord) {
    unlink(old)
    new.bytes.copyMemory(from: old.bytes, byteCount: ClientRecord.fieldBytes)
    var owner = new.ownerHead[word: 0]
    while owner != 0 {
      let record = state(owner)
      record.client = new.link
      var open = record.openHead[word: 0]
      while open != 0 {
        state(open).client = new.link
        open = next(open, offset: StateRecord.listOffset)
      }
      owner = next(owner, offset: StateRecord.listOffset)
    }
    var delegation = new.delegationHead[word: 0]
    while delegation != 0 {
      state(delegation).client = new.link
      delegation = next(delegation, offset: StateRecord.listOffset)
    }
    free(old.socketName, types.socketName)
    free(old.link, types.client)
  }

  private func takeClientIndex() -> UInt32 {
    let index = variables.pointee.nextClientIndex
    variables.pointee.nextClientIndex &+= 1
    return index
  }

  private func takeConfirmation() -> UInt64 {
    let number = variables.pointee.nextConfirmation
    variables.pointee.nextConfirmation &+= 1
    return UInt64(boot) << 32 | number & 0xFFFF_FFFF
  }

  private func isPrincipal(_ principal: Principal, uid: UInt32, flavor: UInt32) -> Bool {
    principal.uid == uid && principal.flavor == flavor
  }

  /// Whether a client's id string cannot be taken by a principal: another one has state under it and a lease that has not run out
  /// (RFC 7530 sections 9.1.2 and 16.33.5).
  private func isInUse(_ client: ClientRecord, by principal: Principal) -> Bool {
    client.has(ClientRecord.confirmed) && !isPrincipal(principal, uid: client.uid, flavor: client.flavor)
      && client.expiry >= seconds && holdsState(client)
  }

  /// Whether a client has anything open or delegated; owners alone are no state.
  private func holdsState(_ client: ClientRecord) -> Bool {
    if client.delegationHead[word: 0] != 0 { return true }
    var link = client.ownerHead[word: 0]
    while link != 0 {
      if state(link).openHead[word: 0] != 0 { return true }
      link = next(link, offset: StateRecord.listOffset)
    }
    return false
  }

  /// The result of SETCLIENTID with NFS4ERR_CLID_INUSE: the address of the client that uses the id.
  func writeClientInUse(_ c: inout Compound) {
    c.writer.putString("tcp")
    UniversalAddress.put(variables.pointee.inUseAddress, &c.writer)
  }

  func setClientIDConfirm(_ c: inout Compound) throws(NFSStatus) {
    let id = try c.long()
    let confirmation = try c.long()
    let index = UInt32(truncatingIfNeeded: id)
    guard UInt32(truncatingIfNeeded: id >> 32) == boot, index != 0 else { throw .staleClientID }
    if let client = findPending(index), client.pendingConfirmation == confirmation {
      guard isPrincipal(c.principal, uid: client.pendingUID, flavor: client.pendingFlavor) else {
        throw .clientIDInUse
      }
      // The confirmed record may have got state since the SETCLIENTID of another principal.
      guard !isInUse(client, by: c.principal) else { throw .clientIDInUse }
      try confirm(client)
      return
    }
    // Nothing waits: a repeated confirmation of what is confirmed is fine.
    guard let client = findConfirmed(index), client.confirmation == confirmation else { throw .staleClientID }
    guard isPrincipal(c.principal, uid: client.uid, flavor: client.flavor) else { throw .clientIDInUse }
  }

  func findConfirmed(_ index: UInt32) -> ClientRecord? {
    var link = Self.head(clientHeads, index)[word: 0]
    while link != 0 {
      let client = client(link)
      if client.index == index { return client }
      link = next(link, offset: ClientRecord.hashOffset)
    }
    return nil
  }

  /// Makes the unconfirmed record of a client its confirmed one; with a new client id all state of the old one goes.
  private func confirm(_ client: ClientRecord) throws(NFSStatus) {
    unlink(client)
    if !client.has(ClientRecord.confirmed) || client.index != client.pendingIndex {
      // A client that reboots gives up what it had, for good once others may get it.
      if !isInGrace && client.ownerHead[word: 0] != 0 { stable.remove([UInt8](client.id(layout))) }
      releaseState(of: client)
      client.index = client.pendingIndex
      // A lease begins with its client id; confirming new callbacks renews none (RFC 7530 section 9.5).
      client.expiry = leaseExpiry
      client.flags &= ~(ClientRecord.stampedStable | ClientRecord.expired | ClientRecord.mayReclaim)
      if isInGrace && stable.mayReclaim([UInt8](client.id(layout))) { client.flags |= ClientRecord.mayReclaim }
    }
    client.confirmation = client.pendingConfirmation
    client.verifier = client.pendingVerifier
    client.uid = client.pendingUID
    client.flavor = client.pendingFlavor
    client.callbackProgram = client.pendingCallbackProgram
    client.callbackIdent = client.pendingCallbackIdent
    bytes(client.socketName)[long: 0] = client.pendingAddress
    client.flags &= ~ClientRecord.pending
    client.flags |= ClientRecord.confirmed
    if client.callbackProgram != 0 { client.flags |= ClientRecord.needsCallbackNull }
    link(client)
    try callbackPathConfirmed(client, address: bytes(client.socketName)[long: 0])
  }

  /// RENEW, which the principal of the client id may send, and any that has a file open (RFC 7530 section 16.28.5).
  ///
  /// - Throws: NFS4ERR_ACCESS for another principal, NFS4ERR_CB_PATH_DOWN where the client has lost its callback path, though its lease
  ///   is renewed, and what ``renewedClient(_:)`` throws.
  func renew(_ c: inout Compound) throws(NFSStatus) {
    let client = try confirmedClient(try c.long())
    guard isPrincipal(c.principal, uid: client.uid, flavor: client.flavor) || hasOpen(client, c.principal) else {
      throw .accessDenied
    }
    client.expiry = leaseExpiry
    try tellCallbackPath(client)
  }

  /// Whether a principal has a file of the client open.
  private func hasOpen(_ client: ClientRecord, _ principal: Principal) -> Bool {
    var owner = client.ownerHead[word: 0]
    while owner != 0 {
      var open = state(owner).openHead[word: 0]
      while open != 0 {
        if isPrincipal(principal, uid: state(open).uid, flavor: state(open).flavor) { return true }
        open = next(open, offset: StateRecord.listOffset)
      }
      owner = next(owner, offset: StateRecord.listOffset)
    }
    return false
  }
}
