// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Testing

@testable import ONCRPC

@Suite("Who may call")
struct AccessTests {
  @Test(
    "Text that is no network is refused",
    arguments: [
      "", "/", "10.0.0.1/33", "10.0.0.1/-1", "10.0.0.1/24", "10.0.0/8", "localhost", "::1/129", "10.0.0.0/8/8",
      "10.0.0.0/", "10.0.0.0/+8",
    ])
  func badText(text: String) { #expect(PeerNetwork(text) == nil) }

  @Test(
    "A network has its own addresses and no others",
    arguments: [
      ("127.0.0.0/8", true), ("127.0.0.1", true), ("127.0.0.1/32", true), ("0.0.0.0/0", true), ("::/0", true),
      ("127.0.0.2", false), ("10.0.0.0/8", false), ("126.0.0.0/8", false), ("::1", false), ("128.0.0.0/1", false),
    ])
  func membership(text: String, contains: Bool) throws {
    let network = try #require(PeerNetwork(text))
    let served = try Served(access: RPCAccess(networks: [network]))
    let client = try served.client(.sys(uid: 1, gid: 1))
    if contains {
      #expect(try client.call(RecordingService.Procedure.echo, [7]) == [7])
    } else {
      #expect(throws: RPCError.authError(.tooWeak)) { try client.call(RecordingService.Procedure.echo, [7]) }
      #expect(served.service.seen.isEmpty)
    }
    // Whether the server is there may be asked by all.
    #expect(try client.call(0) == [])
  }

  @Test("One of several networks is enough")
  func severalNetworks() throws {
    let networks = try ["192.0.2.0/24", "127.0.0.0/8"].map { try #require(PeerNetwork($0)) }
    try Served(access: RPCAccess(networks: networks)).expectAlive()
  }

  @Test("A flavor that is not taken is too weak")
  func flavors() throws {
    let served = try Served(access: RPCAccess(flavors: [.sys]))
    let client = try served.client(.none)
    #expect(throws: RPCError.authError(.tooWeak)) { try client.call(RecordingService.Procedure.echo, [7]) }
    try served.expectAlive()
  }

  @Test("A peer that says nothing for too long is let go, one that speaks is not")
  func silentPeers() throws {
    let served = try Served(limits: RPCLimits(stalledPeerMilliseconds: 20, idlePeerMilliseconds: 100))
    let silent = RawPeer(port: served.server.port)
    #expect(silent.isClosedByPeer)
    #expect(Eventually.holds { served.service.closed == [1] })
  }

  @Test("Without connections a server does what must not be disturbed, and serves the next one after it")
  func withoutConnections() throws {
    let served = try Served()
    let client = try served.client()
    _ = try client.call(RecordingService.Procedure.echo, [1])
    var closedBefore: [UInt64] = []
    var waiting: RawPeer?
    served.server.withoutConnections {
      closedBefore = served.service.closed
      // The kernel takes the connection in; the server does not see it yet.
      waiting = RawPeer(port: served.server.port)
      #expect(served.service.opened == [1])
    }
    #expect(closedBefore == [1])
    #expect(throws: RPCError.self) { try client.call(RecordingService.Procedure.echo, [1]) }
    #expect(Eventually.holds { served.service.opened == [1, 2] })
    _ = waiting
    try served.expectAlive()
  }

  @Test("A thousand connections are served at once")
  func aThousandConnections() throws {
    DescriptorLimit.raise(to: 4096)
    let served = try Served()
    let clients = try (0..<1000).map { _ in try served.client() }
    for (number, client) in clients.enumerated() {
      let body = [UInt8(truncatingIfNeeded: number)]
      #expect(try client.call(RecordingService.Procedure.echo, body) == body)
    }
    #expect(served.service.closed.isEmpty)
    for client in clients { client.close() }
    #expect(Eventually.holds { served.service.closed.count == 1000 })
  }
}
