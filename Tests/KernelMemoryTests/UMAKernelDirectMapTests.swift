// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Testing

@testable import KernelMemory

/// amd64: slabs of one page come from the direct map (reference page "kernel-allocators", sections 1.2 and 5.9).
@Suite struct UMAKernelDirectMapTests {
  @Test("Small objects take no space of kmem_map", arguments: UMAKernelCase.amd64)
  func smallObjectsTakeNoSpaceOfTheMap(kernel: UMAKernelCase) throws {
    let model = try kernel.boot()
    let atBoot = model.mapUsedBytes
    if kernel.type != FreeBSD9.self { #expect(atBoot == 0) }
    let type = model.mallocType(named: "temp")
    let mapEnd = UMAKernel.mapStart.rawValue + UInt64(model.mapCapacityBytes)
    var addresses = (0..<500).map { model.malloc(8 << ($0 % 10), type, .wait) }
    for name in ["VNODE", "VM OBJECT", "NAMEI", "mbuf", "mbuf_cluster", "FFS inode", "tcpcb", "inpcb"] {
      let zone = try #require(model.zone(named: name))
      addresses += (0..<50).map { _ in model.zoneAlloc(zone, .wait) }
      #expect(!model.zoneStatistics()[zone.index].isInMap)
    }
    #expect(addresses.allSatisfy { $0.rawValue >= mapEnd && $0.rawValue < 1 << 32 })
    #expect(Set(addresses).count == addresses.count)
    #expect(model.mapUsedBytes == atBoot)
    #expect(model.directMapUsedBytes > 100 * 4096)
    #expect(model.ledger().total == model.mapUsedBytes)
    #expect(model.ledger().live == 0)
    try model.checkInvariants()
  }

  @Test("Large mallocs and larger slabs are in kmem_map", arguments: UMAKernelCase.amd64)
  func largeMallocsAndLargerSlabsAreInTheMap(kernel: UMAKernelCase) throws {
    let model = try kernel.boot()
    let before = model.mapUsedBytes
    let type = model.mallocType(named: "temp")
    let large = model.malloc(5000, type, .wait)
    #expect(large.rawValue < UMAKernel.mapStart.rawValue + UInt64(model.mapCapacityBytes))
    #expect(model.mapUsedBytes == before + 8192)
    #expect(model.ledger().large == 8192)
    if let jumbo = model.zone(named: "mbuf_jumbo_9k") {
      let cluster = model.zoneAlloc(jumbo, .wait)
      let row = model.zoneStatistics()[jumbo.index]
      #expect(row.isInMap)
      #expect(row.pages == 3 * (row.used + row.free))
      #expect(model.mapUsedBytes == before + 8192 + row.pages * 4096)
      #expect(model.ledger().live == 9216)
      #expect(model.ledger().slabOverhead >= row.pages / 3 * (3 * 4096 - 9216))
      try model.checkInvariants()
      model.zoneFree(jumbo, cluster)
      model.reclaim()
    } else {
      #expect(kernel.type.identifier == "freebsd-5.4")
    }
    model.free(large, type)
    #expect(model.ledger().large == 0)
    #expect(model.ledger().total == model.mapUsedBytes)
    try model.checkInvariants()
  }

  @Test("A full kmem_map does not touch small objects", arguments: UMAKernelCase.amd64)
  func aFullMapDoesNotTouchSmallObjects(kernel: UMAKernelCase) throws {
    let model = try kernel.boot(pages: 256)
    let type = model.mallocType(named: "temp")
    while model.malloc(8192, type, .noWait) != .null {}
    for _ in 0..<1000 { #expect(model.malloc(4096, type, .wait) != .null) }
    #expect(model.failure == nil)
    #expect(model.malloc(4097, type, .wait) == .null)
    guard case .panic(_, let bytes) = model.failure else {
      Issue.record("the kernel lives")
      return
    }
    #expect(bytes == 8192)
    try model.checkInvariants()
  }

  @Test("Pages of the direct map are physical pages and go back in a reclaim", arguments: UMAKernelCase.amd64)
  func pagesOfTheDirectMapArePhysicalPages(kernel: UMAKernelCase) throws {
    let pages = PhysicalPages(totalPages: 20_000)
    let model = try kernel.boot { $0.pages = pages }
    let type = model.mallocType(named: "temp")
    let held = (0..<800).map { _ in model.malloc(2048, type, .wait) }
    #expect(pages.total - pages.free == (model.mapUsedBytes + model.directMapUsedBytes) / 4096)
    let most = model.directMapUsedBytes
    for address in held { model.free(address, type) }
    model.reclaim()
    #expect(model.directMapUsedBytes < most - 300 * 4096)
    #expect(pages.total - pages.free == (model.mapUsedBytes + model.directMapUsedBytes) / 4096)
    try model.checkInvariants()
    // The page daemon helps a waiting caller, and nothing else does.
    let again = (0..<800).map { _ in model.malloc(2048, type, .wait) }
    for address in again { model.free(address, type) }
    #expect(pages.take(pages.free))
    pages.pageDaemon = { [unowned model] in model.reclaim() }
    var small: [KernelAddress] = []
    for _ in 0..<200 { small.append(model.malloc(1024, type, .wait)) }
    #expect(!small.contains(.null))
    #expect(model.mapReclaims == 0)
    try model.checkInvariants()
  }

  @Test("A direct map without a free page is a shortage of memory", arguments: UMAKernelCase.amd64)
  func aDirectMapWithoutAFreePageIsAShortageOfMemory(kernel: UMAKernelCase) throws {
    let model = try kernel.boot { $0.physicalMemory = 16 << 20 }
    let type = model.mallocType(named: "temp")
    while model.malloc(4096, type, .noWait) != .null {}
    #expect(model.failure == nil)
    #expect(model.directMapUsedBytes == PhysicalPages.managedPages(ofMemory: 16 << 20) * 4096)
    try model.checkInvariants()
    #expect(model.malloc(4096, type, .wait) == .null)
    #expect(model.failure == .stuck(reason: WiredMap.vmwait, requestBytes: 4096))
    #expect(model.mapReclaims == 0)
    try model.checkInvariants()
  }

  @Test func theTypeStatisticsOf9AreTooLargeForTheDirectMap() throws {
    let model = try UMAKernelCase(type: FreeBSD9.self, architecture: .amd64).boot()
    let row = try model.zoneRow("mt_zone")
    #expect(row.size == 4112)
    #expect(row.isInMap)
    #expect(row.used == 15)
    #expect(model.mapUsedBytes == row.pages * 4096)
    #expect(model.ledger().bucketStructures == 15 * 4112)
    #expect(model.ledger().total == model.mapUsedBytes)
  }

  @Test("On i386 there is no direct map", arguments: UMAKernelCase.i386)
  func onI386ThereIsNoDirectMap(kernel: UMAKernelCase) throws {
    let model = try kernel.boot()
    let before = model.mapUsedBytes
    for _ in 0..<100 { _ = model.malloc(1024, model.mallocType(named: "temp"), .wait) }
    #expect(model.directMapUsedBytes == 0)
    #expect(model.mapUsedBytes > before + 25 * 4096 - 1)
    #expect(model.zoneStatistics().allSatisfy { $0.isInMap })
  }

  @Test func theDirectMapEndsWithTheModelledAddressSpace() throws {
    let kernel = UMAKernelCase(type: FreeBSD9.self, architecture: .amd64)
    let model = try kernel.boot {
      $0.physicalMemory = 4 << 30
      $0.mapBytes = nil
    }
    #expect(model.mapCapacityBytes == 512 << 20)
    let direct = try #require(model.uma.directMap)
    #expect(direct.start.rawValue + UInt64(direct.capacityPages * kernelPageSize) == 1 << 32)
  }
}
