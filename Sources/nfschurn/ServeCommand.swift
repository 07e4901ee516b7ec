// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import ArgumentParser
import Experiment
import Foundation
import KernelMemory
import Report

/// `nfschurn serve`: the NFSv4 server alone, for real clients.
struct ServeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "serve",
    abstract: "Serves an in-memory file system at / over NFSv4.0, its state in the modelled kernel.",
    discussion: """
      The virtual clock of the kernel follows the time of day. There is no rpcbind: give the port to the client. SIGUSR1 prints the
      kernel's statistics on standard error, SIGTERM ends the server.

      EXAMPLE
        nfschurn serve --listen 127.0.0.1:12049 --model freebsd-6
        nfs-ls 'nfs://127.0.0.1/?version=4&nfsport=12049'
      """)

  @Option(help: "Address to listen on, HOST:PORT; port 0 takes any free one.")
  var listen = "127.0.0.1:2049"

  @OptionGroup var kernel: KernelOptions

  @Option(help: "Lease in seconds.")
  var lease = "120"

  @Flag(help: "Treat root as nobody.")
  var rootSquash = false

  @Flag(help: "Print the ledger, vmstat -m and vmstat -z of the modelled kernel at the end.")
  var vmstat = false

  @OptionGroup var common: CommonOptions

  func run() throws {
    let (host, port) = try endpoint()
    let json = try common.json.map(JSONDestination.init)
    var workload = Workload(name: "serve")
    try kernel.apply(to: &workload)
    workload.leaseSeconds = try KernelOptions.count(lease, option: "--lease", in: 1...86_400)
    let server: StandaloneServer
    do {
      server = try StandaloneServer(
        host: host, port: port, workload: workload, rootSquash: rootSquash, seed: try common.seedValue())
    } catch let failure as CommandFailure {
      throw failure
    } catch {
      throw CommandFailure.badInput(error)
    }
    Interruption.install()
    do { try server.start() } catch { throw CommandFailure(status: .failed, message: "\(error)") }
    if json?.isStandardOutput == true {
      Console.error("listening on \(host):\(server.port)")
    } else {
      Console.line("listening on \(host):\(server.port)")
    }
    let log = try common.logger("nfschurn.serve")
    log.info("serving", metadata: ["model": "\(workload.model)", "lease": "\(workload.leaseSeconds)"])
    while !Interruption.happened, server.failure == nil {
      usleep(UInt32(StandaloneServer.tickMilliseconds * 1000))
      server.tick()
      if Interruption.takeStatisticsRequest() { Console.progress(KernelStatistics.text(server.embedded)) }
    }
    server.stop()
    if vmstat, json?.isStandardOutput != true { Console.output(KernelStatistics.text(server.embedded)) }
    try json?.write(ServeDocument(server.summary()))
    if let failure = server.failure {
      Console.error("\(failure)")
      throw CommandFailure.silent(.panicked)
    }
  }

  private func endpoint() throws(CommandFailure) -> (String, UInt16) {
    guard let colon = listen.lastIndex(of: ":"), colon != listen.startIndex,
      let port = UInt16(listen[listen.index(after: colon)...])
    else { throw .badInput("--listen '\(listen)': expected HOST:PORT, for instance 127.0.0.1:2049") }
    return (String(listen[..<colon]), port)
  }
}

/// The document that `nfschurn serve --json` writes at the end.
private struct ServeDocument: Encodable {
  let schemaVersion = 1
  let command = "serve"
  let summary: ServeSummary

  enum CodingKeys: String, CodingKey {
    case schemaVersion = "schema_version"
    case command, kernel, rpcs, map, ledger, panic
    case nfsOps = "nfs_ops"
    case stateOps = "state_ops"
    case upSeconds = "up_seconds"
  }

  init(_ summary: ServeSummary) { self.summary = summary }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(schemaVersion, forKey: .schemaVersion)
    try container.encode(command, forKey: .command)
    try container.encode(summary.kernel, forKey: .kernel)
    try container.encode(summary.rpcs, forKey: .rpcs)
    try container.encode(summary.nfsOps, forKey: .nfsOps)
    try container.encode(summary.stateOps, forKey: .stateOps)
    try container.encode(summary.map, forKey: .map)
    try container.encode(summary.ledger, forKey: .ledger)
    try container.encode(summary.panic, forKey: .panic)
    try container.encode(summary.upSeconds, forKey: .upSeconds)
  }
}
