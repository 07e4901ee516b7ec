// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Testing

@testable import KernelMemory

/// An illumos of 64 bits.
func bootIllumos(
  mapPages: Int? = 4096, cpus: Int = 2, memory: Int = 256 << 20, architecture: Architecture = .amd64,
  tuning: Kmem.Tuning = Kmem.Tuning(), pages: PhysicalPages? = nil, backing: BackingBytes? = nil
) throws -> Illumos {
  let configuration = ModelConfiguration.machine(
    memory: memory, mapPages: mapPages, cpus: cpus, architecture: architecture, pages: pages, backing: backing)
  return try Illumos(configuration, tuning: tuning)
}

@Suite("illumos")
struct IllumosTests {
  private let interval = Kmem.interval

  private func row(_ model: Illumos, _ zone: ZoneID) -> ZoneStatistics { model.zoneStatistics()[zone.index] }

  @Test(
    "Slabs of the kmem_alloc caches, 64 bits",
    arguments: [
      // size, pages, buffers of the first color, hashed
      (8, 1, 503, false), (64, 1, 62, false), (256, 1, 15, false), (448, 1, 8, false), (512, 1, 8, true),
      (640, 1, 6, true), (768, 1, 5, true), (1152, 2, 7, true), (1600, 2, 5, true), (2688, 2, 3, true),
      (4096, 1, 1, true),
      (12288, 3, 1, true), (131072, 32, 1, true),
    ])
  func layouts(row: (Int, Int, Int, Bool)) {
    let layout = KmemLayout(bufferSize: row.0, align: KmemSizes.align(row.0))
    #expect(layout.chunkSize == row.0)
    #expect(layout.slabPages == row.1 && layout.isHashed == row.3)
    #expect(layout.chunks(color: 0, wordSize: 8) == row.2)
    let waste = layout.slabPages * kernelPageSize - layout.maximumChunks * row.0
    #expect(waste * 8 <= layout.slabPages * kernelPageSize)
  }

  @Test(
    "The first magazine type of a cache",
    arguments: [
      (8, 15), (64, 15), (65, 7), (256, 7), (257, 3), (3200, 3), (3201, 1), (65536, 1),
    ])
  func firstMagazines(chunk: Int, rounds: Int) {
    #expect(KmemMagazineType.all[KmemMagazineType.first(forChunk: chunk)].rounds == rounds)
  }

  @Test(
    "kmem_alloc rounds up to its caches",
    arguments: [
      (1, 8), (9, 16), (57, 64), (113, 128), (129, 160), (449, 512), (513, 640), (897, 1152), (2689, 4096),
      (4097, 8192),
      (8193, 12288), (131072, 131072), (131073, 135168),
    ])
  func rounding(asked: Int, given: Int) throws {
    let model = try bootIllumos()
    let type = model.mallocType(named: "temp")
    let item = model.malloc(asked, type, .wait)
    #expect(model.mallocTypeStatistics()[type.index].bytes == UInt64(given))
    try model.checkInvariants()
    model.free(item, type)
    #expect(model.mallocTypeStatistics()[type.index].bytes == 0)
    try model.checkInvariants()
    let narrow = try bootIllumos(architecture: .i386)
    _ = narrow.malloc(asked, narrow.mallocType(named: "temp"), .wait)
    #expect(narrow.ledger().large == (asked > 32768 ? (asked + 4095) / 4096 * 4096 : 0))
  }

  @Test func theLastBufferOfANewSlabComesFirstAndColorsMoveTheFirst() throws {
    let model = try bootIllumos()
    let zone = model.makeCache(named: "unit", size: 400)
    // (4096 − 72) / 400 = 10, the rest of 24 bytes gives colors 8, 16, 24 and 0.
    let first = model.zoneAlloc(zone, .wait)
    #expect(first.rawValue & 4095 == 8 + 9 * 400)
    let items = (0..<39).map { _ in model.zoneAlloc(zone, .wait) }
    #expect(row(model, zone).pages == 4)
    let colors = [items[9], items[19], items[29]].map { Int($0.rawValue & 4095) - 9 * 400 }
    #expect(colors == [16, 24, 0])
    try model.checkInvariants()
  }

  @Test func freesFillMagazinesAndAllocationsEmptyThem() throws {
    let model = try bootIllumos()
    let zone = model.makeCache(named: "unit", size: 400)
    let items = (0..<10).map { _ in model.zoneAlloc(zone, .wait) }
    #expect(row(model, zone).cpuFree == 0)
    // Magazines of 3 rounds: two with the processor, the rest in full ones of the depot.
    for item in items { model.zoneFree(zone, item) }
    #expect(row(model, zone).cpuFree == 4 && row(model, zone).fullBuckets == 2)
    #expect(row(model, zone).bucketCount == 3)
    #expect(model.ledger().zoneBuckets == 6 * 400)
    #expect((0..<10).map { _ in model.zoneAlloc(zone, .wait) }.sorted() == items.sorted())
    #expect(row(model, zone).cpuFree == 0 && row(model, zone).fullBuckets == 0)
    try model.checkInvariants()
  }

  @Test func theLastFreedBufferIsTheNextOne() throws {
    let model = try bootIllumos()
    let zone = model.makeCache(named: "unit", size: 400)
    let items = (0..<10).map { _ in model.zoneAlloc(zone, .wait) }
    for item in items.prefix(5) { model.zoneFree(zone, item) }
    #expect((0..<5).map { _ in model.zoneAlloc(zone, .wait) } == items.prefix(5).reversed())
    // Another processor has magazines of its own.
    model.zoneFree(zone, items[0])
    model.currentCPU = 1
    #expect(model.zoneAlloc(zone, .wait) != items[0])
  }

  @Test func aSlabStaysWhileMagazinesHoldItsBuffersAndGoesWhenTheyAreReaped() throws {
    let model = try bootIllumos()
    let zone = model.makeCache(named: "unit", size: 400)
    let items = (0..<100).map { _ in model.zoneAlloc(zone, .wait) }
    for item in items { model.zoneFree(zone, item) }
    #expect(row(model, zone).pages == 10)
    // The first reap finds no magazine outside of the working set.
    model.reclaim()
    #expect(row(model, zone).pages == 10)
    model.advance(to: interval)
    model.reclaim()
    #expect(row(model, zone).pages == 10)
    model.advance(to: 2 * interval)
    model.reclaim()
    #expect(row(model, zone).pages == 1 && row(model, zone).pagesReturned == 9)
    #expect(row(model, zone).fullBuckets == 0 && row(model, zone).cpuFree == 4)
    try model.checkInvariants()
  }

  @Test func magazinesOfTheWorkingSetAreNotReaped() throws {
    let model = try bootIllumos()
    let zone = model.makeCache(named: "unit", size: 400)
    var items = (0..<100).map { _ in model.zoneAlloc(zone, .wait) }
    for item in items { model.zoneFree(zone, item) }
    #expect(row(model, zone).fullBuckets == 32)
    model.advance(to: interval)
    // Use takes the depot down to 12 full magazines.
    items = (0..<64).map { _ in model.zoneAlloc(zone, .wait) }
    #expect(row(model, zone).fullBuckets == 12)
    for item in items { model.zoneFree(zone, item) }
    model.advance(to: 2 * interval)
    model.reclaim()
    #expect(row(model, zone).fullBuckets == 32 - 12)
    try model.checkInvariants()
  }

  @Test func reapingIsLimitedToOnceInAnInterval() throws {
    let model = try bootIllumos()
    model.advance(to: 2 * interval)
    model.reclaim()
    model.reclaim()
    #expect(model.kmem.state.pointee.reaps == 1)
    model.advance(to: 3 * interval - 1)
    model.reclaim()
    #expect(model.kmem.state.pointee.reaps == 1)
    model.advance(to: 3 * interval)
    model.reclaim()
    #expect(model.kmem.state.pointee.reaps == 2)
  }

  @Test func theWholeDepotGoesBackWhenACacheIsReapedSoon() throws {
    let model = try bootIllumos()
    let zone = model.makeCache(named: "unit", size: 400)
    let items = (0..<100).map { _ in model.zoneAlloc(zone, .wait) }
    for item in items { model.zoneFree(zone, item) }
    model.reapSoon(zone)
    #expect(row(model, zone).fullBuckets == 0 && row(model, zone).pages == 1)
    try model.checkInvariants()
  }

  @Test func magazinesGrowUnderContentionAlone() throws {
    var tuning = Kmem.Tuning()
    for share in [0.0, 1.0] {
      tuning.depotContention = share
      let model = try bootIllumos(tuning: tuning)
      let zone = model.makeCache(named: "unit", size: 400)
      for round in 1...6 {
        let items = (0..<100).map { _ in model.zoneAlloc(zone, .wait) }
        for item in items { model.zoneFree(zone, item) }
        model.advance(to: UInt64(round) * interval)
        try model.checkInvariants()
      }
      // 3, then at every second update 7, 15 and 31: the update after a resize never resizes.
      #expect(row(model, zone).bucketCount == (share == 0 ? 3 : 31))
    }
  }

  @Test func theFullestPartialSlabIsUsedFirst() throws {
    let model = try bootIllumos()
    let zone = model.makeCache(named: "unit", size: 400)
    let items = (0..<40).map { _ in model.zoneAlloc(zone, .wait) }
    // Straight to the slabs: 2 free in the first, 5 in the second, 1 in the third.
    for (slab, count) in [(0, 2), (1, 5), (2, 1)] {
      for index in 0..<count { giveToSlab(model, zone, items[slab * 10 + index]) }
    }
    try model.checkInvariants()
    let next = (0..<8).map { _ in model.zoneAlloc(zone, .wait) }
    #expect(next[0] == items[20])
    #expect(Set(next[1...2]) == Set(items[0...1]))
    #expect(Set(next[3...7]) == Set(items[10...14]))
    try model.checkInvariants()
  }

  /// A free that finds no magazine.
  private func giveToSlab(_ model: Illumos, _ zone: ZoneID, _ item: KernelAddress) {
    let kmem = model.kmem
    let cell = Int(item.rawValue - Illumos.heapStart.rawValue)
    kmem.caches[zone.index].live -= 1
    kmem.caches[zone.index].requestedBytes -= Int(kmem.requested[cell >> Kmem.cellShift])
    kmem.requested[cell >> Kmem.cellShift] = 0
    kmem.slabGive(zone.index, UInt32(cell))
  }

  @Test func structuresOfLargeBuffersAreBuffersToo() throws {
    let model = try bootIllumos()
    let used = model.ledger().bucketStructures
    let type = model.mallocType(named: "temp")
    let items = (0..<400).map { _ in model.malloc(4096, type, .wait) }
    let statistics = model.zoneStatistics()
    #expect(statistics[Kmem.slabCache].used >= 400 && statistics[Kmem.bufferControlCache].used >= 400)
    // 56 kmem_slab_t and 167 kmem_bufctl_t fit in a page.
    #expect(model.ledger().bucketStructures - used >= (400 / 56 + 400 / 167) * 4096)
    for item in items { model.free(item, type) }
    try model.checkInvariants()
  }

  @Test func aHashTableFollowsTheSizeOfItsCache() throws {
    let model = try bootIllumos()
    let cache = model.kmem.mallocCache(4096)
    #expect(model.kmem.caches[cache].hashSize == 64)
    let type = model.mallocType(named: "temp")
    let items = (0..<1000).map { _ in model.malloc(4096, type, .wait) }
    model.advance(to: interval)
    // 3 × 1000 + 4 has its highest bit at 12.
    #expect(model.kmem.caches[cache].hashSize == 1024)
    #expect(model.kmem.state.pointee.hashPages * 4096 >= model.kmem.state.pointee.hashBytes)
    for item in items { model.free(item, type) }
    model.reapSoon(ZoneID(index: cache))
    model.advance(to: 2 * interval)
    #expect(model.kmem.caches[cache].hashSize == 64)
    try model.checkInvariants()
  }

  @Test func ncsizeByFormula() {
    #expect(Illumos.nameCacheSize(physicalMemory: 2 << 30) == 129_797)
    #expect(Illumos.nameCacheSize(physicalMemory: 512 << 20) == 4 * (8202 + 512) + 320 + 351)
    #expect(Illumos.nameCacheSize(physicalMemory: 64 << 30) == 129_797)
  }

  @Test func sourcesOfObjects() throws {
    for architecture in Architecture.allCases {
      let model = try bootIllumos(architecture: architecture)
      let header = architecture == .amd64 ? 72 : 36
      #expect(
        model.source(of: .nameCacheEntry, nameLength: 12)
          == .malloc(model.mallocType(named: "dnlc"), size: header + 12))
      #expect(model.source(of: .pathBuffer, nameLength: 0) == .malloc(model.mallocType(named: "pathname"), size: 1024))
      #expect(model.source(of: .vmObject, nameLength: 0) == .embedded)
      #expect(model.source(of: .inode, nameLength: 0) == .zone(try #require(model.zone(named: "FFS inode"))))
      #expect(model.zone(named: "S VFS Cache") == nil)
      let path = try #require(model.zone(named: "NAMEI"))
      let item = model.zoneAlloc(path, .wait)
      try model.checkInvariants()
      model.zoneFree(path, item)
      try model.checkInvariants()
      // The allocator's own caches are nobody else's.
      #expect(model.zoneAlloc(ZoneID(index: Kmem.slabCache), .wait) == .null)
    }
  }

  @Test func configurationsOutOfRangeAreRefused() {
    expectValuesOutOfRangeAreRefused(Illumos.self, map: Illumos.heapSizes, memory: Illumos.memorySizes)
  }
}
