// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Connectathon
import NFS4Client
import ONCRPC

/// The clients of a run, mounted on the embedded server over the transport of the plan.
final class ClientSet {
  /// What the tests run on, one a client.
  let fileSystems: [any FileSystemUnderTest]
  /// Time as the clients see it.
  let clock: any ClientClock
  private let clients: [NFSClient]
  private let listener: TCPServer?

  /// The identity of the tests: they were run by root in 2007, as they still are.
  static let credential = RPCClientCredential.sys(uid: 0, gid: 0, groups: [0], machine: "churn")

  /// Transaction numbers of two clients never meet: each begins in a range of its own, and the connections of one client are one.
  static let transactionRange: UInt32 = 1 << 26

  init(plan: RunPlan, server: EmbeddedServer) throws {
    clock = VirtualClientClock(server)
    listener = plan.transport == .tcp ? try TCPServer(host: "127.0.0.1", port: 0, service: server.service) : nil
    try listener?.start()
    let count = plan.workload.client.clients
    let (listener, clock) = (listener, clock)
    clients = try (1...count).map { number in
      let transport = try Self.transport(number, server: server, port: listener?.port)
      let client = NFSClient(
        transport: transport, clock: clock,
        configuration: NFSClientConfiguration(
          flavour: plan.workload.client.flavour.clientFlavour, clientNumber: UInt32(number), seed: plan.seed,
          readSize: EmbeddedServer.transferBytes, writeSize: EmbeddedServer.transferBytes))
      try client.mount()
      return client
    }
    fileSystems = clients
  }

  private static func transport(_ number: Int, server: EmbeddedServer, port: UInt16?) throws -> any RPCTransport {
    let firstXID = UInt32(number) &* transactionRange &+ 1
    guard let port else {
      return try InMemoryTransport(
        service: server.service, credential: credential, connection: UInt64(number), firstXID: firstXID)
    }
    return try TCPTransport(
      host: "127.0.0.1", port: port, program: server.service.program, version: server.service.version,
      credential: credential, firstXID: firstXID)
  }

  /// RPCs that the clients sent, by the kinds of /proc/self/mountstats.
  var rpcCounts: [String: UInt64] { Self.counts(clients) }

  static func counts(_ clients: [NFSClient]) -> [String: UInt64] {
    var counts: [String: UInt64] = [:]
    for client in clients {
      let rpcs = client.rpcCounts
      for kind in RPCKind.allCases where rpcs[kind] > 0 { counts[kind.name, default: 0] += rpcs[kind] }
    }
    return counts
  }

  /// Unmounts the clients and stops the listener.
  func close() {
    for client in clients { client.unmount() }
    listener?.stop()
  }
}

extension Workload.Client.Flavour {
  /// The flavour by the client's own name for it.
  public var clientFlavour: ClientFlavour {
    switch self {
    case .bsd: .bsd
    case .linux: .linux
    }
  }
}
