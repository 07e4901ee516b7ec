// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Foundation
import NFS4

/// `docs/rfc7530-conformance.md`, made from the cases and reasons.
enum ConformanceDocument {
  /// The file in the project.
  static let path = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().appending(path: "docs/rfc7530-conformance.md")
  /// Writes the file instead of comparing it.
  static let variable = "NFSCHURN_WRITE_DOCS"

  /// The whole text.
  static func text() -> String {
    let total = ErrorTable.rows.reduce(0) { $0 + $1.errors.count }
    let tested = ErrorTable.rows.reduce(0) { sum, row in sum + row.errors.count { !cases(row.operation, $0).isEmpty } }
    let open = ConformanceGaps.rows.count
    var text = """
      # RFC 7530: every operation and every error

      RFC 7530 section 13.2 lists which operation may answer which error. Here is each of these \(total) pairs: \(tested) are provoked by a
      test that fails if the server answers anything else, \(total - tested - open) cannot happen here, for the reason given\
      \(open == 0 ? "" : ", and \(open) are open").

      This file is made by the tests (`NFSCHURN_WRITE_DOCS=1 swift test --filter ConformanceTests`), which fail where it is out of date.

      """
    for row in ErrorTable.rows {
      text += "\n## \(row.operation.name)\n\n| error | tested by, or why it cannot happen |\n|---|---|\n"
      for status in row.errors { text += "| \(status.name) | \(cell(row.operation, status)) |\n" }
    }
    return text
  }

  private static func cell(_ operation: NFSOperation, _ status: NFSStatus) -> String {
    let found = cases(operation, status)
    if !found.isEmpty { return found.map { "test: \($0.how)" }.joined(separator: "; ") }
    return ConformanceReason.reason(operation, status).map { "cannot happen: \($0)" } ?? "open"
  }

  private static func cases(_ operation: NFSOperation, _ status: NFSStatus) -> [ConformanceCase] {
    ConformanceCase.all.filter { $0.operation == operation && $0.status == status }
  }
}
