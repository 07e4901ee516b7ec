// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Testing

@testable import KernelMemory

@Suite("Page cache of kernel_map")
struct PageReserveTests {
  private func makeReserve(
    mapPages: Int = 4096, physicalPages: Int = 30_000, physical: PhysicalPages? = nil
  ) -> PageReserve {
    let start = KernelAddress(rawValue: 0xF000_0000)
    let map = WiredMap(space: AddressMap(start: start, pages: mapPages), physical: physical)
    return PageReserve(map: map, physicalPages: physicalPages)
  }

  @Test(
    "The low water mark at boot and after it, and the first filling",
    arguments: [
      (4_000, 128, 128, 512), (32_768, 128, 128, 512), (51_200, 200, 200, 800), (131_072, 512, 512, 2048),
      (200_000, 781, 512, 3124), (600_000, 2048, 512, 8192), (1_000_000, 2048, 512, 8192),
    ])
  func theMarks(physical: Int, boot: Int, later: Int, primed: Int) {
    #expect(PageReserve.bootLowWater(physicalPages: physical) == boot)
    let reserve = makeReserve(mapPages: 10_000, physicalPages: physical)
    #expect(reserve.lowWaterPages == later)
    #expect(reserve.freePages == primed)
    #expect(reserve.map.space.usedPages == primed)
  }

  @Test func belowTheMarkSixteenPagesAreTaken() {
    let reserve = makeReserve()
    for _ in 0..<384 { #expect(reserve.take(.noWait) >= 0) }
    #expect(reserve.freePages == 128 && reserve.batches == 0)
    #expect(reserve.take(.noWait) >= 0)
    #expect(reserve.freePages == 127 + 16 && reserve.batches == 1)
    #expect(reserve.map.space.usedPages == 512 + 16)
  }

  @Test func thePageThatCameBackLastGoesOutFirstAndNoneLeaves() {
    let reserve = makeReserve()
    let first = reserve.take(.noWait)
    // The list was filled from the lowest page up.
    #expect(first == 511)
    let second = reserve.take(.noWait)
    reserve.give(first)
    #expect(reserve.take(.noWait) == first)
    reserve.give(first)
    reserve.give(second)
    #expect(reserve.freePages == 512)
    #expect(reserve.map.space.usedPages == 512)
  }

  @Test func anEmptyMapIsACodeForThoseThatWaitOnly() {
    let reserve = makeReserve(mapPages: 520)
    var count = 0
    while reserve.take(.noWait) >= 0 { count += 1 }
    #expect(count == 520)
    #expect(reserve.take(.noWait) == WiredMap.noPages)
    #expect(reserve.take(.wait) == WiredMap.noSpace)
    reserve.give(7)
    #expect(reserve.take(.wait) == 7)
  }

  @Test func withoutPhysicalPagesTheThreadWaitsForThePageDaemon() {
    let physical = PhysicalPages(totalPages: 520)
    let reserve = makeReserve(physical: physical)
    var scans = 0
    physical.pageDaemon = { scans += 1 }
    for _ in 0..<520 { #expect(reserve.take(.noWait) >= 0) }
    #expect(scans > 0)
    #expect(reserve.take(.noWait) == WiredMap.noPages)
    #expect(reserve.take(.wait) == WiredMap.pagesNeverCome)
    physical.pageDaemon = { physical.give(20) }
    #expect(reserve.take(.wait) >= 0)
  }
}
