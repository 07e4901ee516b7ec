// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Testing

@testable import KernelMemory

/// Limits, full maps, short memory and the ends of a kernel.
@Suite struct FreeBSD6ExhaustionTests {
  @Test func aFullMapEndsAWaitingCallerInTheKernelsWords() throws {
    let model = try smallFreeBSD6(pages: 256)
    let type = model.mallocType(named: "temp")
    var held: [KernelAddress] = []
    while model.failure == nil {
      held.append(model.malloc(8192, type, .wait))
    }
    #expect(held.last == KernelAddress.null)
    let used = model.mapUsedBytes
    #expect(
      model.failure
        == .panic(message: "kmem_malloc(8192): kmem_map too small: \(used) total allocated", requestBytes: 8192))
    #expect(used == 255 * 4096 || used == 256 * 4096)
    // Nothing moves any more.
    let ledger = model.ledger()
    #expect(ledger.total == used)
    model.free(held[0], type)
    model.reclaim()
    model.loseAddressSpace(pages: 1)
    model.advance(to: 100_000_000_000)
    #expect(model.malloc(16, type, .wait) == .null)
    #expect(model.malloc(16, type, .noWait) == .null)
    #expect(model.ledger() == ledger)
    try model.checkInvariants()
  }

  @Test func aFullMapGivesNothingToACallerThatDoesNotWait() throws {
    let model = try smallFreeBSD6(pages: 256)
    let type = model.mallocType(named: "temp")
    var held: [KernelAddress] = []
    while true {
      let address = model.malloc(4096, type, .noWait)
      if address == .null { break }
      held.append(address)
    }
    #expect(model.failure == nil)
    #expect(model.largestFreeBytes == 0)
    #expect(try model.row("4096").failures == 1)
    try model.checkInvariants()
    // The large pages' header goes back to its zone.
    let headers = try model.row("UMA Slabs").used
    #expect(model.malloc(5000, type, .noWait) == .null)
    #expect(try model.row("UMA Slabs").used == headers)
    for address in held { model.free(address, type) }
    model.reclaim()
    #expect(model.malloc(5000, type, .noWait) != .null)
    try model.checkInvariants()
  }

  @Test func aFillAsksForItsFirstSlabAloneAsTheCallerDoes() throws {
    let model = try smallFreeBSD6(pages: 256)
    let type = model.mallocType(named: "temp")
    // Grows the wanted size, so that a fill takes several slabs of one item.
    var held = (0..<40).map { _ in model.malloc(4096, type, .wait) }
    while model.largestFreeBytes >= 3 * 4096 { held.append(model.malloc(8192, type, .noWait)) }
    while model.failure == nil {
      let address = model.malloc(4096, type, .wait)
      if address != .null { held.append(address) }
    }
    // The last fill that succeeded took fewer items than it wanted; the end came with no page at all.
    #expect(
      model.failure
        == .panic(message: "kmem_malloc(4096): kmem_map too small: 1048576 total allocated", requestBytes: 4096))
  }

  @Test func aMallocZoneAtItsLimitTakesItsItemsItself() throws {
    let model = try smallFreeBSD6()
    let type = model.mallocType(named: "temp")
    let index = try #require(model.uma.zoneIndex(named: "4096"))
    // A bucket for frees is there before the limit is.
    model.free(model.malloc(4096, type, .wait), type)
    model.setLimit(of: ZoneID(index: index), items: 3)
    var held: [KernelAddress] = []
    while held.count < 10 {
      let address = model.malloc(4096, type, .noWait)
      if address == .null { break }
      held.append(address)
    }
    #expect(held.count == 3)
    #expect(model.uma.kegs[index].isFull)
    #expect(model.uma.caches[index].free != nil, "a bucket has room for what is freed")
    model.free(held[0], type)
    #expect(try model.row("4096").cpuFree == 0)
    #expect(try model.row("4096").kegFree == 1)
    try model.checkInvariants()
  }

  @Test func aZoneAtItsLimitGivesNothingOrSleeps() throws {
    let model = try smallFreeBSD6()
    let zone = try #require(model.zone(named: "NAMEI"))
    model.setLimit(of: zone, items: 10)
    #expect(try model.row("NAMEI").limit == 12, "rounded up to slabs of four")
    let held = (0..<12).map { _ in model.zoneAlloc(zone, .noWait) }
    #expect(!held.contains(.null))
    #expect(model.zoneAlloc(zone, .noWait) == .null)
    #expect(try model.row("NAMEI").failures == 1)
    let index = try #require(model.uma.zoneIndex(named: "NAMEI"))
    #expect(model.uma.kegs[index].isFull)
    // While the zone is full, frees go to the slabs.
    model.zoneFree(zone, held[3])
    #expect(try model.row("NAMEI").kegFree == 1)
    #expect(try model.row("NAMEI").cpuFree == 0)
    #expect(model.zoneAlloc(zone, .wait) == held[3])
    try model.checkInvariants()
    #expect(model.zoneAlloc(zone, .wait) == .null)
    #expect(model.failure == .stuck(reason: "zonelimit", requestBytes: 1024))
  }

  @Test func theKernelsOwnLimitsAreThoseOfItsSize() throws {
    let model = try FreeBSD6(ModelConfiguration(physicalMemory: 512 << 20))
    model.applyKernelLimits()
    #expect(try model.row("mbuf_cluster").limit == 16_896)
    #expect(try model.row("socket").limit >= 16_896)
    #expect(try model.row("inpcb").limit >= 16_896)
    #expect(try model.row("NAMEI").limit == 0)
  }

  @Test func withoutPhysicalPagesACallerThatDoesNotWaitGetsNothing() throws {
    let pages = PhysicalPages(totalPages: 4000)
    let model = try model(with: pages)
    let type = model.mallocType(named: "temp")
    #expect(pages.take(pages.free - 3))
    let used = model.mapUsedBytes
    #expect(model.malloc(40_960, type, .noWait) == .null)
    #expect(model.mapUsedBytes == used)
    #expect(pages.pagesNeeded)
    #expect(model.failure == nil)
    try model.checkInvariants()
  }

  @Test func aWaitingCallerWaitsForThePageDaemon() throws {
    let pages = PhysicalPages(totalPages: 4000)
    let model = try model(with: pages)
    let type = model.mallocType(named: "temp")
    let held = (0..<400).map { _ in model.malloc(2048, type, .wait) }
    for address in held { model.free(address, type) }
    #expect(pages.take(pages.free - 3))
    var scans = 0
    pages.pageDaemon = { [unowned model] in
      scans += 1
      model.reclaim()
    }
    #expect(model.malloc(40_960, type, .wait) != .null)
    #expect(scans == 1)
    #expect(try model.row("2048").pagesReturned > 7)
    #expect(model.failure == nil)
    try model.checkInvariants()
    pages.pageDaemon = nil
    #expect(pages.take(pages.free))
    #expect(model.malloc(40_960, type, .wait) == .null)
    #expect(model.failure == .stuck(reason: WiredMap.vmwait, requestBytes: 40_960))
    try model.checkInvariants()
  }

  @Test func bucketsAreDisabledWhilePhysicalPagesAreShort() throws {
    let pages = PhysicalPages(totalPages: 4000)
    let model = try model(with: pages)
    let type = model.mallocType(named: "temp")
    #expect(pages.take(pages.free - pages.freeMinimum + 1))
    model.advance(to: UMAConstants.calloutInterval)
    let address = model.malloc(300, type, .wait)
    #expect(try model.row("512").cpuFree == 0)
    #expect(try model.row("512").kegFree == 7, "a single item of the slab layer")
    model.free(address, type)
    #expect(try model.row("512").kegFree == 8)
    pages.give(100)
    model.advance(to: 2 * UMAConstants.calloutInterval)
    _ = model.malloc(300, type, .wait)
    #expect(try model.row("512").cpuFree > 0)
    try model.checkInvariants()
  }

  @Test func everyPageOfTheMapIsAPhysicalPage() throws {
    let pages = PhysicalPages(totalPages: 4000)
    let model = try model(with: pages)
    let type = model.mallocType(named: "temp")
    let held = (0..<100).map { model.malloc(1000 + $0 * 100, type, .wait) }
    #expect(pages.total - pages.free == model.mapUsedBytes / 4096)
    for address in held { model.free(address, type) }
    model.reclaim()
    #expect(pages.total - pages.free == model.mapUsedBytes / 4096)
  }

  @Test func lostAddressSpaceIsInTheMapAndInItsOwnAccount() throws {
    let model = try smallFreeBSD6(pages: 256)
    let before = model.mapUsedBytes
    model.loseAddressSpace(pages: 7)
    #expect(model.mapUsedBytes == before + 7 * 4096)
    #expect(model.ledger().lost == 7 * 4096)
    try model.checkInvariants()
    model.loseAddressSpace(pages: 300)
    #expect(
      model.failure
        == .panic(
          message: "kmem_malloc(1228800): kmem_map too small: \(before + 7 * 4096) total allocated",
          requestBytes: 300 * 4096))
  }

  @Test func aFreeOfWhatMallocNeverGaveEndsTheKernel() throws {
    for address in [0xC000_0000, 0xC100_0000 + 200 * 4096, 0xF000_0000] as [UInt64] {
      let model = try smallFreeBSD6(pages: 256)
      model.free(KernelAddress(rawValue: address), model.mallocType(named: "temp"))
      let text = "0x" + String(address, radix: 16)
      #expect(
        model.failure == .panic(message: "free: address \(text)(\(text)) has not been allocated.", requestBytes: 0))
    }
    let model = try smallFreeBSD6(pages: 256)
    model.free(.null, model.mallocType(named: "temp"))
    #expect(model.failure == nil, "free(NULL) does nothing")
  }

  @Test func hugeRequestsFailAsAnyOther() throws {
    let model = try smallFreeBSD6(pages: 256)
    let type = model.mallocType(named: "temp")
    #expect(model.malloc(.max, type, .noWait) == .null)
    #expect(model.malloc(-1, type, .noWait) == .null)
    #expect(model.malloc(0, type, .noWait) != .null)
    #expect(model.malloc(.max, type, .wait) == .null)
    #expect(model.failure != nil)
  }

  private func model(with pages: PhysicalPages) throws -> FreeBSD6 {
    var configuration = ModelConfiguration(physicalMemory: 256 << 20)
    configuration.mapBytes = 2048 * kernelPageSize
    configuration.pages = pages
    return try FreeBSD6(configuration)
  }
}
