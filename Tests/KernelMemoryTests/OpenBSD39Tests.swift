// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Testing

@testable import KernelMemory

/// An OpenBSD 3.9 whose kmem_map has so many pages, 1 MiB at least, on a machine with 64 MiB.
func bootOpenBSD(
  mapPages: Int = 256, architecture: Architecture = .i386, pages: PhysicalPages? = nil, backing: BackingBytes? = nil,
  megabytes: Int = 64, tuning: OpenBSD39.Tuning = .init()
) throws -> OpenBSD39 {
  let configuration = ModelConfiguration.machine(
    memory: megabytes << 20, mapPages: mapPages, architecture: architecture, pages: pages, backing: backing)
  return try OpenBSD39(configuration, tuning: tuning)
}

private let objectNames = [
  "VNODE", "FFS inode", "FFS2 dinode", "S VFS Cache", "NAMEI", "mbuf", "mbuf_cluster", "socket", "inpcb", "tcpcb",
  "Files", "MAP ENTRY",
]

@Suite("openbsd-3.9")
struct OpenBSD39Tests {
  // MARK: Configuration

  @Test(
    "The map sizes and limits of the worked table",
    arguments: [
      (64, 15.5, 9.3), (128, 31.0, 18.6), (256, 62.1, 37.2), (512, 64.0, 38.4), (1024, 64.0, 38.4), (2048, 64.0, 38.4),
    ])
  func theMapSizesOfTheWorkedTable(megabytes: Int, map: Double, limit: Double) throws {
    let model = try OpenBSD39(ModelConfiguration(physicalMemory: megabytes << 20))
    #expect(abs(Double(model.mapCapacityBytes) / 1_048_576 - map) <= 0.06)
    #expect(abs(Double(model.buckets.typeLimit) / 1_048_576 - limit) <= 0.06)
    #expect(model.mapCapacityBytes % kernelPageSize == 0)
  }

  @Test func aSmallMachineGetsEightMegabytesAndAmd64TwiceTheMaximum() throws {
    #expect(try OpenBSD39(ModelConfiguration(physicalMemory: 16 << 20)).mapCapacityBytes == 8 << 20)
    var configuration = ModelConfiguration(physicalMemory: 2 << 30)
    configuration.architecture = .amd64
    let model = try OpenBSD39(configuration)
    #expect(model.mapCapacityBytes == 128 << 20)
    #expect(model.buckets.typeLimit == 80_530_636)
    #expect(model.reserve == nil)
  }

  @Test func desiredVnodesFollowsMaxusersAlone() throws {
    #expect(try bootOpenBSD().desiredVnodes == 1310)
    var tuning = OpenBSD39.Tuning()
    tuning.maxUsers = 64
    #expect(try bootOpenBSD(tuning: tuning).desiredVnodes == 2 * 1044 + 80 + 130 + 100)
  }

  @Test func thePageCacheIsPrimedFromKernelMap() throws {
    let model = try bootOpenBSD(megabytes: 512)
    // 127,139 pages / 256 = 496, four times.
    #expect(model.reserve?.lowWaterPages == 496)
    #expect(model.kernelMapUsedBytes == 4 * 496 * kernelPageSize)
    // One page of mbufs, four of clusters, one of their headers.
    #expect(model.reserve?.freePages == 4 * 496 - 6)
    #expect(model.poolPages == 6)
    #expect(model.mapUsedBytes == 0)
    try model.checkInvariants()
  }

  @Test func valuesOutOfRangeAreRefused() {
    expectValuesOutOfRangeAreRefused(OpenBSD39.self, map: 1 << 20...0x2F00_0000, memory: 16 << 20...4 << 30)
    var configuration = ModelConfiguration(physicalMemory: 512 << 20)
    configuration.architecture = .amd64
    configuration.mapBytes = 241 << 20
    #expect(throws: ModelConfigurationError.mapSize(241 << 20, allowed: 1 << 20...240 << 20)) {
      try OpenBSD39(configuration)
    }
  }

  @Test func theLargestMapEndsWhereTheOthersStart() throws {
    let model = try bootOpenBSD(mapPages: 0x2F000)
    #expect(model.buckets.map.space.address(ofPage: 0x2F000) == OpenBSD39.kernelStart)
    let direct = try bootOpenBSD(mapPages: 0xF000, architecture: .amd64)
    #expect(direct.buckets.map.space.address(ofPage: 0xF000) == OpenBSD39.directStart)
    #expect(direct.kernelMapCapacityBytes == 764 << 20)
  }

  // MARK: malloc

  @Test func freedItemsGoToTheTailOfTheList() throws {
    let model = try bootOpenBSD()
    let type = model.mallocType(named: "temp")
    let items = (0..<8).map { _ in model.malloc(512, type, .wait) }
    for index in [2, 5, 1] { model.free(items[index], type) }
    for index in [2, 5, 1] { #expect(model.malloc(512, type, .wait) == items[index]) }
  }

  @Test func aFullMapKillsAWaitingCallerWithTheKernelsWords() throws {
    let model = try bootOpenBSD()
    try expectAFullMapEnds(model, in: .panic(message: "malloc: out of space in kmem_map", requestBytes: 40960))
    #expect(model.noWaitFailures == 1)
    #expect(model.failure?.description == "panic: malloc: out of space in kmem_map")
  }

  @Test func aWaitingCallerOfATypeAtSixtyPercentIsStuck() throws {
    let model = try bootOpenBSD()
    let type = model.mallocType(named: "temp")
    #expect(model.buckets.typeLimit == 629_145)
    // The limit is looked at before the request is added: the tenth one passes.
    for _ in 0..<10 { #expect(model.malloc(16 * kernelPageSize, type, .wait) != .null) }
    #expect(model.malloc(3000, type, .noWait) == .null)
    #expect(model.failure == nil)
    #expect(model.malloc(3000, model.mallocType(named: "devbuf"), .wait) != .null)
    #expect(model.malloc(3000, type, .wait) == .null)
    #expect(
      model.failure
        == .stuck(
          reason: "sleeps on \"temp\": malloc type \"temp\" holds 655360 bytes, limit 629145", requestBytes: 3000))
  }

  @Test func moreThan65535PagesEndTheKernelWhoeverAsks() throws {
    for wait in [WaitPolicy.wait, .noWait] {
      let model = try bootOpenBSD()
      let type = model.mallocType(named: "temp")
      #expect(model.malloc(65535 * kernelPageSize, type, .noWait) == .null)
      #expect(model.failure == nil)
      #expect(model.malloc(65535 * kernelPageSize + 1, type, wait) == .null)
      #expect(
        model.failure == .panic(message: "malloc: allocation too large", requestBytes: 65536 * kernelPageSize))
    }
    let model = try bootOpenBSD()
    #expect(model.malloc(-1, model.mallocType(named: "temp"), .noWait) == .null)
    #expect(model.failure != nil)
  }

  @Test func pagesOfSmallItemsStayAndLargeOnesGo() throws {
    let model = try bootOpenBSD()
    let type = model.mallocType(named: "temp")
    let small = model.malloc(5000, type, .wait)
    let large = model.malloc(9000, type, .wait)
    #expect(model.mapUsedBytes == 5 * kernelPageSize)
    model.free(small, type)
    model.free(large, type)
    #expect(model.mapUsedBytes == 2 * kernelPageSize)
    #expect(model.mapHighWaterBytes == 5 * kernelPageSize)
    model.reclaim()
    #expect(model.mapUsedBytes == 2 * kernelPageSize)
    #expect(model.ledger().slabFree == 8192)
  }

  @Test func lostAddressSpaceHasAnAccountOfItsOwn() throws {
    let model = try bootOpenBSD()
    model.loseAddressSpace(pages: 10)
    model.loseAddressSpace(pages: -3)
    #expect(model.ledger().lost == 40960)
    #expect(model.largestFreeBytes == 246 * kernelPageSize)
    try model.checkInvariants()
    model.loseAddressSpace(pages: 247)
    #expect(
      model.failure == .panic(message: "malloc: out of space in kmem_map", requestBytes: 247 * kernelPageSize))
  }

  // MARK: Pools

  @Test(
    "No kernel object lies in kmem_map", arguments: [Architecture.i386, .amd64])
  func noKernelObjectLiesInKmemMap(architecture: Architecture) throws {
    let model = try bootOpenBSD(architecture: architecture)
    for name in objectNames {
      let zone = try #require(model.zone(named: name), "\(name)")
      for _ in 0..<300 {
        let address = model.zoneAlloc(zone, .wait)
        #expect(address >= model.poolMap.space.start && address < OpenBSD39.kernelEnd, "\(name)")
      }
    }
    for name in ["VM OBJECT", "L VFS Cache", "phpool", "nothing"] { #expect(model.zone(named: name) == nil) }
    #expect(model.mapUsedBytes == 0)
    #expect(model.zoneStatistics().allSatisfy { !$0.isInMap })
    #expect(model.ledger() == Ledger())
    try model.checkInvariants()
  }

  @Test func objectsComeFromPools() throws {
    let model = try bootOpenBSD()
    expectPools(
      model,
      [
        (.vnode, "vnodes", 156), (.inode, "ffsino", 184), (.dinode, "dino1pl", 128), (.nameCacheEntry, "nchpl", 72),
        (.pathBuffer, "namei", 1024), (.mbuf, "mbpl", 256), (.mbufCluster, "mclpl", 2048), (.socket, "sockpl", 212),
        (.inpcb, "inpcbpl", 216), (.tcpcb, "tcpcbpl", 400), (.credential, "ucredpl", 80), (.file, "filepl", 88),
        (.mapEntry, "vmmpepl", 88),
      ])
  }

  @Test func pagesOfPoolsGoBackToThePageCacheWhileTheSystemRuns() throws {
    let model = try bootOpenBSD()
    let namei = try #require(model.zone(named: "NAMEI"))
    let reserve = try #require(model.reserve)
    let before = reserve.freePages
    let items = (0..<100).map { _ in model.zoneAlloc(namei, .wait) }
    #expect(reserve.freePages == before - 25)
    for item in items { model.zoneFree(namei, item) }
    #expect(reserve.freePages == before - 8)
    model.reclaim()
    // The headers' page still serves those of mbufs and clusters.
    #expect(reserve.freePages == before)
    #expect(model.kernelMapUsedBytes == 512 * kernelPageSize)
    try model.checkInvariants()
  }

  @Test func onAmd64PagesGoBackToTheSystem() throws {
    let physical = PhysicalPages(totalPages: 2000)
    let model = try bootOpenBSD(architecture: .amd64, pages: physical)
    let namei = try #require(model.zone(named: "NAMEI"))
    let before = physical.free
    let items = (0..<100).map { _ in model.zoneAlloc(namei, .wait) }
    #expect(physical.free == before - 25)
    for item in items { model.zoneFree(namei, item) }
    #expect(physical.free == before - 8)
    model.reclaim()
    #expect(physical.free == before)
    try model.checkInvariants()
  }

  @Test func onAmd64AWaitingCallerWithoutMemoryIsStuck() throws {
    let physical = PhysicalPages(totalPages: 20)
    let model = try bootOpenBSD(architecture: .amd64, pages: physical)
    let namei = try #require(model.zone(named: "NAMEI"))
    while model.zoneAlloc(namei, .noWait) != .null {}
    #expect(model.failure == nil)
    #expect(model.zoneAlloc(namei, .wait) == .null)
    #expect(
      model.failure
        == .stuck(reason: "plpg: physical pages are short and none is freed", requestBytes: kernelPageSize))
  }

  @Test func anExhaustedKernelMapPutsWaitingCallersToSleepForEver() throws {
    let model = try bootOpenBSD()
    let namei = try #require(model.zone(named: "NAMEI"))
    var count = 0
    while model.zoneAlloc(namei, .noWait) != .null { count += 1 }
    // 64,512 pages less 5 of mbufs and clusters: 64,003 pages of 4 buffers, whose headers take 504 pages of 127.
    #expect(count == 64_003 * 4)
    #expect(model.failure == nil)
    #expect(model.zoneStatistics()[namei.index].failures == 1)
    #expect(model.zoneAlloc(namei, .wait) == .null)
    #expect(
      model.failure
        == .stuck(
          reason: "getpage: kernel_map has no room for the page cache of pools", requestBytes: kernelPageSize))
    #expect(model.mapUsedBytes == 0)
  }

  @Test func withoutPhysicalPagesWaitingCallersAreStuck() throws {
    for fromPool in [true, false] {
      let physical = PhysicalPages(totalPages: 600)
      let model = try bootOpenBSD(pages: physical)
      let type = model.mallocType(named: "temp")
      #expect(model.malloc(88 * kernelPageSize, type, .wait) != .null)
      #expect(physical.free == 0)
      if fromPool {
        // The page cache still serves pools.
        let namei = try #require(model.zone(named: "NAMEI"))
        for _ in 0..<400 { #expect(model.zoneAlloc(namei, .wait) != .null) }
        while model.zoneAlloc(namei, .noWait) != .null {}
        #expect(model.failure == nil)
        #expect(model.zoneAlloc(namei, .wait) == .null)
        #expect(
          model.failure
            == .stuck(reason: "getpage: physical pages are short and none is freed", requestBytes: kernelPageSize))
      } else {
        #expect(model.malloc(100, type, .noWait) == .null)
        #expect(model.failure == nil)
        #expect(model.malloc(100, type, .wait) == .null)
        #expect(
          model.failure
            == .stuck(reason: "km_getwait2: physical pages are short and none is freed", requestBytes: kernelPageSize))
      }
    }
  }

  @Test func clustersStopAtTheirLimitForEverybodyAndKeepTheirPages() throws {
    var tuning = OpenBSD39.Tuning()
    tuning.clusters = 100
    let model = try bootOpenBSD(tuning: tuning)
    model.applyKernelLimits()
    let cluster = try #require(model.zone(named: "mbuf_cluster"))
    let items = (0..<100).map { _ in model.zoneAlloc(cluster, .wait) }
    #expect(items.allSatisfy { $0 != .null })
    #expect(model.zoneAlloc(cluster, .wait) == .null)
    #expect(model.failure == nil)
    for item in items { model.zoneFree(cluster, item) }
    // 100 clusters out, and 8 more were kept free below the limit.
    #expect(model.zoneStatistics()[cluster.index].pages == 50)
    #expect(model.zoneStatistics()[cluster.index].limit == 100)
    try model.checkInvariants()
  }

  @Test func aPoolMadeForATraceHasItsSizeAndKeepsWhatItMust() throws {
    let model = try bootOpenBSD()
    let zone = try #require(model.makeZone(named: "test", size: 300, noFree: true))
    let items = (0..<200).map { _ in model.zoneAlloc(zone, .wait) }
    for item in items { model.zoneFree(zone, item) }
    model.reclaim()
    #expect(model.zoneStatistics()[zone.index].size == 300)
    #expect(model.zoneStatistics()[zone.index].pages == 16)
    #expect(model.makeZone(named: "large", size: 4097, noFree: false) == nil)
    #expect(model.makeZone(named: "none", size: 0, noFree: false) == nil)
    try model.checkInvariants()
  }

  @Test func afterAFailureNothingHappensAnyMore() throws {
    try expectNothingHappensAfterAFailure(bootOpenBSD())
  }
}
