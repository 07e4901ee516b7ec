// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Foundation
import RunStore
import Testing

/// A directory that is removed at the end of a test.
func withTemporaryDirectory<R>(_ body: (String) throws -> R) throws -> R {
  let path = FileManager.default.temporaryDirectory.appendingPathComponent("nfschurn-\(UUID().uuidString)").path
  try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(atPath: path) }
  return try body(path)
}

func sampleRecord() -> RunRecord {
  var totals = RunRecord.Totals()
  totals.passes = 3
  totals.nfsOps = ["OPEN": 1188]
  return RunRecord(
    seed: 7, digest: "0123456789abcdef", transport: "memory", workload: .init(name: "w", passes: 3),
    kernel: .init(model: "freebsd-6", arch: "i386", mapBytes: 1 << 24, memoryBytes: 1 << 27, cpus: 1), totals: totals,
    map: MapReading(), ledger: LedgerReading(),
    panic: .init(
      message: "kmem_malloc(4096): kmem_map too small: 16777216 total allocated", outcome: "panic", pass: 3, call: 99,
      virtualSeconds: 45.5, requestBytes: 4096))
}

func sample(pass: UInt64) -> Sample {
  var clocks = ClockReadings()
  clocks.passes = pass
  clocks.virtualSeconds = Double(pass) * 15
  clocks.mallocCalls = pass * 1000
  clocks.vnodeCreations = .max
  var map = MapReading()
  map.usedBytes = Int(pass) * 4096
  var ledger = LedgerReading()
  ledger.live = Int(pass) * 4000
  ledger.slabOverhead = Int(pass) * 96
  let caches = [
    CacheReading(kind: .malloc, name: "NFSD V4state", inUse: 3, bytes: 384, free: 0, pages: 0, requests: pass * 10),
    CacheReading(kind: .zone, name: "NAMEI", inUse: pass, bytes: pass * 1024, free: 2, pages: 1, requests: pass),
  ]
  return Sample(clocks: clocks, map: map, ledger: ledger, caches: caches)
}

@Suite struct RunDirectoryTests {
  @Test func whatIsWrittenReadsBack() throws {
    try withTemporaryDirectory { base in
      let store = try RunDirectory.create(at: base + "/run")
      try store.write(record: sampleRecord(), samples: [sample(pass: 1), sample(pass: 2)])
      let reader = try RunDirectory.open(at: base + "/run")
      #expect(try reader.record() == sampleRecord())
      let samples = try reader.samples()
      #expect(samples.count == 2)
      var second = sample(pass: 2)
      second.clocks.vnodeCreations = UInt64(Int64.max)
      #expect(samples[1] == second)
    }
  }

  @Test func writingAgainReplacesWhatWasThere() throws {
    try withTemporaryDirectory { base in
      let store = try RunDirectory.create(at: base + "/run")
      try store.write(record: sampleRecord(), samples: [sample(pass: 1), sample(pass: 2)])
      try store.write(record: sampleRecord(), samples: [sample(pass: 5)])
      #expect(try store.samples().map(\.clocks.passes) == [5])
    }
  }

  @Test func aDirectoryThatHoldsSomethingIsRefused() throws {
    try withTemporaryDirectory { base in
      try "x".write(toFile: base + "/file", atomically: true, encoding: .utf8)
      #expect(throws: RunStoreError.self) { try RunDirectory.create(at: base) }
    }
  }

  @Test func aMissingAndABrokenDatabaseAreOneLineEach() throws {
    try withTemporaryDirectory { base in
      do {
        _ = try RunDirectory.open(at: base + "/none")
        Issue.record("opened a run directory that does not exist")
      } catch {
        #expect("\(error)".contains("/none") && !"\(error)".contains("\n"))
      }
      try "not a database, but long enough to be looked at as one".write(
        toFile: base + "/samples.sqlite", atomically: true, encoding: .utf8)
      do {
        _ = try RunDirectory.open(at: base).record()
        Issue.record("read a record from a file that is no database")
      } catch {
        #expect(!"\(error)".contains("\n"))
      }
    }
  }

  @Test func theDatabaseCanBeQueriedWithoutNfschurn() throws {
    try withTemporaryDirectory { base in
      let store = try RunDirectory.create(at: base + "/run")
      try store.write(record: sampleRecord(), samples: [sample(pass: 4)])
      let process = Process()
      process.executableURL = URL(fileURLWithPath: "/usr/bin/sqlite3")
      process.arguments = [
        base + "/run/samples.sqlite",
        "SELECT sample.passes, cache.in_use FROM sample JOIN cache ON cache.sample = sample.id WHERE name = 'NAMEI'",
      ]
      let pipe = Pipe()
      process.standardOutput = pipe
      try process.run()
      process.waitUntilExit()
      let text = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
      #expect(text == "4|4\n")
    }
  }

  @Test func theLedgerAddsUpItsAccounts() {
    #expect(sample(pass: 3).ledger.total == 3 * 4096)
    #expect(LedgerReading().accounts.map(\.name).count == 9)
  }
}
