// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Foundation
import Testing

/// What a run leaves behind, also when it is interrupted.
@Suite("Run directory and interruption")
struct RunDirectoryTests {
  let scratch: ScratchDirectory

  init() throws { scratch = try ScratchDirectory() }

  @Test("--out leaves a database with a row for every pass, which agrees with the document")
  func samples() throws {
    let directory = scratch.path("runs/first")
    let run = try RunDocument.of(
      [Installation.workload("macklem-zone-leak"), "--passes", "7", "--out", directory], in: scratch)
    let rows = try SampleTable.rows(
      in: directory, "passes, rpcs, malloc_calls, free_calls, zone_allocs, zone_frees, map_used, map_high_water",
      scratch)
    #expect(rows.map { $0[0] } == Array(1...7))
    for (before, after) in zip(rows, rows.dropFirst()) {
      for column in 1..<6 { #expect(after[column] > before[column], "column \(column)") }
    }
    #expect((rows.last?[6]).map { $0 <= run.map.highWaterBytes } == true)
    #expect((rows.last?[2]).map { $0 <= Int(run.totals.mallocCalls) } == true)
    // The ledger of every sample explains every byte.
    let ledgers = try SampleTable.rows(
      in: directory,
      """
      map_used - (live + rounding + slab_free + cpu_buckets + zone_buckets + slab_overhead + bucket_structures + large + lost)
      """, scratch)
    #expect(ledgers.count == rows.count)
    #expect(ledgers.allSatisfy { $0 == [0] })
    // Every sample has its malloc types and zones.
    let sqlite = try Installation.tool("sqlite3", package: "sqlite3")
    let query = "SELECT count(DISTINCT sample), sum(name = 'NFSD V4state'), sum(name = 'NAMEI') FROM cache"
    let caches = try Execution.successful(sqlite, ["-readonly", "\(directory)/samples.sqlite", query], in: scratch)
    #expect(caches.output == "\(rows.count)|\(rows.count)|\(rows.count)\n")
  }

  @Test("--sample-every takes fewer samples and the last one")
  func stride() throws {
    let directory = scratch.path("strided")
    _ = try RunDocument.of(
      [Installation.workload("connectathon-basic"), "--passes", "10", "--sample-every", "4", "--out", directory],
      in: scratch)
    let passes = try SampleTable.rows(in: directory, "passes", scratch).map { $0[0] }
    #expect(passes == [1, 4, 8, 10])
  }

  @Test("A second run into the same directory is refused and changes nothing")
  func secondRun() throws {
    let directory = scratch.path("run")
    let arguments = ["run", Installation.workload("connectathon-basic"), "--passes", "1", "--out", directory]
    #expect(try Execution.nfschurn(arguments, in: scratch).termination == .exited(0))
    let before = try Data(contentsOf: URL(fileURLWithPath: "\(directory)/samples.sqlite"))
    let second = try Execution.nfschurn(arguments, in: scratch)
    #expect(second.termination == .exited(2))
    #expect(second.output == "")
    #expect(second.errorLines.count == 1)
    #expect(second.errors.contains(directory))
    #expect(try Data(contentsOf: URL(fileURLWithPath: "\(directory)/samples.sqlite")) == before)
  }

  @Test("The same run twice writes the same samples")
  func reproducible() throws {
    let dumps = try ["one", "two"].map { name in
      let directory = scratch.path(name)
      _ = try RunDocument.of(
        [Installation.workload("macklem-malloc-leak"), "--passes", "3", "--cpus", "2", "--out", directory], in: scratch)
      let sqlite = try Installation.tool("sqlite3", package: "sqlite3")
      let query = "SELECT * FROM sample; SELECT * FROM cache"
      return try Execution.successful(sqlite, ["-readonly", "\(directory)/samples.sqlite", query], in: scratch).output
    }
    #expect(dumps[0] == dumps[1])
    #expect(!dumps[0].isEmpty)
  }

  @Test(
    "A signal in a long run ends it between two passes, with the report, the samples and exit 130",
    arguments: [SIGINT, SIGTERM])
  func interruption(signal: Int32) throws {
    let directory = scratch.path("interrupted")
    let file = scratch.path("interrupted.json")
    let child = try ChildProcess(
      Installation.binary,
      [
        "run", Installation.workload("connectathon-basic"), "--passes", "100000000", "--out", directory, "--json", file,
      ], outputsIn: scratch)
    try child.waitUntil("half a second of work with the signal caught") {
      try ProcessFigures.catches(signal, child.pid) && ProcessFigures.processorSeconds(child.pid) >= 0.5
    }
    child.send(signal)
    #expect(try child.wait() == .exited(130))
    #expect(child.errors == "")
    let lines = child.output.split(separator: "\n")
    #expect(lines.first == "seed 1")
    #expect(lines.last == "seed 1")
    #expect(lines.contains { $0.hasPrefix("Ledger") })
    let run = try RunDocument(try Execution.successful("/bin/cat", [file], in: scratch))
    #expect(run.panic == nil)
    #expect(run.ledger.sum == run.map.usedBytes)
    #expect(run.totals.passes < 100_000_000)
    // Whole passes: what a pass sends is sent as often as there were passes.
    #expect(run.totals.nfsOps["OPEN", default: 0] == 396 * run.totals.passes)
    let rows = try SampleTable.rows(in: directory, "passes", scratch)
    #expect(rows.last.map { $0[0] } == Int(run.totals.passes))
  }
}

/// What /proc says of a process.
enum ProcessFigures {
  private static func text(_ path: String) throws -> String {
    guard let data = FileManager.default.contents(atPath: path) else { throw EndToEndFailure("cannot read \(path)") }
    return String(decoding: data, as: UTF8.self)
  }

  /// True where the process has a handler for the signal.
  static func catches(_ signal: Int32, _ pid: pid_t) throws -> Bool {
    let line = try text("/proc/\(pid)/status").split(separator: "\n").first { $0.hasPrefix("SigCgt:") }
    guard let mask = line.flatMap({ UInt64($0.dropFirst(7).trimmingCharacters(in: .whitespaces), radix: 16) }) else {
      throw EndToEndFailure("no signal mask of process \(pid)")
    }
    return mask >> UInt64(signal - 1) & 1 == 1
  }

  /// Processor time in user mode so far: field 14 of /proc/PID/stat, in hundredths.
  static func processorSeconds(_ pid: pid_t) throws -> Double {
    // The name of the program stands in parentheses and may hold blanks.
    let fields = try text("/proc/\(pid)/stat").split(separator: ")").last?.split(separator: " ") ?? []
    guard fields.count > 11, let ticks = Double(fields[11]) else { throw EndToEndFailure("no times of process \(pid)") }
    return ticks / Double(sysconf(Int32(_SC_CLK_TCK)))
  }
}
