// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Experiment
import Foundation
import Report

/// The line on the terminal that is redrawn while a run goes on.
struct ProgressLine {
  private let isEnabled: Bool
  private var shownAt = -1.0
  private var isDrawn = false

  /// Seconds between two redraws.
  private static let interval = 0.25

  init(isEnabled: Bool) { self.isEnabled = isEnabled }

  /// Redraws the line, unless it was drawn a moment ago.
  mutating func show(_ progress: RunProgress, wallSeconds: Double) {
    guard isEnabled, wallSeconds - shownAt >= Self.interval else { return }
    shownAt = wallSeconds
    isDrawn = true
    Console.progress("\r\u{1B}[K" + text(progress, wallSeconds))
  }

  /// Takes the line away.
  mutating func clear() {
    guard isDrawn else { return }
    isDrawn = false
    Console.progress("\r\u{1B}[K")
  }

  private func text(_ progress: RunProgress, _ wall: Double) -> String {
    let share = Double(progress.mapUsedBytes) / Double(max(progress.mapCapacityBytes, 1))
    var parts = [
      "pass \(Figures.grouped(progress.passes))", "\(Figures.grouped(progress.mallocCalls)) malloc calls",
      "virtual \(Figures.duration(seconds: Double(progress.virtualNanoseconds) / 1e9))",
      "map \(Figures.bytes(progress.mapUsedBytes)) (\(Figures.fixed(share * 100, 1)) %)",
    ]
    if let fraction = progress.fraction, fraction > 0 {
      let left = wall * (1 / fraction - 1)
      let virtual = Double(progress.virtualNanoseconds) / 1e9 / fraction
      parts.append("\(Figures.fixed(fraction * 100, 1)) % of \(Figures.duration(seconds: virtual))")
      parts.append("ETA \(Figures.duration(seconds: max(left, 0)))")
    }
    return parts.joined(separator: "  ")
  }
}
