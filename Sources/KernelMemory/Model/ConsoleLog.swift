// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// What a modelled kernel wrote on its console: the first 200 lines, for a fault may repeat one without end.
struct ConsoleLog {
  private static let capacity = 200

  private(set) var lines: [String] = []

  /// Writes a line, which is dropped where there are 200 already.
  mutating func print(_ line: String) {
    if lines.count < Self.capacity { lines.append(line) }
  }
}
