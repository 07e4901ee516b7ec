// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Foundation
import Testing

/// A leak from a zone until the map is full, and the kernel on which it never is.
@Suite("Zone leak until the panic")
struct ExhaustionTests {
  let scratch: ScratchDirectory

  init() throws { scratch = try ScratchDirectory() }

  /// The repository's workload, with its own map or a smaller one.
  private static let workload = Installation.workload("macklem-zone-leak")

  /// What a run to the panic showed.
  private struct Exhaustion {
    let run: RunDocument
    /// Passes to the panic, the last one by the share of its allocation calls.
    let passes: Double
    /// Bytes of the map in use at the end of a pass, by pass.
    let used: [Int: Int]
  }

  private func exhaust(mapMiB: Int) throws -> Exhaustion {
    let directory = scratch.path("run-\(mapMiB)")
    let run = try RunDocument.of(
      [Self.workload, "--map", "\(mapMiB)MiB", "--until-panic", "--max-passes", "3000", "--out", directory],
      expecting: 3, in: scratch)
    let rows = try SampleTable.rows(in: directory, "passes, map_used, malloc_calls + zone_allocs", scratch)
    var used: [Int: Int] = [:]
    var calls: [Int: Int] = [:]
    for row in rows where used[row[0]] == nil { (used[row[0]], calls[row[0]]) = (row[1], row[2]) }
    let sampled = calls.sorted { $0.key < $1.key }
    guard let panic = run.panic, let last = sampled.last, let before = sampled.dropLast().last else {
      throw EndToEndFailure("no panic or no samples on a map of \(mapMiB) MiB")
    }
    let callsPerPass = Double(last.value - before.value) / Double(last.key - before.key)
    let passes = Double(last.key) + (Double(panic.call) - Double(last.value)) / callsPerPass
    return Exhaustion(run: run, passes: passes, used: used)
  }

  @Test("Passes to the panic are in proportion to the map that is free after the warm-up")
  func proportionality() throws {
    // Long runs keep the samples of every second, fourth, eighth ... pass.
    let warmUp = 8
    var passesPerByte: [Double] = []
    for mapMiB in [4, 8, 16] {
      let exhaustion = try exhaust(mapMiB: mapMiB)
      try expectFullMap(exhaustion.run, mapBytes: mapMiB << 20)
      let warm = try #require(exhaustion.used[warmUp])
      passesPerByte.append((exhaustion.passes - Double(warmUp)) / Double((mapMiB << 20) - warm))
    }
    let mean = passesPerByte.reduce(0, +) / Double(passesPerByte.count)
    for (index, ratio) in passesPerByte.enumerated() {
      #expect(abs(ratio / mean - 1) <= 0.02, "map \(1 << index) x: \(ratio) passes a byte, mean \(mean)")
    }
  }

  /// The kernel's words with the numbers of the run: the request, and what was allocated, nearly all of the map.
  private func expectFullMap(_ run: RunDocument, mapBytes: Int, _ location: SourceLocation = #_sourceLocation) throws {
    let panic = try #require(run.panic, sourceLocation: location)
    let words = /kmem_malloc\((\d+)\): kmem_map too small: (\d+) total allocated/
    let match = try #require(panic.message.wholeMatch(of: words), "\(panic.message)", sourceLocation: location)
    let allocated = try #require(Int(match.2))
    #expect(run.kernel.mapBytes == mapBytes, sourceLocation: location)
    #expect(Int(match.1) == panic.requestBytes, sourceLocation: location)
    #expect(allocated <= mapBytes, sourceLocation: location)
    #expect(Double(allocated) >= 0.97 * Double(mapBytes), "\(panic.message)", sourceLocation: location)
    #expect(allocated == run.map.usedBytes, sourceLocation: location)
    #expect(run.ledger.sum == run.map.usedBytes, sourceLocation: location)
    #expect(panic.pass == run.totals.passes + 1, sourceLocation: location)
  }

  @Test("The repository's workload panics on freebsd-6 in the words of the report, and not on freebsd-4")
  func modelsDiffer() throws {
    let file = scratch.path("panic.json")
    let text = try Execution.nfschurn(["run", Self.workload, "--until-panic", "--json", file], in: scratch)
    #expect(text.termination == .exited(3), "\(text.errors)")
    #expect(text.errors == "")
    let document = try Execution.successful("/bin/cat", [file], in: scratch)
    let panicked = try RunDocument(document)
    try expectFullMap(panicked, mapBytes: 16 << 20)
    let panic = try #require(panicked.panic)
    #expect(text.outputLines.filter { $0.hasPrefix("panic") } == ["panic: \(panic.message)"])
    #expect(panic.message.hasPrefix("kmem_malloc(4096): "), "\(panic.message)")
    #expect(panic.requestBytes == 4096)

    let other = try RunDocument.of(
      [
        Self.workload, "--model", "freebsd-4", "--until-panic", "--max-passes", "\(4 * panic.pass)", "--out",
        scratch.path("freebsd-4"),
      ], in: scratch)
    #expect(other.kernel.model == "freebsd-4")
    #expect(other.panic == nil)
    #expect(other.totals.passes == 4 * panic.pass)
    #expect(other.map.highWaterBytes < 16 << 20)
    // The leak is there on that kernel, too; the buffers are only not in its kernel map.
    let leaked = try SampleTable.lastCache("NAMEI", "bytes", in: scratch.path("freebsd-4"), scratch)
    #expect(leaked > 3 * 16 << 20)
  }

  @Test("A run of a fixed number of passes ends with exit 3 when the kernel panics before")
  func panicWithinPasses() throws {
    let run = try RunDocument.of(
      [
        Installation.workload("connectathon-basic"), "--map", "12MiB", "--passes", "40", "--fault",
        "leak: {zone: NAMEI, every: 1}",
      ], expecting: 3, in: scratch)
    #expect(run.panic != nil)
    #expect(run.totals.passes < 40)
  }
}

/// Reads the samples of a run directory with the sqlite3 program.
enum SampleTable {
  /// A column of a malloc type or zone at the end.
  static func lastCache(_ name: String, _ column: String, in directory: String, _ scratch: ScratchDirectory) throws
    -> Int
  {
    let sqlite = try Installation.tool("sqlite3", package: "sqlite3")
    let query = "SELECT \(column) FROM cache WHERE name = '\(name)' ORDER BY sample DESC LIMIT 1"
    let done = try Execution.successful(sqlite, ["-readonly", "\(directory)/samples.sqlite", query], in: scratch)
    guard let value = Int(done.output.dropLast()) else { throw EndToEndFailure("no \(name) in \(directory)") }
    return value
  }

  /// Whole numbers of columns of the table of samples, in order.
  static func rows(in directory: String, _ columns: String, _ scratch: ScratchDirectory) throws -> [[Int]] {
    let sqlite = try Installation.tool("sqlite3", package: "sqlite3")
    let done = try Execution.successful(
      sqlite, ["-readonly", "\(directory)/samples.sqlite", "SELECT \(columns) FROM sample ORDER BY id"], in: scratch)
    return try done.outputLines.map { line in
      try line.split(separator: "|").map { text in
        guard let value = Int(text) else { throw EndToEndFailure("no number in '\(line)' of \(directory)") }
        return value
      }
    }
  }
}
