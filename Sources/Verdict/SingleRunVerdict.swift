// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import RunStore

/// Decides from recorded samples alone.
///
/// A single run of one workload cannot answer whether exhaustion tracks calls: calls, operations, passes and seconds grow in step, so every
/// clock fits. What one run shows is evidence, and the answer to the question stays open (design page "verdict").
public enum SingleRunVerdict {
  /// The verdict on one run.
  public static func decide(_ samples: [Sample]) -> VerdictReport {
    let table = CorrelationTable(samples: samples)
    let calls = table?.rows.first { $0.clock == .mallocCalls }
    let frees = table?.rows.first { $0.clock == .freeCalls }
    return VerdictReport(
      cause: .inconclusive, subject: nil, tracksCalls: nil, governingClock: nil,
      bytesPerCall: bytesPerCall(calls?.slope, frees?.slope), confidence: 0, view: "ledger",
      evidence: table.map(evidence) ?? [], alternatives: [])
  }

  /// The slope per call of either kind, from the slopes per malloc and per free: their numbers grow side by side.
  private static func bytesPerCall(_ perMalloc: Double?, _ perFree: Double?) -> Double? {
    guard let perMalloc, let perFree else { return nil }
    guard perMalloc != 0, perFree != 0 else { return 0 }
    return 1 / (1 / perMalloc + 1 / perFree)
  }

  private static func evidence(_ table: CorrelationTable) -> [VerdictReport.Evidence] {
    let range = "passes \(table.firstPass) to \(table.lastPass)"
    var found = [
      VerdictReport.Evidence(
        statement: "growth of the map in bytes over \(range)", figure: Double(table.growthBytes),
        method: "last sample less first sample after the warm-up")
    ]
    for row in table.rows {
      guard let correlation = row.correlation else { continue }
      found.append(
        VerdictReport.Evidence(
          statement: "correlation of map use with \(row.clock.rawValue) over \(range)", figure: correlation,
          method: "Pearson's r"))
    }
    if let weakest = table.weakestClockAgreement {
      found.append(
        VerdictReport.Evidence(
          statement: "smallest correlation between two of these clocks: one workload moves them in step",
          figure: weakest,
          method: "Pearson's r"))
    }
    return found
  }
}
