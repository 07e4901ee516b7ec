// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Connectathon
import KernelMemory
import KernelModel
import RunStore
import Testing

@testable import Experiment

/// The quick form of the tests on a small map: about a thousand RPCs a pass.
private func plan(
  _ change: (inout Workload) -> Void = { _ in }, passes: UInt64 = 2, transport: RunTransport = .memory, seed: UInt64 = 1
) -> RunPlan {
  var workload = Workload(name: "quick")
  workload.client.variant = .functional
  workload.mapBytes = 8 << 20
  workload.memoryBytes = 128 << 20
  workload.clock.pass = 15_000_000_000
  change(&workload)
  var plan = RunPlan(workload)
  plan.limit = .passes(passes)
  plan.transport = transport
  plan.seed = seed
  return plan
}

private func run(_ plan: RunPlan, interruptedAfter passes: Int = .max) throws -> RunOutcome {
  var seen = 0
  return try ExperimentRun(plan).run(
    wallSeconds: { 0 }, isInterrupted: { seen >= passes }, progress: { _ in seen += 1 })
}

@Suite struct ExperimentRunTests {
  @Test(arguments: Workload.Client.Flavour.allCases)
  func aFunctionalPassMakesTheExactCountsOfTheReference(flavour: Workload.Client.Flavour) throws {
    let one = try run(plan({ $0.client.flavour = flavour }, passes: 1)).record.totals
    let two = try run(plan({ $0.client.flavour = flavour }, passes: 2)).record.totals
    func perPass(_ name: String) -> UInt64 { (two.nfsOps[name] ?? 0) - (one.nfsOps[name] ?? 0) }
    #expect(perPass("OPEN") == 229 && perPass("CLOSE") == 229)
    #expect(perPass("REMOVE") == 262 && perPass("CREATE") == 25)
    #expect(perPass("RENAME") == 10 && perPass("LINK") == 10)
    #expect(perPass("WRITE") == 32 && perPass("COMMIT") == 1)
    let state = (two.mallocCallsByType["NFSD V4state"] ?? 0) - (one.mallocCallsByType["NFSD V4state"] ?? 0)
    #expect(state == 3 * 229)
  }

  @Test(arguments: Workload.Client.Flavour.allCases)
  func memoryAndTCPMakeTheSameAllocatorEvents(flavour: Workload.Client.Flavour) throws {
    let memory = try run(plan({ $0.client.flavour = flavour }, passes: 1)).record
    let tcp = try run(plan({ $0.client.flavour = flavour }, passes: 1, transport: .tcp)).record
    #expect(memory.digest == tcp.digest)
    #expect(memory.totals.rpcs == tcp.totals.rpcs && memory.ledger == tcp.ledger)
    #expect(memory.transport == "memory" && tcp.transport == "tcp")
  }

  @Test func theSeedDecidesWhatIsDrawn() throws {
    func digest(_ seed: UInt64) throws -> String { try run(plan({ $0.cpus = 2 }, passes: 1, seed: seed)).record.digest }
    #expect(try digest(1) == digest(1))
    #expect(try digest(1) != digest(2))
  }

  @Test(arguments: AllocatorRegistry.all.map { $0.identifier }) func theLedgerExplainsEveryByteAtEverySample(
    model: String
  ) throws {
    let outcome = try run(plan({ $0.model = model }, passes: 4))
    #expect(outcome.samples.map(\.clocks.passes) == [1, 2, 3, 4])
    for sample in outcome.samples { #expect(sample.ledger.total == sample.map.usedBytes) }
    #expect(outcome.record.ledger.total == outcome.record.map.usedBytes && outcome.record.ledger.lost == 0)
  }

  @Test func aPassTakesTheVirtualTimeThatTheWorkloadSays() throws {
    let timed = try run(plan({ $0.clock.idle = 5_000_000_000 }, passes: 3)).record.totals.virtualSeconds
    #expect(timed > 60 && timed < 60.1, "three passes of 15 s with 5 s behind each, and the mount before them")
    let byRPC = try run(plan({ $0.clock.pass = nil }, passes: 1)).record.totals
    #expect(abs(byRPC.virtualSeconds - Double(byRPC.rpcs) * 350e-6) < 1e-6)
  }

  @Test func aZoneLeakEndsInThePanicOfTheKernelAndIsNotSeenByTheMallocStatistics() throws {
    var leaking = plan({
      $0.mapBytes = 2 << 20
      $0.faults = [.leakZone(zone: "NAMEI", every: 2)]
    })
    leaking.limit = .untilPanic(maximumPasses: 50)
    let outcome = try run(leaking)
    #expect(outcome.end == .kernelFailed)
    let panic = try #require(outcome.record.panic)
    #expect(panic.outcome == "panic" && panic.requestBytes == 4096)
    #expect(panic.message.hasPrefix("kmem_malloc(4096): kmem_map too small: "))
    #expect(panic.pass == outcome.record.totals.passes + 1)
    let last = try #require(outcome.samples.last)
    let state = last.caches.filter { $0.kind == .malloc }.reduce(0) { $0 + $1.bytes }
    #expect(state < 200_000, "malloc types hold \(state) bytes")
    #expect((last.caches.first { $0.name == "NAMEI" }?.bytes ?? 0) > 1_000_000)
  }

  @Test func aMallocLeakIsSeenByTheMallocStatistics() throws {
    let outcome = try run(plan({ $0.faults = [.leakMalloc(type: "NFSD V4state", every: 10)] }, passes: 3))
    let counts = outcome.samples.compactMap { $0.caches.first { $0.name == "NFSD V4state" }?.inUse }
    #expect(counts.count == 3 && counts[2] > counts[1] && counts[1] > counts[0] && counts[2] > 150)
  }

  @Test func lostAddressSpaceIsInTheLedgerAndInNoCache() throws {
    let outcome = try run(plan({ $0.faults = [.losePerCalls(pages: 1, every: 1000)] }, passes: 2))
    #expect(outcome.record.ledger.lost > 4096)
    #expect(outcome.record.ledger.total == outcome.record.map.usedBytes)
  }

  @Test func severalClientsHaveDirectoriesAndOwnersOfTheirOwn() throws {
    let one = try run(plan(passes: 1)).record.totals
    let three = try run(plan({ $0.client.clients = 3 }, passes: 1)).record.totals
    #expect(three.nfsOps["OPEN"] == 3 * (one.nfsOps["OPEN"] ?? 0))
    #expect(three.nfsOps["SETCLIENTID"] == 3)
  }

  @Test func anInterruptedRunEndsBetweenTwoPassesWithItsRecord() throws {
    let outcome = try run(plan(passes: 10), interruptedAfter: 2)
    #expect(outcome.end == .interrupted && outcome.record.totals.passes == 2 && outcome.samples.count == 2)
  }

  @Test func aDurationEndsWithThePassInWhichItIsOver() throws {
    var timed = plan()
    timed.limit = .duration(nanoseconds: 40_000_000_000)
    #expect(try run(timed).record.totals.passes == 3)
  }

  @Test func aMapTooSmallForTheServerIsRefusedInOneLine() {
    do {
      _ = try ExperimentRun(plan { $0.mapBytes = 4096 })
      Issue.record("a map of one page was accepted")
    } catch {
      #expect("\(error)".contains("4096") && !"\(error)".contains("\n"))
    }
  }

  @Test func theRecordDoesNotTellWhatWasInjected() throws {
    let clean = try run(plan(passes: 1)).record
    let leaking = try run(plan({ $0.faults = [.leakZone(zone: "NAMEI", every: 1_000_000_000)] }, passes: 1)).record
    #expect(clean == leaking, "a fault that never acted leaves no trace in the record")
  }
}
