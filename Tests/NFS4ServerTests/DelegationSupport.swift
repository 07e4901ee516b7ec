// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4
import Synchronization
import Testing

@testable import NFS4Server

/// A callback transport without a network: it keeps what the server sends until the test answers.
final class CallbackDouble: CallbackTransport {
  private struct Pending: Sendable {
    var call: CallbackCall
    var completion: @Sendable (CallbackOutcome) -> Void
  }

  private let pending = Mutex<[Pending]>([])
  private let sent = Mutex<[CallbackCall]>([])
  private let probe: Mutex<CallbackOutcome?>

  /// What CB_NULL is answered with at once; nil to leave it to the test.
  var probeOutcome: CallbackOutcome? {
    get { probe.withLock { $0 } }
    set { probe.withLock { $0 = newValue } }
  }

  init(probeOutcome: CallbackOutcome? = .replied([])) { probe = Mutex(probeOutcome) }

  var holdMilliseconds: Int { 0 }

  func send(_ call: CallbackCall, completion: @escaping @Sendable (CallbackOutcome) -> Void) {
    sent.withLock { $0.append(call) }
    if call.procedure == NFS4Callback.nullProcedure, let probeOutcome {
      completion(probeOutcome)
    } else {
      pending.withLock { $0.append(Pending(call: call, completion: completion)) }
    }
  }

  /// Everything sent so far.
  var calls: [CallbackCall] { sent.withLock { $0 } }
  /// CB_NULLs sent so far.
  var probes: Int { calls.count { $0.procedure == NFS4Callback.nullProcedure } }
  /// CB_COMPOUNDs sent so far.
  var compounds: [CallbackCompound] { calls.compactMap(Self.compound) }
  /// Calls that wait for an answer.
  var waiting: Int { pending.withLock { $0.count } }

  static func compound(_ call: CallbackCall) -> CallbackCompound? {
    guard call.procedure == NFS4Callback.compoundProcedure else { return nil }
    return call.arguments.withUnsafeBytes { bytes in
      var reader = XDRReader(bytes)
      return try? CallbackCompound(from: &reader)
    }
  }

  /// Answers the oldest call that waits.
  func answer(_ outcome: CallbackOutcome, location: SourceLocation = #_sourceLocation) throws {
    let next = pending.withLock { $0.isEmpty ? nil : $0.removeFirst() }
    try #require(next != nil, "nothing was sent to the client", sourceLocation: location)
    next?.completion(outcome)
  }

  /// Answers the oldest CB_COMPOUND that waits as a client does.
  func answer(
    _ status: NFSStatus, size: UInt64? = nil, change: UInt64? = nil, location: SourceLocation = #_sourceLocation
  ) throws {
    let call = try #require(pending.withLock { $0.first?.call }, sourceLocation: location)
    let compound = try #require(Self.compound(call), sourceLocation: location)
    let body = Self.body(CallbackResult(status: status, size: size, change: change), compound.operation.number)
    try answer(.replied(body), location: location)
  }

  static func body(_ result: CallbackResult, _ operation: UInt32) -> [UInt8] {
    withUnsafeTemporaryAllocation(byteCount: 256, alignment: 8) { room in
      var writer = XDRWriter(room)
      result.encode(operation: operation, into: &writer)
      return [UInt8](writer.written)
    }
  }
}

/// An open_delegation4 as a client sees it.
struct SeenDelegation: Equatable {
  var type: UInt32
  var stateid: Stateid
  var recall: Bool
}

extension CompoundReply {
  /// The body of a successful OPEN with the delegation that came along.
  func delegatedOpenBody() throws -> (stateid: Stateid, flags: UInt32, delegation: SeenDelegation?) {
    let stateid = try stateid()
    _ = try change()
    let flags = try word()
    _ = try mask()
    let type = try word()
    guard type != NFSOpen.delegateNone else { return (stateid, flags, nil) }
    let delegation = SeenDelegation(type: type, stateid: try self.stateid(), recall: try bool())
    if type == NFSOpen.delegateWrite {
      #expect(try word() == NFSSpaceLimit.blocks)
      #expect(try word() == 0)
      #expect(try word() == 4096)
    }
    // The ACE allows nobody anything: the client must ask with ACCESS.
    #expect(try [word(), word(), word()] == [0, 0, 0])
    #expect(try string() == "EVERYONE@")
    return (stateid, flags, delegation)
  }
}

extension CompoundBuilder {
  func delegationReturn(_ stateid: Stateid) -> CompoundBuilder { operation(.delegationReturn).stateid(stateid) }

  func renew(_ client: UInt64) -> CompoundBuilder { operation(.renew).long(client) }

  func openDelegated(
    _ name: String, client: UInt64, owner: [UInt8], sequence: UInt32, access: UInt32, delegation: Stateid
  ) -> CompoundBuilder {
    operation(.open).word(sequence).word(access).word(0).long(client).opaque(owner).word(NFSOpen.noCreate)
      .word(NFSOpen.claimDelegateCurrent).stateid(delegation).string(name)
  }
}

/// A client that can be called back, with an open-owner of its own.
final class DelegatedClient {
  /// What an OPEN gave.
  struct Opened {
    var status: NFSStatus
    var handle: [UInt8] = []
    var stateid = Stateid.anonymous
    var delegation: SeenDelegation? = nil
  }

  let client: TestClient
  let owner: TestOwner
  let connection: UInt64
  private let server: TestServer

  /// A client whose owner is confirmed with a file of its own: only then OPEN gives delegations.
  init(_ stage: DelegationStage, _ number: UInt64, program: UInt32 = NFS4Callback.program) throws {
    server = stage.server
    connection = number
    client = try TestClient(server, name: "client \(number)", connection: number, program: program)
    owner = TestOwner("owner \(number)")
    let file = try client.open("own file of \(number)", in: stage.root, owner: owner)
    try client.close(file, owner: owner)
  }

  /// Sends an OPEN in the root.
  func open(
    _ name: String, access: UInt32 = NFSOpen.accessRead, deny: UInt32 = 0, how: OpenHow = .unchecked(.mode(0o666)),
    owner: TestOwner? = nil, location: SourceLocation = #_sourceLocation
  ) throws -> Opened {
    let owner = owner ?? self.owner
    let reply = try server.call(
      CompoundBuilder().root().open(
        name, client: client.id, owner: owner.name, sequence: owner.next(), access: access, deny: deny, how: how
      ).getHandle(), connection: connection, location: location)
    try reply.ok(.putRootFilehandle, location: location)
    let status = try reply.result(.open, location: location)
    guard status == .ok else { return Opened(status: status) }
    let body = try reply.delegatedOpenBody()
    try reply.ok(.getFilehandle, location: location)
    return Opened(status: .ok, handle: try reply.opaque(), stateid: body.stateid, delegation: body.delegation)
  }

  /// Sends an OPEN with CLAIM_DELEGATE_CUR in the root.
  func openDelegated(
    _ name: String, access: UInt32, delegation: Stateid, location: SourceLocation = #_sourceLocation
  ) throws -> NFSStatus {
    let reply = try server.call(
      CompoundBuilder().root().openDelegated(
        name, client: client.id, owner: owner.name, sequence: owner.next(), access: access, delegation: delegation),
      connection: connection, location: location)
    try reply.ok(.putRootFilehandle, location: location)
    let status = try reply.result(.open, location: location)
    // Behind these the sequence number stays (RFC 7530 section 9.1.7).
    if status == .badStateid || status == .staleStateid { owner.sequence -= 1 }
    return status
  }

  func giveBack(_ opened: Opened, location: SourceLocation = #_sourceLocation) throws -> NFSStatus {
    let delegation = try #require(opened.delegation, sourceLocation: location)
    return try call(CompoundBuilder().handle(opened.handle).delegationReturn(delegation.stateid), location: location)
  }

  func close(_ opened: Opened, location: SourceLocation = #_sourceLocation) throws {
    let compound = CompoundBuilder().handle(opened.handle).close(opened.stateid, sequence: owner.next())
    #expect(try call(compound, location: location) == .ok, sourceLocation: location)
  }

  /// Sends a compound on the client's connection and gives its status.
  func call(_ compound: CompoundBuilder, location: SourceLocation = #_sourceLocation) throws -> NFSStatus {
    try server.call(compound, connection: connection, location: location).status
  }
}

/// A server that gives delegations, and its callbacks.
final class DelegationStage {
  let callbacks: CallbackDouble
  let server: TestServer
  let root: [UInt8]

  init(
    callbacks: CallbackDouble = CallbackDouble(), checksInvariants: Bool = true,
    _ configure: @escaping (inout ServerConfiguration) -> Void = { _ in }
  ) throws {
    self.callbacks = callbacks
    server = try TestServer(checksInvariants: checksInvariants) {
      $0.delegations = true
      $0.callbackTransport = callbacks
      configure(&$0)
    }
    root = try server.rootHandle()
  }

  /// A client that has answered CB_NULL.
  func client(_ number: UInt64) throws -> DelegatedClient { try DelegatedClient(self, number) }
}
