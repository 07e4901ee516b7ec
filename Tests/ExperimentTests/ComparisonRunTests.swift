// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import KernelMemory
import KernelModel
import RunStore
import Testing

@testable import Experiment

/// The quick form of the tests on a small map.
private func plan(_ change: (inout Workload) -> Void = { _ in }, limit: RunLimit = .passes(2)) -> RunPlan {
  var workload = Workload(name: "quick")
  workload.client.variant = .functional
  workload.mapBytes = 8 << 20
  workload.memoryBytes = 128 << 20
  workload.clock.pass = 15_000_000_000
  change(&workload)
  var plan = RunPlan(workload)
  plan.limit = limit
  return plan
}

private func compare(
  _ plan: RunPlan, _ models: [String], skipsRefusals: Bool = false, interruptedAfter passes: Int = .max
) throws -> ComparisonOutcome {
  var seen = 0
  return try ComparisonRun(plan, models: models, skipsRefusals: skipsRefusals).run(
    wallSeconds: { 0 }, isInterrupted: { seen >= passes }, progress: { _ in seen += 1 })
}

private func live(_ plan: RunPlan) throws -> RunRecord {
  try ExperimentRun(plan).run(wallSeconds: { 0 }, isInterrupted: { false }, progress: { _ in }).record
}

@Suite struct ComparisonRunTests {
  @Test(
    "The row of the workload's own model is the live run, call by call",
    arguments: ["freebsd-6", "freebsd-4", "linux-slub"])
  func theRowOfTheWorkloadsOwnModelIsTheLiveRun(model: String) throws {
    let plan = plan({
      $0.model = model
      $0.faults = [.leakZone(zone: "mbuf", every: 50), .losePerTime(pages: 1, every: 1_000_000_000)]
    })
    let alone = try live(plan)
    let row = try #require(try compare(plan, [model]).rows.first?.record)
    #expect(row.digest == alone.digest && row.map == alone.map && row.ledger == alone.ledger)
    #expect(row.totals.mallocCalls == alone.totals.mallocCalls && row.totals.zoneFrees == alone.totals.zoneFrees)
    #expect(row.totals.rpcs == alone.totals.rpcs && row.totals.nfsOps == alone.totals.nfsOps)
    #expect(row.totals.virtualSeconds == alone.totals.virtualSeconds)
    #expect(row.ledger.lost == 4096 * 30)
  }

  @Test func aPanicIsThatOfTheLiveRunAndTheModelsThatLiveGoOn() throws {
    let leaking = plan(
      {
        $0.mapBytes = 2 << 20
        $0.faults = [.leakZone(zone: "NAMEI", every: 2)]
      }, limit: .untilPanic(maximumPasses: 6))
    let alone = try live(leaking)
    let outcome = try compare(leaking, ["freebsd-4", "freebsd-6"])
    #expect(outcome.rows.map(\.record.kernel.model) == ["freebsd-4", "freebsd-6"], "rows stand in the order asked for")
    let (bucket, uma) = (outcome.rows[0], outcome.rows[1])
    #expect(bucket.record.panic == nil && bucket.record.totals.passes == 6)
    #expect(alone.panic != nil && uma.record.panic == alone.panic)
    #expect(uma.record.digest == alone.digest && uma.record.ledger == alone.ledger)
    #expect(outcome.trace.passes == 6 && outcome.trace.model == "freebsd-6")
    #expect(uma.samples.last?.clocks.passes == alone.totals.passes)
    #expect(bucket.samples.map(\.clocks.passes) == [1, 2, 3, 4, 5, 6])
  }

  @Test(
    "A model that reclaims or sleeps before it ends does so as in its live run", arguments: ["freebsd-7", "freebsd-9"])
  func aModelThatReclaimsOrSleepsBeforeItEndsDoesSoAsInItsLiveRun(model: String) throws {
    let leaking = plan(
      {
        $0.model = model
        $0.mapBytes = 2 << 20
        $0.faults = [.leakZone(zone: "NAMEI", every: 2)]
      }, limit: .untilPanic(maximumPasses: 20))
    let alone = try live(leaking)
    let row = try #require(try compare(leaking, [model]).rows.first?.record)
    #expect(alone.panic?.outcome == "panic" && row.panic == alone.panic)
    #expect(row.digest == alone.digest && row.ledger == alone.ledger)
  }

  @Test func theRunIsOverWhenEveryModelHasEnded() throws {
    let leaking = plan(
      {
        $0.mapBytes = 2 << 20
        $0.faults = [.leakZone(zone: "NAMEI", every: 2)]
      }, limit: .untilPanic(maximumPasses: 40))
    let outcome = try compare(leaking, ["freebsd-7", "freebsd-6"])
    #expect(outcome.rows.allSatisfy { $0.record.panic != nil } && !outcome.wasInterrupted)
    #expect(outcome.trace.passes < 10)
  }

  @Test func everyModelPlaysTheSameTraceAndExplainsEveryByte() throws {
    let models = AllocatorRegistry.all.map { $0.identifier }
    let outcome = try compare(plan(), models)
    #expect(outcome.rows.map(\.record.kernel.model) == models && outcome.leftOut.isEmpty)
    for row in outcome.rows {
      #expect(row.record.ledger.total == row.record.map.usedBytes, "\(row.record.kernel.model)")
      #expect(row.record.totals.rpcs == outcome.rows[0].record.totals.rpcs && row.record.panic == nil)
      #expect(!row.vmstat.malloc.isEmpty)
    }
    let again = try compare(plan(), ["freebsd-6"])
    #expect(again.trace == outcome.trace)
  }

  @Test func theTraceHasTheVnodeLimitOfTheWorkloadsKernelAndRoomThatItsMapDoesNotHave() throws {
    func limit(_ map: Int) throws -> Int {
      try compare(plan({ $0.mapBytes = map }, limit: .passes(1)), ["freebsd-4"]).trace.desiredVnodes
    }
    #expect(try limit(2 << 20) < limit(8 << 20), "two fifths of the map on freebsd-6")
    // A map that the live run of the recorded model does not survive: the trace goes on for the others.
    let tight = plan(
      {
        $0.mapBytes = 1 << 20
        $0.client.clients = 64
      }, limit: .passes(1))
    let outcome = try compare(tight, ["freebsd-6", "freebsd-4"])
    #expect(outcome.rows.map { $0.record.panic != nil } == [true, false] && outcome.trace.passes == 1)
    #expect(try outcome.rows[0].record.panic == live(tight).panic)
  }

  @Test func aModelThatIsNotBuiltForTheArchitectureIsRefusedOrLeftOutInOneLine() throws {
    let wide = plan({ $0.architecture = .amd64 }, limit: .passes(1))
    let outcome = try compare(wide, ["freebsd-4", "freebsd-6", "netbsd"], skipsRefusals: true)
    #expect(outcome.rows.map(\.record.kernel.model) == ["freebsd-6"])
    #expect(outcome.leftOut.map(\.model) == ["freebsd-4", "netbsd"])
    #expect(outcome.leftOut.first?.reason == "model freebsd-4 is not built for amd64: expected i386")
    do {
      _ = try compare(wide, ["freebsd-6", "freebsd-4"])
      Issue.record("freebsd-4 was built for amd64")
    } catch {
      #expect("\(error)".contains("model freebsd-4 is not built for amd64") && !"\(error)".contains("\n"))
    }
  }

  @Test func anInterruptedComparisonHasItsRowsAndSaysSo() throws {
    let outcome = try compare(plan(limit: .passes(10)), ["freebsd-6", "xnu"], interruptedAfter: 2)
    #expect(outcome.wasInterrupted && outcome.trace.passes == 2)
    #expect(outcome.rows.map(\.record.totals.passes) == [2, 2])
  }
}
