// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import RunStore

/// The table that `nfschurn compare` prints: one row a model, in the order asked for.
public struct CompareText {
  private let records: [RunRecord]
  private let trace: RecordedTrace

  /// A table of these models, which all played this trace.
  public init(_ records: [RunRecord], trace: RecordedTrace) {
    self.records = records
    self.trace = trace
  }

  /// The lines of the table, and how each model ended.
  public func lines() -> [String] {
    guard let first = records.first else { return ["no model can have this machine"] }
    var table = TextTable([
      "model", "map", "used", "high water", "overhead/live", "largest free", "outcome", "calls to outcome",
    ])
    for record in records {
      table.add([
        record.kernel.model, Figures.bytes(record.kernel.mapBytes), Figures.bytes(record.map.usedBytes),
        Figures.bytes(record.map.highWaterBytes),
        Self.overhead(record.ledger).map { Figures.fixed($0, 3) } ?? "undefined",
        Figures.bytes(record.map.largestFreeBytes), Self.outcome(record), Figures.grouped(Self.calls(record)),
      ])
    }
    let endings = records.compactMap { record in
      record.panic.map { panic in
        "\(record.kernel.model): \(panic.message) (pass \(Figures.grouped(panic.pass)), "
          + "\(Figures.duration(seconds: panic.virtualSeconds)))"
      }
    }
    return [
      "\(first.workload.name): one trace of \(Figures.grouped(trace.events)) events, \(Figures.grouped(trace.calls)) of them "
        + "allocator calls, in \(Figures.grouped(trace.passes)) passes and \(Figures.duration(seconds: trace.virtualSeconds)); "
        + "digest \(trace.digest)",
      "recorded from \(trace.model) with a limit of \(Figures.grouped(trace.desiredVnodes)) vnodes, played on every model "
        + "(\(first.kernel.arch), memory \(Figures.bytes(first.kernel.memoryBytes)), "
        + "\(first.kernel.cpus) CPU\(first.kernel.cpus == 1 ? "" : "s"))",
    ] + table.lines() + endings
  }

  /// `ok`, `panic` or `stuck`.
  static func outcome(_ record: RunRecord) -> String { record.panic?.outcome ?? "ok" }

  /// malloc, free, zone allocation and zone free calls up to the outcome.
  static func calls(_ record: RunRecord) -> UInt64 {
    record.totals.mallocCalls + record.totals.freeCalls + record.totals.zoneAllocs + record.totals.zoneFrees
  }

  /// Bytes of the map that are neither asked for nor large, per byte that is; nil where nothing is.
  static func overhead(_ ledger: LedgerReading) -> Double? {
    let live = ledger.live + ledger.large
    return live > 0 ? Double(ledger.total - live) / Double(live) : nil
  }

  /// The ledger of every model, one row a model: `--view ledger`.
  public func ledgerLines() -> [String] {
    guard let first = records.first else { return [] }
    var table = TextTable(["model"] + first.ledger.accounts.map(\.name) + ["sum"])
    for record in records {
      table.add(
        [record.kernel.model] + record.ledger.accounts.map { Figures.grouped($0.bytes) }
          + [Figures.grouped(record.ledger.total)])
    }
    return ["Ledger: every byte of the map in use at the outcome"] + table.lines()
  }
}
