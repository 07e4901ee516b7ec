// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import KernelMemory
import KernelModel
import RunStore
import Testing

@testable import Experiment

/// The same load on i386 and amd64, on every model.
@Suite struct ArchitectureTests {
  /// Models that exist on i386 alone here: FreeBSD 4 and the DragonFly of 2005 never ran on amd64, and netbsd is the one of i386.
  private static let only32 = ["freebsd-4", "netbsd", "dragonfly"]
  private static let identifiers = AllocatorRegistry.all.map { $0.identifier }

  private func run(_ model: String, _ architecture: Architecture) throws -> RunOutcome {
    var workload = Workload(name: "quick")
    workload.client.variant = .functional
    workload.model = model
    workload.architecture = architecture
    workload.mapBytes = 8 << 20
    workload.memoryBytes = 128 << 20
    var plan = RunPlan(workload)
    plan.limit = .passes(1)
    plan.transport = .memory
    return try ExperimentRun(plan).run(wallSeconds: { 0 }, isInterrupted: { false }, progress: { _ in })
  }

  @Test(
    "Both architectures serve the same calls; addresses differ, and a run repeats on either",
    arguments: identifiers.filter { !only32.contains($0) })
  func bothArchitecturesServeTheSameCalls(model: String) throws {
    let small = try run(model, .i386).record
    let large = try run(model, .amd64).record
    #expect(small.panic == nil && large.panic == nil && small.totals.rpcs == large.totals.rpcs)
    #expect(small.totals.nfsOps == large.totals.nfsOps && small.totals.stateOps == large.totals.stateOps)
    #expect(small.totals.mallocCallsByType == large.totals.mallocCallsByType)
    #expect(small.digest != large.digest, "structures are larger, or pages come from the direct map")
    #expect(try run(model, .amd64).record.digest == large.digest)
    #expect(large.ledger.total == large.map.usedBytes)
  }

  @Test(
    "On amd64 single-page slabs of UMA bypass kmem_map",
    arguments: ["freebsd-5.4", "freebsd-6", "freebsd-7", "freebsd-9"])
  func singlePageSlabsBypassTheMap(model: String) throws {
    let small = try run(model, .i386).record.map.usedBytes
    let large = try run(model, .amd64).record.map.usedBytes
    #expect(large < small / 2, "\(large) of \(small) bytes")
  }

  @Test("A model without amd64 says so in one line", arguments: only32)
  func aModelWithoutAmd64SaysSo(model: String) throws {
    let error = #expect(throws: WorkloadError.self) { try run(model, .amd64) }
    #expect(
      error.map { "\($0)" } == "quick: 'kernel.arch': model \(model) is not built for amd64: expected i386")
  }
}
