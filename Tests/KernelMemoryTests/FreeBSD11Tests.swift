// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Testing

@testable import KernelMemory

/// Buckets, slabs, drains and the arena of FreeBSD 11.
@Suite struct FreeBSD11Tests {
  @Test func aMissFillsABucketOfTheSizeForTheItem() throws {
    let model = try smallFreeBSD11()
    let type = model.mallocType(named: "temp")
    _ = model.malloc(1024, type, .wait)
    let row = try model.row("1024")
    #expect(row.bucketCount == 13)
    #expect(row.cpuFree == 12)
    #expect(row.kegFree == 3, "13 items of four slabs")
    #expect(row.pages == 4)
    #expect(try model.row("16 Bucket").used == 1)
    try model.checkInvariants()
  }

  @Test func largeItemsComeInBucketsOfOne() throws {
    let model = try smallFreeBSD11()
    let type = model.mallocType(named: "temp")
    let item = model.malloc(60_000, type, .wait)
    #expect(try model.row("65536").pages == 16)
    #expect(try model.row("65536").cpuFree == 0)
    #expect(model.ledger().live == 60_000)
    model.free(item, type)
    #expect(try model.row("65536").cpuFree == 1)
    #expect(model.malloc(65_536, type, .wait) == item)
    #expect(model.ledger().live == 65_536)
    try model.checkInvariants()
  }

  @Test func theWantedSizeDoesNotGrowWithoutContention() throws {
    let model = try smallFreeBSD11()
    let type = model.mallocType(named: "temp")
    for _ in 0..<500 { _ = model.malloc(4096, type, .wait) }
    #expect(try model.row("4096").bucketCount == 1)
    model.contendedLocksPerThousand = 250
    for _ in 0..<40 { _ = model.malloc(4096, type, .wait) }
    let grown = try model.row("4096").bucketCount
    #expect(grown >= 4 && grown <= 10, "every fourth taking of the lock: \(grown)")
    model.contendedLocksPerThousand = 5000
    #expect(model.contendedLocksPerThousand == 1000)
    for _ in 0..<5000 { _ = model.malloc(64, type, .wait) }
    #expect(try model.row("64").bucketCount == 253, "never more than the largest bucket")
    try model.checkInvariants()
  }

  @Test func theWantedSizeGrowsWhereAFreeMeetsContention() throws {
    let model = try smallFreeBSD11()
    let type = model.mallocType(named: "temp")
    let held = (0..<200).map { _ in model.malloc(1024, type, .wait) }
    #expect(try model.row("1024").bucketCount == 13)
    model.contendedLocksPerThousand = 1000
    for item in held { model.free(item, type) }
    #expect(try model.row("1024").bucketCount > 16)
    try model.checkInvariants()
  }

  @Test func freesGoToTheAllocBucketFirst() throws {
    let model = try smallFreeBSD11()
    let type = model.mallocType(named: "temp")
    let held = (0..<10).map { _ in model.malloc(256, type, .wait) }
    model.free(held[3], type)
    #expect(model.malloc(256, type, .wait) == held[3])
    let index = try #require(model.uma.zoneIndex(named: "256"))
    #expect(model.uma.caches[index].free == nil)
    // 51 are left of a bucket of 61; the eleventh free starts the free bucket.
    for item in held { model.free(item, type) }
    #expect(model.uma.caches[index].free == nil)
    #expect(model.uma.caches[index].alloc?.pointee.count == 61)
  }

  @Test func fullBucketsWaitAtTheZoneAndEmptyOnesGoBack() throws {
    let model = try smallFreeBSD11()
    let type = model.mallocType(named: "temp")
    let held = (0..<400).map { _ in model.malloc(256, type, .wait) }
    let used = try model.row("64 Bucket").used
    for item in held { model.free(item, type) }
    let row = try model.row("256")
    #expect(row.fullBuckets >= 4)
    #expect(row.used == 0)
    #expect(try model.row("64 Bucket").used > used)
    for _ in 0..<400 { _ = model.malloc(256, type, .wait) }
    #expect(try model.row("256").pages == row.pages, "everything came out of buckets")
    #expect(try model.row("256").fullBuckets <= 1)
    #expect(try model.row("64 Bucket").used <= used + 1, "empty buckets are not kept")
    try model.checkInvariants()
  }

  @Test func theLowestFreeItemOfASlabIsTakenFirst() throws {
    let model = try smallFreeBSD11()
    let zone = try #require(model.zone(named: "NAMEI"))
    model.uma.state.pointee.bucketsDisabled = true
    let held = (0..<4).map { _ in model.zoneAlloc(zone, .wait) }
    #expect(held == held.sorted())
    for index in [2, 0, 3] { model.zoneFree(zone, held[index]) }
    #expect((0..<3).map { _ in model.zoneAlloc(zone, .wait) } == [held[0], held[2], held[3]])
    try model.checkInvariants()
  }

  @Test func aBucketZoneDoesNotServeItself() throws {
    let model = try smallFreeBSD11()
    let type = model.mallocType(named: "temp")
    // Zones of every bucket size are in use, and the zones of buckets have buckets of their own.
    for size in [16, 100, 200, 400, 900, 1500, 2000, 3000, 4000] {
      for _ in 0..<600 { _ = model.malloc(size, type, .wait) }
    }
    try model.checkInvariants()
    let first = model.uma.firstBucketZone
    for (place, zone) in VMemUMA.bucketZones.enumerated() {
      let cache = model.uma.caches[first + place]
      for bucket in [cache.alloc, cache.free].compactMap({ $0 }) where place + 1 < VMemUMA.bucketZones.count {
        #expect(Int(bucket.pointee.entries) + 3 != zone.words, "\(zone.words) Bucket")
      }
    }
  }

  @Test func aReclaimGivesBucketsBackAndLeavesTheCaches() throws {
    let model = try smallFreeBSD11()
    let type = model.mallocType(named: "temp")
    let held = (0..<400).map { _ in model.malloc(256, type, .wait) }
    for item in held { model.free(item, type) }
    model.reclaim()
    let row = try model.row("256")
    #expect(row.fullBuckets == 0)
    #expect(row.cpuFree > 61 && row.cpuFree <= 122)
    #expect(row.pagesReturned > 15)
    try model.checkInvariants()
    model.uma.reclaim(.drainCPU)
    #expect(try model.row("256").cpuFree == 0)
    #expect(try model.row("256").pages == 0)
    try model.checkInvariants()
  }

  @Test func aShortageOfPagesReachesTheCachesOfEveryProcessor() throws {
    let pages = PhysicalPages(totalPages: 4000)
    let model = try smallFreeBSD11(cpus: 3, physical: pages)
    let type = model.mallocType(named: "temp")
    for cpu in 0..<3 {
      model.currentCPU = cpu
      model.free(model.malloc(300, type, .wait), type)
    }
    #expect(try model.row("512").cpuFree == 87)
    model.reclaim()
    #expect(try model.row("512").cpuFree == 87)
    #expect(pages.take(pages.free - pages.freeMinimum + 1))
    model.reclaim()
    #expect(try model.row("512").pages == 0)
    #expect(model.currentCPU == 2)
    try model.checkInvariants()
  }

  @Test func aSevereDrainHalvesWhatTheWantedSizeGrew() throws {
    let model = try smallFreeBSD11()
    let type = model.mallocType(named: "temp")
    model.contendedLocksPerThousand = 1000
    for _ in 0..<200 { _ = model.malloc(4096, type, .wait) }
    let grown = try model.row("4096").bucketCount
    #expect(grown > 10)
    model.contendedLocksPerThousand = 0
    model.reclaim()
    #expect(try model.row("4096").bucketCount == grown - 1)
    model.uma.reclaim(.drainCPU)
    // One less, half way to 1, one less.
    #expect(try model.row("4096").bucketCount == (1 + grown - 2) / 2 - 1)
    for _ in 0..<40 { model.reclaim() }
    #expect(try model.row("4096").bucketCount == 1)
  }

  @Test func zonesThatKeepTheirSlabsLoseTheirBuckets() throws {
    let model = try smallFreeBSD11()
    let zone = try #require(model.zone(named: "VM OBJECT"))
    let held = (0..<500).map { _ in model.zoneAlloc(zone, .wait) }
    for item in held { model.zoneFree(zone, item) }
    let before = try model.row("VM OBJECT")
    #expect(before.fullBuckets > 0)
    model.uma.reclaim(.drainCPU)
    let after = try model.row("VM OBJECT")
    #expect(after.fullBuckets == 0 && after.cpuFree == 0)
    #expect(after.pages == before.pages && after.pagesReturned == 0)
    try model.checkInvariants()
  }

  @Test func hashesGrowWithTheCallout() throws {
    let model = try smallFreeBSD11()
    let zone = try #require(model.zone(named: "NAMEI"))
    for _ in 0..<200 { _ = model.zoneAlloc(zone, .wait) }
    let index = try #require(model.uma.zoneIndex(named: "NAMEI"))
    #expect(model.uma.kegs[index].hashEntries == 32)
    model.advance(to: 19_999_999_999)
    #expect(model.uma.kegs[index].hashEntries == 32)
    model.advance(to: 20_000_000_000)
    #expect(model.uma.kegs[index].hashEntries == 64)
    #expect(model.mallocTypeStatistics().first { $0.name == "UMAHash" }?.inUse == 1)
    model.advance(to: .max)
    #expect(model.mallocTypeStatistics().first { $0.name == "UMAHash" }?.bytes == 256)
    try model.checkInvariants()
  }

  @Test func largeMallocsTakeAHeaderAndPages() throws {
    let model = try smallFreeBSD11()
    let type = model.mallocType(named: "temp")
    let headers = try model.row("UMA Slabs").used
    let used = model.mapUsedBytes
    let item = model.malloc(65_537, type, .wait)
    #expect(model.mapUsedBytes == used + 17 * 4096)
    #expect(model.ledger().large == 17 * 4096)
    #expect(try model.row("UMA Slabs").used == headers + 1)
    model.free(item, type)
    #expect(model.mapUsedBytes == used)
    #expect(try model.row("UMA Slabs").used == headers)
    #expect(model.mallocTypeStatistics()[type.index].bytes == 0)
  }

  @Test func bootPagesHoldTheFirstKegsAndZones() throws {
    let model = try smallFreeBSD11()
    #expect(try model.row("UMA Kegs").bootPages > 0)
    #expect(try model.row("UMA Zones").bootPages > 0)
    #expect(try model.row("256").bootPages == 0)
    #expect(model.state.pointee.bootPagesLeft == 0)
  }

  @Test func objectsComeFromTheirZones() throws {
    let model = try smallFreeBSD11()
    for object in KernelObject.allCases {
      switch model.source(of: object, nameLength: 20) {
      case .zone(let zone): #expect(model.zoneAlloc(zone, .wait) != .null)
      case .malloc(let type, let size):
        #expect(object == .credential)
        #expect(model.malloc(size, type, .wait) != .null)
      case .embedded: Issue.record("\(object)")
      }
    }
    #expect(model.source(of: .nameCacheEntry, nameLength: 35) == model.zone(named: "S VFS Cache").map { .zone($0) })
    #expect(model.source(of: .nameCacheEntry, nameLength: 36) == model.zone(named: "L VFS Cache").map { .zone($0) })
    #expect(model.zone(named: "inpcb") == model.zone(named: "tcp_inpcb"))
    #expect(model.zone(named: "4096") == nil)
    #expect(model.zone(named: "16 Bucket") == nil)
    #expect(model.zone(named: "UMA Kegs") == nil)
    #expect(model.zone(named: "no such zone") == nil)
    let made = try #require(model.makeZone(named: "mine", size: 100, noFree: true))
    #expect(model.zoneAlloc(made, .wait) != .null)
    #expect(model.zone(named: "mine") == made)
    try model.checkInvariants()
  }

  @Test func onAMD64SmallSlabsLieBehindTheArena() throws {
    let model = try smallFreeBSD11(architecture: .amd64)
    let type = model.mallocType(named: "temp")
    let start = model.mapUsedBytes
    let small = (0..<1000).map { _ in model.malloc(256, type, .wait) }
    #expect(model.mapUsedBytes == start, "one page a slab")
    #expect(model.directMapBytes > 1000 * 256)
    #expect(small.allSatisfy { $0.rawValue >= 0xC100_0000 + 2048 * 4096 && $0.rawValue < 0x1_0000_0000 })
    let large = model.malloc(8192, type, .wait)
    #expect(large.rawValue < 0xC100_0000 + 2048 * 4096)
    #expect(model.mapUsedBytes > start)
    #expect(model.ledger().total == model.mapUsedBytes)
    #expect(model.ledger().live == 8192)
    #expect(try !model.row("256").isInMap)
    #expect(try model.row("8192").isInMap)
    for item in small { model.free(item, type) }
    model.uma.reclaim(.drainCPU)
    #expect(try model.row("256").pages == 0)
    try model.checkInvariants()
  }
}
