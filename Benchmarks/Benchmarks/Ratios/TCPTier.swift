// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Connectathon
import Experiment
import Glibc
import NFS4Client
import NFS4Server
import ONCRPC

/// The tier `tcp` against a raw ping-pong of the same sizes, one connection, both ends on one CPU.
struct TCPTier {
  let flavour: Workload.Client.Flavour

  private static let rounds = 9
  /// Record mark, call header, AUTH_SYS credential (name of five bytes, one group) and empty verifier.
  private static let callOverhead = 4 + 24 + 8 + 32 + 8
  /// Record mark and header of an accepted reply.
  private static let replyOverhead = 4 + 24

  /// Takes down how long every record of a pass is.
  private final class SizeRecorder: RPCTransport {
    private let inner: TCPTransport
    var exchanges: [Exchange] = []
    var isRecording = false

    init(_ inner: TCPTransport) { self.inner = inner }

    var argumentBuffer: UnsafeMutableRawBufferPointer { inner.argumentBuffer }

    func call(procedure: UInt32, argumentLength: Int) throws(RPCError) -> UnsafeRawBufferPointer {
      let reply = try inner.call(procedure: procedure, argumentLength: argumentLength)
      if isRecording {
        exchanges.append(
          Exchange(request: argumentLength + TCPTier.callOverhead, reply: reply.count + TCPTier.replyOverhead))
      }
      return reply
    }

    func close() { inner.close() }
  }

  /// - Returns: RPCs per second over NFS, and the ratio of that to the ping-pong; medians of the rounds.
  func measure() throws -> (rate: Double, ratio: Double) {
    var workload = Workload(name: "tcp")
    workload.client.flavour = flavour
    let server = try EmbeddedServer(workload: workload, seed: 1)
    let listener = try TCPServer(host: "127.0.0.1", port: 0, service: server.service)
    try listener.start()
    let transport = SizeRecorder(
      try TCPTransport(
        host: "127.0.0.1", port: listener.port, program: server.service.program, version: server.service.version,
        credential: .sys(uid: 0, gid: 0, groups: [0], machine: "churn")))
    let clock = VirtualClientClock(server)
    let client = NFSClient(
      transport: transport, clock: clock, configuration: NFSClientConfiguration(flavour: flavour.clientFlavour))
    try client.mount()
    let runner = ConnectathonRunner(
      fileSystems: [client], options: ConnectathonOptions(), output: nil, errors: nil, clock: clock)
    try runner.runPass(1)
    transport.isRecording = true
    try runner.runPass(2)
    transport.isRecording = false
    guard let raw = PingPong(transport.exchanges) else { return (.nan, .nan) }
    var rates: [Double] = []
    var ratios: [Double] = []
    for round in 0..<Self.rounds {
      let before = client.rpcTotal
      let start = seconds(CLOCK_MONOTONIC)
      try runner.runPass(round + 3)
      let rate = Double(client.rpcTotal - before) / (seconds(CLOCK_MONOTONIC) - start)
      rates.append(rate)
      ratios.append(rate * raw.round() / Double(transport.exchanges.count))
    }
    raw.stop()
    client.unmount()
    listener.stop()
    return (middle(rates), middle(ratios))
  }
}
