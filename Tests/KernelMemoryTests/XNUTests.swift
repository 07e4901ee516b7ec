// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Testing

@testable import KernelMemory

/// An XNU whose zone_map has so many pages; the machine has 512 MiB.
func bootXNU(
  mapPages: Int? = 2048, memory: Int = 512 << 20, architecture: Architecture = .i386, pages: PhysicalPages? = nil,
  backing: BackingBytes? = nil
) throws -> XNU {
  let configuration = ModelConfiguration.machine(
    memory: memory, mapPages: mapPages, architecture: architecture, pages: pages, backing: backing)
  return try XNU(configuration)
}

@Suite("xnu")
struct XNUTests {
  // MARK: Sizing

  @Test(
    "zone_map and desiredvnodes by memory",
    arguments: [
      (32, 12, 1536), (128, 32, 3072), (512, 128, 9216), (1024, 256, 17_408), (4096, 752, 66_560),
      (16384, 752, 263_168), (65536, 752, 263_168),
    ])
  func sizesByMemory(megabytes: Int, map: Int, vnodes: Int) throws {
    let model = try bootXNU(mapPages: nil, memory: megabytes << 20)
    #expect(model.mapCapacityBytes == map << 20)
    #expect(model.desiredVnodes == vnodes)
  }

  @Test func theMetadataRegionIsPartOfTheMap() throws {
    // 16 bytes a page with pointers of 4 bytes, 24 with pointers of 8.
    #expect(try bootXNU(mapPages: 2048).mapUsedBytes == 8 * kernelPageSize)
    #expect(try bootXNU(mapPages: 2048, architecture: .amd64).mapUsedBytes == 12 * kernelPageSize)
    #expect(try bootXNU(mapPages: 2048).ledger().bucketStructures == 8 * kernelPageSize)
  }

  @Test(
    "Pages of a chunk by element size",
    arguments: [
      // 240: 16 of 4096 bytes stay, less than a percent; 304: 144, 288, 128, 272, 112 bytes of 1 to 5 pages.
      (16, 1), (240, 1), (248, 2), (304, 5), (640, 5), (1000, 1), (1152, 2), (1280, 5), (1664, 7), (2048, 1), (4096, 1),
      (6144, 3), (8192, 2), (32768, 8),
    ])
  func pagesOfAChunk(size: Int, pages: Int) {
    #expect(ZoneMapAllocator.chunkPages(elementSize: size) == pages)
  }

  @Test func elementsHoldTwoPointers() {
    #expect(ZoneMapAllocator.elementSize(1, pointerSize: 4) == 8)
    #expect(ZoneMapAllocator.elementSize(1, pointerSize: 8) == 16)
    #expect(ZoneMapAllocator.elementSize(17, pointerSize: 8) == 24)
    #expect(ZoneMapAllocator.elementSize(17, pointerSize: 4) == 20)
  }

  @Test func valuesOutOfRangeAreRefused() {
    expectValuesOutOfRangeAreRefused(XNU.self, map: XNU.mapSizes, memory: XNU.memorySizes)
  }

  // MARK: malloc

  @Test("kalloc takes the smallest zone that fits", arguments: [Architecture.i386, .amd64])
  func kallocTakesTheSmallestZoneThatFits(architecture: Architecture) throws {
    let model = try bootXNU(mapPages: 8192, architecture: architecture)
    let type = model.mallocType(named: "temp")
    let sizes = XNU.kallocSizes(architecture)
    for size in stride(from: 1, through: 8192, by: 7) {
      let before = model.mallocTypeStatistics()[type.index].bytes
      _ = model.malloc(size, type, .wait)
      let element = try #require(sizes.first { $0 >= size })
      try #require(model.mallocTypeStatistics()[type.index].bytes == before + UInt64(element), "\(size)")
    }
    try model.checkInvariants()
  }

  @Test func largeRequestsLieOutsideOfZoneMap() throws {
    let model = try bootXNU()
    let type = model.mallocType(named: "temp")
    let used = model.mapUsedBytes
    let small = model.malloc(8193, type, .wait)
    let large = model.malloc(300 << 10, type, .wait)
    #expect(model.large.kallocMap.space.contains(small))
    #expect(model.large.kernelMap.space.contains(large))
    #expect(model.mapUsedBytes == used && model.largeBytes == 12288 + 300 << 10)
    // A caller that may not block never gets whole pages.
    #expect(model.malloc(8193, type, .noWait) == .null)
    // A full kalloc_map sends requests to kernel_map.
    _ = model.large.kallocMap.space.allocate(pages: model.large.kallocMap.space.largestFreeRun)
    #expect(model.large.kernelMap.space.contains(model.malloc(8193, type, .wait)))
    model.free(small, type)
    model.free(large, type)
    #expect(model.mallocTypeStatistics()[type.index].bytes == 12288)
    #expect(model.failure == nil)
  }

  // MARK: Zones

  @Test func chunksWithLiveElementsAreUsedFirst() throws {
    let model = try bootXNU()
    let type = model.mallocType(named: "temp")
    // Four elements of 1024 bytes a chunk.
    let items = (0..<12).map { _ in model.malloc(1024, type, .wait) }
    #expect(items[0].rawValue & 0xFFF == 3072, "the highest element first")
    for item in items[0..<4] { model.free(item, type) }
    model.free(items[5], type)
    #expect(model.malloc(1024, type, .wait) == items[5])
    #expect(model.malloc(1024, type, .wait) == items[3], "then a chunk without live elements, last freed first")
    try model.checkInvariants()
  }

  @Test func pagesGoBackInACollectionAlone() throws {
    let model = try bootXNU()
    let vnode = try #require(model.zone(named: "VNODE"))
    let before = model.mapUsedBytes
    let items = (0..<1000).map { _ in model.zoneAlloc(vnode, .wait) }
    let full = model.mapUsedBytes
    for item in items.dropLast() { model.zoneFree(vnode, item) }
    model.advance(to: 3_600_000_000_000)
    #expect(model.mapUsedBytes == full)
    model.reclaim()
    // The chunk of the last item stays.
    #expect(model.mapUsedBytes == before + ZoneMapAllocator.chunkPages(elementSize: 144) * kernelPageSize)
    #expect(model.zoneStatistics()[vnode.index].pagesReturned == UInt64((full - model.mapUsedBytes) / kernelPageSize))
    model.zoneFree(vnode, try #require(items.last))
    model.reclaim()
    #expect(model.mapUsedBytes == before)
    try model.checkInvariants()
  }

  @Test func aZoneThatMustNotBeFreedKeepsItsPages() throws {
    let model = try bootXNU()
    let kept = try #require(model.makeZone(named: "kept", size: 300, noFree: true))
    let given = try #require(model.makeZone(named: "given", size: 300, noFree: false))
    for zone in [kept, given] { model.zoneFree(zone, model.zoneAlloc(zone, .wait)) }
    model.reclaim()
    #expect(model.zoneStatistics()[kept.index].pages > 0)
    #expect(model.zoneStatistics()[given.index].pages == 0)
    #expect(model.makeZone(named: "large", size: 32769, noFree: false) == nil)
    #expect(model.makeZone(named: "none", size: 0, noFree: false) == nil)
  }

  @Test func aCallerThatMayNotBlockLeavesTheGrowthToAThreadCall() throws {
    let model = try bootXNU()
    let type = model.mallocType(named: "temp")
    let used = model.mapUsedBytes
    #expect(model.malloc(100, type, .noWait) == .null)
    #expect(model.zones.pendingGrowths == 1 && model.mapUsedBytes == used)
    model.advance(to: 1)
    #expect(
      model.zones.pendingGrowths == 0
        && model.mapUsedBytes == used + kernelPageSize * ZoneMapAllocator.chunkPages(elementSize: 112))
    #expect(model.malloc(100, type, .noWait) != .null)
    try model.checkInvariants()
  }

  @Test func mbufsHaveAMapOfTheirOwn() throws {
    let model = try bootXNU()
    let used = model.mapUsedBytes
    let mbuf = try #require(model.zone(named: "mbuf"))
    let cluster = try #require(model.zone(named: "mbuf_cluster"))
    let item = model.zoneAlloc(mbuf, .wait)
    #expect(model.zoneAlloc(cluster, .wait) != .null && item != .null)
    model.zoneFree(mbuf, item)
    #expect(model.mapUsedBytes == used)
    #expect(model.zoneStatistics()[mbuf.index].free == 16)
    #expect(model.zoneStatistics()[cluster.index].used == 1)
  }

  @Test("Every kernel object has a source", arguments: [Architecture.i386, .amd64])
  func everyKernelObjectHasASource(architecture: Architecture) throws {
    let model = try bootXNU(architecture: architecture)
    for object in KernelObject.allCases {
      switch model.source(of: object, nameLength: 12) {
      case .zone(let zone):
        let item = model.zoneAlloc(zone, .wait)
        #expect(item != .null)
        model.zoneFree(zone, item)
      case .malloc(let type, let size): model.free(model.malloc(size, type, .wait), type)
      case .embedded: #expect(object == .dinode)
      }
    }
    #expect(model.failure == nil)
    try model.checkInvariants()
  }

  @Test func theTableOfZprint() throws {
    let model = try bootXNU()
    let type = model.mallocType(named: "temp")
    for _ in 0..<5 { _ = model.malloc(1024, type, .wait) }
    _ = model.malloc(10000, type, .wait)
    let expected = """
                            elem     cur     max     cur     max     cur alloc   alloc
      zone name             size    size    size   #elts   #elts   inuse  size   count
      ----------------------------------------------------------------------------------
      kalloc.1024           1024      8K   1024K       8    1024       5    4K       4 C
      kalloc.large         12288     12K     12K       1       1       1   12K       1 C

      """
    #expect(model.vmstatM() == expected)
    #expect(model.vmstatZ() == "")
  }

  @Test func aZoneGrowsBeyondItsMaximum() throws {
    let model = try bootXNU()
    let type = model.mallocType(named: "temp")
    for _ in 0..<257 { _ = model.malloc(4096, type, .wait) }
    #expect(
      model.vmstatM().contains("kalloc.4096           4096   1028K   1536K     257     384     257    4K       1 C"))
  }
}
