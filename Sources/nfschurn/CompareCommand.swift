// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import ArgumentParser
import Experiment
import Foundation
import KernelMemory
import Report
import RunStore

/// `nfschurn compare`: one workload on several allocator models, side by side.
struct CompareCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "compare", abstract: "Runs one workload with one seed on several allocator models, side by side.",
    discussion: """
      Every model is asked for the same kernel objects in the same order.

      EXAMPLE
        nfschurn compare workloads/macklem-zone-leak.yaml --models freebsd-6,freebsd-4 --until-panic --max-passes 2400
      """)

  @Argument(help: "Workload file (YAML).")
  var workload: String

  @Option(help: "Models by name, with commas between them (see: nfschurn models).")
  var models: String

  @Option(help: "Size of every kernel map, for instance 64MiB; 'default' takes each model's own formula.")
  var map: String?

  @OptionGroup var limit: LimitOptions

  @Option(help: "Write every run to a directory of its model's name below this one.")
  var out: String?

  @OptionGroup var common: CommonOptions

  func run() throws {
    let log = try common.logger("nfschurn.compare")
    let plans = try makePlans()
    let json = try common.json.map(JSONDestination.init)
    // Every model is booted once before anything is printed or written: what one of them refuses shows at once.
    for plan in plans { _ = try RunExecution(plan, showsProgress: false) }
    let stores = try out.map { path throws(CommandFailure) in
      try plans.map { plan throws(CommandFailure) in
        do { return try RunDirectory.create(at: "\(path)/\(plan.workload.model)") } catch { throw .badInput(error) }
      }
    }
    let prints = json?.isStandardOutput != true
    if let plan = plans.first, prints { Console.line("seed \(plan.seed)") }
    var records: [RunRecord] = []
    var interrupted = false
    for (index, plan) in plans.enumerated() where !interrupted {
      log.info("running", metadata: ["model": "\(plan.workload.model)"])
      let outcome = try RunExecution(plan, showsProgress: common.showsProgress).outcome()
      records.append(outcome.record)
      do { try stores?[index].write(record: outcome.record, samples: outcome.samples) } catch {
        throw CommandFailure(status: .failed, message: "\(error)")
      }
      interrupted = outcome.end == .interrupted
    }
    if prints {
      Console.line(CompareText(records).lines().joined(separator: "\n"))
      if let plan = plans.first { Console.line("seed \(plan.seed)") }
    }
    try json?.write(CompareDocument(records))
    if interrupted { throw CommandFailure.silent(.interrupted) }
  }

  private func makePlans() throws(CommandFailure) -> [RunPlan] {
    let names = models.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    guard Set(names).count == names.count else { throw .badInput("--models '\(models)': a model stands twice") }
    var loaded: Workload
    do { loaded = try WorkloadFile.load(workload) } catch { throw .badInput(error) }
    if let map {
      loaded.origins["kernel.map"] = .option("--map")
      loaded.mapBytes = map == "default" ? nil : try KernelOptions.size(map, option: "--map")
    }
    let seed = try common.seedValue()
    var plans: [RunPlan] = []
    for name in names {
      guard AllocatorRegistry.model(named: name) != nil else {
        let known = AllocatorRegistry.all.map { $0.identifier }.joined(separator: ", ")
        throw .badInput("--models: unknown model '\(name)': expected some of \(known)")
      }
      var workload = loaded
      workload.model = name
      var plan = RunPlan(workload)
      plan.seed = seed
      try limit.apply(to: &plan)
      plans.append(plan)
    }
    return plans
  }
}
