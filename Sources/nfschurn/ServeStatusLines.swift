// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Experiment
import Report

/// What `nfschurn serve` says while it serves: a line on the terminal that is redrawn every second, and a line of text every so
/// many seconds.
struct ServeStatusLines {
  private let showsLine: Bool
  private let every: Int?
  private let toStandardError: Bool
  private let start = ContinuousClock.now
  private var shownAt = 0
  private var printedAt = 0
  private var isDrawn = false

  /// - Parameters:
  ///   - showsLine: whether there is a terminal that the line can be drawn on.
  ///   - every: seconds between two lines of text; nil for none.
  ///   - toStandardError: where these go, because standard output is for a document.
  init(showsLine: Bool, every: Int?, toStandardError: Bool) {
    self.showsLine = showsLine
    self.every = every
    self.toStandardError = toStandardError
  }

  /// Draws and prints what is due.
  mutating func show(_ status: () -> ServeStatus) {
    let second = Int(clamping: start.duration(to: .now).components.seconds)
    let isDrawDue = showsLine && second > shownAt
    let isPrintDue = every.map { second >= printedAt + $0 } ?? false
    guard isDrawDue || isPrintDue else { return }
    let text = Self.text(status())
    if isPrintDue {
      printedAt = second
      clear()
      if toStandardError { Console.error(text) } else { Console.line(text) }
    }
    if isDrawDue {
      shownAt = second
      isDrawn = true
      Console.progress("\r\u{1B}[K" + text)
    }
  }

  /// Takes the line away.
  mutating func clear() {
    guard isDrawn else { return }
    isDrawn = false
    Console.progress("\r\u{1B}[K")
  }

  /// One line of names and figures, separated by two spaces.
  static func text(_ status: ServeStatus) -> String {
    let share = Double(status.mapUsedBytes) / Double(max(status.mapCapacityBytes, 1)) * 100
    return [
      "up \(Figures.duration(seconds: status.upSeconds))", "connections \(status.connections)",
      "clients \(status.clients)", "opens \(Figures.grouped(status.opens))",
      "locks \(Figures.grouped(status.locks))", "delegations \(Figures.grouped(status.delegations))",
      "rpcs \(Figures.grouped(status.rpcs))",
      "map \(Figures.bytes(status.mapUsedBytes)) (\(Figures.fixed(share, 1)) %)",
    ].joined(separator: "  ")
  }
}
