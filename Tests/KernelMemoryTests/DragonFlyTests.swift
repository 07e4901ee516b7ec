// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Testing

@testable import KernelMemory

/// A DragonFly with a kernel_map of so many pages, whose zones then have 32 KiB; the machine has 512 MiB.
func bootDragonFly(
  mapPages: Int? = 2048, memory: Int = 512 << 20, cpus: Int = 1, pages: PhysicalPages? = nil,
  backing: BackingBytes? = nil
) throws -> DragonFly {
  let configuration = ModelConfiguration.machine(
    memory: memory, mapPages: mapPages, cpus: cpus, pages: pages, backing: backing)
  return try DragonFly(configuration)
}

@Suite("dragonfly")
struct DragonFlyTests {
  // MARK: Sizing

  @Test(
    "Zone size, type limit and desiredvnodes by memory",
    arguments: [
      (64, 32, 6_509_363, 4505), (128, 64, 13_018_726, 8958), (256, 128, 26_037_862, 17_896),
      (512, 128, 52_076_134, 35_772), (1024, 128, 104_152_678, 69_733), (4096, 128, 107_374_182, 260_443),
    ])
  func sizesByMemory(megabytes: Int, zone: Int, limit: Int, vnodes: Int) throws {
    let model = try bootDragonFly(mapPages: nil, memory: megabytes << 20)
    #expect(model.slabs.zoneSize == zone << 10)
    #expect(model.slabs.typeLimit == limit)
    #expect(model.desiredVnodes == vnodes)
    // The array has 4 bytes for each page of 1 GiB.
    #expect(model.mapUsedBytes == 1 << 20)
    #expect(model.ledger().bucketStructures == 1 << 20)
  }

  @Test func aSmallAddressSpaceClampsTheVnodes() {
    #expect(DragonFly.desiredVnodes(managedPages: 127_139, addressSpace: 8 << 20) == 2 * (8 << 20) / (5 * 368))
  }

  @Test(
    "Chunk sizes at the borders of the steps",
    arguments: [
      (1, 8, 0), (8, 8, 0), (9, 16, 1), (127, 128, 15), (128, 128, 15), (129, 144, 16), (255, 256, 23), (256, 256, 23),
      (257, 288, 24), (512, 512, 31), (513, 576, 32), (1025, 1152, 40), (2049, 2304, 48), (4097, 4608, 56),
      (8191, 8192, 63), (8192, 8192, 63), (8193, 9216, 64), (16383, 16384, 71),
    ])
  func chunkSizes(request: Int, chunk: Int, index: Int) {
    let found = SlabClasses.of(request)
    #expect(found.chunk == chunk && found.index == index)
  }

  @Test func everyClassIsItsOwnAndHoldsItsRequests() {
    var last = (index: 0, chunk: 8)
    for size in 1..<16384 {
      let found = SlabClasses.of(size)
      #expect(found.chunk >= size)
      #expect(found.index == last.index ? found.chunk == last.chunk : found.index == last.index + 1)
      last = found
    }
    #expect(last.index == SlabClasses.count - 1)
  }

  @Test(
    "Chunks of a zone",
    arguments: [
      // chunk, zone KiB, offset of the first one, number
      (8, 32, 184, 4073), (24, 32, 184, 1357), (64, 32, 192, 509), (256, 128, 256, 511), (288, 128, 184, 454),
      (2048, 128, 2048, 63), (1152, 32, 184, 28), (16384, 128, 16384, 7),
    ])
  func chunksOfAZone(chunk: Int, kilobytes: Int, base: Int, chunks: Int) {
    let layout = SlabAllocator.layout(chunk: chunk, zoneSize: kilobytes << 10)
    #expect(layout.base == base && layout.chunks == chunks)
  }

  @Test func valuesOutOfRangeAreRefused() {
    expectValuesOutOfRangeAreRefused(
      DragonFly.self, only: .i386, map: DragonFly.mapSizes, memory: DragonFly.memorySizes)
  }

  // MARK: Chunks

  @Test func chunksComeInOrderAndTheLowestPageIsReusedFirst() throws {
    let model = try bootDragonFly()
    let type = model.mallocType(named: "temp")
    let items = (0..<40).map { _ in model.malloc(512, type, .wait) }
    let zone = items[0].rawValue & ~0x7FFF
    // Powers of two lie at multiples of their size, behind the header.
    #expect(items[0].rawValue == zone + 512)
    #expect(zip(items, items.dropFirst()).allSatisfy { $0.rawValue + 512 == $1.rawValue })
    // 20 lies in page 2, 1 in page 0: the lower page comes first although it was freed first.
    model.free(items[1], type)
    model.free(items[20], type)
    #expect(model.malloc(512, type, .wait) == items[1])
    #expect(model.malloc(512, type, .wait) == items[20])
    try model.checkInvariants()
  }

  @Test func wholePagesAndLargeRequestsGoToTheMapAndComeBackAtFree() throws {
    let model = try bootDragonFly()
    let type = model.mallocType(named: "temp")
    let before = model.mapUsedBytes
    // The limit of zones of 32 KiB is 8 KiB; 4096 bytes are a whole page.
    let sizes = [4096, 8192, 8193, 100_000]
    let items = sizes.map { model.malloc($0, type, .wait) }
    #expect(model.slabs.zonesMade == 0)
    #expect(model.ledger().large == 4096 + 8192 + 12288 + 102_400)
    for item in items { model.free(item, type) }
    #expect(model.mapUsedBytes == before)
    _ = model.malloc(4097, type, .wait)
    #expect(model.slabs.zonesMade == 1)
    try model.checkInvariants()
  }

  @Test func freeZonesAboveTwoGoBackInTheNextMallocThatMaySleep() throws {
    let model = try bootDragonFly()
    let type = model.mallocType(named: "temp")
    let perZone = SlabAllocator.layout(chunk: 1024, zoneSize: 32 << 10).chunks
    var items: [KernelAddress] = []
    for _ in 0..<6 * perZone { items.append(model.malloc(1024, type, .wait)) }
    #expect(model.slabs.liveZones == 6)
    let full = model.mapUsedBytes
    for item in items { model.free(item, type) }
    // The last zone of the class stays with it.
    #expect(model.slabs.liveZones == 1 && model.slabs.freeZones == 5)
    #expect(model.mapUsedBytes == full)
    _ = model.malloc(16, type, .noWait)
    #expect(model.slabs.freeZones == 4, "one serves the new class, none went back")
    _ = model.malloc(16, type, .wait)
    #expect(model.slabs.freeZones == 2 && model.slabs.zonesReturned == 2)
    #expect(model.mapUsedBytes == full - 2 * (32 << 10))
    try model.checkInvariants()
  }

  @Test func aReusedFreeZoneServesAnotherClass() throws {
    let model = try bootDragonFly()
    let type = model.mallocType(named: "temp")
    let perZone = SlabAllocator.layout(chunk: 1024, zoneSize: 32 << 10).chunks
    let items = (0..<2 * perZone).map { _ in model.malloc(1024, type, .wait) }
    for item in items { model.free(item, type) }
    let used = model.mapUsedBytes
    _ = model.malloc(48, type, .wait)
    #expect(model.mapUsedBytes == used && model.slabs.zonesMade == 2)
    try model.checkInvariants()
  }

  // MARK: Processors

  @Test func aRemoteFreeWaitsForItsOwner() throws {
    let model = try bootDragonFly(cpus: 2)
    let type = model.mallocType(named: "temp")
    let item = model.malloc(100, type, .wait)
    model.currentCPU = 1
    model.free(item, type)
    #expect(model.slabs.freesInTransit == 1)
    #expect(model.ledger().cpuBuckets == 104)
    #expect(model.mallocTypeStatistics()[type.index].inUse == 1)
    try model.checkInvariants()
    // The other processor has a zone of its own.
    let other = model.malloc(100, type, .wait)
    #expect(other.rawValue & ~0x7FFF != item.rawValue & ~0x7FFF)
    model.currentCPU = 0
    #expect(model.malloc(100, type, .wait) == item)
    #expect(model.slabs.freesInTransit == 0)
    try model.checkInvariants()
  }

  @Test func aFullQueueIsTakenAtOnceAndTimeTakesTheRest() throws {
    let model = try bootDragonFly(cpus: 2)
    let type = model.mallocType(named: "temp")
    let items = (0..<20).map { _ in model.malloc(100, type, .wait) }
    model.currentCPU = 1
    for item in items { model.free(item, type) }
    #expect(model.slabs.messagesSent == 20 && model.slabs.freesInTransit == 4)
    model.advance(to: 1)
    #expect(model.slabs.freesInTransit == 0)
    #expect(model.mallocTypeStatistics()[type.index].inUse == 0)
    try model.checkInvariants()
  }

  // MARK: Zones, text

  @Test func vmZonesLieInTheSameMap() throws {
    let model = try bootDragonFly()
    let vnode = try #require(model.zone(named: "VNODE"))
    let before = model.mapUsedBytes
    let item = model.zoneAlloc(vnode, .wait)
    #expect(model.mapUsedBytes == before + 5 * kernelPageSize)
    #expect(model.ledger().live == 256)
    model.zoneFree(vnode, item)
    #expect(model.mapUsedBytes == before + 5 * kernelPageSize)
    let made = try #require(model.makeZone(named: "test", size: 100, noFree: false))
    _ = model.zoneAlloc(made, .wait)
    #expect(model.ledger().live == 100 && model.ledger().rounding == 28)
    #expect(model.makeZone(named: "none", size: 0, noFree: false) == nil)
    try model.checkInvariants()
  }

  @Test func theTextsOfVmstat() throws {
    let model = try bootDragonFly(mapPages: 2560)
    let temp = model.mallocType(named: "temp")
    let state = model.mallocType(named: "NFSD V4state")
    _ = model.malloc(300, temp, .wait)
    model.free(model.malloc(5000, state, .wait), state)
    let expected = """

      Memory statistics by type                          Type  Kern
              Type  InUse MemUse HighUse  Limit Requests Limit Limit
       NFSD V4state     0     0K      5K  1024K        1    0     0
               temp     1     1K      1K  1024K        1    0     0

      Memory Totals:  In Use    Free    Requests
                          1K      0K           2

      """
    #expect(model.vmstatM() == expected)
    _ = model.zoneAlloc(try #require(model.zone(named: "NAMEI")), .wait)
    #expect(model.vmstatZ().contains("\nNAMEI:          1024,        0,      1,      7,        1\nMAP ENTRY:"))
    #expect(model.vmstatZ().hasPrefix("\nITEM            SIZE     LIMIT    USED    FREE  REQUESTS\n\nVNODE:"))
  }

  @Test func everyKernelObjectHasASource() throws {
    let model = try bootDragonFly()
    for object in KernelObject.allCases {
      switch model.source(of: object, nameLength: 12) {
      case .zone(let zone): model.zoneFree(zone, model.zoneAlloc(zone, .wait))
      case .malloc(let type, let size): model.free(model.malloc(size, type, .wait), type)
      case .embedded: continue
      }
    }
    #expect(model.source(of: .nameCacheEntry, nameLength: 9) == .malloc(model.mallocType(named: "vfscache"), size: 106))
    #expect(model.failure == nil)
    try model.checkInvariants()
  }
}
