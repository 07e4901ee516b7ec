// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Foundation
import ONCRPC
import Testing

@Suite("A client and servers that misbehave")
struct ClientTests {
  /// Runs a client against a listener whose one connection `serve` answers on another thread.
  private func withServer(
    timeoutMilliseconds: Int = 20_000, limits: RPCLimits = RPCLimits(),
    serve: @escaping @Sendable (RawPeer) -> Void, client: (TCPTransport) throws -> Void
  ) throws {
    let listener = RawListener()
    let port = listener.port
    let thread = Thread { serve(listener.accept()) }
    thread.start()
    let transport = try TCPTransport(
      host: "127.0.0.1", port: port, program: 1, version: 1, credential: .sys(uid: 1, gid: 1),
      timeoutMilliseconds: timeoutMilliseconds, limits: limits)
    try client(transport)
  }

  private static func success(_ xid: UInt32, _ body: [UInt8]) -> [UInt8] { words(xid, 1, 0, 0, 0, 0) + body }

  @Test("Nobody listening is unreachable, in one line")
  func unreachable() {
    let port = RawListener().port
    let error = #expect(throws: RPCError.self) {
      try TCPTransport(host: "127.0.0.1", port: port, program: 1, version: 1, credential: .none)
    }
    #expect(error == .unreachable(host: "127.0.0.1", port: port, reason: "Connection refused"))
    #expect(error?.description == "cannot reach 127.0.0.1 port \(port): Connection refused")
  }

  @Test("A name that does not resolve is unreachable")
  func unknownName() {
    let error = #expect(throws: RPCError.self) {
      try TCPTransport(
        host: "no such host", port: 1, program: 1, version: 1, credential: .none, timeoutMilliseconds: 1000)
    }
    guard case .unreachable(host: "no such host", port: 1, _) = error else {
      Issue.record("got \(String(describing: error))")
      return
    }
  }

  @Test("No reply in time is timedOut, and the late reply is skipped by the next call")
  func lateReply() throws {
    try withServer(timeoutMilliseconds: 1000) { peer in
      _ = peer.receiveRecord()
      _ = peer.receiveRecord()
      peer.send(record(Self.success(1, [1])) + record(Self.success(2, [2])))
      _ = peer.receiveRecord()
    } client: { transport in
      #expect(throws: RPCError.timedOut(milliseconds: 1000)) { try transport.call(1) }
      let reply = try transport.call(1)
      #expect(reply == [2])
    }
  }

  @Test("A reply that never ends is timedOut too")
  func endlessReply() throws {
    try withServer(timeoutMilliseconds: 50) { peer in
      _ = peer.receiveRecord()
      while peer.send(record(Self.success(99, []))) { usleep(1000) }
    } client: { transport in
      #expect(throws: RPCError.timedOut(milliseconds: 50)) { try transport.call(1) }
    }
  }

  @Test("A reply that comes byte by byte is timedOut when it takes too long")
  func drippingReply() throws {
    try withServer(timeoutMilliseconds: 50) { peer in
      _ = peer.receiveRecord()
      peer.send(words(0x8010_0000))
      while peer.send([0]) { usleep(1000) }
    } client: { transport in
      #expect(throws: RPCError.timedOut(milliseconds: 50)) { try transport.call(1) }
    }
  }

  @Test("A reply in fragments is joined")
  func fragmentedReply() throws {
    try withServer { peer in
      _ = peer.receiveRecord()
      let reply = Self.success(1, [1, 2, 3, 4, 5])
      for (index, byte) in reply.enumerated() { peer.send(fragment([byte], isLast: index == reply.count - 1)) }
    } client: { transport in
      let reply = try transport.call(1)
      #expect(reply == [1, 2, 3, 4, 5])
    }
  }

  @Test("A connection that ends during a call is lost, and stays lost")
  func lostConnection() throws {
    try withServer { peer in
      _ = peer.receiveRecord()
      peer.send(words(0x8000_0100, 1))
    } client: { transport in
      for _ in 0..<2 {
        #expect(throws: RPCError.connectionLost(reason: "the server closed the connection")) {
          try transport.call(1)
        }
      }
    }
  }

  @Test("A reply above the limit is not read")
  func overlongReply() throws {
    try withServer(limits: RPCLimits(maximumRecordBytes: 4096)) { peer in
      _ = peer.receiveRecord()
      peer.send(words(0xFFFF_FFFF))
      _ = peer.receive(1)
    } client: { transport in
      #expect(throws: RPCError.connectionLost(reason: "the server sent a record above the limit")) {
        try transport.call(1)
      }
    }
  }

  @Test(
    "Replies that are no replies, and refusals of every kind, are told apart",
    arguments: [
      (words(1, 0, 0, 0, 0, 0), RPCError.malformedReply),  // a call
      (words(1, 1, 7), .malformedReply),
      (words(1, 1, 0, 0, 401, 0), .malformedReply),  // a verifier above 400 bytes
      (words(1, 1, 0, 0, 100, 0), .malformedReply),  // a verifier over the end
      (words(1, 1), .malformedReply), (words(1), .malformedReply),
      (words(1, 1, 0, 0, 0, 9), .malformedReply),
      (words(1, 1, 1, 0, 2, 2), .rpcVersionMismatch(low: 2, high: 2)),
      (words(1, 1, 1, 1, 5), .authError(.tooWeak)), (words(1, 1, 1, 1, 77), .authError(RPCAuthStatus(rawValue: 77))),
      (words(1, 1, 0, 0, 0, 2, 3, 4), .versionMismatch(program: 1, low: 3, high: 4)),
      (words(1, 1, 0, 0, 0, 1), .programUnavailable(program: 1)),
    ])
  func refusals(_ reply: [UInt8], _ expected: RPCError) throws {
    try withServer { peer in
      _ = peer.receiveRecord()
      peer.send(record(reply))
      _ = peer.receiveRecord()
    } client: { transport in
      #expect(throws: expected) { try transport.call(1) }
    }
  }

  @Test("A call is one record laid out as RFC 5531 says")
  func wireFormat() throws {
    try withServer { peer in
      let call = peer.receiveRecord() ?? []
      // Everything but the stamp, which libtirpc takes from the clock.
      let head = Array(call.prefix(28))
      let tail = Array(call.dropFirst(36))
      peer.send(record(Self.success(1, head + tail)))
    } client: { transport in
      let name = words(9) + Array("localhost".utf8) + [0, 0, 0]
      let rest = Array((name + words(1, 1, 0) + words(0, 0) + [0xAA, 0xBB]).dropFirst(4))
      let head = words(1, 0, 2, 1, 1, 5, 1)
      let reply = try transport.call(5, [0xAA, 0xBB])
      #expect(reply == head + words(9) + rest)
    }
  }

  @Test("close() is final")
  func closed() throws {
    let served = try Served()
    let client = try served.client()
    #expect(try client.call(RecordingService.Procedure.echo, [1]) == [1])
    client.close()
    client.close()
    #expect(throws: RPCError.connectionLost(reason: "closed by this side")) {
      try client.call(RecordingService.Procedure.echo, [1])
    }
  }

  @Test("A service that takes longer than the client waits is answered for later calls")
  func slowService() throws {
    let served = try Served()
    let client = try served.client(timeoutMilliseconds: 1500)
    #expect(throws: RPCError.timedOut(milliseconds: 1500)) {
      try client.call(RecordingService.Procedure.waitForRelease)
    }
    served.service.release()
    #expect(try client.call(RecordingService.Procedure.echo, [3]) == [3])
  }
}
