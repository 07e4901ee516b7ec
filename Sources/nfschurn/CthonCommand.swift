// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import ArgumentParser
import Connectathon
import Experiment
import Foundation
import NFS4Client

/// `nfschurn cthon`: the Connectathon-style tests alone.
struct CthonCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cthon",
    abstract: "Runs the Connectathon-style tests against any NFSv4.0 server or a local directory.",
    discussion: """
      EXAMPLES
        nfschurn cthon basic --server nfs://127.0.0.1:2049/ -t
        nfschurn cthon basic --local /mnt/nfs -f -N 10
      """)

  @Argument(help: "Suite: basic.")
  var suite: String

  @Option(help: "Server and directory: nfs://HOST[:PORT]/PATH.")
  var server: String?

  @Option(help: "A directory of this machine.")
  var local: String?

  @Flag(name: .customShort("f"), help: "Functional: the quick form without times.")
  var functional = false

  @Flag(name: .customShort("t"), help: "Timed: the long form (default).")
  var timed = false

  @Option(name: .customShort("N"), help: "Passes.")
  var passes: String?

  @Option(help: "Whose compounds to send: bsd or linux.")
  var flavour = Workload.Client.Flavour.bsd.rawValue

  @Flag(help: "Leave the test directory after the last pass.")
  var keep = false

  @OptionGroup var common: CommonOptions

  func run() throws {
    guard suite == "basic" else {
      throw CommandFailure.badInput(
        "suite '\(suite)': expected basic (general, special, lock and all are not built yet)")
    }
    guard (server == nil) != (local == nil) else {
      throw CommandFailure.badInput("--server and --local: expected one of them")
    }
    guard !(functional && timed) else { throw CommandFailure.badInput("-f and -t: expected one of them") }
    var options = ConnectathonOptions(variant: functional ? .functional : .timed, keep: keep)
    if let passes { options.passes = try KernelOptions.count(passes, option: "-N", in: 1...1_000_000_000) }
    let json = try common.json.map(JSONDestination.init)
    let flavour = try CommonOptions.choice(flavour, Workload.Client.Flavour.self, option: "--flavour")
    let log = try common.logger("nfschurn.cthon")
    let errors: any TextSink = DescriptorSink.standardError()
    let output: any TextSink = json?.isStandardOutput == true ? errors : DescriptorSink.standardOutput()
    let session = try open(flavour)
    log.info("mounted")
    let runner = ConnectathonRunner(
      fileSystems: [session.fileSystem], options: options, output: output, errors: errors, clock: MonotonicClock())
    var results: [TestResult] = []
    runner.afterTest = { results.append($0) }
    var failure: ConnectathonFailure?
    do { try runner.run() } catch { failure = error }
    if let cause = session.lastFailure { Console.error("nfschurn: \(cause)") }
    session.close()
    let incomplete = results.contains { !$0.ok }
    try json?.write(CthonDocument(results: results, rpcs: session.rpcCounts, failed: failure != nil || incomplete))
    if failure != nil || incomplete { throw CommandFailure.silent(.failed) }
  }

  private func open(_ flavour: Workload.Client.Flavour) throws(CommandFailure) -> CthonSession {
    do {
      if let local { return try CthonSession(local: local) }
      return try CthonSession(
        url: server ?? "", flavour: flavour, seed: try common.seedValue())
    } catch let failure as CommandFailure {
      throw failure
    } catch {
      throw .badInput(error)
    }
  }
}

/// The document of `nfschurn cthon --json`.
private struct CthonDocument: Encodable {
  struct Test: Encodable {
    let name: String
    let ok: Bool
    let seconds: Double
    let error: String?
  }

  let schemaVersion = 1
  let command = "cthon"
  let passed: Bool
  let tests: [Test]
  let clientRPCs: [String: UInt64]

  enum CodingKeys: String, CodingKey {
    case schemaVersion = "schema_version"
    case command, passed, tests
    case clientRPCs = "client_rpcs"
  }

  init(results: [TestResult], rpcs: [String: UInt64], failed: Bool) {
    passed = !failed
    tests = results.map {
      Test(name: $0.name, ok: $0.ok, seconds: Double($0.timedNanoseconds) / 1e9, error: $0.error)
    }
    clientRPCs = rpcs
  }
}
