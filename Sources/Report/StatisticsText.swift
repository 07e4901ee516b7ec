// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// The statistics of a kernel, in its own words, as lines of a report.
public enum StatisticsText {
  /// The lines of a text, without empty ones at its end.
  public static func lines(_ text: String) -> [String] {
    var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    while lines.last?.isEmpty == true { lines.removeLast() }
    return lines
  }
}
