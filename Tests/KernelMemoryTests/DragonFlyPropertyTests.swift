// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Testing

@testable import KernelMemory

/// One held allocation of random calls.
private enum Held {
  case memory(KernelAddress, MallocType)
  case item(KernelAddress, ZoneID)
}

/// Random calls of any model: the ledger after every event, all invariants for the first 2,000 and every 64th.
///
/// The mix of allocations and frees swings, so that maps fill and lists grow long.
func runRandomCalls(
  _ model: some AllocatorModel, seed: UInt64, events: Int, cpus: Int, zoneNames: [String], largest: Int
) throws {
  var random = TestRandom(seed: seed)
  let types = (0..<12).map { model.mallocType(named: "type \($0)") }
  let zones = try zoneNames.map { try #require(model.zone(named: $0)) }
  var held: [Held] = []
  var ranges: [UInt64: UInt64] = [:]
  for event in 0..<events {
    let place = "seed \(seed), event \(event)"
    model.currentCPU = random.below(cpus)
    if random.below(100) < (event / 10_000 % 2 == 0 ? 66 : 34) || held.isEmpty {
      let address: KernelAddress
      if random.below(10) < 8 || zones.isEmpty {
        let shift = random.below(100) < 92 ? random.below(8) : 8 + random.below(4)
        // Every second request is of one class, which gets many slabs so.
        let size = random.below(2) == 0 ? 705 + random.below(60) : min(1 + random.below(16 << shift), largest)
        let type = types[random.below(types.count)]
        address = model.malloc(size, type, random.below(4) == 0 ? .noWait : .wait)
        if address != .null {
          held.append(.memory(address, type))
          try #require(ranges.updateValue(address.rawValue + UInt64(size), forKey: address.rawValue) == nil, "\(place)")
        }
      } else {
        let zone = zones[random.below(zones.count)]
        address = model.zoneAlloc(zone, random.below(4) == 0 ? .noWait : .wait)
        if address != .null {
          held.append(.item(address, zone))
          try #require(ranges.updateValue(address.rawValue + 8, forKey: address.rawValue) == nil, "\(place)")
        }
      }
    } else {
      switch held.swapRemove(at: random.below(held.count)) {
      case .memory(let address, let type):
        ranges[address.rawValue] = nil
        model.free(address, type)
      case .item(let address, let zone):
        ranges[address.rawValue] = nil
        model.zoneFree(zone, address)
      }
    }
    if event % 500 == 499 { model.advance(to: UInt64(event) * 1_000_000) }
    if event % 3000 == 2999 { model.reclaim() }
    if event % 5000 == 4999 { model.loseAddressSpace(pages: 1) }
    try #require(model.failure == nil, "\(place)")
    let ledger = model.ledger()
    try #require(ledger.total == model.mapUsedBytes, "\(place): \(ledger)")
    if event < 2000 || event % 64 == 0 { try model.checkInvariants() }
    if event % 5000 == 0 {
      let sorted = ranges.sorted { $0.key < $1.key }
      for (left, right) in zip(sorted, sorted.dropFirst()) {
        try #require(left.value <= right.key, "\(place): \(left) overlaps \(right)")
      }
    }
  }
  // Everything goes back.
  for entry in held {
    switch entry {
    case .memory(let address, let type): model.free(address, type)
    case .item(let address, let zone): model.zoneFree(zone, address)
    }
  }
  model.advance(to: .max)
  try model.checkInvariants()
  let ledger = model.ledger()
  #expect(ledger.live == 0 && ledger.rounding == 0 && ledger.large == 0 && ledger.cpuBuckets == 0)
  #expect(ledger.lost == events / 5000 * kernelPageSize)
  #expect(model.mallocTypeStatistics().allSatisfy { $0.inUse == 0 && $0.bytes == 0 && $0.requests >= $0.frees })
  #expect(model.zoneStatistics().allSatisfy { $0.used == 0 })
}

@Suite("dragonfly, properties")
struct DragonFlyPropertyTests {
  private static let zones = ["VNODE", "VM OBJECT", "NAMEI", "MAP ENTRY"]

  @Test("Zones go back and frees travel between processors", arguments: [1, 2] as [UInt64])
  func theLedgerExplainsTheMap(seed: UInt64) throws {
    let cpus = seed == 1 ? 1 : 4
    let model = try bootDragonFly(mapPages: 16384, cpus: cpus, pages: PhysicalPages(totalPages: 20_000))
    try runRandomCalls(model, seed: seed, events: 20_000, cpus: cpus, zoneNames: Self.zones, largest: 40_000)
    #expect(model.slabs.zonesReturned > 0)
    #expect(model.slabs.messagesSent > 0 || cpus == 1)
  }

  @Test func aCorruptedCounterIsAViolation() throws {
    let model = try bootDragonFly()
    let type = model.mallocType(named: "temp")
    let item = model.malloc(100, type, .wait)
    let block = model.map.space.page(of: item) >> model.slabs.zoneShift
    model.slabs.zones[block].free -= 1
    #expect(throws: InvariantViolation.self) { try model.checkInvariants() }
    model.slabs.zones[block].free += 1
    try model.checkInvariants()
    model.slabs.state.pointee.bytesAskedFor += 1
    #expect(throws: InvariantViolation.self) { try model.checkInvariants() }
  }
}
