// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Glibc
import ONCRPC
import Testing

@Suite("Hostile peers")
struct HostileInputTests {
  /// Sends one record of a hand-made call and gives the reply.
  private func answer(_ served: Served, _ call: HandMadeCall) -> [UInt8]? {
    let peer = RawPeer(port: served.server.port)
    peer.send(record(call.bytes))
    return peer.receiveRecord()
  }

  private static let authSysBody = words(1, 4) + Array("host".utf8) + words(7, 8, 2, 11, 12)

  @Test("A call made by hand is answered as RFC 5531 lays it out")
  func handMadeCall() throws {
    let served = try Served()
    let call = HandMadeCall(flavor: 1, credential: Self.authSysBody, body: [1, 2, 3, 4])
    #expect(answer(served, call) == words(77, 1, 0, 0, 0, 0) + [1, 2, 3, 4])
    #expect(served.service.seen.first?.groups == [11, 12])
    #expect(served.service.seen.first?.machine == "host")
  }

  @Test("Wrong program, version and procedure get their accept_stat")
  func acceptedErrors() throws {
    let served = try Served()
    #expect(answer(served, HandMadeCall(program: 5)) == words(77, 1, 0, 0, 0, 1))
    #expect(answer(served, HandMadeCall(version: 9)) == words(77, 1, 0, 0, 0, 2, 3, 3))
    #expect(answer(served, HandMadeCall(procedure: 99)) == words(77, 1, 0, 0, 0, 3))
    #expect(answer(served, HandMadeCall(procedure: 10)) == words(77, 1, 0, 0, 0, 4))
    #expect(answer(served, HandMadeCall(procedure: 11)) == words(77, 1, 0, 0, 0, 5))
    #expect(answer(served, HandMadeCall(procedure: 0)) == words(77, 1, 0, 0, 0, 0))
    try served.expectAlive()
  }

  @Test("Another RPC version is RPC_MISMATCH", arguments: [0, 1, 3, UInt32.max])
  func rpcMismatch(_ version: UInt32) throws {
    let served = try Served()
    #expect(answer(served, HandMadeCall(rpcVersion: version)) == words(77, 1, 1, 0, 2, 2))
    try served.expectAlive()
  }

  @Test("A flavor that is not served is AUTH_REJECTEDCRED", arguments: [2, 3, 6, 99, UInt32.max])
  func unknownFlavor(_ flavor: UInt32) throws {
    let served = try Served()
    #expect(answer(served, HandMadeCall(flavor: flavor, credential: words(1, 2, 3))) == words(77, 1, 1, 1, 2))
    try served.expectAlive()
  }

  @Test("A malformed AUTH_SYS body is AUTH_BADCRED")
  func malformedAuthSys() throws {
    let served = try Served()
    let name = [UInt8](repeating: 0x61, count: 256)
    let bodies: [[UInt8]] = [
      [], words(1), words(1, 0, 7, 8),  // too short
      words(1, 200, 7, 8, 0),  // the name runs over the end
      words(1, .max, 7, 8, 0),
      words(1, 256) + name + words(7, 8, 0),  // a name of 256 bytes
      words(1, 0, 7, 8, 3, 1, 2),  // three groups announced, two there
      words(1, 0, 7, 8, 17) + words(Array(repeating: 1, count: 17)),  // 17 groups
      words(1, 0, 7, 8, .max),
    ]
    for body in bodies {
      #expect(answer(served, HandMadeCall(flavor: 1, credential: body)) == words(77, 1, 1, 1, 1), "\(body.count) bytes")
    }
    #expect(served.service.seen.isEmpty)
    try served.expectAlive()
  }

  @Test("A credential or verifier above 400 bytes is an AUTH_ERROR")
  func oversizedAuth() throws {
    let served = try Served()
    let long = [UInt8](repeating: 0, count: 404)
    #expect(answer(served, HandMadeCall(credential: long)) == words(77, 1, 1, 1, 1))
    #expect(answer(served, HandMadeCall(verifier: long)) == words(77, 1, 1, 1, 3))
    #expect(answer(served, HandMadeCall(credentialLength: .max)) == words(77, 1, 1, 1, 1))
    #expect(answer(served, HandMadeCall(verifierLength: .max)) == words(77, 1, 1, 1, 3))
    try served.expectAlive()
  }

  @Test("The longest verifier is taken and does not disturb the reply")
  func longestVerifier() throws {
    let served = try Served()
    let verifier = [UInt8](repeating: 0x5A, count: 400)
    for flavor in [0, 1] as [UInt32] {
      let call = HandMadeCall(
        flavor: flavor, credential: flavor == 1 ? Self.authSysBody : [], verifier: verifier, body: [1, 2, 3, 4])
      let reply = try #require(answer(served, call))
      #expect(reply.starts(with: words(77, 1, 0)))
      #expect(reply.suffix(8) == words(0) + [1, 2, 3, 4])
    }
    try served.expectAlive()
  }

  @Test("What is no RPC call ends the connection and nothing else")
  func noCall() throws {
    let served = try Served()
    let good = HandMadeCall().bytes
    let records: [[UInt8]] = [
      [], [1], words(77), words(77, 0),  // too short for a header
      words(77, 1, 0, 0, 0, 0),  // a reply
      Array(good.prefix(24)), Array(good.prefix(31)), Array(good.prefix(39)),  // cut headers
      HandMadeCall(credentialLength: 400).bytes,  // the credential runs over the end
      HandMadeCall(verifierLength: 8).bytes,
      [UInt8](repeating: 0xFF, count: 100),
    ]
    for body in records {
      let peer = RawPeer(port: served.server.port)
      peer.send(record(body))
      #expect(peer.isClosedByPeer, "\(body)")
    }
    #expect(served.service.seen.isEmpty)
    try served.expectAlive()
  }

  @Test("A record above the limit ends the connection before it is read")
  func overlongRecord() throws {
    let served = try Served(limits: RPCLimits(maximumRecordBytes: 8192))
    for marks in [words(0xFFFF_FFFF), words(0x8000_2001), words(0x7FFF_FFFF), words(0x2001)] {
      let peer = RawPeer(port: served.server.port)
      peer.send(marks)
      #expect(peer.isClosedByPeer)
    }
    let peer = RawPeer(port: served.server.port)
    peer.send(fragment([UInt8](repeating: 0, count: 8000), isLast: false) + words(0x8000_00C1))
    #expect(peer.isClosedByPeer)
    try served.expectAlive()
  }

  @Test("Empty fragments without end end the connection")
  func emptyFragments() throws {
    let served = try Served()
    let peer = RawPeer(port: served.server.port)
    peer.send(Array(repeating: words(0), count: 10_000).flatMap { $0 })
    #expect(peer.isClosedByPeer)
    try served.expectAlive()
  }

  @Test("Half a record and then silence ends the connection")
  func halfARecord() throws {
    let served = try Served(limits: RPCLimits(stalledPeerMilliseconds: 50))
    for half in [[0x80], words(0x8000_0040), words(0x8000_0040) + [1, 2, 3], fragment([1, 2], isLast: false)] {
      let peer = RawPeer(port: served.server.port)
      peer.send(half.map { UInt8($0) })
      #expect(peer.isClosedByPeer)
    }
    try served.expectAlive()
  }

  @Test("A record that comes byte by byte does not hold its thread for ever")
  func dripFeed() throws {
    let served = try Served(limits: RPCLimits(stalledPeerMilliseconds: 40))
    let peer = RawPeer(port: served.server.port)
    peer.send(words(0x8000_8000))
    var isCut = false
    for _ in 0..<4000 where !isCut {
      isCut = !peer.send([0])
      usleep(5000)
    }
    #expect(isCut)
    try served.expectAlive()
  }

  @Test("An idle connection without half a record stays")
  func idleStays() throws {
    let served = try Served(limits: RPCLimits(stalledPeerMilliseconds: 20))
    let client = try served.client()
    #expect(try client.call(RecordingService.Procedure.echo, [1]) == [1])
    usleep(150_000)
    #expect(try client.call(RecordingService.Procedure.echo, [2]) == [2])
    #expect(served.service.opened == [1])
  }

  @Test("A peer that takes no replies loses its connection and holds nobody up")
  func unreadReplies() throws {
    let served = try Served(limits: RPCLimits(stalledPeerMilliseconds: 100))
    let peer = RawPeer(port: served.server.port)
    let call = HandMadeCall(procedure: RecordingService.Procedure.pattern, body: words(1 << 20)).bytes
    for _ in 0..<64 { peer.send(record(call)) }
    try served.expectAlive()
    #expect(Eventually.holds { served.service.closed.contains(1) })
    try served.expectAlive()
  }

  @Test("A peer that ends in the middle of a call, or resets, costs nothing")
  func abruptEnds() throws {
    let served = try Served()
    for count in [1, 4, 20, 60] {
      let peer = RawPeer(port: served.server.port)
      peer.send(Array(record(HandMadeCall(body: [UInt8](repeating: 1, count: 100)).bytes).prefix(count)))
    }
    for _ in 0..<20 {
      let peer = RawPeer(port: served.server.port)
      var linger = linger(l_onoff: 1, l_linger: 0)
      setsockopt(peer.descriptor, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout.size(ofValue: linger)))
      peer.send(record(HandMadeCall(procedure: RecordingService.Procedure.pattern, body: words(1 << 20)).bytes))
    }
    try served.expectAlive()
    #expect(Eventually.holds { served.service.closed.count >= 24 })
  }

  @Test("Random bytes never harm the server")
  func randomBytes() throws {
    let served = try Served(limits: RPCLimits(stalledPeerMilliseconds: 50))
    let seed: UInt64 = 4711
    var random = SeededGenerator(seed: seed)
    for round in 0..<300 {
      // Half of them a good call with a few bytes changed, half noise.
      var bytes = record(HandMadeCall(flavor: 1, credential: Self.authSysBody, body: words(1, 2)).bytes)
      if round % 2 == 0 {
        for _ in 0..<Int.random(in: 1...4, using: &random) {
          bytes[Int.random(in: 4..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
        }
      } else {
        bytes = (0..<Int.random(in: 1...200, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
      }
      let peer = RawPeer(port: served.server.port)
      peer.send(bytes)
      shutdown(peer.descriptor, Int32(SHUT_WR))
      while peer.receiveRecord() != nil {}
    }
    #expect(Eventually.holds { served.service.closed.count == 300 }, "seed \(seed)")
    try served.expectAlive()
  }
}
