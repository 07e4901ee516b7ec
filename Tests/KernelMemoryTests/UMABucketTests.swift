// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Testing

@testable import KernelMemory

/// A freebsd-6 of one processor with a map of this many pages.
func smallFreeBSD6(pages: Int = 4096, cpus: Int = 1, boot: ModelConfiguration.BootPages = .discarded) throws -> FreeBSD6
{
  var configuration = ModelConfiguration(physicalMemory: 256 << 20)
  configuration.mapBytes = pages * kernelPageSize
  configuration.cpus = cpus
  configuration.bootPages = boot
  return try FreeBSD6(configuration)
}

extension FreeBSD6 {
  /// Statistics of a zone that has to exist.
  func row(_ name: String) throws -> ZoneStatistics { try #require(zoneStatistics().first { $0.name == name }) }
}

/// Buckets and caches, step by step (reference page "kernel-allocators", sections 5.6 to 5.8).
@Suite struct UMABucketTests {
  @Test func theItemFreedLastIsHandedOutFirst() throws {
    let model = try smallFreeBSD6()
    let type = model.mallocType(named: "temp")
    let first = model.malloc(100, type, .wait)
    let second = model.malloc(100, type, .wait)
    // The alloc bucket of 31 is emptied, so that the free bucket takes its place.
    for _ in 0..<29 { _ = model.malloc(100, type, .wait) }
    model.free(first, type)
    model.free(second, type)
    #expect(model.malloc(100, type, .wait) == second)
    #expect(model.malloc(100, type, .wait) == first)
  }

  @Test func aFillTakesItemsUpTheSlabAndABucketHandsThemOutFromItsEnd() throws {
    let model = try smallFreeBSD6()
    let type = model.mallocType(named: "temp")
    let addresses = (0..<3).map { _ in model.malloc(128, type, .wait).rawValue }
    // 31 items: a slab of 30 and the first item of the next one, which comes out first.
    #expect(addresses[0] % 4096 == 0)
    #expect(addresses[1] == addresses[0] - 4096 + 29 * 128)
    #expect(addresses[2] == addresses[1] - 128)
  }

  @Test func aMissMakesTheWantedBucketGrowByOneUpToItsMaximum() throws {
    let model = try smallFreeBSD6()
    let type = model.mallocType(named: "temp")
    #expect(try model.row("4096").bucketCount == 1)
    var counts: [Int] = []
    for _ in 0..<10 {
      _ = model.malloc(4096, type, .wait)
      counts.append(try model.row("4096").bucketCount)
    }
    // Fills of 2, 3, 4: a miss after each.
    #expect(counts == [2, 2, 3, 3, 3, 4, 4, 4, 4, 5])
    for _ in 0..<3000 { _ = model.malloc(4096, type, .wait) }
    #expect(try model.row("4096").bucketCount == 128)
    let buckets = try model.row("16 Bucket").used
    #expect(buckets <= 4, "emptied buckets are recycled, so fills stay at 16 items: \(buckets)")
    #expect(try model.row("128 Bucket").used == 0)
  }

  @Test func theWantedBucketNeverShrinks() throws {
    let model = try smallFreeBSD6()
    let type = model.mallocType(named: "temp")
    let held = (0..<500).map { _ in model.malloc(2048, type, .wait) }
    let grown = try model.row("2048").bucketCount
    #expect(grown > 2)
    for address in held { model.free(address, type) }
    model.reclaim()
    #expect(try model.row("2048").bucketCount == grown)
  }

  @Test func freedItemsNeverReachTheirSlabsUntilADrain() throws {
    let model = try smallFreeBSD6()
    let type = model.mallocType(named: "temp")
    let held = (0..<1000).map { _ in model.malloc(512, type, .wait) }
    let before = try model.row("512")
    for address in held { model.free(address, type) }
    let after = try model.row("512")
    #expect(after.pages == before.pages)
    #expect(after.kegFree == before.kegFree)
    #expect(after.used == 0)
    #expect(after.fullBuckets > 0)
    model.reclaim()
    let drained = try model.row("512")
    #expect(drained.fullBuckets == 0)
    #expect(drained.emptyBuckets == 0)
    #expect(drained.cpuFree == after.cpuFree, "the per-CPU caches keep what they have")
    #expect(drained.pages < after.pages)
    #expect(drained.pagesReturned == UInt64(after.pages - drained.pages))
    try model.checkInvariants()
  }

  @Test func aDrainLeavesAZoneWithoutFreeingAlone() throws {
    let model = try smallFreeBSD6()
    let zone = try #require(model.zone(named: "VNODE"))
    let held = (0..<2000).map { _ in model.zoneAlloc(zone, .wait) }
    for address in held { model.zoneFree(zone, address) }
    let before = try model.row("VNODE")
    model.reclaim()
    #expect(try model.row("VNODE") == before)
    #expect(before.fullBuckets > 0)
  }

  @Test func theFullBucketListIsLastInFirstOut() throws {
    let model = try smallFreeBSD6()
    let zone = try #require(model.zone(named: "FFS2 dinode"))
    let held = (0..<400).map { _ in model.zoneAlloc(zone, .wait) }
    for address in held { model.zoneFree(zone, address) }
    let last = try #require(model.uma.zones[zone.index].fullBuckets)
    let top = model.uma.address(last.items[Int(last.pointee.count) - 1])
    let cached = try model.row("FFS2 dinode").cpuFree
    for _ in 0..<cached { _ = model.zoneAlloc(zone, .wait) }
    #expect(model.zoneAlloc(zone, .wait) == top)
  }

  @Test func theCachesOfTwoProcessorsAreApart() throws {
    let model = try smallFreeBSD6(cpus: 2)
    let type = model.mallocType(named: "temp")
    let first = model.malloc(64, type, .wait)
    model.currentCPU = 1
    model.free(first, type)
    model.currentCPU = 0
    #expect(model.malloc(64, type, .wait) != first)
    model.currentCPU = 2
    #expect(model.currentCPU == 0, "a processor that is not there changes nothing")
  }

  @Test func theFreeBucketServesOnlyAProcessorThatHasAnAllocBucket() throws {
    let model = try smallFreeBSD6(cpus: 2)
    let zone = try #require(model.zone(named: "NAMEI"))
    let item = model.zoneAlloc(zone, .wait)
    model.currentCPU = 1
    model.zoneFree(zone, item)
    // Processor 1 has a free bucket with this item and no alloc bucket: it fills a bucket instead.
    #expect(model.zoneAlloc(zone, .wait) != item)
    try model.checkInvariants()
  }

  @Test func aNewSlabIsTheHeadOfTheListAndAnEmptiedOneIsReusedFirst() throws {
    let uma = UMA(mapStart: KernelAddress(rawValue: 0xC100_0000), mapPages: 64, cpus: 1)
    uma.createInternalZones()
    uma.enableBuckets()
    let zone = try #require(uma.createZone("test", size: 1300))
    let perSlab = uma.kegs[zone].itemsPerSlab
    #expect(perSlab == 3)
    let items = (0..<9).map { _ in uma.allocateFromSlab(zone, .wait) }
    #expect(items[0] / 4096 + 1 == items[3] / 4096)
    uma.freeToSlab(zone, items[1])
    uma.freeToSlab(zone, items[4])
    #expect(uma.allocateFromSlab(zone, .wait) == items[4], "the slab that became partly used last")
    #expect(uma.allocateFromSlab(zone, .wait) == items[1])
    for index in [0, 1, 2, 6] { uma.freeToSlab(zone, items[index]) }
    #expect(uma.allocateFromSlab(zone, .wait) == items[6], "partly used before wholly free")
    #expect(uma.allocateFromSlab(zone, .wait) == items[2])
    try uma.checkInvariants()
  }

  @Test func aDrainGivesBackTheHeadOfTheFreeListLast() throws {
    let uma = UMA(mapStart: KernelAddress(rawValue: 0xC100_0000), mapPages: 64, cpus: 1)
    uma.createInternalZones()
    uma.enableBuckets()
    let zone = try #require(uma.createZone("test", size: 4096))
    let items = (0..<3).map { _ in uma.allocateFromSlab(zone, .wait) }
    let headers = items.map { uma.slabs[Int($0) / 4096].header }
    for index in [1, 2, 0] { uma.freeToSlab(zone, items[index]) }
    uma.drain(zone)
    #expect(uma.kegs[zone].pages == 0)
    // Headers come back last in, first out.
    let again = (0..<3).map { _ in uma.allocateFromSlab(UMA.InternalZone.slabs, .wait) }
    #expect(again == [headers[0], headers[2], headers[1]])
  }

  @Test func aReclaimDrainsTheNewestZoneFirst() throws {
    let model = try smallFreeBSD6()
    let type = model.mallocType(named: "temp")
    let zone = try #require(model.zone(named: "NAMEI"))
    let mallocs = (0..<80).map { _ in model.malloc(1024, type, .wait) }
    let paths = (0..<80).map { _ in model.zoneAlloc(zone, .wait) }
    let owners = Dictionary(
      uniqueKeysWithValues: (1..<200).filter { model.uma.slabs[$0].header != 0 }.map {
        (model.uma.slabs[$0].header, Int(model.uma.slabs[$0].zone))
      })
    for address in mallocs { model.free(address, type) }
    for address in paths { model.zoneFree(zone, address) }
    model.reclaim()
    #expect(try model.row("1024").pagesReturned > 0)
    #expect(try model.row("NAMEI").pagesReturned > 0)
    // The header freed last is one of the older zone.
    let header = model.uma.allocateFromSlab(UMA.InternalZone.slabs, .wait)
    #expect(owners[header] == model.uma.zoneIndex(named: "1024"))
  }

  @Test func zonesBeyondTheCapacityOfTheModelAreRefused() {
    let uma = UMA(mapStart: KernelAddress(rawValue: 0xC100_0000), mapPages: 64, cpus: 1)
    uma.createInternalZones()
    for index in uma.state.pointee.zoneCount..<UMAConstants.zoneCapacity {
      #expect(uma.createZone("zone \(index)", size: 64) == index)
    }
    #expect(uma.createZone("one too many", size: 64) == nil)
    #expect(uma.zoneNames.count == UMAConstants.zoneCapacity)
  }

  @Test func aBucketTakesTheSizeOfTheNextLargerZone() {
    for (entries, index) in [(1, 0), (16, 0), (17, 1), (32, 1), (33, 2), (64, 2), (65, 3), (128, 3)] {
      #expect(UMA.bucketIndex(entries: entries) == index)
    }
  }
}
