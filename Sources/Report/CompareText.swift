// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import RunStore

/// The table that `nfschurn compare` prints: one row a model, in the order asked for.
public struct CompareText {
  private let records: [RunRecord]

  /// A table of these runs.
  public init(_ records: [RunRecord]) { self.records = records }

  /// The lines of the table, and how each model ended.
  public func lines() -> [String] {
    guard let first = records.first else { return [] }
    var table = TextTable([
      "model", "map", "used", "high water", "overhead/live", "largest free", "passes", "allocation calls",
      "virtual time",
      "outcome",
    ])
    for record in records {
      let calls = record.totals.mallocCalls + record.totals.zoneAllocs
      table.add([
        record.kernel.model, Figures.bytes(record.kernel.mapBytes), Figures.bytes(record.map.usedBytes),
        Figures.bytes(record.map.highWaterBytes),
        Self.overhead(record.ledger).map { Figures.fixed($0, 3) } ?? "undefined",
        Figures.bytes(record.map.largestFreeBytes), Figures.grouped(record.totals.passes), Figures.grouped(calls),
        Figures.duration(seconds: record.totals.virtualSeconds), record.panic?.outcome ?? "ok",
      ])
    }
    let endings = records.map { record in
      guard let panic = record.panic else { return "\(record.kernel.model): no panic" }
      return "\(record.kernel.model): \(panic.message) (pass \(Figures.grouped(panic.pass)))"
    }
    return ["\(first.workload.name), the same seed on every model"] + table.lines() + endings
  }

  /// Bytes of the map that are neither asked for nor large, per byte that is; nil where nothing is.
  static func overhead(_ ledger: LedgerReading) -> Double? {
    let live = ledger.live + ledger.large
    return live > 0 ? Double(ledger.total - live) / Double(live) : nil
  }
}

/// The document that `nfschurn compare --json` writes.
public struct CompareDocument: Encodable {
  private struct Row: Encodable {
    let record: RunRecord

    enum CodingKeys: String, CodingKey {
      case kernel, totals, map, ledger, panic, digest
      case overhead = "overhead_per_live_byte"
    }

    func encode(to encoder: any Encoder) throws {
      var container = encoder.container(keyedBy: CodingKeys.self)
      try container.encode(record.kernel, forKey: .kernel)
      try container.encode(record.totals, forKey: .totals)
      try container.encode(record.map, forKey: .map)
      try container.encode(record.ledger, forKey: .ledger)
      try container.encode(record.panic, forKey: .panic)
      try container.encode(record.digest, forKey: .digest)
      try container.encode(CompareText.overhead(record.ledger), forKey: .overhead)
    }
  }

  private let schemaVersion = 1
  private let command = "compare"
  private let seed: UInt64?
  private let workload: RunRecord.Workload?
  private let rows: [Row]

  enum CodingKeys: String, CodingKey {
    case schemaVersion = "schema_version"
    case command, seed, workload, rows
  }

  /// A document of these runs.
  public init(_ records: [RunRecord]) {
    seed = records.first?.seed
    workload = records.first?.workload
    rows = records.map(Row.init)
  }
}
