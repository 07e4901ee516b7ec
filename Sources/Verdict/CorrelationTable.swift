// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import RunStore
import Statistics

/// How the use of the map goes with one clock over the samples of one run.
public struct ClockCorrelation: Equatable, Sendable {
  /// The clock.
  public let clock: GrowthClock
  /// Pearson's r of map bytes and the clock; nil where either does not vary.
  public let correlation: Double?
  /// Map bytes per unit of the clock; nil where the clock does not vary.
  public let slope: Double?
}

/// Correlation of the use of the map with every clock, after the warm-up was cut.
public struct CorrelationTable: Equatable, Sendable {
  /// The first pass that is used.
  public let firstPass: UInt64
  /// The last pass that is used.
  public let lastPass: UInt64
  /// Samples that are used.
  public let sampleCount: Int
  /// Growth of the map from the first to the last sample used, bytes.
  public let growthBytes: Int
  /// One row a clock, in the order of ``GrowthClock``.
  public let rows: [ClockCorrelation]
  /// The smallest correlation between two clocks that both vary; nil where fewer than two do.
  ///
  /// Near 1 it says that the clocks went in step, so that no figure above can tell them apart.
  public let weakestClockAgreement: Double?

  /// Passes that are cut as warm-up: the first tenth, and at least the first.
  ///
  /// In the first pass caches fill and zones get their first slabs; a tenth gives per-CPU buckets and name caches time to reach their size.
  public static func warmUpPasses(of passes: UInt64) -> UInt64 { max(1, passes / 10) }

  /// Correlates the samples of one run; nil where fewer than three are left after the warm-up.
  public init?(samples: [Sample]) {
    guard let last = samples.last else { return nil }
    let cut = Self.warmUpPasses(of: last.clocks.passes)
    let used = samples.filter { $0.clocks.passes >= cut && $0.clocks.passes > 0 }
    guard used.count >= 3, let first = used.first else { return nil }
    firstPass = first.clocks.passes
    lastPass = last.clocks.passes
    sampleCount = used.count
    growthBytes = last.map.usedBytes - first.map.usedBytes
    let map = used.map { Double($0.map.usedBytes) }
    rows = GrowthClock.allCases.map { clock in
      let fit = LinearFit(x: used.map { clock.reading($0.clocks) }, y: map)
      return ClockCorrelation(clock: clock, correlation: fit?.correlation, slope: fit?.slope)
    }
    weakestClockAgreement = Self.weakestAgreement(used)
  }

  private static func weakestAgreement(_ samples: [Sample]) -> Double? {
    let series = GrowthClock.allCases.map { clock in samples.map { clock.reading($0.clocks) } }
    var weakest: Double?
    for first in series.indices {
      for second in series.indices where second > first {
        guard let r = LinearFit(x: series[first], y: series[second])?.correlation else { continue }
        weakest = min(weakest ?? r, r)
      }
    }
    return weakest
  }
}
