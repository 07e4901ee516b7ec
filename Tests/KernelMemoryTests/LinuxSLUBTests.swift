// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Testing

@testable import KernelMemory

/// A Linux on x86_64.
func bootLinux(
  mapPages: Int? = 4096, cpus: Int = 2, memory: Int = 256 << 20, architecture: Architecture = .amd64,
  tuning: SLUBLayout.Tuning = SLUBLayout.Tuning(), pages: PhysicalPages? = nil, backing: BackingBytes? = nil
) throws -> LinuxSLUB {
  let configuration = ModelConfiguration.machine(
    memory: memory, mapPages: mapPages, cpus: cpus, architecture: architecture, pages: pages, backing: backing)
  return try LinuxSLUB(configuration, tuning: tuning)
}

@Suite("linux-slub")
struct LinuxSLUBTests {
  /// Takes items until a new slab would be needed or `count` is reached.
  private func take(_ count: Int, _ model: LinuxSLUB, _ zone: ZoneID) -> [KernelAddress] {
    (0..<count).map { _ in model.zoneAlloc(zone, .wait) }
  }

  private func slabs(_ model: LinuxSLUB, _ zone: ZoneID) -> Int { model.slub.slabInfo()[zone.index].slabs }

  @Test func objectsOfANewSlabComeInTheOrderOfTheirAddresses() throws {
    let model = try bootLinux()
    let zone = model.makeCache(named: "unit", size: 1024)
    let items = take(16, model, zone)
    #expect(zip(items, items.dropFirst()).allSatisfy { $0.rawValue + 1024 == $1.rawValue })
    #expect(items[0].rawValue & 0x3FFF == 0)
    #expect(slabs(model, zone) == 1)
    _ = model.zoneAlloc(zone, .wait)
    #expect(slabs(model, zone) == 2)
    try model.checkInvariants()
  }

  @Test func theLastFreedObjectOfTheProcessorsSlabIsTheNextOne() throws {
    let model = try bootLinux()
    let zone = model.makeCache(named: "unit", size: 1024)
    let items = take(8, model, zone)
    model.zoneFree(zone, items[2])
    model.zoneFree(zone, items[5])
    #expect(take(3, model, zone) == [items[5], items[2], KernelAddress(rawValue: items[7].rawValue + 1024)])
  }

  @Test func aProcessorTakesTheWholeListThatOthersFreedIntoItsSlab() throws {
    let model = try bootLinux()
    let zone = model.makeCache(named: "unit", size: 1024)
    let items = take(16, model, zone)
    model.currentCPU = 1
    for index in [3, 9, 12] { model.zoneFree(zone, items[index]) }
    // Processor 1 has no slab of its own and must not use the frozen one.
    let other = model.zoneAlloc(zone, .wait)
    #expect(!items.contains(other))
    #expect(slabs(model, zone) == 2)
    model.currentCPU = 0
    #expect(take(3, model, zone) == [items[12], items[9], items[3]])
    #expect(slabs(model, zone) == 2)
    try model.checkInvariants()
  }

  @Test func aFullSlabGoesToThePartialListOfTheProcessorThatFreesFirst() throws {
    let model = try bootLinux()
    let zone = model.makeCache(named: "unit", size: 1024)
    let items = take(5 * 16, model, zone)
    model.currentCPU = 1
    for slab in 0..<3 { model.zoneFree(zone, items[16 * slab]) }
    #expect(model.slub.partialSlabs(zone.index, processor: 1) == 3)
    #expect(model.slub.partialSlabs(zone.index, processor: 0) == 0)
    #expect(model.slub.partialSlabs(zone.index) == 0)
    // The list holds 3 slabs: the fourth drives them to the node.
    model.zoneFree(zone, items[16 * 3])
    #expect(model.slub.partialSlabs(zone.index, processor: 1) == 1)
    #expect(model.slub.partialSlabs(zone.index) == 3)
    // A further free into a slab of a list moves nothing.
    model.zoneFree(zone, items[1])
    #expect(model.slub.partialSlabs(zone.index) == 3)
    #expect(model.zoneStatistics()[zone.index].kegFree == 4)
    #expect(model.zoneStatistics()[zone.index].cpuFree == 1)
    try model.checkInvariants()
  }

  @Test func emptySlabsAboveTheMinimumGoBackAtOnce() throws {
    let model = try bootLinux()
    let zone = model.makeCache(named: "unit", size: 1024)
    let items = take(20 * 16, model, zone)
    let before = model.mapUsedBytes
    for item in items { model.zoneFree(zone, item) }
    // Five on the node, the last one drained after them on the processor's list, and the processor's own.
    #expect(slabs(model, zone) == 7)
    #expect(model.slub.partialSlabs(zone.index) == 5)
    #expect(model.slub.partialSlabs(zone.index, processor: 0) == 1)
    #expect(before - model.mapUsedBytes == 13 * 4 * kernelPageSize)
    #expect(model.zoneStatistics()[zone.index].pagesReturned == 52)
    try model.checkInvariants()
  }

  @Test func aSlabOnTheNodesListThatBecomesEmptyGoesBackAboveTheMinimum() throws {
    let model = try bootLinux()
    let zone = model.makeCache(named: "unit", size: 1024)
    let items = take(13 * 16, model, zone)
    // One object of each of twelve slabs: nine go to the node in threes.
    for slab in 0..<12 { model.zoneFree(zone, items[16 * slab]) }
    #expect(model.slub.partialSlabs(zone.index) == 9)
    for index in 1..<15 { model.zoneFree(zone, items[index]) }
    #expect(slabs(model, zone) == 13)
    model.zoneFree(zone, items[15])
    #expect(slabs(model, zone) == 12)
    #expect(model.slub.partialSlabs(zone.index) == 8)
    try model.checkInvariants()
  }

  @Test func aProcessorFetchesHalfAListFromTheNode() throws {
    let model = try bootLinux()
    let zone = model.makeCache(named: "unit", size: 1024)
    let items = take(13 * 16, model, zone)
    for slab in 0..<12 { model.zoneFree(zone, items[16 * slab]) }
    #expect(model.slub.partialSlabs(zone.index) == 9)
    // Three objects lie in the processor's own list, newest slab first, then one in each slab of the node.
    #expect(take(3, model, zone) == [items[16 * 11], items[16 * 10], items[16 * 9]])
    #expect(model.slub.partialSlabs(zone.index) == 9)
    // The first of the node to allocate from, and two more: 2 > 3 / 2.
    #expect(model.zoneAlloc(zone, .wait) == items[16 * 2])
    #expect(model.slub.partialSlabs(zone.index) == 6)
    #expect(model.slub.partialSlabs(zone.index, processor: 0) == 2)
    #expect(slabs(model, zone) == 13)
    try model.checkInvariants()
  }

  @Test func withoutPerCPUListsSlabsGoToTheNodeAtOnce() throws {
    var tuning = SLUBLayout.Tuning()
    tuning.cpuPartial = .off
    let model = try bootLinux(tuning: tuning)
    let zone = model.makeCache(named: "unit", size: 1024)
    let items = take(10 * 16, model, zone)
    for slab in 0..<9 { model.zoneFree(zone, items[16 * slab]) }
    #expect(model.slub.partialSlabs(zone.index) == 9)
    #expect(model.zoneAlloc(zone, .wait) == items[0])
    #expect(model.slub.partialSlabs(zone.index) == 8)
    try model.checkInvariants()
  }

  @Test func shrinkingGivesEveryEmptySlabBack() throws {
    let model = try bootLinux()
    let zone = model.makeCache(named: "unit", size: 1024)
    let items = take(20 * 16, model, zone)
    for item in items.dropLast(24) { model.zoneFree(zone, item) }
    model.shrink(zone)
    // 24 objects remain, in two slabs; the one with fewer free objects is the first that is used again.
    #expect(slabs(model, zone) == 2)
    try model.checkInvariants()
    #expect(model.zoneAlloc(zone, .wait).rawValue < items[19 * 16].rawValue)
    model.reclaim()
    #expect(slabs(model, zone) == 2)
  }

  @Test(
    "kmalloc rounds up to its caches",
    arguments: [
      (1, 8), (8, 8), (9, 16), (65, 96), (96, 96), (97, 128), (129, 192), (192, 192), (193, 256), (1025, 2048),
      (4097, 8192), (8192, 8192), (8193, 16384), (16385, 32768), (40960, 65536),
    ])
  func kmallocRoundsUp(asked: Int, given: Int) throws {
    let model = try bootLinux()
    let type = model.mallocType(named: "temp")
    let item = model.malloc(asked, type, .wait)
    let row = model.mallocTypeStatistics()[type.index]
    #expect(row.bytes == UInt64(given) && row.inUse == 1 && row.requests == 1)
    let ledger = model.ledger()
    #expect(asked > 8192 ? ledger.large == given : ledger.live == asked && ledger.rounding == given - asked)
    try model.checkInvariants()
    model.free(item, type)
    #expect(model.mallocTypeStatistics()[type.index].bytes == 0)
    #expect(model.ledger().large == 0 && model.ledger().live == 0)
    try model.checkInvariants()
  }

  @Test func alargeAllocationGoesBackAtItsFree() throws {
    let model = try bootLinux()
    let type = model.mallocType(named: "temp")
    let used = model.mapUsedBytes
    let item = model.malloc(20_000, type, .wait)
    #expect(model.mapUsedBytes - used == 32_768)
    model.free(item, type)
    #expect(model.mapUsedBytes == used)
    #expect(model.mapHighWaterBytes >= used + 32_768)
    #expect(model.malloc(5 << 20, type, .wait) == .null)
    #expect(model.failure == nil)
  }

  @Test func aCacheOfItsOwnPagesTakesTwoBookkeepingObjects() throws {
    let model = try bootLinux()
    let before = model.ledger().bucketStructures
    _ = model.makeCache(named: "unit", size: 100)
    #expect(model.ledger().bucketStructures - before == 256 + 128)
    #expect(model.makeCache(named: "unit", size: 999) == model.makeCache(named: "unit", size: 100))
    #expect(model.ledger().bucketStructures - before == 256 + 128)
  }

  @Test func aThousandCachesAreMade() throws {
    let model = try bootLinux()
    for number in 0..<200 {
      let zone = model.makeCache(named: "cache \(number)", size: 8 + 24 * number)
      #expect(model.zoneAlloc(zone, .wait) != .null)
    }
    #expect(model.makeZone(named: "zone", size: 0, noFree: false) == nil)
    #expect(model.makeZone(named: "zone", size: 300, noFree: true) != nil)
    try model.checkInvariants()
  }

  @Test func bootOrderIsThatOfTheKernel() throws {
    let names = try bootLinux().slabInfo().map(\.name)
    #expect(
      names.suffix(15) == [
        "kmalloc-8k", "kmalloc-4k", "kmalloc-2k", "kmalloc-1k", "kmalloc-512", "kmalloc-256", "kmalloc-128",
        "kmalloc-64", "kmalloc-32", "kmalloc-16", "kmalloc-8", "kmalloc-192", "kmalloc-96", "kmem_cache_node",
        "kmem_cache",
      ])
  }

  @Test(
    "Object caches have the layout of Linux 6.18",
    arguments: [
      ("dentry", 192, 21, 1), ("ext4_inode_cache", 1128, 14, 4), ("filp", 192, 21, 1), ("names_cache", 4096, 8, 8),
      ("skbuff_head_cache", 256, 16, 1), ("sock_inode_cache", 832, 19, 4), ("TCP", 2368, 13, 8),
      ("vm_area_struct", 192, 21, 1), ("kmem_cache", 256, 16, 1), ("kmem_cache_node", 128, 32, 1),
    ])
  func objectCaches(row: (String, Int, Int, Int)) throws {
    let info = try #require(try bootLinux().slabInfo().first { $0.name == row.0 })
    #expect(info.objectSize == row.1 && info.objectsPerSlab == row.2 && info.pagesPerSlab == row.3)
  }

  @Test func sourcesOfObjects() throws {
    for architecture in Architecture.allCases {
      let model = try bootLinux(architecture: architecture)
      #expect(model.source(of: .vnode, nameLength: 0) == .zone(try #require(model.zone(named: "VNODE"))))
      #expect(model.source(of: .dinode, nameLength: 0) == .embedded)
      #expect(model.source(of: .mbufCluster, nameLength: 0) == .malloc(model.mallocType(named: "skb data"), size: 2048))
      #expect(
        model.source(of: .nameCacheEntry, nameLength: 12) == .zone(try #require(model.zone(named: "L VFS Cache"))))
      #expect(model.zone(named: "FFS2 dinode") == nil)
      // The cache of clusters is one of kmalloc(), and stays in the books of a type.
      let cluster = try #require(model.zone(named: "mbuf_cluster"))
      let item = model.zoneAlloc(cluster, .wait)
      #expect(model.mallocTypeStatistics()[model.mallocType(named: "skb data").index].bytes == 2048)
      try model.checkInvariants()
      model.zoneFree(cluster, item)
      try model.checkInvariants()
    }
  }

  @Test func sizesAndVnodes() throws {
    // 0.97 of the pages; above the window the model shows what has addresses.
    #expect(try bootLinux(mapPages: nil, memory: 512 << 20).mapCapacityBytes == 127_139 * 4096)
    #expect(try bootLinux(mapPages: nil, memory: 4 << 30).mapCapacityBytes == 0xFFC0_0000 - 0xC100_0000)
    #expect(
      try bootLinux(mapPages: nil, memory: 4 << 30, architecture: .i386).mapCapacityBytes == 0xF800_0000 - 0xC100_0000)
    // 16384 / 14 and 4096 / 21 bytes of slabs for an inode and its dentry.
    #expect(try bootLinux(mapPages: nil, memory: 512 << 20).desiredVnodes == 127_139 * 4096 / (1171 + 196))
  }

  @Test func configurationsOutOfRangeAreRefused() {
    expectValuesOutOfRangeAreRefused(LinuxSLUB.self, map: LinuxSLUB.mapSizes(.i386), memory: LinuxSLUB.memorySizes)
  }
}
