// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import KernelMemory
import KernelModel
import NFS4

/// What of delegations and callbacks does not lie in modelled memory.
struct DelegationVariables {
  /// A file whose delegation was recalled not long ago.
  struct Recall {
    var file = FileReference.none
    /// Until when no delegation of it is given, virtual seconds since boot.
    var until: UInt32 = 0
  }

  /// A callback to be handed to the transport.
  struct Outgoing {
    var serial: UInt64
    var call: CallbackCall
  }

  /// Places for recalled files.
  static let recallPlaces = 256

  /// Delegations that exist, and those of them that are recalled.
  var count = 0
  var recalledCount = 0
  /// Callbacks under way.
  var callbackHead: KernelLink = 0
  var callbackCount = 0
  /// Number of the next callback.
  var nextSerial: UInt64 = 1
  /// Callbacks that wait for the end of the locked section.
  var outbox: [Outgoing] = []
  /// A recall is overdue, or to be repeated.
  var hasWork = false
  /// The compound under way may be put off until a callback is answered; it was.
  var mayHold = false
  var isHeld = false
  /// A callback was answered or a delegation given back: requests that are held are to be tried again.
  var wakes = false
  /// Index of the client that the compound under way is known to come from, 0 if it said nothing about that.
  var compoundClient: UInt32 = 0
  /// The same, as far as the connection tells.
  var connectionClient: UInt32 = 0
  var recalls = [Recall](repeating: Recall(), count: recallPlaces)
}

/// Callbacks: NFSv4's RPCs from the server to a client (RFC 7530 chapter 15; FreeBSD 8.1 nfs_nfsdstate.c, nfsrv_docallback).
///
/// A callback that is wanted takes its request and a credential in modelled memory and waits in the outbox. The service hands the outbox to
/// the transport once the lock is free, and brings the outcome back behind the lock.
extension ServerCore {
  /// Callbacks under way at one time; a further one is tried again later.
  static let callbackLimit = 4096
  /// Connections seen to carry more than one client are nobody's.
  static let manyClients = UInt32.max

  /// Whether delegations can be given at all.
  var servesDelegations: Bool { configuration.delegations && configuration.callbackTransport != nil }

  /// How long a client may take over a callback: a tenth of the lease, as knfsd has it (fs/nfsd/nfs4callback.c, recollection).
  private var callbackMilliseconds: Int { max(configuration.leaseSeconds / 10, 1) &* 1000 }

  /// A client has confirmed where it can be called back: that is to be proven before it is trusted.
  func callbackPathConfirmed(_ client: ClientRecord, address: UInt64) throws(NFSStatus) {
    variables.pointee.delegations.compoundClient = client.index
    guard servesDelegations else { return }
    client.callbackAddress = client.has(ClientRecord.pendingStreamAddress) ? address : 0
    client.flags &= ~(ClientRecord.callbackStates | ClientRecord.needsCallbackNull)
    try probeCallbackPath(client)
    // A recall that went to the old address may never have come.
    var link = client.delegationHead[word: 0]
    while link != 0 {
      let delegation = DelegationRecord(state(link))
      if delegation.has(DelegationRecord.recalled) {
        delegation.nextRecall = seconds
        variables.pointee.delegations.hasWork = true
      }
      link = next(link, offset: StateRecord.listOffset)
    }
  }

  /// Sends CB_NULL, unless one is on its way.
  func probeCallbackPath(_ client: ClientRecord) throws(NFSStatus) {
    guard servesDelegations, !client.has(ClientRecord.callbackProbed) else { return }
    guard try callBack(client, .null, stateIndex: 0, nil) else { return }
    client.flags |= ClientRecord.callbackProbed
  }

  /// Queues a callback.
  ///
  /// - Returns: false where there is no way to the client, or too many callbacks are under way.
  func callBack(
    _ client: ClientRecord, _ kind: CallbackRecord.Kind, stateIndex: UInt32, _ operation: CallbackOperation?
  ) throws(NFSStatus) -> Bool {
    guard variables.pointee.delegations.callbackCount < Self.callbackLimit else { return false }
    guard client.callbackProgram != 0, let (host, port) = UniversalAddress.endpoint(client.callbackAddress) else {
      client.flags = client.flags & ~ClientRecord.callbackUp | ClientRecord.callbackDown
      return false
    }
    let credential = kernel.allocate(.credential).link
    let link = try mallocZeroed(layout.callbackRequest, types.callbackRequest)
    let request = CallbackRecord(link: link, bytes: bytes(link))
    let serial = variables.pointee.delegations.nextSerial
    variables.pointee.delegations.nextSerial &+= 1
    request.serial = serial
    request.kind = kind
    request.clientIndex = client.index
    request.stateIndex = stateIndex
    request.path = client.confirmation
    request.credential = credential
    withUnsafeMutableBytes(of: &variables.pointee.delegations.callbackHead) { head in
      guard let head = head.baseAddress else { return }
      insert(link, at: head, offset: CallbackRecord.listOffset)
    }
    variables.pointee.delegations.callbackCount &+= 1
    variables.pointee.counters.callbacks &+= 1
    var arguments: [UInt8] = []
    if let operation {
      arguments = withUnsafeTemporaryAllocation(byteCount: NFS4Callback.compoundBytes, alignment: 8) { room in
        var writer = XDRWriter(room)
        CallbackCompound(ident: client.callbackIdent, operation: operation).encode(into: &writer)
        return [UInt8](writer.written)
      }
    }
    let call = CallbackCall(
      host: host, port: port, program: client.callbackProgram,
      procedure: operation == nil ? NFS4Callback.nullProcedure : NFS4Callback.compoundProcedure,
      arguments: arguments, timeoutMilliseconds: callbackMilliseconds)
    variables.pointee.delegations.outbox.append(DelegationVariables.Outgoing(serial: serial, call: call))
    return true
  }

  /// Takes the outcome of a callback; that of one that is forgotten means nothing.
  func completeCallback(_ serial: UInt64, _ outcome: CallbackOutcome) {
    guard !variables.pointee.dead, kernel.failure == nil else { return }
    var link = variables.pointee.delegations.callbackHead
    while link != 0, CallbackRecord(link: link, bytes: bytes(link)).serial != serial {
      link = next(link, offset: CallbackRecord.listOffset)
    }
    guard link != 0 else { return }
    let request = CallbackRecord(link: link, bytes: bytes(link))
    let (kind, index, stateIndex, path) = (request.kind, request.clientIndex, request.stateIndex, request.path)
    forgetCallback(request)
    variables.pointee.delegations.wakes = true
    if outcome == .failed { variables.pointee.counters.callbacksFailed &+= 1 }
    guard let client = findConfirmed(index) else { return }
    if client.confirmation == path {
      if kind == .null { client.flags &= ~ClientRecord.callbackProbed }
      if outcome == .failed {
        // That the client was told is kept: it has one more lease to give delegations back, not one with every failure.
        client.flags = client.flags & ~ClientRecord.callbackUp | ClientRecord.callbackDown
      } else {
        client.flags &= ~(ClientRecord.callbackDown | ClientRecord.callbackDownTold)
        client.flags |= ClientRecord.callbackUp
      }
    }
    switch kind {
    case .recall: recallAnswered(stateIndex, of: client, outcome)
    case .getAttributes: attributesAnswered(stateIndex, of: client, outcome)
    case .null, nil: break
    }
  }

  /// Gives the memory of a callback back.
  private func forgetCallback(_ request: CallbackRecord) {
    withUnsafeMutableBytes(of: &variables.pointee.delegations.callbackHead) { head in
      guard let head = head.baseAddress else { return }
      remove(request.link, from: head, offset: CallbackRecord.listOffset)
    }
    variables.pointee.delegations.callbackCount &-= 1
    kernel.free(.credential, KernelAddress(link: request.credential))
    free(request.link, types.callbackRequest)
  }

  /// Forgets every callback under way, as a reboot does; what comes back for them means nothing.
  func forgetCallbacks() {
    while variables.pointee.delegations.callbackHead != 0 {
      let link = variables.pointee.delegations.callbackHead
      forgetCallback(CallbackRecord(link: link, bytes: bytes(link)))
    }
    variables.pointee.delegations.outbox = []
    variables.pointee.delegations.hasWork = false
    for place in 0..<DelegationVariables.recallPlaces {
      variables.pointee.delegations.recalls[place] = DelegationVariables.Recall()
    }
  }

  // MARK: whom a compound comes from

  /// Notes which client a compound came from with its connection.
  func noteClient(slot: Int) {
    let client = variables.pointee.delegations.compoundClient
    let known = connections.slots[slot].client
    guard client != 0, known != client else { return }
    // A client that is gone, for instance after its restart, does not count.
    let isShared = known == Self.manyClients || (known != 0 && findConfirmed(known) != nil)
    connections.slots[slot].client = isShared ? Self.manyClients : client
  }

  /// Whether the compound under way is known to come from a client: by an operation with a client id or stateid before, or because its
  /// connection has carried that client alone.
  func isRequester(_ client: ClientRecord) -> Bool {
    let delegations = variables.pointee.delegations
    if delegations.compoundClient != 0 { return delegations.compoundClient == client.index }
    return delegations.connectionClient == client.index
  }
}
