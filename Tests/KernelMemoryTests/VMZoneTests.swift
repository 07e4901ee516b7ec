// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Testing

@testable import KernelMemory

@Suite("vm_zone")
struct VMZoneTests {
  private let start = KernelAddress(rawValue: 0xF000_0000)

  private func makeZones(pages: Int = 64, physical: PhysicalPages? = nil) -> ZoneAllocator {
    ZoneAllocator(map: WiredMap(space: AddressMap(start: start, pages: pages), physical: physical))
  }

  @Test func itemSizesAreRoundedUpTo32Bytes() {
    let zones = makeZones()
    #expect(zones.statistics(zones.create("a", size: 1, growth: .pages(1))).size == 32)
    #expect(zones.statistics(zones.create("b", size: 33, growth: .pages(1))).size == 64)
    #expect(zones.statistics(zones.create("c", size: 272, growth: .pages(1))).size == 288)
    #expect(zones.statistics(zones.create("d", size: 48, growth: .pages(1), rounding: 16)).size == 48)
  }

  @Test func aGrowthTakesTheZonesOwnNumberOfPagesAndGivesItsLastItem() {
    let zones = makeZones()
    let vnode = zones.create("VNODE", size: 192, growth: .pages(5))
    // 20480 / 192 = 106 items; the highest one goes to the caller.
    #expect(zones.allocate(vnode, .wait).rawValue == start.rawValue + 105 * 192)
    #expect(zones.map.space.usedPages == 5)
    #expect(zones.kernPages == 5)
    #expect(zones.statistics(vnode).free == 105)
    #expect(zones.allocate(vnode, .wait).rawValue == start.rawValue + 104 * 192)
  }

  @Test func aZoneGrowsWhenItsFreeItemsReachTheItemsOfAPage() {
    let zones = makeZones()
    let namei = zones.create("NAMEI", size: 1024, growth: .pages(2))
    // zfreemin = 4; a growth brings 8.
    var free: [Int] = []
    for _ in 0..<6 {
      _ = zones.allocate(namei, .wait)
      free.append(zones.statistics(namei).free)
    }
    #expect(free == [7, 6, 5, 4, 11, 10])
    #expect(zones.map.space.usedPages == 4)
  }

  @Test func itemsLargerThanAPageHaveAMinimumOfOne() {
    let zones = makeZones()
    let zone = zones.create("big", size: 5000, growth: .pages(5))
    var pages: [Int] = []
    for _ in 0..<4 {
      _ = zones.allocate(zone, .wait)
      pages.append(zones.map.space.usedPages)
    }
    // 4 items a growth; the fourth call finds one free item and grows.
    #expect(pages == [5, 5, 5, 10])
  }

  @Test func theListIsLIFOAndPagesNeverGoBack() {
    let zones = makeZones()
    let zone = zones.create("socket", size: 192, growth: .pages(1))
    let items = (0..<40).map { _ in zones.allocate(zone, .wait) }
    let used = zones.map.space.usedPages
    for item in items { zones.free(zone, item) }
    #expect(zones.map.space.usedPages == used)
    #expect(zones.statistics(zone).used == 0)
    #expect(zones.allocate(zone, .wait) == items[39])
    #expect(zones.allocate(zone, .wait) == items[38])
  }

  @Test func aZoneWhoseGrowthFailsUsesUpItsFreeItems() {
    let zones = makeZones(pages: 1)
    let zone = zones.create("zone", size: 512, growth: .pages(1))
    for _ in 0..<8 { #expect(zones.allocate(zone, .wait) != .null) }
    #expect(zones.allocate(zone, .wait) == .null)
    #expect(zones.refusal == .mapFull)
    #expect(zones.statistics(zone).failures == 1)
    #expect(zones.statistics(zone).requests == 8)
  }

  @Test func aReservedZoneFillsItsAddressSpaceAndStops() throws {
    let physical = PhysicalPages(totalPages: 1000)
    let zones = makeZones(physical: physical)
    let zone = zones.create("tcpcb", size: 544, growth: .reserved(items: 20))
    // 10880 bytes: 3 pages of address space, no physical page yet.
    #expect(zones.map.space.usedPages == 3)
    #expect(zones.reservedBytes == 12288)
    #expect(physical.free == 1000)
    let first = zones.allocate(zone, .wait)
    #expect(first.rawValue == start.rawValue + 6 * 544)
    #expect(physical.free == 999)
    var count = 1
    while zones.allocate(zone, .wait) != .null { count += 1 }
    // The items run on over page boundaries: 12288 / 544 = 22, two more than were asked for.
    #expect(count == 22)
    #expect(zones.refusal == .limit)
    #expect(zones.kmemPages == 3)
    #expect(physical.free == 997)
    #expect(zones.statistics(zone).limit == 20)
    try zones.checkInvariants()
  }

  @Test func aLimitedZoneGrowsWhenItIsEmptyOnly() {
    let zones = makeZones()
    let zone = zones.create("mbuf", size: 256, growth: .limited(items: 32), freeMinimum: 0)
    for _ in 0..<16 { _ = zones.allocate(zone, .wait) }
    #expect(zones.map.space.usedPages == 1)
    for _ in 0..<16 { _ = zones.allocate(zone, .wait) }
    #expect(zones.map.space.usedPages == 2)
    #expect(zones.allocate(zone, .wait) == .null)
    #expect(zones.refusal == .limit)
  }

  @Test func itemsOfTwoZonesNeverOverlap() throws {
    let zones = makeZones()
    let first = zones.create("a", size: 96, growth: .pages(1))
    let second = zones.create("b", size: 544, growth: .pages(3))
    var ranges: [(UInt64, UInt64)] = []
    for step in 0..<200 {
      let zone = step % 3 == 0 ? second : first
      let address = zones.allocate(zone, .wait).rawValue
      ranges.append((address, address + (zone == first ? 96 : 544)))
    }
    ranges.sort { $0.0 < $1.0 }
    for index in 1..<ranges.count { #expect(ranges[index].0 >= ranges[index - 1].1) }
    try zones.checkInvariants()
  }

  @Test func aFreeOfSomethingElseIsRefused() throws {
    let zones = makeZones()
    let zone = zones.create("a", size: 96, growth: .pages(1))
    let other = zones.create("b", size: 96, growth: .pages(1))
    let item = zones.allocate(zone, .wait)
    #expect(zones.free(other, item) == .notAnItem)
    #expect(zones.free(zone, KernelAddress(rawValue: item.rawValue + 16)) == .notAnItem)
    #expect(zones.free(zone, KernelAddress(rawValue: item.rawValue + 3)) == .notAnItem)
    #expect(zones.free(zone, KernelAddress(rawValue: 0xC000_0000)) == .notAnItem)
    #expect(zones.free(zone, item) == .none)
    #expect(zones.free(zone, item) == .alreadyFree)
    try zones.checkInvariants()
  }

  @Test func aShareOfTheGrowthsGoesToTheSecondMap() throws {
    let kmem = WiredMap(
      space: AddressMap(start: KernelAddress(rawValue: 0xC100_0000), pages: 64), physical: nil)
    let zones = ZoneAllocator(
      map: WiredMap(space: AddressMap(start: start, pages: 64), physical: nil), fallback: kmem, fallbackShare: 0.25)
    let zone = zones.create("a", size: 1000, growth: .pages(1))
    var items: [KernelAddress] = []
    for _ in 0..<40 { items.append(zones.allocate(zone, .wait)) }
    #expect(zones.kernPages + zones.kmemPages == zones.statistics(zone).pages)
    #expect(zones.kmemPages == zones.statistics(zone).pages / 4)
    #expect(kmem.space.usedPages == zones.kmemPages)
    try zones.checkInvariants()
    for index in stride(from: 0, to: 40, by: 3) { #expect(zones.free(zone, items[index]) == .none) }
    try zones.checkInvariants()
    var ledger = Ledger()
    zones.addFallback(to: &ledger)
    #expect(ledger.total == kmem.space.usedPages * kernelPageSize)
    #expect(ledger.live > 0 && ledger.live % 1000 == 0)
    #expect(ledger.rounding == ledger.live / 1000 * 24)
  }

  @Test func physicalPagesLimitAGrowth() {
    let zones = makeZones(physical: PhysicalPages(totalPages: 2))
    let zone = zones.create("NAMEI", size: 1024, growth: .pages(2))
    for _ in 0..<4 { #expect(zones.allocate(zone, .wait) != .null) }
    // Four free items are left, but a waiting caller grows the zone first and waits for pages there.
    #expect(zones.allocate(zone, .wait) == .null)
    #expect(zones.refusal == .pagesNeverCome)
    for _ in 0..<4 { #expect(zones.allocate(zone, .noWait) != .null) }
    #expect(zones.allocate(zone, .noWait) == .null)
    #expect(zones.refusal == .noPages)
  }
}
