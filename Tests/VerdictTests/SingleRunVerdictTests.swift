// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Foundation
import RunStore
import Testing

@testable import Verdict

/// Samples of a run whose map follows `bytes(pass)`; every clock grows in step with the passes.
func samples(_ passes: ClosedRange<UInt64>, bytes: (UInt64) -> Int) -> [Sample] {
  passes.map { pass in
    var clocks = ClockReadings()
    clocks.passes = pass
    clocks.virtualSeconds = Double(pass) * 15
    clocks.rpcs = pass * 7000
    clocks.mallocCalls = pass * 30_000
    clocks.freeCalls = pass * 30_000
    var map = MapReading()
    map.usedBytes = bytes(pass)
    return Sample(clocks: clocks, map: map, ledger: LedgerReading(), caches: [])
  }
}

@Suite struct SingleRunVerdictTests {
  @Test("A verdict reads what its view shows and nothing else", arguments: StatisticsView.allCases)
  func aVerdictReadsWhatItsViewShows(view: StatisticsView) {
    let run = samples(1...50) { Int($0) * 60_000 }.map { sample in
      var sample = sample
      sample.ledger.lost = 4096
      sample.caches = [
        CacheReading(kind: .malloc, name: "temp", inUse: 1, bytes: 100, free: 0, pages: 0, requests: 1),
        CacheReading(
          kind: .zone, name: "NAMEI", inUse: sample.clocks.passes, bytes: 0, free: 0, pages: sample.clocks.passes,
          requests: 1),
      ]
      return sample
    }
    let seen = view.restrict(run[0])
    #expect(seen.clocks == run[0].clocks && seen.map == run[0].map)
    #expect(seen.ledger == (view == .ledger ? run[0].ledger : LedgerReading()))
    #expect(seen.caches.map(\.name) == (view == .mti ? ["temp"] : ["temp", "NAMEI"]))
    let verdict = SingleRunVerdict.decide(run, view: view)
    #expect(verdict.view == view.rawValue && verdict.bytesPerCall == SingleRunVerdict.decide(run).bytesPerCall)
    let types = verdict.evidence.first { $0.statement.contains("malloc types hold") }
    let zones = verdict.evidence.first { $0.statement.contains("zones hold") }
    let typeGrowth: Double? = view == .ledger ? Double?.none : 0
    let zoneGrowth: Double? = view == .uma ? 45 * 4096 : Double?.none
    #expect(types?.figure == typeGrowth)
    #expect(zones?.figure == zoneGrowth, "passes 5 to 50, a page each")
  }

  @Test func aRunOfOneWorkloadLeavesTheQuestionOpenHoweverWellItFits() {
    let verdict = SingleRunVerdict.decide(samples(1...50) { Int($0) * 60_000 })
    #expect(verdict.tracksCalls == nil)
    #expect(verdict.governingClock == nil)
    #expect(verdict.cause == .inconclusive)
    #expect(
      verdict.evidence.contains {
        $0.statement.hasPrefix("correlation of map use with malloc_calls") && $0.figure > 0.999999
      })
  }

  @Test func bytesPerCallCountsMallocsAndFreesTogether() throws {
    let verdict = SingleRunVerdict.decide(samples(1...50) { Int($0) * 60_000 })
    #expect(abs(try #require(verdict.bytesPerCall) - 1) < 1e-9)
  }

  @Test func theWarmUpIsCutBeforeAnythingIsFitted() throws {
    // All growth is in the first tenth: behind it the map is flat and nothing correlates.
    let table = try #require(CorrelationTable(samples: samples(1...100) { $0 < 10 ? Int($0) * 1_000_000 : 10_000_000 }))
    #expect(table.firstPass == 10)
    #expect(table.growthBytes == 0)
    #expect(table.rows.allSatisfy { $0.correlation == nil })
  }

  @Test func clocksThatStandStillAreUndefined() throws {
    let table = try #require(CorrelationTable(samples: samples(1...20) { Int($0) * 4096 }))
    #expect(table.rows.first { $0.clock == .vnodeCreations }?.slope == nil)
    #expect(abs(try #require(table.weakestClockAgreement) - 1) < 1e-12)
  }

  @Test func fewerThanThreeSamplesGiveNoTable() {
    #expect(CorrelationTable(samples: samples(1...2) { Int($0) }) == nil)
    #expect(CorrelationTable(samples: []) == nil)
  }

  @Test func theJSONHasEveryFieldOfTheContract() throws {
    let verdict = SingleRunVerdict.decide(samples(1...50) { Int($0) * 60_000 })
    let object = try #require(
      JSONSerialization.jsonObject(with: JSONEncoder().encode(verdict)) as? [String: Any])
    #expect(
      Set(object.keys) == [
        "cause", "subject", "tracks_calls", "governing_clock", "bytes_per_call", "calls_to_exhaustion", "confidence",
        "view", "evidence", "alternatives",
      ])
    #expect(object["tracks_calls"] is NSNull)
    #expect(object["cause"] as? String == "inconclusive")
  }
}
