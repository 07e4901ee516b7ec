// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Foundation
import RunStore
import Testing
import Verdict

@testable import Report

private func record(used: Int, ledger: Int, panic: RunRecord.Panic? = nil) -> RunRecord {
  var map = MapReading()
  map.usedBytes = used
  map.highWaterBytes = used
  var accounts = LedgerReading()
  accounts.live = ledger
  return RunRecord(
    seed: 3, digest: "00000000000000ff", transport: "memory", workload: .init(name: "w", passes: nil),
    kernel: .init(model: "freebsd-6", arch: "i386", mapBytes: 1 << 24, memoryBytes: 1 << 27, cpus: 1),
    totals: .init(), map: map, ledger: accounts, panic: panic)
}

private func samples(_ count: UInt64) -> [Sample] {
  (1...count).map { pass in
    var clocks = ClockReadings()
    clocks.passes = pass
    clocks.mallocCalls = pass * 30
    clocks.virtualSeconds = Double(pass)
    var map = MapReading()
    map.usedBytes = Int(pass) * 4096
    return Sample(clocks: clocks, map: map, ledger: LedgerReading(), caches: [])
  }
}

@Suite struct ReportTests {
  @Test func figuresAreGroupedAndRounded() {
    #expect(Figures.grouped(0) == "0")
    #expect(Figures.grouped(999) == "999")
    #expect(Figures.grouped(1_234_567) == "1,234,567")
    #expect(Figures.grouped(-1000) == "-1,000")
    #expect(Figures.fixed(0.99996, 4) == "1.0000")
    #expect(Figures.fixed(-0.5, 0) == "-1")
    #expect(Figures.fixed(2.345, 1) == "2.3")
    #expect(Figures.significant(0.0000446895) == "4.469e-5")
    #expect(Figures.significant(0.0064348) == "0.0064348")
    #expect(Figures.significant(-1920.4) == "-1920")
    #expect(Figures.bytes(1023) == "1023 B")
    #expect(Figures.bytes(16 << 20) == "16.0 MiB")
    #expect(Figures.duration(seconds: 14 * 86_400) == "14 d 0 h")
    #expect(Figures.duration(seconds: 61) == "1 min 1 s")
  }

  @Test func theComparisonHasARowForEachModelInTheOrderGivenAndSaysHowEachEnded() throws {
    let panic = RunRecord.Panic(
      message: "kmem_malloc(4096): kmem_map too small: 1 total allocated", outcome: "panic", pass: 7, call: 1,
      virtualSeconds: 90, requestBytes: 4096)
    var first = record(used: 5, ledger: 5, panic: panic)
    (first.totals.mallocCalls, first.totals.freeCalls) = (1000, 200)
    (first.totals.zoneAllocs, first.totals.zoneFrees) = (30, 4)
    var second = record(used: 5, ledger: 5)
    second.kernel.model = "freebsd-4"
    let trace = RecordedTrace(
      model: "freebsd-9", desiredVnodes: 4321, events: 5000, calls: 2468, passes: 9, virtualSeconds: 135,
      digest: "00000000000000aa")
    let lines = CompareText([first, second], trace: trace).lines()
    #expect(lines[0].contains("5,000 events") && lines[0].contains("2,468") && lines[0].contains("00000000000000aa"))
    #expect(lines[1].contains("freebsd-9") && lines[1].contains("4,321 vnodes"))
    #expect(lines[3].contains("freebsd-6") && lines[3].hasSuffix("panic             1,234"))
    #expect(lines[4].contains("freebsd-4") && lines[4].hasSuffix("ok                 0"))
    #expect(
      lines[5...] == [
        "freebsd-6: kmem_malloc(4096): kmem_map too small: 1 total allocated (pass 7, 1 min 30 s)"
      ])
    let document = CompareDocument(
      [first, second], seed: 3, workload: .init(name: "w", passes: nil), view: "uma", trace: trace,
      leftOut: [.init(model: "netbsd", reason: "no")])
    let object = try #require(
      JSONSerialization.jsonObject(with: Data(try JSONText.encode(document).utf8)) as? [String: Any])
    let rows = try #require(object["rows"] as? [[String: Any]])
    #expect(rows.map { $0["outcome"] as? String } == ["panic", "ok"])
    #expect(rows.map { $0["calls_to_outcome"] as? Int } == [1234, 0])
    #expect(rows[1]["panic"] is NSNull && (rows[0]["panic"] as? [String: Any])?["pass"] as? Int == 7)
    #expect((object["trace"] as? [String: Any])?["digest"] as? String == "00000000000000aa")
    #expect(object["command"] as? String == "compare" && object["view"] as? String == "uma")
    #expect((object["left_out"] as? [[String: String]])?.first == ["model": "netbsd", "reason": "no"])
  }

  @Test func theLedgerOfAComparisonHasEveryAccountOfEveryModel() {
    var one = record(used: 12, ledger: 5)
    one.ledger.lost = 7
    let trace = RecordedTrace(
      model: "freebsd-6", desiredVnodes: 1, events: 1, calls: 1, passes: 1, virtualSeconds: 1, digest: "")
    let lines = CompareText([one], trace: trace).ledgerLines()
    #expect(lines[1].split(separator: " ").map(String.init) == ["model"] + one.ledger.accounts.map(\.name) + ["sum"])
    #expect(lines[2].split(separator: " ") == ["freebsd-6", "5", "0", "0", "0", "0", "0", "0", "0", "7", "12"])
  }

  @Test func aNarrowerViewShowsItsOwnStatisticsInPlaceOfTheLedger() {
    func text(_ view: StatisticsView) -> String {
      RunText(
        record: record(used: 5, ledger: 5), samples: samples(3), view: view, vmstat: ("MALLOC TYPES\n", "ZONES\n")
      ).lines().joined(separator: "\n")
    }
    #expect(text(.mti).contains("MALLOC TYPES") && !text(.mti).contains("ZONES"))
    #expect(text(.uma).contains("MALLOC TYPES\n\nZONES"))
    #expect(!text(.mti).contains("slab_overhead") && !text(.uma).contains("slab_overhead"))
    #expect(text(.ledger).contains("slab_overhead") && !text(.ledger).contains("ZONES"))
  }

  @Test func theReportSaysThatOneWorkloadCannotTellTheClocksApart() {
    let text = RunText(record: record(used: 5, ledger: 5), samples: samples(30), vmstat: ("", "")).lines().joined(
      separator: "\n")
    #expect(text.contains("this run cannot tell which of them the map follows"))
    #expect(text.contains("The sum equals the used bytes of the map."))
    #expect(text.contains("No panic."))
  }

  @Test func aLedgerThatDoesNotAddUpIsSaidAloud() {
    let text = RunText(record: record(used: 6, ledger: 5), samples: samples(3), vmstat: ("", "")).lines().joined(
      separator: "\n")
    #expect(text.contains("THE SUM DIFFERS"))
  }

  @Test func aPanicIsPrintedInTheKernelsWords() {
    let panic = RunRecord.Panic(
      message: "kmem_malloc(4096): kmem_map too small: 16777216 total allocated", outcome: "panic", pass: 7,
      call: 12_345,
      virtualSeconds: 90, requestBytes: 4096)
    let text = RunText(record: record(used: 5, ledger: 5, panic: panic), samples: samples(3), vmstat: ("", "")).lines()
    #expect(text.contains("panic: kmem_malloc(4096): kmem_map too small: 16777216 total allocated"))
    #expect(text.last?.contains("in pass 7, after 12,345 allocation calls") == true)
  }

  @Test func theTableOfPassesShowsTheFirstAndTheLast() {
    let lines = RunText(record: record(used: 5, ledger: 5), samples: samples(500), vmstat: ("", "")).lines()
    #expect(lines.contains { $0.trimmingCharacters(in: .whitespaces).hasPrefix("1  ") })
    #expect(lines.contains { $0.trimmingCharacters(in: .whitespaces).hasPrefix("500  ") })
    #expect(lines.count < 60)
  }

  @Test func theDocumentHasEveryFieldOfTheContract() throws {
    let document = RunDocument(record: record(used: 5, ledger: 5), verdict: SingleRunVerdict.decide(samples(30)))
    let object = try #require(
      JSONSerialization.jsonObject(with: Data(try document.json().utf8)) as? [String: Any])
    #expect(object["schema_version"] as? Int == 1)
    #expect(object["command"] as? String == "run")
    #expect(object["panic"] is NSNull)
    for key in ["seed", "digest", "workload", "kernel", "totals", "map", "ledger", "verdict"] {
      #expect(object[key] != nil)
    }
    let ledger = try #require(object["ledger"] as? [String: Any])
    #expect(
      Set(ledger.keys) == [
        "live", "rounding", "slab_free", "cpu_buckets", "zone_buckets", "slab_overhead", "bucket_structures", "large",
        "lost",
      ])
  }
}
