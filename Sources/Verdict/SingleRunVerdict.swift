// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import RunStore

/// Decides from recorded samples alone.
///
/// A single run of one workload cannot answer whether exhaustion tracks calls: calls, operations, passes and seconds grow in step, so every
/// clock fits. What one run shows is evidence, and the answer to the question stays open (design page "verdict").
public enum SingleRunVerdict {
  /// The verdict on one run.
  ///
  /// - Parameters:
  ///   - samples: what was recorded.
  ///   - view: the statistics that the verdict may read; the others are taken out of the samples first.
  /// - Returns: the verdict, with the name of the view.
  public static func decide(_ samples: [Sample], view: StatisticsView = .ledger) -> VerdictReport {
    let samples = samples.map(view.restrict)
    let table = CorrelationTable(samples: samples)
    let calls = table?.rows.first { $0.clock == .mallocCalls }
    let frees = table?.rows.first { $0.clock == .freeCalls }
    return VerdictReport(
      cause: .inconclusive, subject: nil, tracksCalls: nil, governingClock: nil,
      bytesPerCall: bytesPerCall(calls?.slope, frees?.slope), confidence: 0, view: view.rawValue,
      evidence: table.map { evidence($0) + seen(samples, in: view, $0) } ?? [], alternatives: [])
  }

  /// The slope per call of either kind, from the slopes per malloc and per free: their numbers grow side by side.
  private static func bytesPerCall(_ perMalloc: Double?, _ perFree: Double?) -> Double? {
    guard let perMalloc, let perFree else { return nil }
    guard perMalloc != 0, perFree != 0 else { return 0 }
    return 1 / (1 / perMalloc + 1 / perFree)
  }

  /// Growth of what the statistics of a narrower view show, to be held against the growth of the map.
  private static func seen(
    _ samples: [Sample], in view: StatisticsView, _ table: CorrelationTable
  ) -> [VerdictReport.Evidence] {
    let used = samples.filter { $0.clocks.passes >= table.firstPass }
    guard view != .ledger, let first = used.first, let last = used.last else { return [] }
    func growth(_ kind: CacheReading.Kind, _ bytes: (CacheReading) -> UInt64) -> Double {
      func total(_ sample: Sample) -> Double {
        sample.caches.reduce(0) { $0 + ($1.kind == kind ? Double(bytes($1)) : 0) }
      }
      return total(last) - total(first)
    }
    let range = "passes \(table.firstPass) to \(table.lastPass)"
    let method = "last sample less first sample after the warm-up"
    let types = VerdictReport.Evidence(
      statement: "growth in bytes of what all malloc types hold over \(range)", figure: growth(.malloc) { $0.bytes },
      method: method)
    guard view == .uma else { return [types] }
    let zones = VerdictReport.Evidence(
      statement: "growth in bytes of the pages that all zones hold, those of malloc among them, over \(range)",
      figure: growth(.zone) { $0.pages * pageBytes }, method: method)
    return [types, zones]
  }

  private static let pageBytes: UInt64 = 4096

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
