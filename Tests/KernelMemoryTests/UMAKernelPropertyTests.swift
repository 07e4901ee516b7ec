// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Testing

@testable import KernelMemory

/// Seeded random traces on every kernel over UMA with what AllModelsPropertyTests leaves out: boot pages, and what the ledger calls live.
@Suite struct UMAKernelPropertyTests {
  private struct Live {
    var address: KernelAddress
    var size: Int
    var type: MallocType?
    var zone: ZoneID?
  }

  /// What a run came to.
  private struct Outcome: Equatable {
    var nulls = 0
    /// A digest of every address handed out.
    var digest: UInt64 = 14_695_981_039_346_656_037
    var failure: KernelFailure?
    var used = 0
    var reclaims = 0
  }

  @Test("Accounts and addresses agree with the pages of the boot pool, too", arguments: UMAKernelCase.all)
  func accountsAndAddressesAgree(kernel: UMAKernelCase) throws {
    let model = try kernel.boot(
      pages: 3000,
      {
        $0.cpus = 3
        $0.bootPages = .available
      })
    let outcome = try run(model, seed: 41, events: 6_000, live: 1200, fullChecks: true)
    #expect(outcome.failure == nil, "seed 41")
    #expect(outcome.reclaims == 0)
  }

  @Test("A map that is too small breaks nothing", arguments: UMAKernelCase.all, [5] as [UInt64])
  func aMapThatIsTooSmallBreaksNothing(kernel: UMAKernelCase, seed: UInt64) throws {
    let model = try kernel.boot(pages: 400, { $0.cpus = 2 })
    let outcome = try run(model, seed: seed, events: 12_000, live: 1500, fullChecks: true)
    #expect(outcome.failure != nil, "seed \(seed)")
    if kernel.type == FreeBSD7.self || kernel.type == FreeBSD9.self { #expect(outcome.reclaims > 0, "seed \(seed)") }
    try model.checkInvariants()
    #expect(model.ledger().total == model.mapUsedBytes)
  }

  private func run(
    _ model: any AnyUMAKernel, seed: UInt64, events: Int, live target: Int, fullChecks: Bool
  ) throws -> Outcome {
    var random = TestRandom(seed: seed)
    let types = ["temp", "cred", "NFSD V4state", "new type"].map { model.mallocType(named: $0) }
    let zones = [
      "VNODE", "VM OBJECT", "NAMEI", "mbuf", "mbuf_cluster", "L VFS Cache", "inpcb", "Files", "mbuf_jumbo_9k",
    ].compactMap { model.zone(named: $0) }
    let sizes = model.zoneStatistics().map(\.size)
    let isInMap = model.zoneStatistics().map(\.isInMap)
    var outcome = Outcome()
    var live: [Live] = []
    var asked = 0
    var clock: UInt64 = 0
    var wanted = target
    // One flag for four bytes of the modelled address space.
    let base = model.uma.base
    let units = Int((1 << 32) - base) / 4
    let shadow = UnsafeMutablePointer<Bool>.allocate(capacity: units)
    defer { shadow.deallocate() }
    var touched = Set<Int>()

    for event in 0..<events {
      guard model.failure == nil else { break }
      if random.below(2000) == 0 { wanted = random.below(target * 3 / 2) }
      let choice = random.below(100)
      if choice < 1 {
        model.currentCPU = random.below(model.uma.cpus)
      } else if choice < 2 {
        clock += UInt64(random.below(3_000_000_000))
        model.advance(to: clock)
      } else if choice == 2, random.below(40) == 0 {
        model.reclaim()
      } else if live.count < wanted ? choice < 75 : choice < 35 {
        var item = Live(address: .null, size: 0)
        let wait: WaitPolicy = random.below(4) == 0 ? .noWait : .wait
        if random.below(3) == 0 {
          let zone = zones[random.below(zones.count)]
          item.zone = zone
          item.size = sizes[zone.index]
          item.address = model.zoneAlloc(zone, wait)
        } else {
          let type = types[random.below(types.count)]
          item.type = type
          item.size = 1 + random.below(random.below(12) == 0 ? 30_000 : 1 << (3 + random.below(10)))
          item.address = model.malloc(item.size, type, wait)
        }
        outcome.digest = (outcome.digest ^ item.address.rawValue) &* 1_099_511_628_211
        if item.address == .null {
          outcome.nulls += 1
        } else {
          for unit in range(of: item, base) {
            // The flags of a page are set up when it is first used.
            let page = unit / 1024
            if touched.insert(page).inserted { (shadow + page * 1024).initialize(repeating: false, count: 1024) }
            if shadow[unit] {
              throw InvariantViolation("seed \(seed), event \(event): \(item) overlaps a live allocation")
            }
            shadow[unit] = true
          }
          asked += accounted(item, model, isInMap)
          live.append(item)
        }
      } else if !live.isEmpty {
        let item = live.remove(at: random.below(live.count))
        for unit in range(of: item, base) { shadow[unit] = false }
        asked -= accounted(item, model, isInMap)
        if let type = item.type {
          model.free(item.address, type)
        } else if let zone = item.zone {
          model.zoneFree(zone, item.address)
        }
      }
      let ledger = model.ledger()
      guard ledger.total == model.mapUsedBytes, ledger.live == asked, ledger.rounding >= 0, ledger.slabOverhead >= 0,
        ledger.slabFree >= 0, ledger.bucketStructures >= 0
      else {
        throw InvariantViolation(
          "seed \(seed), event \(event): \(ledger) against \(model.mapUsedBytes) bytes used and \(asked) asked for")
      }
      if fullChecks, event < 2000 || event % 64 == 0 { try model.checkInvariants() }
    }
    outcome.failure = model.failure
    outcome.used = model.mapUsedBytes
    outcome.reclaims = model.mapReclaims
    return outcome
  }

  private func range(of item: Live, _ base: UInt64) -> Range<Int> {
    let first = Int(item.address.rawValue - base) / 4
    return first..<first + (item.size + 3) / 4
  }

  /// What the ledger's live account counts of an item.
  private func accounted(_ item: Live, _ model: any AnyUMAKernel, _ isInMap: [Bool]) -> Int {
    // Boot pages lie below the map.
    guard item.address >= UMAKernel.mapStart else { return 0 }
    if let zone = item.zone { return isInMap[zone.index] ? item.size : 0 }
    return model.uma.directMap == nil && item.size <= 4096 ? item.size : 0
  }
}
