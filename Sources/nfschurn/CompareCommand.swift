// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import ArgumentParser
import Experiment
import Foundation
import KernelMemory
import Report
import RunStore
import Verdict

/// `nfschurn compare`: one allocation trace on several allocator models, side by side.
struct CompareCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "compare",
    abstract: "Plays the allocation trace of one workload on several allocator models, side by side.",
    discussion: """
      The workload runs once, against the server on the kernel that it names. What that kernel asks of its allocator is recorded (malloc types and sizes,
      kernel objects, the clock, the processor, injected faults) and played on every model, slice by slice, until the model panics, sleeps for ever, or the
      passes are over. Every model gets the same requests in the same order; each takes them from its own zones, pools and malloc types.

      How many vnodes, names and replies the trace keeps is decided by the recorded kernel's limits, on every row.

      Calls to outcome are malloc, free, zone allocation and zone free calls, as the model counts them.

      EXAMPLE
        nfschurn compare workloads/macklem-zone-leak.yaml --models freebsd-6,freebsd-4 --until-panic --max-passes 2400
      """)

  @Argument(help: "Workload file (YAML).")
  var workload: String

  @Option(
    help: "Models by name, with commas between them (see: nfschurn models); all that can have the machine by default.")
  var models: String?

  @OptionGroup var machine: MachineOptions

  @OptionGroup var limit: LimitOptions

  @Option(help: "Write every model's samples to a directory of its name below this one.")
  var out: String?

  @OptionGroup var statistics: ViewOptions

  @OptionGroup var common: CommonOptions

  func run() throws {
    let log = try common.logger("nfschurn.compare")
    let plan = try makePlan()
    let names = try modelNames()
    let view = try statistics.choice()
    let json = try common.json.map(JSONDestination.init)
    let run: ComparisonRun
    do { run = try ComparisonRun(plan, models: names, skipsRefusals: models == nil) } catch {
      throw CommandFailure.badInput(error)
    }
    let left = Set(run.leftOut.map(\.model))
    let stores = try out.map { path throws(CommandFailure) in
      try names.filter { !left.contains($0) }.map { model throws(CommandFailure) in
        do { return try RunDirectory.create(at: "\(path)/\(model)") } catch { throw .badInput(error) }
      }
    }
    log.info("booted", metadata: ["models": "\(names.count - left.count)", "seed": "\(plan.seed)"])
    let prints = json?.isStandardOutput != true
    if prints { Console.line("seed \(plan.seed)") }
    let outcome = try outcome(of: run)
    for (store, row) in zip(stores ?? [], outcome.rows) {
      do { try store.write(record: row.record, samples: row.samples) } catch {
        throw CommandFailure(status: .failed, message: "\(error)")
      }
    }
    if prints {
      print(outcome, view: view)
      Console.line("seed \(plan.seed)")
    }
    try json?.write(
      CompareDocument(
        outcome.rows.map(\.record), seed: plan.seed,
        workload: .init(name: plan.workload.name, passes: outcome.rows.first?.record.workload.passes),
        view: (view ?? .ledger).rawValue, trace: outcome.trace,
        leftOut: outcome.leftOut.map { CompareDocument.Refusal(model: $0.model, reason: $0.reason) }))
    if outcome.wasInterrupted { throw CommandFailure.silent(.interrupted) }
  }

  private func outcome(of run: ComparisonRun) throws(CommandFailure) -> ComparisonOutcome {
    Interruption.install()
    let start = DispatchTime.now().uptimeNanoseconds
    func wall() -> Double { Double(DispatchTime.now().uptimeNanoseconds - start) / 1e9 }
    var line = ProgressLine(isEnabled: common.showsProgress)
    defer { line.clear() }
    do {
      return try run.run(wallSeconds: wall, isInterrupted: { Interruption.happened }) { progress in
        line.show(progress, wallSeconds: wall())
        if Interruption.takeStatisticsRequest() {
          line.clear()
          for model in run.statistics() { Console.progress("\n\(model.model)\n\(model.malloc)\n\(model.zones)\n") }
        }
      }
    } catch {
      throw CommandFailure(status: .failed, message: "\(error)")
    }
  }

  private func print(_ outcome: ComparisonOutcome, view: StatisticsView?) {
    let text = CompareText(outcome.rows.map(\.record), trace: outcome.trace)
    var lines = text.lines()
    lines += outcome.leftOut.map { "left out: \($0.reason)" }
    switch view {
    case nil: break
    case .ledger: lines += [""] + text.ledgerLines()
    case .mti, .uma:
      for row in outcome.rows {
        lines += ["", row.record.kernel.model] + StatisticsText.lines(row.vmstat.malloc)
        if view == .uma { lines += [""] + StatisticsText.lines(row.vmstat.zones) }
      }
    }
    Console.line(lines.joined(separator: "\n"))
  }

  private func modelNames() throws(CommandFailure) -> [String] {
    let known = AllocatorRegistry.all.map { $0.identifier }
    guard let models else { return known }
    let names = models.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    guard Set(names).count == names.count else { throw .badInput("--models '\(models)': a model stands twice") }
    if let unknown = names.first(where: { !known.contains($0) }) {
      throw .badInput("--models: unknown model '\(unknown)': expected some of \(known.joined(separator: ", "))")
    }
    return names
  }

  private func makePlan() throws(CommandFailure) -> RunPlan {
    var loaded: Workload
    do { loaded = try WorkloadFile.load(workload) } catch { throw .badInput(error) }
    try machine.apply(to: &loaded)
    var plan = RunPlan(loaded)
    plan.seed = try common.seedValue()
    try limit.apply(to: &plan)
    return plan
  }
}
