// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Experiment
import Glibc

/// RPCs per second of CPU time of the tier `memory`: client, XDR, libtirpc handles, server and kernel model on one thread.
struct MemoryTier {
  let flavour: Workload.Client.Flavour

  /// Passes of one round.
  private static let passes: UInt64 = 40
  private static let rounds = 5

  func measure() throws -> Double {
    var workload = Workload(name: "memory")
    workload.client.flavour = flavour
    workload.clock.pass = 15_000_000_000
    var rates: [Double] = []
    for _ in 0..<Self.rounds {
      var plan = RunPlan(workload)
      plan.limit = .passes(Self.passes)
      let run = try ExperimentRun(plan)
      let start = seconds(CLOCK_THREAD_CPUTIME_ID)
      let outcome = try run.run(wallSeconds: { 0 }, isInterrupted: { false }, progress: { _ in })
      rates.append(Double(outcome.record.totals.rpcs) / (seconds(CLOCK_THREAD_CPUTIME_ID) - start))
    }
    return middle(rates)
  }
}
