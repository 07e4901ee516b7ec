// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import ArgumentParser
import Experiment
import Foundation
import Report
import RunStore
import Verdict

/// `nfschurn run`: one experiment.
struct RunCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run",
    abstract: "Runs passes of the tests against the embedded server, and says what they did to the kernel map.",
    discussion: """
      EXAMPLES
        nfschurn run workloads/connectathon-basic.yaml --passes 20
        nfschurn run workloads/macklem-zone-leak.yaml --passes 100 --view mti
        nfschurn run workloads/macklem-zone-leak.yaml --until-panic --model freebsd-4 --max-passes 2000

      --view says whose statistics the report and the verdict read: mti (malloc types alone: vmstat -m), uma (vmstat -m and vmstat -z), or
      ledger (every byte of the map by account; the default).

      SIGUSR1, and SIGINFO where the system has it, prints the statistics of the modelled kernel on standard error.
      """)

  @Argument(help: "Workload file (YAML).")
  var workload: String

  @OptionGroup var kernel: KernelOptions

  @Option(help: "How the RPCs go: memory or tcp.")
  var transport: String?

  @OptionGroup var limit: LimitOptions

  @Option(help: "Whose compounds and open-owners to send, in place of the workload's: bsd or linux.")
  var flavour: String?

  @Option(help: "Form of the tests, in place of the workload's: timed or functional.")
  var variant: String?

  @Option(help: "Clients, each with a connection and a test directory of its own.")
  var clients: String?

  @Option(help: "A fault to inject, in the grammar of the workload file; repeatable.")
  var fault: [String] = []

  @Option(help: "Write the run to this directory (samples.sqlite in it).")
  var out: String?

  @Option(help: "Passes between two samples (default 1; thinned out evenly in long runs).")
  var sampleEvery: String?

  @Flag(help: "Print vmstat -m and vmstat -z of the modelled kernel at the end.")
  var vmstat = false

  @OptionGroup var statistics: ViewOptions

  @OptionGroup var common: CommonOptions

  func run() throws {
    let log = try common.logger("nfschurn.run")
    let plan = try makePlan()
    let view = try statistics.choice() ?? .ledger
    let json = try common.json.map(JSONDestination.init)
    let execution = try RunExecution(plan, showsProgress: common.showsProgress)
    let store = try out.map { path throws(CommandFailure) in
      do { return try RunDirectory.create(at: path) } catch { throw .badInput(error) }
    }
    log.info("booted", metadata: ["model": "\(plan.workload.model)", "seed": "\(plan.seed)"])
    let prints = json?.isStandardOutput != true
    if prints { Console.line("seed \(plan.seed)") }
    let outcome = try execution.outcome()
    let verdict = SingleRunVerdict.decide(outcome.samples, view: view)
    do { try store?.write(record: outcome.record, samples: outcome.samples) } catch {
      throw CommandFailure(status: .failed, message: "\(error)")
    }
    if prints {
      let lines = RunText(record: outcome.record, samples: outcome.samples, view: view, vmstat: outcome.vmstat).lines()
      Console.line(lines.joined(separator: "\n"))
      if vmstat { Console.output("\n\(outcome.vmstat.malloc)\n\(outcome.vmstat.zones)") }
      Console.line("seed \(plan.seed)")
    }
    try json?.write(RunDocument(record: outcome.record, verdict: verdict))
    switch outcome.end {
    case .finished: return
    case .kernelFailed: throw CommandFailure.silent(.panicked)
    case .interrupted: throw CommandFailure.silent(.interrupted)
    }
  }

  private func makePlan() throws(CommandFailure) -> RunPlan {
    var loaded: Workload
    do { loaded = try WorkloadFile.load(workload) } catch { throw .badInput(error) }
    try kernel.apply(to: &loaded)
    if let flavour {
      loaded.client.flavour = try CommonOptions.choice(flavour, Workload.Client.Flavour.self, option: "--flavour")
    }
    if let variant {
      loaded.client.variant = try CommonOptions.choice(variant, Workload.Client.Variant.self, option: "--variant")
    }
    if let clients { loaded.client.clients = try KernelOptions.count(clients, option: "--clients", in: 1...64) }
    if !fault.isEmpty { loaded.origins["faults"] = .option("--fault") }
    for text in fault {
      do { loaded.faults.append(try FaultSpecification.parse(option: text)) } catch { throw .badInput(error) }
    }
    var plan = RunPlan(loaded)
    plan.seed = try common.seedValue()
    if let transport {
      plan.transport = try CommonOptions.choice(transport, RunTransport.self, option: "--transport")
    }
    if let sampleEvery {
      plan.sampleEvery = UInt64(try KernelOptions.count(sampleEvery, option: "--sample-every", in: 1...1_000_000_000))
    }
    try limit.apply(to: &plan)
    return plan
  }
}
