// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Experiment
import Foundation

/// One run that is ready to go, with the wall clock, the signals and the progress line around it.
struct RunExecution {
  private let run: ExperimentRun
  private let showsProgress: Bool

  /// Boots the kernel and mounts the clients: what is wrong with the input shows here, before anything is printed.
  init(_ plan: RunPlan, showsProgress: Bool) throws(CommandFailure) {
    do { run = try ExperimentRun(plan) } catch { throw .badInput(error) }
    self.showsProgress = showsProgress
  }

  /// Runs to the end.
  ///
  /// - Returns: how the run ended, also where its kernel failed or it was interrupted.
  func outcome() throws(CommandFailure) -> RunOutcome {
    Interruption.install()
    let start = DispatchTime.now().uptimeNanoseconds
    func wall() -> Double { Double(DispatchTime.now().uptimeNanoseconds - start) / 1e9 }
    var line = ProgressLine(isEnabled: showsProgress)
    defer { line.clear() }
    do {
      return try run.run(wallSeconds: wall, isInterrupted: { Interruption.happened }) { progress in
        line.show(progress, wallSeconds: wall())
        if Interruption.takeStatisticsRequest() {
          line.clear()
          Console.progress(KernelStatistics.text(run.server))
        }
      }
    } catch {
      throw CommandFailure(status: .failed, message: "\(error)")
    }
  }
}
