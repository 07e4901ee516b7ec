// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import RunStore

/// The document that `nfschurn compare --json` writes.
public struct CompareDocument: Encodable {
  /// A model that was left out, and why.
  public struct Refusal: Encodable, Equatable, Sendable {
    let model: String
    let reason: String

    /// Puts the entry together.
    public init(model: String, reason: String) {
      self.model = model
      self.reason = reason
    }
  }

  private struct Row: Encodable {
    let record: RunRecord

    enum CodingKeys: String, CodingKey {
      case kernel, totals, map, ledger, outcome, panic, digest
      case overhead = "overhead_per_live_byte"
      case calls = "calls_to_outcome"
    }

    func encode(to encoder: any Encoder) throws {
      var container = encoder.container(keyedBy: CodingKeys.self)
      try container.encode(record.kernel, forKey: .kernel)
      try container.encode(record.totals, forKey: .totals)
      try container.encode(record.map, forKey: .map)
      try container.encode(record.ledger, forKey: .ledger)
      try container.encode(CompareText.overhead(record.ledger), forKey: .overhead)
      try container.encode(CompareText.outcome(record), forKey: .outcome)
      try container.encode(CompareText.calls(record), forKey: .calls)
      try container.encode(record.panic, forKey: .panic)
      try container.encode(record.digest, forKey: .digest)
    }
  }

  private let schemaVersion = 1
  private let command = "compare"
  private let seed: UInt64
  private let workload: RunRecord.Workload
  private let view: String
  private let trace: RecordedTrace
  private let rows: [Row]
  private let leftOut: [Refusal]

  enum CodingKeys: String, CodingKey {
    case schemaVersion = "schema_version"
    case command, seed, workload, view, trace, rows
    case leftOut = "left_out"
  }

  /// A document of these models, which all played this trace.
  public init(
    _ records: [RunRecord], seed: UInt64, workload: RunRecord.Workload, view: String, trace: RecordedTrace,
    leftOut: [Refusal]
  ) {
    self.seed = seed
    self.workload = workload
    self.view = view
    self.trace = trace
    self.leftOut = leftOut
    rows = records.map(Row.init)
  }
}
