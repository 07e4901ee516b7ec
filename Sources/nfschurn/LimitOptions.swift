// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import ArgumentParser
import Experiment

/// Options that say when a run ends, for `run` and `compare`.
struct LimitOptions: ParsableArguments {
  /// Passes of `--until-panic` where `--max-passes` says nothing.
  static let defaultMaximumPasses: UInt64 = 1_000_000

  @Option(help: "Passes of the tests, in place of the workload's.")
  var passes: String?

  @Flag(help: "Go on until the modelled kernel panics.")
  var untilPanic = false

  @Option(help: "Passes at most with --until-panic (default 1,000,000).")
  var maxPasses: String?

  @Option(name: .customLong("for"), help: "Virtual time to run, for instance 14d.")
  var duration: String?

  private static let passRange = 1...1_000_000_000

  /// Puts what was given in place of the workload's number of passes.
  func apply(to plan: inout RunPlan) throws(CommandFailure) {
    let given = [passes != nil, untilPanic, duration != nil].filter { $0 }.count
    guard given <= 1 else { throw .badInput("--passes, --until-panic and --for: expected one of them") }
    guard maxPasses == nil || untilPanic else { throw .badInput("--max-passes: expected with --until-panic only") }
    if let passes {
      plan.limit = .passes(UInt64(try KernelOptions.count(passes, option: "--passes", in: Self.passRange)))
    } else if untilPanic {
      let most = try maxPasses.map { text throws(CommandFailure) in
        UInt64(try KernelOptions.count(text, option: "--max-passes", in: Self.passRange))
      }
      plan.limit = .untilPanic(maximumPasses: most ?? Self.defaultMaximumPasses)
    } else if let duration {
      let nanoseconds: UInt64
      do { nanoseconds = try Quantity.nanoseconds(duration) } catch { throw .badInput("--for \(error)") }
      guard nanoseconds > 0 else { throw .badInput("--for '\(duration)': expected more than nothing") }
      plan.limit = .duration(nanoseconds: nanoseconds)
    }
  }
}
