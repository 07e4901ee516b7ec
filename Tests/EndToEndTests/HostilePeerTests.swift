// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Foundation
import Testing

/// TCP peers that mean no good cost the server a connection or an error reply, and nothing else.
@Suite("Hostile peers")
struct HostilePeerTests {
  let scratch: ScratchDirectory

  init() throws { scratch = try ScratchDirectory() }

  /// Runs an attack on a server of its own, and expects that the server serves others and ends cleanly afterwards.
  private func attack(_ name: String, _ body: (ServeProcess) throws -> Void) throws {
    let server = try ServeProcess(in: scratch)
    try body(server)
    try server.expectServes(after: name)
    try server.expectCleanEnd()
  }

  @Test("Random bytes end the connection", arguments: [1, 2, 3, 4, 5, 6, 7, 8] as [UInt64])
  func garbage(seed: UInt64) throws {
    try attack("garbage with seed \(seed)") { server in
      var generator = SeededGenerator(seed: seed)
      // The first byte alone decides whether a long record is announced; both kinds come up among the seeds.
      for length in [1, 3, 4, 5, 37, 1000, 65_536] {
        let peer = try RawConnection(port: server.port)
        peer.send((0..<length).map { _ in UInt8.random(in: 0...255, using: &generator) })
      }
      // Well-formed marks around garbage reach the RPC layer: each record is answered with an error or ends the connection.
      for length in [4, 24, 40, 400, 4000] {
        let peer = try RawConnection(port: server.port)
        let body = (0..<length).map { _ in UInt8.random(in: 0...255, using: &generator) }
        peer.send(RPCBytes.record(body))
        #expect(peer.receiveRecord() != .silence, "a record of \(length) bytes, seed \(seed)")
      }
    }
  }

  @Test(
    "A well-formed call with a garbled tail is answered with an error, or ends the connection",
    arguments: [11, 12, 13, 14] as [UInt64])
  func garbledCompounds(seed: UInt64) throws {
    try attack("garbled compounds with seed \(seed)") { server in
      var generator = SeededGenerator(seed: seed)
      for round in 0..<100 {
        let peer = try RawConnection(port: server.port)
        // PUTROOTFH, then an operation of any number and words that may or may not be its arguments.
        let count = UInt32.random(in: 0...6, using: &generator)
        let words = (0..<Int.random(in: 0...40, using: &generator)).map { _ in
          Bool.random(using: &generator)
            ? UInt32.random(in: 0...60, using: &generator) : UInt32.random(in: 0...(.max), using: &generator)
        }
        let xid = UInt32(round) &+ 1
        peer.send(
          RPCBytes.record(
            RPCBytes.call(xid: xid, arguments: RPCBytes.compound(count: count, operations: [24] + words))))
        switch peer.receiveRecord() {
        case .record(let bytes):
          #expect(RPCReply(bytes, to: xid) != .unreadable, "seed \(seed), round \(round)")
        case .closed: break
        case .silence: Issue.record("no answer: seed \(seed), round \(round)")
        }
      }
    }
  }

  @Test(
    "A record mark with more than a record may have ends the connection, and takes no memory",
    arguments: [0xffff_ffff, 0x7fff_ffff, 0xc000_0000, 0x9000_0000, 0x1000_0000] as [UInt32])
  func longRecord(mark: UInt32) throws {
    try attack("record mark \(String(mark, radix: 16))") { server in
      let before = try server.peakKiB("VmPeak")
      for _ in 0..<4 {
        let peer = try RawConnection(port: server.port)
        peer.send(RPCBytes.words([mark]) + [UInt8](repeating: 0, count: 1000))
        #expect(peer.receiveRecord() == .closed)
      }
      // 256 MiB is the least of the announced sizes; threads and arenas of the library take less than a GiB of address space.
      #expect(try server.peakKiB("VmPeak") - before < 1 << 20)
    }
  }

  @Test("Fragments without an end are not collected for ever")
  func endlessFragments() throws {
    try attack("endless fragments") { server in
      let before = try server.peakKiB("VmHWM")
      let peer = try RawConnection(port: server.port)
      let fragment = RPCBytes.words([65_536]) + [UInt8](repeating: 0, count: 65_536)
      var sent = 0
      while sent < 4096, peer.send(fragment) { sent += 1 }
      // 256 MiB in fragments of 64 KiB: the server has to hang up long before.
      #expect(sent < 4096)
      #expect(try server.peakKiB("VmHWM") - before < 64 << 10)
      // Fragments of no bytes never reach a length limit.
      let empty = try RawConnection(port: server.port)
      empty.send([UInt8](repeating: 0, count: 400_000))
    }
  }

  @Test("Half a request and then the end of the connection harms nobody", arguments: [1, 3, 4, 20, 60])
  func halfARequest(length: Int) throws {
    try attack("half a request") { server in
      let call = RPCBytes.record(RPCBytes.call(xid: 5, arguments: RPCBytes.compound(count: 2, operations: [24, 10])))
      #expect(length < call.count)
      for _ in 0..<20 {
        let peer = try RawConnection(port: server.port)
        peer.send(Array(call.prefix(length)))
      }
    }
  }

  @Test("Peers that stop in the middle of a request keep nobody waiting, neither clients nor the end of the server")
  func silence() throws {
    let server = try ServeProcess(in: scratch)
    let call = RPCBytes.record(RPCBytes.call(xid: 6, arguments: RPCBytes.compound(count: 2, operations: [24, 10])))
    let silent = try (0..<20).map { index in
      let peer = try RawConnection(port: server.port)
      peer.send(Array(call.prefix(index * 4)))
      return peer
    }
    try server.expectServes(after: "silence began")
    // They are still there, and the server ends all the same.
    try server.expectCleanEnd()
    for peer in silent { #expect(peer.receiveRecord() == .closed) }
  }

  @Test("A peer that takes no replies keeps nobody waiting")
  func noReader() throws {
    let server = try ServeProcess(in: scratch)
    let peer = try RawConnection(port: server.port)
    // Short calls with longer replies, sent until the server has no more room for replies and stops reading.
    let call = RPCBytes.record(
      RPCBytes.call(xid: 7, arguments: RPCBytes.compound(count: 2, operations: [24, 9, 2, 0xffff_ffff, 0xffff_ffff])))
    peer.sendWithoutWaiting(call, times: 200_000)
    try server.expectServes(after: "a peer that reads nothing")
    try server.expectCleanEnd()
    withExtendedLifetime(peer) {}
  }

  @Test("A compound of 100,000 operations is refused")
  func hugeCompound() throws {
    try attack("a compound of 100,000 operations") { server in
      let peer = try RawConnection(port: server.port)
      let operations = [UInt32](repeating: 24, count: 100_000)
      let arguments = RPCBytes.compound(count: 100_000, operations: operations)
      peer.send(RPCBytes.record(RPCBytes.call(xid: 8, arguments: arguments)))
      try expectRefusal(peer.receiveRecord(), to: 8, statuses: [Status.resource])
    }
  }

  @Test(
    "A compound that announces more operations than it has is refused",
    arguments: [3, 100_000, 0xffff_ffff] as [UInt32])
  func falseCount(count: UInt32) throws {
    try attack("a compound with a false count") { server in
      let peer = try RawConnection(port: server.port)
      let arguments = RPCBytes.compound(count: count, operations: [24, 24])
      peer.send(RPCBytes.record(RPCBytes.call(xid: 9, arguments: arguments)))
      try expectRefusal(peer.receiveRecord(), to: 9, statuses: [Status.resource, Status.badXDR])
    }
  }

  @Test("A tag of more bytes than the record is refused")
  func falseTag() throws {
    try attack("a compound with a false tag") { server in
      for length in [8, 0x7fff_ffff, 0xffff_fffd, 0xffff_ffff] as [UInt32] {
        let peer = try RawConnection(port: server.port)
        peer.send(RPCBytes.record(RPCBytes.call(xid: 10, arguments: RPCBytes.words([length]))))
        try expectRefusal(peer.receiveRecord(), to: 10, statuses: [Status.badXDR, Status.invalid, Status.resource])
      }
    }
  }

  @Test("Other programs, versions and procedures are refused as RFC 5531 says, and the null procedure answers")
  func otherPrograms() throws {
    try attack("other programs") { server in
      let peer = try RawConnection(port: server.port)
      func reply(_ call: [UInt8], _ xid: UInt32) -> RPCReply {
        peer.send(RPCBytes.record(call))
        guard case .record(let bytes) = peer.receiveRecord() else { return .unreadable }
        return RPCReply(bytes, to: xid)
      }
      // All on one connection: a refused call does not cost the connection.
      #expect(reply(RPCBytes.call(xid: 11, program: 100_005), 11) == .acceptError(1))
      #expect(reply(RPCBytes.call(xid: 12, version: 3), 12) == .acceptError(2))
      #expect(reply(RPCBytes.call(xid: 13, version: 5), 13) == .acceptError(2))
      #expect(reply(RPCBytes.call(xid: 14, procedure: 2), 14) == .acceptError(3))
      #expect(reply(RPCBytes.call(xid: 15, procedure: 0), 15) == .success([]))
    }
  }

  @Test("Operations that there are not are answered as RFC 7530 says")
  func illegalOperations() throws {
    try attack("illegal operations") { server in
      let peer = try RawConnection(port: server.port)
      for (xid, operation) in [(16, 0), (17, 1), (18, 2), (19, 40), (20, 99_999)] as [(UInt32, UInt32)] {
        peer.send(
          RPCBytes.record(RPCBytes.call(xid: xid, arguments: RPCBytes.compound(count: 1, operations: [operation]))))
        guard case .record(let bytes) = peer.receiveRecord() else {
          Issue.record("no reply to operation \(operation)")
          continue
        }
        // Status, tag of no bytes, one result: OP_ILLEGAL with NFS4ERR_OP_ILLEGAL.
        #expect(RPCReply(bytes, to: xid) == .success([Status.illegal, 0, 1, 10_044, Status.illegal]), "\(operation)")
      }
      // Minor version 1 is not built: no results.
      peer.send(RPCBytes.record(RPCBytes.call(xid: 21, arguments: RPCBytes.words([0, 1, 1, 24]))))
      guard case .record(let bytes) = peer.receiveRecord() else { throw EndToEndFailure("no reply to minor version 1") }
      #expect(RPCReply(bytes, to: 21) == .success([Status.minorVersion, 0, 0]))
    }
  }

  @Test("Hundreds of connections at once are served or closed, and those that come afterwards are served")
  func manyConnections() throws {
    try attack("many connections") { server in
      let peers = try (0..<300).map { _ in try RawConnection(port: server.port) }
      for (index, peer) in peers.enumerated() {
        peer.send(RPCBytes.record(RPCBytes.call(xid: UInt32(index), procedure: 0)))
      }
      for (index, peer) in peers.enumerated() {
        switch peer.receiveRecord() {
        case .record(let bytes): #expect(RPCReply(bytes, to: UInt32(index)) == .success([]))
        case .closed: break
        case .silence: Issue.record("connection \(index) is neither served nor closed")
        }
      }
    }
  }

  /// Status words of COMPOUND (RFC 7530 section 13).
  private enum Status {
    static let invalid: UInt32 = 22
    static let resource: UInt32 = 10_018
    static let minorVersion: UInt32 = 10_021
    static let badXDR: UInt32 = 10_036
    static let illegal: UInt32 = 10_044
  }

  /// An error reply of the RPC layer, one of these NFS errors, or the end of the connection.
  private func expectRefusal(
    _ answer: RawConnection.Answer, to xid: UInt32, statuses: [UInt32], _ location: SourceLocation = #_sourceLocation
  ) throws {
    guard case .record(let bytes) = answer else {
      #expect(answer == .closed, sourceLocation: location)
      return
    }
    switch RPCReply(bytes, to: xid) {
    case .success(let words):
      let status = try #require(words.first, sourceLocation: location)
      #expect(statuses.contains(status), "status \(status)", sourceLocation: location)
    case .acceptError(let error): #expect(error == 4 || error == 5, "accept_stat \(error)", sourceLocation: location)
    case .denied, .unreadable: Issue.record("no answer to the call", sourceLocation: location)
    }
  }
}
