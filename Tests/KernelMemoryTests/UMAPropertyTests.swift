// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Testing

@testable import KernelMemory

/// Seeded random traces: the accounts, the invariants and a shadow of the address space.
@Suite struct UMAPropertyTests {
  private struct Live {
    var address: KernelAddress
    var size: Int
    var type: MallocType?
    var zone: ZoneID?
  }

  @Test("Accounts, lists and addresses agree through 50,000 random events", arguments: [1, 2, 3] as [UInt64])
  func accountsListsAndAddressesAgree(seed: UInt64) throws {
    let cpus = Int(seed)
    let model = try smallFreeBSD6(pages: 3000, cpus: cpus, boot: seed == 3 ? .available : .discarded)
    try run(model, seed: seed, events: seed == 1 ? 50_000 : 12_000, cpus: cpus, wait: .wait)
    #expect(model.failure == nil, "seed \(seed)")
  }

  @Test("A map that is too small never breaks the accounts", arguments: [11, 12] as [UInt64])
  func aMapThatIsTooSmallNeverBreaksTheAccounts(seed: UInt64) throws {
    let model = try smallFreeBSD6(pages: 300, cpus: 2)
    let nulls = try run(model, seed: seed, events: 8_000, cpus: 2, wait: .noWait)
    #expect(nulls > 50, "seed \(seed)")
    #expect(model.failure == nil, "seed \(seed)")
  }

  @discardableResult
  private func run(_ model: FreeBSD6, seed: UInt64, events: Int, cpus: Int, wait: WaitPolicy) throws -> Int {
    var random = TestRandom(seed: seed)
    let types = ["temp", "cred", "NFSD V4state", "new type"].map { model.mallocType(named: $0) }
    let zones = ["VNODE", "VM OBJECT", "NAMEI", "mbuf", "mbuf_cluster", "L VFS Cache", "inpcb", "Files", "MAP ENTRY"]
      .compactMap { model.zone(named: $0) }
    let sizes = model.zoneStatistics().map(\.size)
    var live: [Live] = []
    var nulls = 0
    var asked = 0
    var clock: UInt64 = 0
    var target = 800
    // One flag for four bytes from the first boot page on.
    let base = model.uma.base
    let units = (UMA.firstMapPage * kernelPageSize + model.mapCapacityBytes) / 4
    let shadow = UnsafeMutablePointer<Bool>.allocate(capacity: units)
    shadow.initialize(repeating: false, count: units)
    defer { shadow.deallocate() }

    for event in 0..<events {
      if random.below(2000) == 0 { target = random.below(1500) }
      let choice = random.below(100)
      if choice < 1 {
        model.currentCPU = random.below(cpus)
      } else if choice < 2 {
        clock += UInt64(random.below(3_000_000_000))
        model.advance(to: clock)
      } else if choice == 2, random.below(40) == 0 {
        model.reclaim()
      } else if live.count < target ? choice < 75 : choice < 35 {
        var item = Live(address: .null, size: 0)
        if random.below(3) == 0 {
          let zone = zones[random.below(zones.count)]
          item.zone = zone
          item.size = sizes[zone.index]
          item.address = model.zoneAlloc(zone, random.below(4) == 0 ? .noWait : wait)
        } else {
          let type = types[random.below(types.count)]
          item.type = type
          item.size = 1 + random.below(random.below(12) == 0 ? 30_000 : 1 << (3 + random.below(10)))
          item.address = model.malloc(item.size, type, random.below(4) == 0 ? .noWait : wait)
        }
        guard item.address != .null else {
          nulls += 1
          continue
        }
        let first = Int(item.address.rawValue - base) / 4
        let count = (item.size + 3) / 4
        for unit in first..<first + count where shadow[unit] {
          throw InvariantViolation("seed \(seed), event \(event): \(item) overlaps a live allocation at unit \(unit)")
        }
        (shadow + first).update(repeating: true, count: count)
        if Int(item.address.rawValue - base) >= UMA.firstMapPage * kernelPageSize {
          asked += item.size > 4096 && item.type != nil ? 0 : item.size
        }
        live.append(item)
      } else if !live.isEmpty {
        let item = live.remove(at: random.below(live.count))
        let first = Int(item.address.rawValue - base) / 4
        (shadow + first).update(repeating: false, count: (item.size + 3) / 4)
        if first * 4 >= UMA.firstMapPage * kernelPageSize {
          asked -= item.size > 4096 && item.type != nil ? 0 : item.size
        }
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
          "seed \(seed), event \(event): \(ledger) against \(model.mapUsedBytes) bytes used and \(asked) asked for")
      }
      if event < 2000 || event % 64 == 0 { try model.checkInvariants() }
    }
    return nulls
  }
}
