// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import RunStore

/// Which statistics of a kernel somebody reads: the three views of the argument of 2007.
public enum StatisticsView: String, CaseIterable, Sendable, Codable {
  /// Statistics by malloc type alone: what was logged in 2007.
  case mti
  /// Malloc types and zones: what `vmstat -m` and `vmstat -z` show.
  case uma
  /// Every byte of the map by account.
  case ledger

  /// The sample as far as this view shows it: clocks and the map itself are in every view.
  public func restrict(_ sample: Sample) -> Sample {
    var seen = sample
    if self != .ledger { seen.ledger = LedgerReading() }
    if self == .mti { seen.caches = sample.caches.filter { $0.kind == .malloc } }
    return seen
  }
}
