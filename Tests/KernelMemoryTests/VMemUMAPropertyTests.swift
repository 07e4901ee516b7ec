// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Testing

@testable import KernelMemory

/// Seeded random traces on FreeBSD 11 and 14 with contended locks, which AllModelsPropertyTests leaves out.
@Suite struct VMemUMAPropertyTests {
  private struct Live {
    var address: KernelAddress
    var size: Int
    var type: MallocType?
    var zone: ZoneID?
    var isCounted: Bool
  }

  struct Plan: Sendable {
    var release: Int
    var architecture: Architecture
    var seed: UInt64
    var events: Int
    var pages = 6000
    var wait = WaitPolicy.wait
    var contention = 0
  }

  static let plans = [
    Plan(release: 11, architecture: .i386, seed: 1, events: 8_000, contention: 30),
    Plan(release: 14, architecture: .i386, seed: 2, events: 6_000),
    Plan(release: 11, architecture: .amd64, seed: 3, events: 5_000),
    Plan(release: 14, architecture: .amd64, seed: 4, events: 8_000, pages: 1200, contention: 200),
    Plan(release: 11, architecture: .i386, seed: 5, events: 10_000, pages: 700, wait: .noWait),
    Plan(release: 14, architecture: .i386, seed: 6, events: 10_000, pages: 300),
  ]

  @Test("Accounts, lists and addresses agree through random events", arguments: plans)
  func accountsListsAndAddressesAgree(plan: Plan) throws {
    let cpus = 1 + Int(plan.seed) % 3
    if plan.release == 11 {
      let model = try smallFreeBSD11(pages: plan.pages, cpus: cpus, architecture: plan.architecture)
      try run(model, model, plan, cpus)
      #expect(plan.wait == .wait || model.state.pointee.arenaFailures > 50, "seed \(plan.seed)")
    } else {
      let model = try smallFreeBSD14(pages: plan.pages, cpus: cpus, architecture: plan.architecture)
      try run(model, model, plan, cpus)
      #expect(plan.pages > 1000 || model.reclaimWorkerRuns > 5, "seed \(plan.seed)")
    }
  }

  private func run<Model: AllocatorModel>(
    _ model: Model, _ kernel: VMemUMAKernel, _ plan: Plan, _ cpus: Int
  ) throws {
    kernel.contendedLocksPerThousand = plan.contention
    var random = TestRandom(seed: plan.seed)
    let types = ["temp", "cred", "NFSD V4state", "new type"].map { model.mallocType(named: $0) }
    let zones = ["VNODE", "VM OBJECT", "NAMEI", "mbuf", "mbuf_cluster", "L VFS Cache", "inpcb", "mbuf_jumbo_9k"]
      .compactMap { model.zone(named: $0) }
    let rows = model.zoneStatistics()
    var live: [Live] = []
    var asked = 0
    var clock: UInt64 = 0
    var target = 800
    // One flag for four bytes from the start of the arena on.
    let units = (kernel.uma.endPage - kernel.uma.firstArenaPage) * 1024
    let shadow = UnsafeMutablePointer<Bool>.allocate(capacity: units)
    shadow.initialize(repeating: false, count: units)
    defer { shadow.deallocate() }

    for event in 0..<plan.events {
      if random.below(2000) == 0 { target = random.below(1500) }
      let choice = random.below(100)
      if choice < 1 {
        model.currentCPU = random.below(cpus)
      } else if choice < 2 {
        clock += UInt64(random.below(3_000_000_000))
        model.advance(to: clock)
      } else if choice == 2, random.below(20) == 0 {
        if random.below(3) == 0 { kernel.uma.reclaim(.drainCPU) } else { model.reclaim() }
      } else if live.count < target ? choice < 75 : choice < 35 {
        var item = Live(address: .null, size: 0, isCounted: true)
        let wait = random.below(4) == 0 ? WaitPolicy.noWait : plan.wait
        if random.below(3) == 0 {
          let zone = zones[random.below(zones.count)]
          item.zone = zone
          item.size = rows[zone.index].size
          item.isCounted = rows[zone.index].isInMap
          item.address = model.zoneAlloc(zone, wait)
        } else {
          let type = types[random.below(types.count)]
          item.type = type
          item.size = 1 + random.below(random.below(12) == 0 ? 90_000 : 1 << (3 + random.below(10)))
          item.isCounted =
            item.size <= 65_536 && (plan.release == 14 || plan.architecture == .i386 || item.size > 4096)
          item.address = model.malloc(item.size, type, wait)
        }
        guard item.address != .null else { continue }
        let first = Int(item.address.rawValue - 0xC100_0000) / 4
        let count = (item.size + 3) / 4
        for unit in first..<first + count where shadow[unit] {
          throw InvariantViolation("\(plan), event \(event): \(item) overlaps a live allocation at unit \(unit)")
        }
        (shadow + first).update(repeating: true, count: count)
        if item.isCounted { asked += item.size }
        live.append(item)
      } else if !live.isEmpty {
        let item = live.remove(at: random.below(live.count))
        let first = Int(item.address.rawValue - 0xC100_0000) / 4
        (shadow + first).update(repeating: false, count: (item.size + 3) / 4)
        if item.isCounted { asked -= item.size }
        if let type = item.type {
          model.free(item.address, type)
        } else if let zone = item.zone {
          model.zoneFree(zone, item.address)
        }
      }
      let ledger = model.ledger()
      guard ledger.total == model.mapUsedBytes, ledger.live == asked, ledger.rounding >= 0, ledger.slabOverhead >= 0
      else {
        throw InvariantViolation(
          "\(plan), event \(event): \(ledger) against \(model.mapUsedBytes) bytes used and \(asked) asked for")
      }
      if event < 2000 || event % 64 == 0 { try model.checkInvariants() }
    }
    #expect(model.failure == nil, "\(plan)")
  }
}
