// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Testing

@testable import KernelMemory

/// Seeded random traces on FreeBSD 11 and 14: the accounts, the invariants and a shadow of the address space.
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
    Plan(release: 11, architecture: .i386, seed: 1, events: 50_000, contention: 30),
    Plan(release: 14, architecture: .i386, seed: 2, events: 50_000),
    Plan(release: 11, architecture: .amd64, seed: 3, events: 12_000),
    Plan(release: 14, architecture: .amd64, seed: 4, events: 12_000, pages: 1200, contention: 200),
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

  @Test("Checked mode decides as the other", arguments: [11, 14], [7, 8] as [UInt64])
  func checkedModeDecidesAsTheOther(release: Int, seed: UInt64) throws {
    let count = 0x2F00_0000
    let base = UnsafeMutableRawPointer.allocate(byteCount: count, alignment: 4096)
    defer { base.deallocate() }
    let backing = BackingBytes(base: base, start: KernelAddress(rawValue: 0xC100_0000), count: count)
    var digests: [UInt64] = []
    for checked in [false, true] {
      var configuration = ModelConfiguration(physicalMemory: 256 << 20)
      configuration.mapBytes = 3000 * kernelPageSize
      configuration.cpus = 2
      configuration.checked = checked
      configuration.backing = checked ? backing : nil
      let model: any AllocatorModel =
        release == 11 ? try FreeBSD11(configuration) : try FreeBSD14(configuration)
      digests.append(try digest(model, seed: seed))
      #expect(model.failure == nil)
    }
    #expect(digests[0] == digests[1], "seed \(seed)")
  }

  private func digest(_ model: any AllocatorModel, seed: UInt64) throws -> UInt64 {
    var random = TestRandom(seed: seed)
    let type = model.mallocType(named: "temp")
    let zone = try #require(model.zone(named: "NAMEI"))
    var live: [(address: KernelAddress, isItem: Bool)] = []
    var digest: UInt64 = 14_695_981_039_346_656_037
    for event in 0..<6000 {
      model.currentCPU = random.below(2)
      if event % 700 == 0 {
        model.reclaim()
        model.advance(to: UInt64(event) * 100_000_000)
      }
      if random.below(100) < (event / 1000 % 2 == 0 ? 60 : 40) || live.isEmpty {
        let isItem = random.below(4) == 0
        let size = 1 + random.below(random.below(30) == 0 ? 80_000 : 3000)
        let address = isItem ? model.zoneAlloc(zone, .noWait) : model.malloc(size, type, .noWait)
        digest = (digest ^ address.rawValue) &* 0x100_0000_01B3
        if address != .null { live.append((address, isItem)) }
      } else {
        let entry = live.remove(at: random.below(live.count))
        if entry.isItem { model.zoneFree(zone, entry.address) } else { model.free(entry.address, type) }
      }
    }
    return digest
  }
}
