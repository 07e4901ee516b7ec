// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import KernelMemory
import KernelModel
import NFS4Server
import RunStore

/// Why a comparison cannot be finished.
public struct ComparisonError: Error, Equatable, CustomStringConvertible, Sendable {
  /// One line.
  public let description: String
}

/// One workload, run once, and its allocation trace on several allocator models.
///
/// The workload runs against the server on the kernel that it names. What that kernel asks of its allocator is recorded in slices and played on every
/// model until the model ends; then the slice is gone, so that memory is bounded however long the run. Every model gets the
/// same requests in the same order, faults among them: which vnodes exist, and what the server and the caches keep, is the recorded kernel's doing.
public final class ComparisonRun {
  /// A model that was left out, and why.
  public typealias Refusal = (model: String, reason: String)

  private let plan: RunPlan
  private let players: ComparisonPlayers
  private let source: ExperimentRun
  private let recording: EventRecording
  private var totals = TraceTotals()
  /// Models that refuse the machine, in the order asked for.
  public let leftOut: [Refusal]

  /// Boots the models, the recorded kernel and its server, and connects the clients.
  ///
  /// - Parameters:
  ///   - plan: the run to record.
  ///   - models: identifiers, in the order of the rows.
  ///   - skipsRefusals: true leaves a model out that cannot have this machine; false throws.
  /// - Throws: ``WorkloadError`` for a machine that a model refuses, ``ServerError``, or what a client reports.
  public init(_ plan: RunPlan, models: [String], skipsRefusals: Bool) throws {
    self.plan = plan
    var refusals: [Refusal] = []
    var rows: [ComparisonRow] = []
    for model in models {
      var workload = plan.workload
      workload.model = model
      do throws(KernelError) {
        let player = try EventPlayer(EmbeddedServer.configuration(of: workload, seed: plan.seed))
        rows.append(ComparisonRow(player: player, workload: workload, sampleEvery: plan.sampleEvery))
      } catch {
        guard skipsRefusals else { throw workload.explain(error, model: model) }
        refusals.append((model, "\(error)"))
      }
    }
    leftOut = refusals
    let players = ComparisonPlayers(rows)
    self.players = players
    source = try ExperimentRun(recording: plan) { events, names in players.play(events, names) }
    let recording = source.server.withKernel { $0.heap.recording }
    guard let recording else { throw ComparisonError(description: "the kernel of the workload records nothing") }
    self.recording = recording
  }

  /// Runs to the end of the plan, or of the last model.
  ///
  /// - Parameters:
  ///   - wallSeconds: seconds on the wall clock since the start, for the records alone.
  ///   - isInterrupted: asked between two passes.
  ///   - progress: told after every pass.
  /// - Returns: a row for each model, and what the trace was.
  /// - Throws: ``ConnectathonFailure`` where a test fails, ``ComparisonError`` where the recorded kernel ends.
  public func run(
    wallSeconds: () -> Double, isInterrupted: () -> Bool, progress: (RunProgress) -> Void
  ) throws -> ComparisonOutcome {
    var wasInterrupted = false
    let outcome = try source.run(
      wallSeconds: wallSeconds,
      isInterrupted: {
        wasInterrupted = isInterrupted()
        return wasInterrupted || players.allEnded
      },
      progress: { recorded in
        finishPass()
        progress(players.progress(recorded))
      })
    if outcome.end == .kernelFailed, let panic = outcome.record.panic, !players.allEnded {
      throw ComparisonError(
        description:
          "the recorded kernel itself ended in pass \(panic.pass): \(panic.message); a larger --map or --memory "
          + "lets it outlive the models")
    }
    return players.outcome(
      plan, trace: trace(), wallSeconds: wallSeconds(), interrupted: wasInterrupted, leftOut: leftOut)
  }

  /// `vmstat -m` and `vmstat -z` of every model as it stands now.
  public func statistics() -> [(model: String, malloc: String, zones: String)] {
    players.rows.map { row in
      let allocator = row.player.heap.allocator
      return (row.workload.model, allocator.vmstatM(), allocator.vmstatZ())
    }
  }

  private func finishPass() {
    let counters = source.server.service.counters
    let vnodes = source.server.withKernel { $0.heap.counters.vnodeCreations }
    recording.markPass()
    recording.drain()
    totals = recording.totals
    players.finishPass(counters, vnodeCreations: vnodes)
  }

  private func trace() -> RecordedTrace {
    let (model, vnodes) = source.server.withKernel { ($0.configuration.model, $0.vfs.desiredVnodes) }
    return RecordedTrace(
      model: model, desiredVnodes: vnodes, events: totals.events, calls: totals.calls, passes: totals.passes,
      virtualSeconds: Double(totals.virtualNanoseconds) / 1e9, digest: totals.digest)
  }
}

extension Workload {
  /// The error of a kernel as one of the models that were asked for.
  func explain(_ error: KernelError, model: String) -> WorkloadError {
    let known = explain(error)
    guard case .model(.architecture) = error else {
      return WorkloadError(file: known.file, line: known.line, problem: "\(model): \(known.problem)")
    }
    return known
  }
}
