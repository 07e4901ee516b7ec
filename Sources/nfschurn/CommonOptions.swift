// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import ArgumentParser
import Foundation
import Logging

/// Options that every command which does work has.
struct CommonOptions: ParsableArguments {
  @Option(help: "Seed of everything that is drawn (default 1); printed first and last.")
  var seed: String?

  @Option(help: "Write a JSON document to this file (- for standard output).")
  var json: String?

  @Flag(help: "No progress and no log on standard error.")
  var quiet = false

  @Flag(help: "No progress line.")
  var noProgress = false

  @Option(help: "trace, debug, info, notice, warning, error or critical (default warning).")
  var logLevel: String?

  /// True where a progress line is wanted and somebody can see it.
  var showsProgress: Bool { !quiet && !noProgress && isatty(STDERR_FILENO) == 1 }

  func seedValue() throws(CommandFailure) -> UInt64 {
    guard let seed else { return 1 }
    guard let value = UInt64(seed) else { throw .badInput("--seed '\(seed)': expected an integer from 0 to 2^64 - 1") }
    return value
  }

  /// One of the raw values of a type.
  static func choice<Choice: RawRepresentable & CaseIterable>(
    _ text: String, _ type: Choice.Type, option: String
  ) throws(CommandFailure) -> Choice where Choice.RawValue == String {
    guard let value = Choice(rawValue: text) else {
      throw .badInput("\(option) '\(text)': expected \(Choice.allCases.map(\.rawValue).joined(separator: " or "))")
    }
    return value
  }

  /// A logger on standard error.
  func logger(_ label: String) throws(CommandFailure) -> Logger {
    var level = Logger.Level.warning
    if let logLevel {
      guard let known = Logger.Level(rawValue: logLevel) else {
        let levels = Logger.Level.allCases.map(\.rawValue).joined(separator: ", ")
        throw .badInput("--log-level '\(logLevel)': expected one of \(levels)")
      }
      level = known
    }
    var logger = Logger(label: label) { StreamLogHandler.standardError(label: $0) }
    logger.logLevel = quiet ? .critical : level
    return logger
  }
}
