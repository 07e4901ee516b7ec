// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import ArgumentParser
import Verdict

/// The option that says whose statistics are read, for `run` and `compare`.
struct ViewOptions: ParsableArguments {
  @Option(
    help: "Statistics to read: mti (malloc types), uma (malloc types and zones) or ledger (every byte of the map).")
  var view: String?

  /// The view that was asked for; nil where none was.
  func choice() throws(CommandFailure) -> StatisticsView? {
    guard let view else { return nil }
    return try CommonOptions.choice(view, StatisticsView.self, option: "--view")
  }
}
