// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Foundation
import RunStore
import Verdict

/// The document that `nfschurn run --json` writes.
public struct RunDocument: Encodable {
  /// What was measured.
  public let record: RunRecord
  /// What follows from it.
  public let verdict: VerdictReport

  /// Puts a document together.
  public init(record: RunRecord, verdict: VerdictReport) {
    self.record = record
    self.verdict = verdict
  }

  enum CodingKeys: String, CodingKey {
    case schemaVersion = "schema_version"
    case command, seed, digest, transport, workload, kernel, totals, map, ledger, panic, verdict
  }

  /// Writes every field of the contract; a run without a panic has `"panic": null`.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(1, forKey: .schemaVersion)
    try container.encode("run", forKey: .command)
    try container.encode(record.seed, forKey: .seed)
    try container.encode(record.digest, forKey: .digest)
    try container.encode(record.transport, forKey: .transport)
    try container.encode(record.workload, forKey: .workload)
    try container.encode(record.kernel, forKey: .kernel)
    try container.encode(record.totals, forKey: .totals)
    try container.encode(record.map, forKey: .map)
    try container.encode(record.ledger, forKey: .ledger)
    try container.encode(record.panic, forKey: .panic)
    try container.encode(verdict, forKey: .verdict)
  }

  /// The document as text, keys sorted, with a line feed at the end.
  public func json() throws -> String { try JSONText.encode(self) }
}

/// JSON as every command writes it.
public enum JSONText {
  /// Encodes a value: keys sorted, full doubles, slashes as they are.
  public static func encode(_ value: some Encodable) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(value), as: UTF8.self) + "\n"
  }
}
