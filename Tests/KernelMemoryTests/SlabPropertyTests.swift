// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Testing

@testable import KernelMemory

/// Random loads on linux-slub and illumos with tunings that AllModelsPropertyTests leaves out.
@Suite("linux-slub and illumos, properties")
struct SlabPropertyTests {
  private struct Live {
    var address: KernelAddress
    var size: Int
    var type: MallocType?
    var zone: ZoneID?
  }

  /// Runs a random load.
  ///
  /// - Returns: the number of refused requests.
  private func run(
    _ model: some AllocatorModel, seed: UInt64, events: Int, cpus: Int, start: UInt64
  ) throws -> Int {
    var random = TestRandom(seed: seed)
    let types = ["temp", "NFSD V4state", "NFSD lckfile"].map { model.mallocType(named: $0) }
    let zones = ["VNODE", "NAMEI", "mbuf", "socket", "Files"].compactMap { model.zone(named: $0) }
    let sizes = model.zoneStatistics().map(\.size)
    var live: [Live] = []
    var nulls = 0
    var clock: UInt64 = 0
    var target = 800
    let units = model.mapCapacityBytes / 8
    let shadow = UnsafeMutablePointer<Bool>.allocate(capacity: units)
    shadow.initialize(repeating: false, count: units)
    defer { shadow.deallocate() }
    func mark(_ item: Live, _ used: Bool) throws {
      let first = Int(item.address.rawValue - start) / 8
      for unit in first..<first + (item.size + 7) / 8 {
        if used && shadow[unit] { throw InvariantViolation("seed \(seed): \(item) overlaps a live allocation") }
        shadow[unit] = used
      }
    }
    for event in 0..<events {
      if random.below(1500) == 0 { target = random.below(2500) }
      let choice = random.below(100)
      if choice < 2 {
        model.currentCPU = random.below(cpus)
      } else if choice == 2 {
        clock += UInt64(random.below(2_000_000_000))
        model.advance(to: clock)
        if random.below(20) == 0 { model.reclaim() }
      } else if live.count < target ? choice < 70 : choice < 40 {
        var item = Live(address: .null, size: 0)
        if random.below(3) == 0 {
          let zone = zones[random.below(zones.count)]
          item.zone = zone
          item.size = sizes[zone.index]
          item.address = model.zoneAlloc(zone, .noWait)
        } else {
          let type = types[random.below(types.count)]
          item.type = type
          item.size = 1 + random.below(random.below(20) == 0 ? 40_000 : 1 << (3 + random.below(10)))
          item.address = model.malloc(item.size, type, .noWait)
        }
        guard item.address != .null else {
          nulls += 1
          continue
        }
        try mark(item, true)
        live.append(item)
      } else if !live.isEmpty {
        let index = random.below(live.count)
        live.swapAt(index, live.count - 1)
        let item = live.removeLast()
        try mark(item, false)
        if let type = item.type { model.free(item.address, type) }
        if let zone = item.zone { model.zoneFree(zone, item.address) }
      }
      try #require(model.failure == nil, "seed \(seed), event \(event)")
      let ledger = model.ledger()
      try #require(ledger.total == model.mapUsedBytes, "seed \(seed), event \(event): \(ledger)")
      if event < 2000 || event % 64 == 0 { try model.checkInvariants() }
    }
    for item in live {
      if let type = item.type { model.free(item.address, type) }
      if let zone = item.zone { model.zoneFree(zone, item.address) }
    }
    try model.checkInvariants()
    let ledger = model.ledger()
    #expect(ledger.live == 0 && ledger.rounding == 0 && ledger.large == 0, "seed \(seed)")
    #expect(model.mallocTypeStatistics().allSatisfy { $0.inUse == 0 && $0.bytes == 0 })
    return nulls
  }

  @Test("linux-slub: the ledger explains the memory whatever the per-CPU lists hold", arguments: [1, 2] as [UInt64])
  func linux(seed: UInt64) throws {
    let cpus = Int(seed) * 2 - 1
    var tuning = SLUBLayout.Tuning()
    if seed == 2 { tuning.cpuPartial = .older }
    let model = try bootLinux(mapPages: 3000, cpus: cpus, tuning: tuning)
    _ = try run(
      model, seed: seed, events: 8_000, cpus: cpus, start: LinuxSLUB.mapStart.rawValue)
  }

  @Test("linux-slub: memory that is too small never breaks the accounts", arguments: [11, 12] as [UInt64])
  func linuxWithoutRoom(seed: UInt64) throws {
    var tuning = SLUBLayout.Tuning()
    if seed == 12 { tuning.cpuPartial = .off }
    let model = try bootLinux(mapPages: 300, cpus: 2, tuning: tuning)
    let nulls = try run(model, seed: seed, events: 6_000, cpus: 2, start: LinuxSLUB.mapStart.rawValue)
    #expect(nulls > 50)
  }

  @Test("illumos: the ledger explains the heap whatever the magazines do", arguments: [1, 2, 3] as [UInt64])
  func illumos(seed: UInt64) throws {
    let cpus = Int(seed)
    var tuning = Kmem.Tuning()
    if seed == 2 { tuning.depotContention = 0.5 }
    if seed == 3 { tuning.reapsAtUpdate = true }
    let model = try bootIllumos(mapPages: 3000, cpus: cpus, tuning: tuning)
    _ = try run(model, seed: seed, events: 8_000, cpus: cpus, start: Illumos.heapStart.rawValue)
    if seed == 2 { #expect(model.zoneStatistics().contains { $0.bucketCount > 15 }) }
  }

  @Test("illumos: a heap that is too small never breaks the accounts", arguments: [11, 12] as [UInt64])
  func illumosWithoutRoom(seed: UInt64) throws {
    let model = try bootIllumos(mapPages: 300, cpus: 2, architecture: seed == 11 ? .i386 : .amd64)
    let nulls = try run(model, seed: seed, events: 6_000, cpus: 2, start: Illumos.heapStart.rawValue)
    #expect(nulls > 50)
  }

  @Test func aCorruptedCounterIsAViolation() throws {
    let linux = try bootLinux()
    _ = linux.malloc(100, linux.mallocType(named: "temp"), .wait)
    linux.slub.caches[linux.slub.mallocCache(100)].nodeFree += 1
    #expect(throws: InvariantViolation.self) { try linux.checkInvariants() }
    linux.slub.caches[linux.slub.mallocCache(100)].nodeFree -= 1
    try linux.checkInvariants()
    let illumos = try bootIllumos()
    _ = illumos.malloc(100, illumos.mallocType(named: "temp"), .wait)
    illumos.kmem.caches[illumos.kmem.mallocCache(100)].inSlabs += 1
    #expect(throws: InvariantViolation.self) { try illumos.checkInvariants() }
  }
}
