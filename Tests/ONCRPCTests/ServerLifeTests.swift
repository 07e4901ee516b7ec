// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Glibc
import ONCRPC
import Testing

@Suite("Life of a server")
struct ServerLifeTests {
  @Test("Sixteen connections at once get their own answers")
  func sixteenConnections() async throws {
    let served = try Served()
    let port = served.server.port
    let good = try await withThrowingTaskGroup(of: Int.self) { group in
      for number in 0..<16 {
        group.addTask {
          let client = try TCPTransport(
            host: "127.0.0.1", port: port, program: RecordingService.programNumber,
            version: RecordingService.versionNumber,
            credential: .sys(uid: UInt32(number), gid: 0))
          var good = 0
          for round in 0..<100 {
            let body = [UInt8](repeating: UInt8(number), count: 1 + round * 37)
            if try client.call(RecordingService.Procedure.echo, body) == body { good += 1 }
          }
          client.close()
          return good
        }
      }
      return try await group.reduce(0, +)
    }
    #expect(good == 1600)
    #expect(served.service.opened.sorted() == Array(1...16))
    for number in 0..<16 {
      #expect(served.service.seen.count { $0.uid == UInt32(number) } == 100)
    }
    #expect(Eventually.holds { served.service.closed.count == 16 })
  }

  @Test("stop() ends idle connections and frees the port")
  func stopEndsIdleConnections() throws {
    let served = try Served()
    let port = served.server.port
    let clients = try (0..<4).map { _ in try served.client() }
    for client in clients { _ = try client.call(RecordingService.Procedure.echo, [1]) }
    let idle = RawPeer(port: port)
    #expect(Eventually.holds { served.service.opened.count == 5 })
    served.server.stop()
    #expect(served.service.closed.sorted() == [1, 2, 3, 4, 5])
    #expect(idle.isClosedByPeer)
    for client in clients {
      let error = #expect(throws: RPCError.self) { try client.call(RecordingService.Procedure.echo, [1]) }
      guard case .connectionLost = error else {
        Issue.record("got \(String(describing: error))")
        continue
      }
    }
    served.server.stop()
    let next = try TCPServer(host: "127.0.0.1", port: port, service: served.service)
    #expect(next.port == port)
  }

  @Test("A server that is given up stops")
  func deinitStops() throws {
    let service = RecordingService()
    let port: UInt16
    do {
      let server = try TCPServer(host: "127.0.0.1", port: 0, service: service)
      try server.start()
      port = server.port
    }
    #expect(throws: RPCError.self) {
      try TCPTransport(
        host: "127.0.0.1", port: port, program: 1, version: 1, credential: .none, timeoutMilliseconds: 2000)
    }
  }

  @Test("A port in use is named")
  func portInUse() throws {
    let served = try Served()
    let port = served.server.port
    let error = #expect(throws: RPCError.portInUse(host: "127.0.0.1", port: port)) {
      try TCPServer(host: "127.0.0.1", port: port, service: served.service)
    }
    #expect(error?.description == "cannot listen on 127.0.0.1 port \(port): the port is in use")
  }

  @Test("An address of nobody cannot be listened on")
  func foreignAddress() {
    let error = #expect(throws: RPCError.self) {
      try TCPServer(host: "192.0.2.1", port: 0, service: RecordingService())
    }
    guard case .cannotListen(host: "192.0.2.1", port: 0, _) = error else {
      Issue.record("got \(String(describing: error))")
      return
    }
  }

  @Test("IPv6 works like IPv4")
  func ipv6() throws {
    let service = RecordingService()
    guard let server = try? TCPServer(host: "::1", port: 0, service: service) else { return }
    try server.start()
    let client = try TCPTransport(
      host: "::1", port: server.port, program: RecordingService.programNumber, version: RecordingService.versionNumber,
      credential: .none)
    #expect(try client.call(RecordingService.Procedure.echo, [6]) == [6])
  }

  @Test("A connection above the limit is closed at once, and a place that becomes free is used")
  func connectionLimit() throws {
    let served = try Served(limits: RPCLimits(maximumConnections: 2))
    let first = try served.client()
    let second = try served.client()
    _ = try first.call(RecordingService.Procedure.echo, [1])
    _ = try second.call(RecordingService.Procedure.echo, [1])
    #expect(RawPeer(port: served.server.port).isClosedByPeer)
    first.close()
    #expect(Eventually.holds { served.service.closed == [1] })
    try served.expectAlive()
    #expect(try second.call(RecordingService.Procedure.echo, [2]) == [2])
  }

  @Test("The in-memory transport tells the service of its connection once")
  func inMemoryConnection() throws {
    let service = RecordingService()
    do {
      let transport = try InMemoryTransport(service: service, credential: .none, connection: 42)
      _ = try transport.call(RecordingService.Procedure.echo, [1])
      #expect(service.opened == [42])
      #expect(service.closed.isEmpty)
      transport.close()
      transport.close()
      #expect(service.closed == [42])
      #expect(throws: RPCError.self) { try transport.call(RecordingService.Procedure.echo, [1]) }
    }
    #expect(service.closed == [42])
    _ = try InMemoryTransport(service: service, credential: .none, connection: 43)
    #expect(service.closed == [42, 43])
  }
}
