// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Foundation

/// `run --json` as a reader of the interface page would write it down: every field here must be there, in snake case.
struct RunDocument: Decodable {
  struct Workload: Decodable {
    let name: String
    let passes: UInt64?
  }

  struct Kernel: Decodable {
    let model: String
    let arch: String
    let mapBytes: Int
    let memoryBytes: Int
    let cpus: Int
  }

  struct Totals: Decodable {
    let passes: UInt64
    let rpcs: UInt64
    let nfsOps: [String: UInt64]
    let clientRpcs: [String: UInt64]
    let stateOps: UInt64
    let mallocCalls: UInt64
    let freeCalls: UInt64
    let zoneAllocs: UInt64
    let zoneFrees: UInt64
    let mallocCallsByType: [String: UInt64]
    let virtualSeconds: Double
    let wallSeconds: Double
  }

  struct Map: Decodable {
    let usedBytes: Int
    let highWaterBytes: Int
    let largestFreeBytes: Int
  }

  struct Ledger: Decodable {
    let live: Int
    let rounding: Int
    let slabFree: Int
    let cpuBuckets: Int
    let zoneBuckets: Int
    let slabOverhead: Int
    let bucketStructures: Int
    let large: Int
    let lost: Int

    var sum: Int {
      live + rounding + slabFree + cpuBuckets + zoneBuckets + slabOverhead + bucketStructures + large + lost
    }
  }

  struct Panic: Decodable {
    let message: String
    let pass: UInt64
    let call: UInt64
    let virtualSeconds: Double
    let requestBytes: Int
  }

  let schemaVersion: Int
  let command: String
  let seed: UInt64
  let digest: String
  let workload: Workload
  let kernel: Kernel
  let totals: Totals
  let map: Map
  let ledger: Ledger
  let panic: Panic?

  /// Keys that stand in the document even where they are null.
  static let requiredKeys: Set<String> = [
    "schema_version", "command", "seed", "digest", "workload", "kernel", "totals", "map", "ledger", "panic", "verdict",
  ]

  /// Reads the whole standard output as one document.
  init(_ execution: Execution) throws {
    let object = try? JSONSerialization.jsonObject(with: execution.outputBytes) as? [String: Any]
    guard let object else { throw execution.failure("expected one JSON document on standard output") }
    let missing = Self.requiredKeys.subtracting(object.keys).sorted()
    guard missing.isEmpty else { throw execution.failure("the document has no \(missing)") }
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    do { self = try decoder.decode(RunDocument.self, from: execution.outputBytes) } catch {
      throw execution.failure("the document is not what the interface says: \(error)")
    }
  }

  /// Runs a workload that has to end with this exit code, and reads its document.
  static func of(
    _ arguments: [String], expecting code: Int32 = 0, in scratch: ScratchDirectory
  ) throws -> RunDocument {
    let execution = try Execution.nfschurn(["run"] + arguments + ["--json", "-", "--no-progress"], in: scratch)
    guard execution.termination == .exited(code) else { throw execution.failure("expected exit \(code)") }
    guard execution.errors.isEmpty else { throw execution.failure("expected nothing on standard error") }
    return try RunDocument(execution)
  }
}
