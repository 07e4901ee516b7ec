// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Testing

@testable import KernelMemory

/// A NetBSD 5 whose kmem_map has so many pages, 1 MiB at least, on a machine with 64 MiB.
func bootNetBSD(
  mapPages: Int = 256, cpus: Int = 1, pages: PhysicalPages? = nil, backing: BackingBytes? = nil,
  tuning: NetBSD.Tuning = .init()
) throws -> NetBSD {
  let configuration = ModelConfiguration.machine(
    memory: 64 << 20, mapPages: mapPages, cpus: cpus, pages: pages, backing: backing)
  return try NetBSD(configuration, tuning: tuning)
}

@Suite("netbsd")
struct NetBSDTests {
  private let second: UInt64 = 1_000_000_000

  // MARK: Configuration

  @Test(
    "kmem_map is the memory between 8 and 128 MiB, a type's limit 60 % of it",
    arguments: [(16, 15.5), (64, 62.1), (128, 124.2), (256, 128.0), (512, 128.0), (2048, 128.0)])
  func theMapSizes(megabytes: Int, map: Double) throws {
    let model = try NetBSD(ModelConfiguration(physicalMemory: megabytes << 20))
    #expect(abs(Double(model.mapCapacityBytes) / 1_048_576 - map) <= 0.06)
    #expect(model.buckets.typeLimit == model.mapCapacityBytes * 6 / 10)
    #expect(NetBSD.kmemSize(physicalPages: 1000) == 8 << 20)
  }

  @Test func limitsFollowTheMemory() throws {
    let model = try NetBSD(ModelConfiguration(physicalMemory: 512 << 20))
    // 127,139 pages: a sixteenth in clusters, below a quarter of kmem_map.
    #expect(model.clusterLimit == 15_892)
    // 1 % of the memory / 2048; on a small machine 2 × 1044 + 210 + 100.
    #expect(model.desiredVnodes == 2542)
    #expect(try bootNetBSD().desiredVnodes == 2398)
    #expect(try bootNetBSD(mapPages: 2048).clusterLimit == 1024)
    #expect(try bootNetBSD().clusterLimit == 128)
  }

  @Test func valuesOutOfRangeAreRefused() {
    expectValuesOutOfRangeAreRefused(
      NetBSD.self, only: .i386, map: 1 << 20...0x2F00_0000, memory: 16 << 20...4 << 30)
  }

  @Test func mbufsAndClustersHaveTheirLowWaterMarksAtBoot() throws {
    let model = try bootNetBSD()
    // One page of mbufs, four of clusters, one of their headers.
    #expect(model.mapUsedBytes == 6 * kernelPageSize)
    let ledger = model.ledger()
    #expect(ledger.slabFree == 16 * 256 + 8 * 2048 + (4096 / 36 - 1 - 5) * 36)
    #expect(ledger.bucketStructures == 5 * 36)
    #expect(ledger.total == model.mapUsedBytes)
    try model.checkInvariants()
  }

  // MARK: malloc

  @Test func freedItemsGoToTheTailOfTheList() throws {
    let model = try bootNetBSD()
    let type = model.mallocType(named: "temp")
    let items = (0..<8).map { _ in model.malloc(512, type, .wait) }
    for index in [2, 5, 1] { model.free(items[index], type) }
    for index in [2, 5, 1] { #expect(model.malloc(512, type, .wait) == items[index]) }
  }

  @Test func aFullMapKillsAWaitingCallerThoughPoolsHoldIdlePages() throws {
    let model = try bootNetBSD()
    let namei = try #require(model.zone(named: "NAMEI"))
    let items = (0..<200).map { _ in model.zoneAlloc(namei, .wait) }
    for item in items { model.zoneFree(namei, item) }
    // 250 pages less 50 of buffers and 1 of groups.
    let free = model.largestFreeBytes / kernelPageSize
    #expect(free == 199)
    let types = ["temp", "devbuf"].map { model.mallocType(named: $0) }
    #expect(model.malloc(100 * kernelPageSize, types[0], .wait) != .null)
    #expect(model.malloc(99 * kernelPageSize, types[1], .wait) != .null)
    #expect(model.malloc(100, types[0], .noWait) == .null)
    #expect(model.failure == nil)
    #expect(model.malloc(100, types[0], .wait) == .null)
    #expect(model.failure == .panic(message: "malloc: out of space in kmem_map", requestBytes: kernelPageSize))
    #expect(model.drainedPages == 0)
    try model.checkInvariants()
  }

  @Test func aTypeAtItsLimitPutsAWaitingCallerToSleepForEver() throws {
    let model = try bootNetBSD()
    let type = model.mallocType(named: "temp")
    for _ in 0..<10 { #expect(model.malloc(16 * kernelPageSize, type, .wait) != .null) }
    #expect(model.malloc(3000, type, .noWait) == .null)
    #expect(model.malloc(3000, type, .wait) == .null)
    #expect(
      model.failure
        == .stuck(
          reason: "sleeps on \"temp\": malloc type \"temp\" holds 655360 bytes, limit 629145", requestBytes: 3000))
  }

  @Test func tooManyPagesAreNoticedAfterTheMapWasAsked() throws {
    // A map that holds them: 65,600 pages and those of boot.
    let model = try bootNetBSD(mapPages: 70_000)
    let type = model.mallocType(named: "temp")
    #expect(model.malloc(65_600 * kernelPageSize, type, .noWait) == .null)
    #expect(
      model.failure == .panic(message: "malloc: allocation too large", requestBytes: 65_600 * kernelPageSize))
    let small = try bootNetBSD()
    #expect(small.malloc(65_600 * kernelPageSize, small.mallocType(named: "temp"), .noWait) == .null)
    #expect(small.failure == nil)
  }

  // MARK: Pools and caches

  @Test func poolsLieInKmemMap() throws {
    let model = try bootNetBSD(mapPages: 2048)
    for name in [
      "VNODE", "FFS inode", "FFS2 dinode", "S VFS Cache", "NAMEI", "mbuf", "mbuf_cluster", "socket", "inpcb", "tcpcb",
      "Files", "MAP ENTRY",
    ] {
      let zone = try #require(model.zone(named: name), "\(name)")
      for _ in 0..<100 {
        let address = model.zoneAlloc(zone, .wait)
        #expect(model.buckets.map.space.contains(address), "\(name)")
      }
    }
    for name in ["VM OBJECT", "L VFS Cache", "phpool-0", "pcgnormal"] { #expect(model.zone(named: name) == nil) }
    #expect(model.zoneStatistics().allSatisfy { $0.isInMap })
    #expect(model.ledger().live == 100 * (216 + 184 + 128 + 80 + 1024 + 256 + 2048 + 300 + 196 + 504 + 64 + 72))
    try model.checkInvariants()
  }

  @Test func objectsComeFromPools() throws {
    let model = try bootNetBSD()
    expectPools(
      model,
      [
        (.vnode, "vnodepl", 216), (.inode, "ffsino", 184), (.dinode, "ffsdino1", 128), (.nameCacheEntry, "ncache", 80),
        (.pathBuffer, "pnbufpl", 1024), (.mbuf, "mbpl", 256), (.mbufCluster, "mclpl", 2048), (.socket, "socket", 300),
        (.inpcb, "inpcbpl", 196), (.tcpcb, "tcpcbpl", 504), (.credential, "kcredpl", 128), (.file, "file", 64),
        (.mapEntry, "vmmpepl", 72),
      ])
  }

  @Test func poolsThatInterruptsNeverUseMayLieInKernelMap() throws {
    var tuning = NetBSD.Tuning()
    tuning.usesKernelMap = true
    let model = try bootNetBSD(tuning: tuning)
    let vnode = try #require(model.zone(named: "VNODE"))
    let mbuf = try #require(model.zone(named: "mbuf"))
    let used = model.mapUsedBytes
    let vnodes = (0..<100).map { _ in model.zoneAlloc(vnode, .wait) }
    #expect(vnodes.allSatisfy { $0 >= NetBSD.kernelStart })
    #expect(model.kernelMapUsedBytes == 6 * kernelPageSize)
    #expect(model.mapUsedBytes == used)
    #expect(model.zoneAlloc(mbuf, .wait) < NetBSD.kernelStart)
    #expect(model.zoneStatistics()[vnode.index].isInMap == false)
    for item in vnodes { model.zoneFree(vnode, item) }
    try model.checkInvariants()
    // The first drain takes the objects out of their groups, which makes the pages idle; the next one takes those.
    model.reclaim()
    model.advance(to: 10 * second)
    for _ in 0..<20 { model.reclaim() }
    #expect(model.kernelMapUsedBytes == 0)
    try model.checkInvariants()
  }

  @Test func freedObjectsStayInTheGroupsOfTheirProcessor() throws {
    let model = try bootNetBSD(cpus: 2)
    let vnode = try #require(model.zone(named: "VNODE"))
    let items = (0..<40).map { _ in model.zoneAlloc(vnode, .wait) }
    for item in items { model.zoneFree(vnode, item) }
    let row = model.zoneStatistics()[vnode.index]
    #expect(row.used == 0 && row.cpuFree == 26 && row.fullBuckets == 1)
    #expect(row.requests == 40 && row.frees == 40)
    // 40 in groups, the rest of three pages in the pool.
    #expect(row.free == 3 * 18 && row.kegFree == 14)
    let ledger = model.ledger()
    #expect(ledger.cpuBuckets == 26 * 216 && ledger.zoneBuckets == 14 * 216)
    model.currentCPU = 1
    #expect(!items[28...].contains(model.zoneAlloc(vnode, .wait)))
    #expect(model.zoneStatistics()[vnode.index].fullBuckets == 0)
    try model.checkInvariants()
  }

  @Test func clustersStopAtTheirLimitForEverybody() throws {
    let model = try bootNetBSD(mapPages: 1024)
    model.applyKernelLimits()
    let cluster = try #require(model.zone(named: "mbuf_cluster"))
    #expect(model.clusterLimit == 512)
    for _ in 0..<512 { #expect(model.zoneAlloc(cluster, .wait) != .null) }
    #expect(model.zoneAlloc(cluster, .wait) == .null)
    #expect(model.failure == nil)
    #expect(model.zoneStatistics()[cluster.index].failures == 1)
  }

  // MARK: Reclaim

  @Test func thePageDaemonTakesPagesThatWereIdleForTenSeconds() throws {
    let model = try bootNetBSD()
    let namei = try #require(model.zone(named: "NAMEI"))
    let items = (0..<100).map { _ in model.zoneAlloc(namei, .wait) }
    for item in items { model.zoneFree(namei, item) }
    let used = model.mapUsedBytes
    // The groups are emptied at once, but the pages become idle only by that.
    for _ in 0..<20 { model.reclaim() }
    #expect(model.mapUsedBytes == used)
    #expect(model.zoneStatistics()[namei.index].cpuFree == 0)
    model.advance(to: 10 * second - 1)
    for _ in 0..<20 { model.reclaim() }
    #expect(model.mapUsedBytes == used)
    model.advance(to: 10 * second)
    for _ in 0..<20 { model.reclaim() }
    // The six pages of boot are left.
    #expect(model.mapUsedBytes == 6 * kernelPageSize)
    #expect(model.drainedPages == 26)
    try model.checkInvariants()
  }

  @Test func poolsAreDrainedInTurn() throws {
    let model = try bootNetBSD()
    let zones = try ["NAMEI", "VNODE", "socket"].map { try #require(model.zone(named: $0)) }
    for zone in zones {
      let items = (0..<40).map { _ in model.zoneAlloc(zone, .wait) }
      for item in items { model.zoneFree(zone, item) }
    }
    // The objects come back to their pools first, which makes pages idle.
    model.reclaim()
    model.advance(to: 20 * second)
    let names = model.zoneStatistics().map(\.name)
    var order: [String] = []
    for _ in 0..<5 {
      let before = model.zoneStatistics()
      model.reclaim()
      for (index, row) in model.zoneStatistics().enumerated() where row.pages < before[index].pages {
        order.append(names[index])
      }
    }
    // One pool a call, in the order of creation; the fifth call finds the page of the headers in use.
    #expect(order == ["pcgnormal", "pnbufpl", "vnodepl", "socket"])
    try model.checkInvariants()
  }

  @Test func aWaitingPoolTakesIdlePagesOfOthers() throws {
    let model = try bootNetBSD()
    let namei = try #require(model.zone(named: "NAMEI"))
    let tcpcb = try #require(model.zone(named: "tcpcb"))
    // tcpcbpl has no cache: its pages become idle at once.
    let items = (0..<80).map { _ in model.zoneAlloc(tcpcb, .wait) }
    for item in items { model.zoneFree(tcpcb, item) }
    let type = model.mallocType(named: "temp")
    model.loseAddressSpace(pages: 200)
    while model.malloc(kernelPageSize, type, .noWait) != .null {}
    #expect(model.largestFreeBytes == 0)
    #expect(model.zoneAlloc(namei, .noWait) == .null)
    #expect(model.zoneAlloc(namei, .wait) != .null)
    #expect(model.failure == nil)
    // They were young: the caller slept until they were not.
    #expect(model.waitedNanoseconds == 10 * second)
    #expect(model.zoneStatistics()[tcpcb.index].pages == 0)
    try model.checkInvariants()
  }

  @Test func aWaitingPoolThatFindsNothingIsStuck() throws {
    let model = try bootNetBSD()
    let namei = try #require(model.zone(named: "NAMEI"))
    let type = model.mallocType(named: "temp")
    model.loseAddressSpace(pages: 240)
    while model.malloc(kernelPageSize, type, .noWait) != .null {}
    #expect(model.zoneAlloc(namei, .wait) == .null)
    #expect(
      model.failure
        == .stuck(reason: "vmmapva: kmem_map has no room and no pool gives pages back", requestBytes: kernelPageSize))
    try model.checkInvariants()
  }

  @Test func aWaitingCallerWithoutPhysicalPagesTakesIdleOnes() throws {
    let physical = PhysicalPages(totalPages: 60)
    let model = try bootNetBSD(pages: physical)
    physical.pageDaemon = { model.reclaim() }
    defer { physical.pageDaemon = nil }
    let tcpcb = try #require(model.zone(named: "tcpcb"))
    let items = (0..<80).map { _ in model.zoneAlloc(tcpcb, .wait) }
    for item in items { model.zoneFree(tcpcb, item) }
    let type = model.mallocType(named: "temp")
    #expect(model.malloc(44 * kernelPageSize, type, .wait) != .null)
    #expect(physical.free == 0)
    #expect(model.malloc(5000, type, .noWait) == .null)
    #expect(model.malloc(5000, type, .wait) != .null)
    #expect(model.waitedNanoseconds == 10 * second)
    #expect(model.failure == nil)
    #expect(model.malloc(20 * kernelPageSize, type, .wait) == .null)
    #expect(
      model.failure
        == .stuck(
          reason: "km_getwait2: physical pages are short and none is freed", requestBytes: 20 * kernelPageSize))
    try model.checkInvariants()
  }

  @Test func lostAddressSpaceHasAnAccountOfItsOwn() throws {
    let model = try bootNetBSD()
    model.loseAddressSpace(pages: 10)
    #expect(model.ledger().lost == 40960)
    try model.checkInvariants()
    model.loseAddressSpace(pages: 300)
    #expect(
      model.failure == .panic(message: "malloc: out of space in kmem_map", requestBytes: 300 * kernelPageSize))
  }

  @Test func aPoolMadeForATraceHasACache() throws {
    let model = try bootNetBSD()
    let zone = try #require(model.makeZone(named: "test", size: 300, noFree: true))
    let items = (0..<50).map { _ in model.zoneAlloc(zone, .wait) }
    for item in items { model.zoneFree(zone, item) }
    model.advance(to: 100 * second)
    for _ in 0..<30 { model.reclaim() }
    let row = model.zoneStatistics()[zone.index]
    #expect(row.size == 300 && row.pages == 4 && row.kegFree == 52 && row.requests == 50)
    #expect(model.makeZone(named: "large", size: 4097, noFree: false) == nil)
    try model.checkInvariants()
  }

  @Test func afterAFailureNothingHappensAnyMore() throws {
    try expectNothingHappensAfterAFailure(bootNetBSD())
  }
}
