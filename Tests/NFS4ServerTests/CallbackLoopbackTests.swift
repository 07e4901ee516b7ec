// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4
import ONCRPC
import Synchronization
import Testing

@testable import NFS4Server

/// Callbacks over real TCP connections on the loopback interface.
@Suite struct CallbackLoopbackTests {
  /// A client's callback service: it gives back what is recalled, and answers CB_GETATTR with a size of its own.
  final class CallbackService: RPCService {
    let program: UInt32 = NFS4Callback.program + 12_345
    let version: UInt32 = NFS4Callback.version
    private let seen = Mutex<[CallbackCompound]>([])
    let events = EventCounter()
    /// What is done with a recall before it is answered.
    let onRecall = Mutex<(@Sendable (Stateid) -> Void)?>(nil)

    var compounds: [CallbackCompound] { seen.withLock { $0 } }

    func connectionOpened(_ id: UInt64) {}
    func connectionClosed(_ id: UInt64) {}

    func handle(
      procedure: UInt32, xid: UInt32, credential: borrowing RPCCredential, connection: UInt64,
      arguments: UnsafeRawBufferPointer, reply: UnsafeMutableRawBufferPointer
    ) -> RPCReply {
      var reader = XDRReader(arguments)
      guard procedure == NFS4Callback.compoundProcedure, credential.flavor == .sys,
        let compound = try? CallbackCompound(from: &reader)
      else { return .garbageArguments }
      seen.withLock { $0.append(compound) }
      if case .recall(let stateid, _, _) = compound.operation { onRecall.withLock { $0 }?(stateid) }
      var writer = XDRWriter(reply)
      CallbackResult(status: .ok, size: 4242, change: 1).encode(operation: compound.operation.number, into: &writer)
      events.signal()
      return .success(length: writer.position)
    }
  }

  /// Server, transport and the callback service of client 1.
  private struct Loopback {
    let service = CallbackService()
    let listener: TCPServer
    let server: TestServer
    let one: TestClient
    let two: TestClient
    let root: [UInt8]
    let owners = (TestOwner("one"), TestOwner("two"))

    init(holdMilliseconds: Int) throws {
      listener = try TCPServer(host: "127.0.0.1", port: 0, service: service)
      try listener.start()
      let transport = TCPCallbackTransport(holdMilliseconds: holdMilliseconds)
      server = try TestServer {
        $0.delegations = true
        $0.callbackTransport = transport
      }
      root = try server.rootHandle()
      let address = "127.0.0.1.\(listener.port >> 8).\(listener.port & 0xFF)"
      one = try TestClient(server, name: "one", connection: 1, program: service.program, address: address)
      two = try TestClient(server, name: "two", connection: 2)
      // CB_NULL is answered by the RPC layer; nothing but its effect can be seen.
      let deadline = EventCounter.deadline(milliseconds: 30_000)
      while server.service.snapshot.callbacks > 0 {
        try #require(EventCounter.deadline(milliseconds: 0) < deadline, "CB_NULL was never answered")
      }
      for (client, owner) in [(one, owners.0), (two, owners.1)] {
        try client.close(try client.open("own \(client.connection)", in: root, owner: owner), owner: owner)
      }
    }

    func open(
      _ client: TestClient, _ owner: TestOwner, access: UInt32
    ) throws -> (status: NFSStatus, delegation: SeenDelegation?, handle: [UInt8]) {
      let reply = try server.call(
        CompoundBuilder().root().open(
          "f", client: client.id, owner: owner.name, sequence: owner.next(), access: access,
          how: .unchecked(.mode(0o666))
        ).getHandle(), connection: client.connection)
      try reply.ok(.putRootFilehandle)
      let status = try reply.result(.open)
      guard status == .ok else { return (status, nil, []) }
      let body = try reply.delegatedOpenBody()
      try reply.ok(.getFilehandle)
      return (status, body.delegation, try reply.opaque())
    }
  }

  @Test func aRecallGoesOverTCPAndBothProceed() throws {
    let loopback = try Loopback(holdMilliseconds: 0)
    defer { loopback.listener.stop() }
    let held = try loopback.open(loopback.one, loopback.owners.0, access: NFSOpen.accessWrite)
    let delegation = try #require(held.delegation)
    #expect(delegation.type == NFSOpen.delegateWrite)
    let seen = loopback.service.events.count
    #expect(try loopback.open(loopback.two, loopback.owners.1, access: NFSOpen.accessRead).status == .delay)
    #expect(loopback.service.events.wait(beyond: seen, until: EventCounter.deadline(milliseconds: 30_000)))
    let handle = try #require(held.handle.withUnsafeBytes { Filehandle($0) })
    #expect(
      loopback.service.compounds == [
        CallbackCompound(
          ident: 1, operation: .recall(stateid: delegation.stateid, truncate: false, filehandle: handle))
      ])
    let back = CompoundBuilder().handle(held.handle).delegationReturn(delegation.stateid)
    #expect(try loopback.server.call(back, connection: 1).status == .ok)
    #expect(try loopback.open(loopback.two, loopback.owners.1, access: NFSOpen.accessRead).status == .ok)
  }

  /// A request that is held is answered without NFS4ERR_DELAY once the delegation is back, which the callback service returns from its own
  /// thread.
  @Test func aRequestIsHeldUntilTheDelegationIsBack() throws {
    let loopback = try Loopback(holdMilliseconds: 60_000)
    defer { loopback.listener.stop() }
    let held = try loopback.open(loopback.one, loopback.owners.0, access: NFSOpen.accessWrite)
    #expect(held.delegation != nil)
    let compound = CompoundBuilder().handle(held.handle).getAttributes([.size, .change])
    let reply = try loopback.server.call(compound, connection: 2)
    try reply.ok(.putFilehandle)
    try reply.ok(.getAttributes)
    #expect(try reply.attributes().size == 4242)
    let service = loopback.server.service
    loopback.service.onRecall.withLock {
      $0 = { stateid in
        let bytes = CompoundBuilder().handle(held.handle).delegationReturn(stateid).bytes
        withUnsafeTemporaryAllocation(byteCount: 8192, alignment: 8) { room in
          _ = bytes.withUnsafeBytes { arguments in
            TestCredential.root.withServerView {
              service.handle(
                procedure: 1, xid: 9_000_000, credential: $0, connection: 9, arguments: arguments, reply: room)
            }
          }
        }
      }
    }
    // REMOVE, and an OPEN whose sequence number must not be used up by the wait.
    let opened = try loopback.open(loopback.two, loopback.owners.1, access: NFSOpen.accessRead)
    #expect(opened.status == .ok)
    #expect(service.counters.held >= 2)
    #expect(service.counters.delegationsReturned == 1)
    #expect(loopback.owners.1.sequence == 5)
    try service.checkInvariants()
  }

  @Test func aClientThatDoesNotListenIsNotTrusted() throws {
    let transport = TCPCallbackTransport(holdMilliseconds: 0)
    let server = try TestServer {
      $0.delegations = true
      $0.callbackTransport = transport
    }
    // Port 1 of the loopback interface refuses connections.
    _ = try TestClient(server, program: NFS4Callback.program, address: "127.0.0.1.0.1")
    let deadline = EventCounter.deadline(milliseconds: 30_000)
    while server.service.snapshot.callbacks > 0 {
      try #require(EventCounter.deadline(milliseconds: 0) < deadline, "CB_NULL never ended")
    }
    #expect(server.service.counters.callbacksFailed == 1)
    transport.stop()
  }
}
