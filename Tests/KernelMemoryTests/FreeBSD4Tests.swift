// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Testing

@testable import KernelMemory

/// A FreeBSD 4 whose malloc share of kmem_map has so many pages, 1 MiB at least; the machine has 512 MiB unless a pool
/// is given.
func bootFreeBSD4(
  mapPages: Int = 256, tuning: FreeBSD4.Tuning = .init(), pages: PhysicalPages? = nil, backing: BackingBytes? = nil
) throws -> FreeBSD4 {
  let configuration = ModelConfiguration.machine(
    memory: 512 << 20, mapPages: mapPages, pages: pages, backing: backing)
  return try FreeBSD4(configuration, tuning: tuning)
}

@Suite("freebsd-4")
struct FreeBSD4Tests {
  // MARK: Configuration

  @Test(
    "The map sizes of the worked table",
    arguments: [
      (64, 20.7, 10.3), (128, 41.4, 20.7), (256, 82.8, 41.4), (512, 165.5, 82.8), (1024, 200.0, 100.0),
      (2048, 200.0, 100.0),
    ])
  func theMapSizesOfTheWorkedTable(megabytes: Int, map: Double, limit: Double) throws {
    let model = try FreeBSD4(ModelConfiguration(physicalMemory: megabytes << 20))
    #expect(abs(Double(model.mapCapacityBytes) / 1_048_576 - map) <= 0.06)
    #expect(abs(Double(model.buckets.typeLimit) / 1_048_576 - limit) <= 0.06)
    #expect(model.mapCapacityBytes % kernelPageSize == 0)
  }

  @Test func aSmallMachineGetsTwelveMegabytesOrTwiceItsMemory() {
    #expect(FreeBSD4.kmemSize(managedPages: 16 << 8) == 12 << 20)
    #expect(FreeBSD4.kmemSize(managedPages: 1000) == 2 * 1000 * kernelPageSize)
  }

  @Test func desiredVnodesIsMaxprocAndAQuarterOfThePages() throws {
    let model = try FreeBSD4(ModelConfiguration(physicalMemory: 512 << 20))
    #expect(model.desiredVnodes == 532 + 127_139 / 4)
  }

  @Test func mbufSpaceIsAddedBesideTheMap() throws {
    let model = try bootFreeBSD4()
    #expect(model.mapCapacityBytes == 1 << 20)
    #expect(model.mbufMapCapacityBytes == 1024 * 2048 + 4096 * 256)
    var tuning = FreeBSD4.Tuning()
    tuning.maxUsers = 64
    #expect(try bootFreeBSD4(tuning: tuning).mbufMapCapacityBytes == 1536 * 2048 + 6144 * 256)
  }

  @Test func valuesOutOfRangeAreRefused() {
    expectValuesOutOfRangeAreRefused(
      FreeBSD4.self, only: .i386, map: 1 << 20...0x2F00_0000, memory: 16 << 20...4 << 30)
  }

  @Test func theLargestMapEndsWhereTheOtherMapsStart() throws {
    let model = try bootFreeBSD4(mapPages: 0x2F00_0000 / kernelPageSize)
    #expect(model.mapCapacityBytes == 0x2F00_0000)
    #expect(model.buckets.map.space.address(ofPage: 0x2F000) == FreeBSD4.mbufStart)
  }

  // MARK: Exhaustion

  @Test func aFullMapKillsAWaitingCallerWithTheKernelsWords() throws {
    let model = try bootFreeBSD4()
    let words = "kmem_malloc(40960): kmem_map too small: 1048576 total allocated"
    try expectAFullMapEnds(model, in: .panic(message: words, requestBytes: 40960))
    #expect(model.noWaitFailures == 1)
  }

  @Test func aListedClassAsksForItsRefill() throws {
    for (size, bytes) in [(100, 4096), (4096, 4096), (4097, 8192)] {
      let model = try bootFreeBSD4()
      for name in ["temp", "devbuf"] {
        for _ in 0..<8 { _ = model.malloc(16 * kernelPageSize, model.mallocType(named: name), .wait) }
      }
      _ = model.malloc(size, model.mallocType(named: "mount"), .wait)
      #expect(
        model.failure
          == .panic(
            message: "kmem_malloc(\(bytes)): kmem_map too small: 1048576 total allocated", requestBytes: bytes))
    }
  }

  @Test func aWaitingCallerOfATypeAtItsLimitIsStuck() throws {
    let model = try bootFreeBSD4()
    let type = model.mallocType(named: "temp")
    for _ in 0..<8 { _ = model.malloc(16 * kernelPageSize, type, .wait) }
    #expect(model.malloc(3000, type, .noWait) == .null)
    #expect(model.failure == nil)
    #expect(model.malloc(3000, type, .wait) == .null)
    #expect(
      model.failure
        == .stuck(
          reason: "sleeps on \"temp\": malloc type \"temp\" holds 524288 bytes, limit 524288", requestBytes: 3000))
  }

  @Test func afterAFailureNothingHappensAnyMore() throws {
    let model = try bootFreeBSD4()
    try expectNothingHappensAfterAFailure(model)
    let words = "kmem_malloc(1048576): kmem_map too small: 4096 total allocated"
    #expect(model.failure == .panic(message: words, requestBytes: 1_048_576))
  }

  @Test func lostAddressSpaceHasAnAccountOfItsOwn() throws {
    let model = try bootFreeBSD4()
    model.loseAddressSpace(pages: 10)
    model.loseAddressSpace(pages: 0)
    model.loseAddressSpace(pages: -3)
    #expect(model.ledger().lost == 40960)
    #expect(model.mapUsedBytes == 40960)
    #expect(model.largestFreeBytes == (256 - 10) * kernelPageSize)
    try model.checkInvariants()
  }

  @Test func aFullKernelMapIsAnOutcomeOfItsOwn() throws {
    let model = try bootFreeBSD4()
    let namei = try #require(model.zone(named: "NAMEI"))
    var count = 0
    while model.zoneAlloc(namei, .noWait) != .null { count += 1 }
    #expect(model.failure == nil)
    // All of kernel_map's share but the two reservations, in groups of two pages, four buffers a page.
    let reserved = model.zones.reservedBytes / kernelPageSize
    #expect(count == (model.kernelMapCapacityBytes / kernelPageSize - reserved) / 2 * 8)
    #expect(model.zoneAlloc(namei, .wait) == .null)
    #expect(model.failure == .panic(message: "kernel_map exhausted", requestBytes: 8192))
    #expect(model.mapUsedBytes == 0)
  }

  @Test func aSocketPastMaxsocketsIsNullAndNoFailure() throws {
    let model = try bootFreeBSD4()
    let socket = try #require(model.zone(named: "socket"))
    var count = 0
    while model.zoneAlloc(socket, .wait) != .null { count += 1 }
    // 1064 sockets of 192 bytes: 50 pages, whose last bytes hold two more.
    #expect(count == 50 * 4096 / 192)
    #expect(model.failure == nil)
    #expect(model.zoneStatistics()[socket.index].failures == 1)
  }

  @Test func withoutPhysicalPagesAWaitingCallerIsStuck() throws {
    let pages = PhysicalPages(totalPages: 3)
    let model = try bootFreeBSD4(pages: pages)
    let type = model.mallocType(named: "temp")
    #expect(model.malloc(3 * kernelPageSize, type, .wait) != .null)
    #expect(model.malloc(100, type, .noWait) == .null)
    #expect(model.failure == nil)
    #expect(model.malloc(100, type, .wait) == .null)
    #expect(
      model.failure
        == .stuck(reason: "vmwait: physical pages are short and none is freed", requestBytes: 4096))
  }

  // MARK: Zones and objects

  @Test func zonesLeaveKmemMapAlone() throws {
    let model = try bootFreeBSD4()
    for name in ["VNODE", "VM OBJECT", "NAMEI", "MAP ENTRY", "socket", "inpcb", "mbuf", "mbuf_cluster"] {
      let zone = try #require(model.zone(named: name), "\(name)")
      for _ in 0..<100 {
        let address = model.zoneAlloc(zone, .wait)
        #expect(address >= FreeBSD4.mbufStart && address < FreeBSD4.kernelEnd, "\(name)")
      }
    }
    #expect(model.mapUsedBytes == 0)
    for name in ["FFS inode", "FFS2 dinode", "S VFS Cache", "L VFS Cache", "tcpcb", "Files", "nothing"] {
      #expect(model.zone(named: name) == nil, "\(name)")
    }
    #expect(model.zoneStatistics().allSatisfy { !$0.isInMap })
    try model.checkInvariants()
  }

  @Test func inodesNamesAndFilesAreMallocTypes() throws {
    let model = try bootFreeBSD4()
    guard case .malloc(let inode, let inodeSize) = model.source(of: .inode, nameLength: 0),
      case .malloc(let name, let nameSize) = model.source(of: .nameCacheEntry, nameLength: 32),
      case .malloc(let file, let fileSize) = model.source(of: .file, nameLength: 0)
    else {
      Issue.record("not malloc types")
      return
    }
    let names = model.mallocTypeStatistics().map(\.name)
    #expect(names[inode.index] == "FFS node" && inodeSize == 256)
    #expect(names[name.index] == "vfscache" && nameSize == 68)
    #expect(names[file.index] == "file" && fileSize == 56)
    for object in [KernelObject.dinode, .credential, .tcpcb] {
      #expect(model.source(of: object, nameLength: 0) == .embedded)
    }
    #expect(model.source(of: .nameCacheEntry, nameLength: .max) == .malloc(name, size: 36 + 255))
    #expect(model.source(of: .nameCacheEntry, nameLength: -1) == .malloc(name, size: 36))
  }

  @Test func aLockedKernelMapSendsGrowthsToKmemMap() throws {
    var tuning = FreeBSD4.Tuning()
    tuning.lockedMapShare = 0.5
    let model = try bootFreeBSD4(tuning: tuning)
    let vnode = try #require(model.zone(named: "VNODE"))
    var items: [KernelAddress] = []
    for _ in 0..<2000 { items.append(model.zoneAlloc(vnode, .wait)) }
    #expect(model.mapUsedBytes == model.zones.kmemPages * kernelPageSize)
    #expect(model.zones.kmemPages == model.zones.kernPages)
    #expect(model.ledger().live % 192 == 0)
    try model.checkInvariants()
    for item in items.shuffledBySeed(7).prefix(900) { model.zoneFree(vnode, item) }
    try model.checkInvariants()
    while model.failure == nil { _ = model.zoneAlloc(vnode, .wait) }
    #expect(
      model.failure
        == .panic(
          message: "kmem_malloc(20480): kmem_map too small: \(model.mapUsedBytes) total allocated",
          requestBytes: 20480))
  }

  // MARK: mbufs

  @Test func aFullMbufMapGivesNullAndWarnsOnceASecond() throws {
    let model = try bootFreeBSD4()
    let mbuf = try #require(model.zone(named: "mbuf"))
    let cluster = try #require(model.zone(named: "mbuf_cluster"))
    for _ in 0..<1000 { #expect(model.zoneAlloc(mbuf, .wait) != .null) }
    var clusters = 0
    while model.zoneAlloc(cluster, .wait) != .null { clusters += 1 }
    // 768 pages, 63 of them hold mbufs.
    #expect(clusters == (768 - 63) * 2)
    #expect(model.mbufMapUsedBytes == model.mbufMapCapacityBytes)
    #expect(model.failure == nil)
    #expect(model.mbufSpaceWarnings == 1)
    #expect(model.console == ["Out of mbuf address space!", "Consider increasing NMBCLUSTERS"])
    model.advance(to: 999_999_999)
    #expect(model.zoneAlloc(cluster, .noWait) == .null)
    #expect(model.mbufSpaceWarnings == 1)
    model.advance(to: 1_000_000_000)
    #expect(model.zoneAlloc(cluster, .noWait) == .null)
    #expect(model.mbufSpaceWarnings == 2)
    #expect(model.mbufFailures == 3)
    #expect(model.mapUsedBytes == 0)
    try model.checkInvariants()
  }

  @Test func mbufsStopAtNmbufsWithoutAWarning() throws {
    let model = try bootFreeBSD4()
    let mbuf = try #require(model.zone(named: "mbuf"))
    var count = 0
    while model.zoneAlloc(mbuf, .wait) != .null { count += 1 }
    #expect(count == 4096)
    #expect(model.mbufSpaceWarnings == 0)
    #expect(model.mbufMapUsedBytes == 256 * kernelPageSize)
  }

  @Test func mbufPagesNeverGoBack() throws {
    let model = try bootFreeBSD4()
    let cluster = try #require(model.zone(named: "mbuf_cluster"))
    let items = (0..<10).map { _ in model.zoneAlloc(cluster, .wait) }
    #expect(model.mbufMapUsedBytes == 5 * kernelPageSize)
    for item in items { model.zoneFree(cluster, item) }
    model.reclaim()
    #expect(model.mbufMapUsedBytes == 5 * kernelPageSize)
    #expect(model.zoneAlloc(cluster, .wait) == items[9])
  }
}

extension Array {
  /// The elements in an order that the seed fixes.
  func shuffledBySeed(_ seed: UInt64) -> [Element] {
    var random = TestRandom(seed: seed)
    var copy = self
    for index in copy.indices.reversed() where index > 0 { copy.swapAt(index, random.below(index + 1)) }
    return copy
  }
}
