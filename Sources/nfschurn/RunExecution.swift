// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Experiment
import Foundation

/// Carries one run out: with the wall clock, the signals and the progress line around it.
struct RunExecution {
  let plan: RunPlan
  let showsProgress: Bool

  /// - Returns: how the run ended, also where its kernel failed or it was interrupted.
  func outcome() throws(CommandFailure) -> RunOutcome {
    let run: ExperimentRun
    do { run = try ExperimentRun(plan) } catch { throw .badInput(error) }
    Interruption.install()
    let start = DispatchTime.now().uptimeNanoseconds
    func wall() -> Double { Double(DispatchTime.now().uptimeNanoseconds - start) / 1e9 }
    var line = ProgressLine(isEnabled: showsProgress)
    defer { line.clear() }
    do {
      return try run.run(wallSeconds: wall, isInterrupted: { Interruption.happened }) { progress in
        line.show(progress, wallSeconds: wall())
      }
    } catch {
      throw CommandFailure(status: .failed, message: "\(error)")
    }
  }
}
