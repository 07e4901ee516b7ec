// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import KernelMemory
import KernelModel
import NFS4Server
import RunStore

/// One model of a comparison with what was measured of it.
struct ComparisonRow {
  let player: EventPlayer
  /// The workload with the model's name in place of its own.
  let workload: Workload
  var series: SampleSeries
  /// Operations of the server up to the last pass that the model lived through.
  var counters = ServerCounters()
  var vnodeCreations: UInt64 = 0

  init(player: EventPlayer, workload: Workload, sampleEvery: UInt64) {
    self.player = player
    self.workload = workload
    series = SampleSeries(every: sampleEvery)
  }

  /// The moment as a sample; operations are those of the passes that the model lived through.
  var sample: Sample {
    var heap = player.heap.counters
    heap.vnodeCreations = vnodeCreations
    var clocks = Sampler.clocks(passes: player.passes, nanoseconds: player.now, counters: counters, heap: heap)
    clocks.rpcs = player.rpcs
    return Sampler.sample(of: player.heap.allocator, clocks: clocks)
  }
}

/// The models of a comparison, in the order of the rows.
final class ComparisonPlayers {
  private(set) var rows: [ComparisonRow]

  init(_ rows: [ComparisonRow]) { self.rows = rows }

  /// True once no model is left to play on.
  var allEnded: Bool { rows.allSatisfy { $0.player.failure != nil } }

  /// Plays a slice on every model that lives.
  func play(_ events: UnsafeBufferPointer<HeapEvent>, _ typeNames: [String]) {
    for row in rows { row.player.play(events, typeNames: typeNames) }
  }

  /// A pass was played to its end: samples every model that lived through it.
  func finishPass(_ counters: ServerCounters, vnodeCreations: UInt64) {
    for index in rows.indices where rows[index].player.failure == nil {
      rows[index].counters = counters
      rows[index].vnodeCreations = vnodeCreations
      let passes = rows[index].player.passes
      if rows[index].series.wants(pass: passes) { rows[index].series.add(rows[index].sample) }
    }
  }

  /// Progress of the comparison: the map is that of the model that has used most of its own and lives.
  func progress(_ recorded: RunProgress) -> RunProgress {
    func share(_ row: ComparisonRow) -> Double {
      let allocator = row.player.heap.allocator
      return Double(allocator.mapUsedBytes) / Double(max(allocator.mapCapacityBytes, 1))
    }
    let living = rows.filter { $0.player.failure == nil }
    guard let fullest = living.max(by: { share($0) < share($1) })?.player.heap.allocator else { return recorded }
    return RunProgress(
      passes: recorded.passes, virtualNanoseconds: recorded.virtualNanoseconds, mallocCalls: recorded.mallocCalls,
      mapUsedBytes: fullest.mapUsedBytes, mapCapacityBytes: fullest.mapCapacityBytes, fraction: recorded.fraction)
  }

  func outcome(
    _ plan: RunPlan, trace: RecordedTrace, wallSeconds: Double, interrupted: Bool,
    leftOut: [ComparisonRun.Refusal]
  ) -> ComparisonOutcome {
    for index in rows.indices { rows[index].series.finish(rows[index].sample) }
    return ComparisonOutcome(
      rows: rows.map { row in
        let allocator = row.player.heap.allocator
        return ComparisonOutcome.Row(
          record: record(row, plan, wallSeconds), samples: row.series.samples,
          vmstat: (allocator.vmstatM(), allocator.vmstatZ()))
      }, trace: trace, leftOut: leftOut, wasInterrupted: interrupted)
  }

  private func record(_ row: ComparisonRow, _ plan: RunPlan, _ wallSeconds: Double) -> RunRecord {
    let player = row.player
    let allocator = player.heap.allocator
    var totals = RunRecord.Totals(passes: player.passes, counters: row.counters, heap: player.heap)
    totals.rpcs = player.rpcs
    totals.virtualSeconds = Double(player.now) / 1e9
    totals.wallSeconds = wallSeconds
    return RunRecord(
      seed: plan.seed, digest: player.heap.digest.hexadecimal, transport: "replay",
      workload: .init(name: plan.workload.name, passes: plan.limit.passes),
      kernel: RunRecord.Kernel(row.workload, allocator), totals: totals, map: Sampler.map(allocator),
      ledger: Sampler.ledger(allocator.ledger()),
      panic: player.failure.map { failure in
        RunRecord.Panic(
          failure, pass: player.passes + 1, counters: player.heap.counters, nanoseconds: player.now)
      })
  }
}
