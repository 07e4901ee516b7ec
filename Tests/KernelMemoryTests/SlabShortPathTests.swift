// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Testing

@testable import KernelMemory

/// One sequence of random calls on two models of a kind, of which the second one does every call on its long path.
private func expectSameDecisions<Model: AllocatorModel>(
  _ model: Model, _ other: Model, seed: UInt64, cpus: Int, zoneNames: [String], largest: Int,
  closeShortPath: (Model) -> Void
) throws {
  var random = TestRandom(seed: seed)
  let types = (0..<5).map { model.mallocType(named: "type \($0)") }
  for index in types.indices { #expect(other.mallocType(named: "type \(index)") == types[index]) }
  let zones = try zoneNames.map { try #require(model.zone(named: $0)) }
  var held: [(address: KernelAddress, type: MallocType?, zone: ZoneID?)] = []
  for event in 0..<24_000 {
    let place: Comment = "seed \(seed), event \(event)"
    if cpus > 1, random.below(40) == 0 {
      model.currentCPU = random.below(cpus)
      other.currentCPU = model.currentCPU
    }
    closeShortPath(other)
    // The mix swings, so that slabs fill and empty; every second call is of one class, which gets many slabs so.
    if random.below(100) < (event / 4000 % 2 == 0 ? 72 : 28) || held.isEmpty {
      let wait: WaitPolicy = random.below(4) == 0 ? .noWait : .wait
      if zones.isEmpty || random.below(10) < 8 {
        let small = random.below(2) == 0 ? 705 + random.below(60) : 1 + random.below(32 << random.below(7))
        let size = random.below(30) == 0 ? random.below(largest) : small
        let type = types[random.below(types.count)]
        let address = model.malloc(size, type, wait)
        try #require(other.malloc(size, type, wait) == address, place)
        if address != .null { held.append((address, type, nil)) }
      } else {
        let zone = zones[random.below(zones.count)]
        let address = model.zoneAlloc(zone, wait)
        try #require(other.zoneAlloc(zone, wait) == address, place)
        if address != .null { held.append((address, nil, zone)) }
      }
    } else {
      let item = held.swapRemove(at: random.below(held.count))
      if let zone = item.zone {
        model.zoneFree(zone, item.address)
        other.zoneFree(zone, item.address)
      } else if let type = item.type {
        // Now and then under another type than that of the malloc.
        let freed = random.below(50) == 0 ? types[0] : type
        model.free(item.address, freed)
        other.free(item.address, freed)
      }
    }
    if event % 700 == 699 {
      model.advance(to: UInt64(event) * 1_000_000)
      other.advance(to: UInt64(event) * 1_000_000)
    }
    if event % 2900 == 2899 {
      model.reclaim()
      other.reclaim()
    }
    guard event % 50 == 0 else { continue }
    try #require(model.failure == nil && other.failure == nil, place)
    try #require(model.ledger() == other.ledger(), place)
    try #require(model.mallocTypeStatistics() == other.mallocTypeStatistics(), place)
    try #require(model.zoneStatistics() == other.zoneStatistics(), place)
    try #require(model.vmstatM() == other.vmstatM(), place)
    if event % 1000 == 0 { try model.checkInvariants() }
  }
  try model.checkInvariants()
  try other.checkInvariants()
}

/// What the short paths of malloc and free in DragonFly and XNU must not change: every decision and every count.
@Suite struct SlabShortPathTests {
  @Test("DragonFly's short path decides as its long one", arguments: [1, 2, 3] as [UInt64])
  func dragonFly(seed: UInt64) throws {
    let cpus = seed == 1 ? 1 : 2
    let models = try (0..<2).map { _ in
      try bootDragonFly(mapPages: 16384, cpus: cpus, pages: PhysicalPages(totalPages: 20_000))
    }
    try expectSameDecisions(
      models[0], models[1], seed: seed, cpus: cpus, zoneNames: ["VNODE", "NAMEI"], largest: 40_000
    ) { $0.slabs.state.pointee.fastTypes = 0 }
    #expect(models[0].slabs.zonesReturned > 0)
  }

  @Test("XNU's short path decides as its long one", arguments: [Architecture.i386, .amd64])
  func xnu(architecture: Architecture) throws {
    let models = try (0..<2).map { _ in
      try bootXNU(mapPages: 16384, architecture: architecture, pages: PhysicalPages(totalPages: 40_000))
    }
    try expectSameDecisions(
      models[0], models[1], seed: architecture == .i386 ? 4 : 5, cpus: 1, zoneNames: ["VNODE", "socket", "NAMEI"],
      largest: 40_000
    ) {
      $0.zones.state.pointee.fastTypes = 0
      $0.zones.state.pointee.fastZones = 0
      $0.zones.state.pointee.fastBytes = 0
    }
    #expect(models[0].zones.collections > 0)
  }

  @Test func aTypeOfDragonFlyAtItsLimitGetsNoMore() throws {
    let model = try bootDragonFly(mapPages: 16384)
    let type = model.mallocType(named: "temp")
    let limit = model.slabs.typeLimit
    // One chunk below the limit, then as often as it fits, around it.
    var items: [KernelAddress] = []
    while items.count * 1024 < limit { items.append(model.malloc(1000, type, .noWait)) }
    #expect(!items.contains(.null))
    for _ in 0..<3 {
      #expect(model.malloc(1000, type, .noWait) == .null)
      model.free(items.removeLast(), type)
      items.append(model.malloc(1000, type, .noWait))
      #expect(items.last != .null)
    }
    let row = model.mallocTypeStatistics()[type.index]
    #expect(row.limitBlocks == 3)
    #expect(row.bytes == UInt64(items.count * 1024) && row.highUse == row.bytes)
    #expect(row.requests == UInt64(items.count + 6))
  }

  @Test("An address inside a chunk or behind the last one is no chunk's", arguments: [1, 8, 1000])
  func insideOfAChunk(distance: Int) throws {
    for size in [96, 1500] {
      let flies = try bootDragonFly(mapPages: 16384)
      let temp = flies.mallocType(named: "temp")
      let chunk = flies.malloc(size, temp, .wait)
      _ = flies.malloc(size, temp, .wait)
      flies.free(KernelAddress(rawValue: chunk.rawValue + UInt64(distance)), temp)
      #expect(flies.failure != nil, "\(size) bytes")
      let model = try bootXNU()
      let type = model.mallocType(named: "temp")
      let element = model.malloc(size, type, .wait)
      _ = model.malloc(size, type, .wait)
      model.free(KernelAddress(rawValue: element.rawValue + UInt64(distance)), type)
      #expect(model.failure != nil, "\(size) bytes")
    }
  }

  @Test func theRestOfAZoneIsNoChunk() throws {
    let model = try bootDragonFly(mapPages: 16384)
    let type = model.mallocType(named: "temp")
    let block = model.map.space.page(of: model.malloc(1500, type, .wait)) >> model.slabs.zoneShift
    let zone = model.slabs.zones[block]
    #expect(Int(zone.base) + Int(zone.chunks) * Int(zone.chunk) < model.slabs.zoneSize)
    model.free(model.slabs.address(ofChunk: Int(zone.chunks), block), type)
    #expect(model.failure != nil)
  }

  @Test func theRestOfAChunkIsNoElement() throws {
    let model = try bootXNU(architecture: .amd64)
    let type = model.mallocType(named: "temp")
    let item = model.malloc(1500, type, .wait)
    let last = model.zones.map.space.page(of: item)
    let page = last - model.zones.offset(ofPage: last)
    let chunk = model.zones.chunks[page]
    let size = model.zones.zones[Int(chunk.zone)].size
    let rest = model.zones.address(ofElement: Int(chunk.elements), page: page, size: size)
    #expect(Int(chunk.elements) * size < Int(chunk.pages) * kernelPageSize)
    model.free(rest, type)
    #expect(model.failure != nil)
  }
}
