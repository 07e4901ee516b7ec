// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Testing

@testable import KernelMemory

@Suite("freebsd-4, properties")
struct FreeBSD4PropertyTests {
  /// One held allocation.
  private enum Held {
    case memory(KernelAddress, MallocType, size: Int)
    case item(KernelAddress, ZoneID)
  }

  @Test("The ledger explains the map, with growths that go to kmem_map, too", arguments: [1, 2] as [UInt64])
  func theLedgerExplainsTheMapAfterEachEvent(seed: UInt64) throws {
    var random = TestRandom(seed: seed)
    var tuning = FreeBSD4.Tuning()
    if seed == 2 { tuning.lockedMapShare = 0.3 }
    let pages = PhysicalPages(totalPages: 20_000)
    let model = try bootFreeBSD4(mapPages: 2048, tuning: tuning, pages: pages)
    let types = ["temp", "NFSD V4state", "NFSD lckfile", "vfscache"].map { model.mallocType(named: $0) }
    let zones = try ["VNODE", "NAMEI", "VM OBJECT", "socket", "mbuf", "mbuf_cluster"].map {
      try #require(model.zone(named: $0))
    }
    var held: [Held] = []
    var bytes = 0
    for event in 0..<12_000 {
      let place = "seed \(seed), event \(event)"
      // The share of allocations swings, so that maps fill and lists grow long.
      if random.below(100) < (event / 5000 % 2 == 0 ? 54 : 44) || held.isEmpty {
        if random.below(10) < 7 {
          let shift = random.below(100) < 90 ? random.below(10) : 9 + random.below(5)
          let size = 1 + random.below(16 << shift)
          let type = types[random.below(types.count)]
          let address = model.malloc(size, type, .noWait)
          if address != .null {
            held.append(.memory(address, type, size: size))
            if size <= 8192 { bytes += size }
          }
        } else {
          let zone = zones[random.below(zones.count)]
          let address = model.zoneAlloc(zone, .noWait)
          if address != .null { held.append(.item(address, zone)) }
        }
      } else {
        switch held.swapRemove(at: random.below(held.count)) {
        case .memory(let address, let type, let size):
          model.free(address, type)
          if size <= 8192 { bytes -= size }
        case .item(let address, let zone): model.zoneFree(zone, address)
        }
      }
      if event % 1000 == 999 { model.loseAddressSpace(pages: 1) }
      try #require(model.failure == nil, "\(place)")
      let ledger = model.ledger()
      try #require(ledger.total == model.mapUsedBytes, "\(place): \(ledger)")
      if seed == 1 { try #require(ledger.live == bytes, "\(place)") }
      if event < 2000 || event % 64 == 0 { try model.checkInvariants() }
    }
    #expect(model.ledger().lost == 12 * kernelPageSize)

    // Everything goes back: what remains in use is free items and the loss.
    for entry in held {
      switch entry {
      case .memory(let address, let type, _): model.free(address, type)
      case .item(let address, let zone): model.zoneFree(zone, address)
      }
    }
    try model.checkInvariants()
    let ledger = model.ledger()
    #expect(ledger.live == 0 && ledger.rounding == 0 && ledger.large == 0)
    #expect(ledger.slabFree + ledger.slabOverhead + ledger.lost == model.mapUsedBytes)
    #expect(model.mallocTypeStatistics().allSatisfy { $0.inUse == 0 && $0.bytes == 0 })
    #expect(model.zoneStatistics().allSatisfy { $0.used == 0 })
  }

  @Test func aCorruptedCounterIsAViolation() throws {
    let model = try bootFreeBSD4()
    _ = model.malloc(100, model.mallocType(named: "temp"), .wait)
    model.buckets.bucket(3).pointee.total += 1
    #expect(throws: InvariantViolation.self) { try model.checkInvariants() }
    model.buckets.bucket(3).pointee.total -= 1
    try model.checkInvariants()
    model.buckets.state.pointee.counts[1] -= 1
    #expect(throws: InvariantViolation.self) { try model.checkInvariants() }
  }
}

extension Array {
  /// Removes an element in constant time; the last one takes its place.
  mutating func swapRemove(at index: Int) -> Element {
    swapAt(index, count - 1)
    return removeLast()
  }
}
