// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import ArgumentParser
import Experiment
import Foundation
import KernelMemory
import NFS4Server
import ONCRPC
import Report

/// `nfschurn serve`: the NFSv4 server alone, for real clients.
struct ServeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "serve",
    abstract: "Serves an in-memory file system at / over NFSv4.0, its state in the modelled kernel.",
    discussion: """
      The virtual clock of the kernel follows the time of day. There is no rpcbind: give the port to the client. SIGUSR1 prints the
      kernel's statistics on standard error. SIGHUP restarts the service as a reboot would: connections are dropped, clients have
      to reclaim their state in a grace period as long as the lease, and the files stay. SIGTERM ends the server.

      EXAMPLE
        nfschurn serve --listen 127.0.0.1:12049 --model freebsd-6 --export 127.0.0.0/8
        nfs-ls 'nfs://127.0.0.1/?version=4&nfsport=12049'
      """)

  @Option(help: "Address to listen on, HOST:PORT; port 0 takes any free one.")
  var listen = "127.0.0.1:2049"

  @OptionGroup var kernel: KernelOptions

  @Option(help: "Lease in seconds.")
  var lease = "120"

  @Option(
    help: ArgumentHelp("Network whose clients are served; may be repeated. Everybody without one.", valueName: "cidr"))
  var export: [String] = []

  @Option(help: "Security flavours that are taken: sys, none, or both.")
  var sec = "sys,none"

  @Flag(help: "Treat root as nobody.")
  var rootSquash = false

  @Flag(help: "Nothing on the file system can be changed.")
  var readOnly = false

  @Flag(help: "Give delegations to clients that can be called back.")
  var delegations = false

  @Option(help: ArgumentHelp("Print what the server holds every so many seconds.", valueName: "seconds"))
  var statsEvery: String?

  @Flag(help: "Print the ledger, vmstat -m and vmstat -z of the modelled kernel at the end.")
  var vmstat = false

  @OptionGroup var common: CommonOptions

  func run() throws {
    let (host, port) = try endpoint()
    let json = try common.json.map(JSONDestination.init)
    var workload = Workload(name: "serve")
    try kernel.apply(to: &workload)
    workload.leaseSeconds = try KernelOptions.count(lease, option: "--lease", in: 1...86_400)
    let access = try access()
    let every = try statsEvery.map { try KernelOptions.count($0, option: "--stats-every", in: 1...86_400) }
    let callbacks = delegations ? TCPCallbackTransport() : nil
    let server: StandaloneServer
    do {
      server = try StandaloneServer(
        host: host, port: port, workload: workload, seed: try common.seedValue(), access: access,
        configuration: configuration(workload, access, callbacks))
    } catch let failure as CommandFailure {
      throw failure
    } catch {
      throw CommandFailure.badInput(error)
    }
    Interruption.install()
    Interruption.installRestart()
    do { try server.start() } catch { throw CommandFailure(status: .failed, message: "\(error)") }
    if json?.isStandardOutput == true {
      Console.error("listening on \(host):\(server.port)")
    } else {
      Console.line("listening on \(host):\(server.port)")
    }
    let log = try common.logger("nfschurn.serve")
    log.info("serving", metadata: ["model": "\(workload.model)", "lease": "\(workload.leaseSeconds)"])
    var lines = ServeStatusLines(
      showsLine: common.showsProgress, every: every, toStandardError: json?.isStandardOutput == true)
    while !Interruption.happened, server.failure == nil {
      usleep(UInt32(StandaloneServer.tickMilliseconds * 1000))
      server.tick()
      if Interruption.takeRestartRequest() {
        server.restart()
        log.notice("restarted", metadata: ["grace": "\(workload.leaseSeconds)"])
      }
      lines.show { server.status }
      if Interruption.takeStatisticsRequest() { Console.progress(KernelStatistics.text(server.embedded)) }
    }
    lines.clear()
    server.stop()
    callbacks?.stop()
    if vmstat, json?.isStandardOutput != true { Console.output(KernelStatistics.text(server.embedded)) }
    try json?.write(ServeDocument(server.summary()))
    if let failure = server.failure {
      Console.error("\(failure)")
      throw CommandFailure.silent(.panicked)
    }
  }

  private func configuration(
    _ workload: Workload, _ access: RPCAccess, _ callbacks: TCPCallbackTransport?
  ) -> ServerConfiguration {
    var configuration = ServerConfiguration()
    configuration.rootSquash = rootSquash
    configuration.readOnly = readOnly
    configuration.delegations = callbacks != nil
    configuration.callbackTransport = callbacks
    // SECINFO lists what is taken.
    configuration.allowsAuthNone = access.flavors.contains(.none)
    configuration.graceSeconds = workload.leaseSeconds
    // Clients come and go here: the week that the kernels of 2007 kept the state of a dead one is no use to anybody.
    configuration.courtesySeconds = 0
    return configuration
  }

  private func access() throws(CommandFailure) -> RPCAccess {
    var networks: [PeerNetwork] = []
    for text in export {
      guard let network = PeerNetwork(text) else {
        throw .badInput("--export '\(text)': expected a network such as 192.0.2.0/24 or 2001:db8::/32")
      }
      networks.append(network)
    }
    var flavors: Set<RPCFlavor> = []
    for name in sec.split(separator: ",", omittingEmptySubsequences: false) {
      switch name {
      case "sys": flavors.insert(.sys)
      case "none": flavors.insert(.none)
      default: throw .badInput("--sec '\(sec)': expected sys, none, or sys,none")
      }
    }
    return RPCAccess(networks: networks, flavors: flavors)
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
