// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Testing

@testable import KernelMemory

private let windowStart = KernelAddress(rawValue: 0xF000_0000)

/// Pools over a small map of their own, with the pool of headers as number 0.
func makePools(
  _ style: PoolAllocator.Style, pages: Int = 256, physical: PhysicalPages? = nil
) -> (pools: PoolAllocator, map: WiredMap) {
  let map = WiredMap(space: AddressMap(start: windowStart, pages: pages), physical: physical)
  let pools = PoolAllocator(style: style, sources: [.map(map)])
  _ = pools.create("phpool", size: style.headerBytes, headerPool: nil, isInternal: true)
  return (pools, map)
}

private let openBSD = OpenBSD39.poolStyle(.i386)
private let openBSD64 = OpenBSD39.poolStyle(.amd64)
private let netBSD = NetBSD.poolStyle

@Suite("pool(9)")
struct PoolTests {
  // MARK: Layout

  @Test(
    "Items per page, place of the header and colours, by hand from pool_init of OpenBSD",
    arguments: [
      (1, 12, 338, true, 8), (72, 72, 56, true, 32), (80, 80, 50, true, 64), (88, 88, 46, true, 16),
      (128, 128, 31, true, 96), (156, 156, 26, true, 8), (184, 184, 22, true, 16), (212, 212, 19, true, 36),
      (216, 216, 18, true, 176), (252, 252, 16, true, 32), (253, 256, 16, false, 0), (256, 256, 16, false, 0),
      (400, 400, 10, false, 96), (1024, 1024, 4, false, 0), (2048, 2048, 2, false, 0), (4096, 4096, 1, false, 0),
    ])
  func theLayoutOfOpenBSD(requested: Int, size: Int, items: Int, inPage: Bool, color: Int) {
    let layout = PoolLayout(
      requestedSize: requested, alignment: 4, smallest: 12, headerBytes: 32, rule: .smallItems)
    #expect(layout.size == size)
    #expect(layout.itemsPerPage == items)
    #expect(layout.headerInPage == inPage)
    #expect(layout.largestColor == color)
  }

  @Test(
    "The same for NetBSD, where a header that costs no item stays in the page",
    arguments: [
      (72, 4, 72, 56, true, 28), (80, 4, 80, 50, true, 60), (124, 64, 128, 31, true, 64), (216, 4, 216, 18, true, 172),
      (256, 4, 256, 16, false, 0), (300, 4, 300, 13, true, 160), (504, 4, 504, 8, true, 28),
      (508, 64, 512, 8, false, 0), (1024, 4, 1024, 4, false, 0), (2048, 4, 2048, 2, false, 0),
    ])
  func theLayoutOfNetBSD(requested: Int, alignment: Int, size: Int, items: Int, inPage: Bool, color: Int) {
    let layout = PoolLayout(
      requestedSize: requested, alignment: alignment, smallest: 12, headerBytes: 36, rule: .smallItemsOrNoLoss)
    #expect(layout.size == size)
    #expect(layout.itemsPerPage == items)
    #expect(layout.headerInPage == inPage)
    #expect(layout.largestColor == color)
  }

  @Test func onAmd64HeadersAreTwiceAsLarge() {
    let layout = PoolLayout(requestedSize: 240, alignment: 8, smallest: 24, headerBytes: 64, rule: .smallItems)
    #expect(layout.itemsPerPage == 16 && layout.headerInPage && layout.largestColor == 192)
    #expect(openBSD64.headerBytes == 64 && openBSD64.smallestItem == 24 && openBSD64.alignment == 8)
  }

  // MARK: Order

  @Test func openBSDHandsANewPageOutFromItsLowestItemUp() {
    let (pools, _) = makePools(openBSD)
    let pool = pools.create("test", size: 1024, headerPool: 0)
    let offsets = (0..<4).map { _ in pools.get(pool, .wait).rawValue & 4095 }
    #expect(offsets == [0, 1024, 2048, 3072])
  }

  @Test func netBSDHandsANewPageOutFromItsHighestItemDown() {
    let (pools, _) = makePools(netBSD)
    let pool = pools.create("test", size: 1024, headerPool: 0)
    let offsets = (0..<4).map { _ in pools.get(pool, .wait).rawValue & 4095 }
    #expect(offsets == [3072, 2048, 1024, 0])
  }

  @Test func pagesAreColoured() {
    let (pools, _) = makePools(openBSD)
    // 26 items of 156 bytes leave 8 bytes: colours 0, 4, 8, and from the start again.
    let pool = pools.create("vnodes", size: 156, headerPool: 0)
    var offsets: [UInt64] = []
    for _ in 0..<4 {
      offsets.append(pools.get(pool, .wait).rawValue & 4095)
      for _ in 1..<26 { _ = pools.get(pool, .wait) }
    }
    #expect(offsets == [0, 4, 8, 0])
  }

  @Test func theItemOfAPageThatCameBackLastGoesOutFirst() {
    let (pools, _) = makePools(openBSD)
    let pool = pools.create("test", size: 1024, headerPool: 0)
    let items = (0..<3).map { _ in pools.get(pool, .wait) }
    pools.put(pool, items[0])
    pools.put(pool, items[2])
    #expect(pools.get(pool, .wait) == items[2])
    #expect(pools.get(pool, .wait) == items[0])
  }

  @Test func partialPagesAreUsedBeforeEmptyOnes() {
    let (pools, map) = makePools(openBSD)
    let pool = pools.create("test", size: 1024, headerPool: 0)
    let items = (0..<12).map { _ in pools.get(pool, .wait) }
    let used = map.space.usedPages
    // Page 1 becomes partial, then page 0 empty, and the current page is chosen anew; page 2 stays full.
    pools.put(pool, items[5])
    for item in items[0..<4] { pools.put(pool, item) }
    #expect(pools.get(pool, .wait) == items[5])
    // Only then the empty one.
    #expect(items[0..<4].contains(pools.get(pool, .wait)))
    #expect(map.space.usedPages == used)
  }

  @Test func aFullPageThatGetsAnItemBackIsTheNextToBeTakenFrom() {
    let (pools, _) = makePools(openBSD)
    let pool = pools.create("test", size: 1024, headerPool: 0)
    let items = (0..<12).map { _ in pools.get(pool, .wait) }
    pools.put(pool, items[0])
    pools.put(pool, items[9])
    #expect(pools.get(pool, .wait) == items[9])
    #expect(pools.get(pool, .wait) == items[0])
  }

  // MARK: Pages that go back

  @Test func theNinthIdlePageIsFreedAtOnce() throws {
    let (pools, map) = makePools(openBSD)
    let pool = pools.create("test", size: 1024, headerPool: 0)
    let items = (0..<48).map { _ in pools.get(pool, .wait) }
    #expect(pools.pools[pool].pages == 12)
    for (index, item) in items.enumerated() {
      pools.put(pool, item)
      let idle = (index + 1) / 4
      #expect(pools.pools[pool].idle == min(idle, 8))
      #expect(pools.pools[pool].pages == 12 - max(0, idle - 8))
      try pools.checkInvariants()
    }
    // Eight pages and the one of the headers.
    #expect(map.space.usedPages == 9)
    #expect(pools.poolStatistics()[pool].pageReleases == 4)
    #expect(pools.pools[0].out == 8)
  }

  @Test func netBSDKeepsIdlePagesUntilTheyAreReclaimed() throws {
    let (pools, map) = makePools(netBSD)
    let pool = pools.create("test", size: 1024, headerPool: 0)
    let items = (0..<48).map { _ in pools.get(pool, .wait) }
    for item in items { pools.put(pool, item) }
    #expect(pools.pools[pool].pages == 12)
    #expect(pools.reclaim(pool, idleFor: 10) == 0)
    pools.advance(to: 9)
    #expect(pools.reclaim(pool, idleFor: 10) == 0)
    pools.advance(to: 10)
    #expect(pools.reclaim(pool, idleFor: 10) == 12)
    #expect(map.space.usedPages == 1)
    try pools.checkInvariants()
  }

  @Test func aHighWaterMarkOfNetBSDCountsAllPages() throws {
    let (pools, _) = makePools(netBSD)
    let pool = pools.create("test", size: 1024, headerPool: 0)
    pools.setHighWater(pool, items: 12)
    let items = (0..<24).map { _ in pools.get(pool, .wait) }
    for item in items[0..<20] { pools.put(pool, item) }
    #expect(pools.pools[pool].pages == 3)
    try pools.checkInvariants()
  }

  @Test func aReclaimStopsAtTheLowWaterMark() throws {
    let (pools, _) = makePools(openBSD)
    let pool = pools.create("test", size: 1024, headerPool: 0)
    pools.setLowWater(pool, items: 9)
    #expect(pools.pools[pool].pages == 3)
    let items = (0..<20).map { _ in pools.get(pool, .wait) }
    #expect(pools.pools[pool].items >= 9)
    for item in items { pools.put(pool, item) }
    pools.reclaim(pool)
    #expect(pools.pools[pool].pages == 3)
    try pools.checkInvariants()
  }

  @Test func primedPagesStay() throws {
    let (pools, _) = makePools(openBSD)
    let pool = pools.create("test", size: 1024, headerPool: 0)
    pools.prime(pool, items: 40)
    #expect(pools.pools[pool].minimumPages == 10)
    #expect(pools.pools[pool].maximumPages == 11)
    #expect(pools.reclaim(pool) == 0)
    let other = pools.create("other", size: 1024, headerPool: 0)
    pools.put(other, pools.get(other, .wait))
    #expect(pools.reclaim(other) == 1)
    try pools.checkInvariants()
  }

  @Test func aPoolThatKeepsItsPagesIsLeftAlone() throws {
    let (pools, _) = makePools(openBSD)
    let pool = pools.create("test", size: 1024, headerPool: 0, keepsPages: true)
    let items = (0..<48).map { _ in pools.get(pool, .wait) }
    for item in items { pools.put(pool, item) }
    #expect(pools.reclaim(pool) == 0)
    #expect(pools.pools[pool].pages == 12)
    try pools.checkInvariants()
  }

  @Test func headersOfLargeItemsLieInAPoolOfTheirOwn() {
    let (pools, map) = makePools(openBSD)
    let small = pools.create("small", size: 252, headerPool: 0)
    let large = pools.create("large", size: 256, headerPool: 0)
    _ = pools.get(small, .wait)
    #expect(pools.pools[0].out == 0 && map.space.usedPages == 1)
    _ = pools.get(large, .wait)
    #expect(pools.pools[0].out == 1 && map.space.usedPages == 3)
  }

  // MARK: Limits and shortage

  @Test func theHardLimitCountsItemsOut() {
    let (pools, _) = makePools(openBSD)
    let pool = pools.create("test", size: 1024, headerPool: 0)
    pools.setHardLimit(pool, items: 6, failing: true)
    #expect(pools.pools[pool].maximumPages == 2)
    let items = (0..<6).map { _ in pools.get(pool, .wait) }
    #expect(pools.get(pool, .wait) == .null)
    #expect(pools.refusal == .limit)
    #expect(pools.poolStatistics()[pool].failures == 1)
    pools.put(pool, items[3])
    #expect(pools.get(pool, .wait) == items[3])
    // Fewer than are out: refused.
    pools.setHardLimit(pool, items: 5, failing: true)
    #expect(pools.pools[pool].hardLimit == 6)
  }

  @Test func withoutAPageForItsHeaderAPageGoesBack() throws {
    let (pools, map) = makePools(openBSD, pages: 1)
    let pool = pools.create("test", size: 1024, headerPool: 0)
    #expect(pools.get(pool, .wait) == .null)
    #expect(pools.refusal == .mapFull)
    #expect(map.space.usedPages == 0)
    let small = pools.create("small", size: 100, headerPool: 0)
    #expect(pools.get(small, .noWait) != .null)
    try pools.checkInvariants()
  }

  @Test func putsOfWhatIsNotOutAreRefused() throws {
    let (pools, _) = makePools(openBSD)
    let pool = pools.create("test", size: 156, headerPool: 0)
    let other = pools.create("other", size: 156, headerPool: 0)
    #expect(pools.put(pool, windowStart) == .noneOut)
    let item = pools.get(pool, .wait)
    let second = pools.get(pool, .wait)
    let foreign = pools.get(other, .wait)
    #expect(pools.put(pool, KernelAddress(rawValue: item.rawValue + 4)) == .notAnItem)
    #expect(pools.put(pool, foreign) == .notAnItem)
    #expect(pools.put(pool, KernelAddress(rawValue: 0x1000)) == .notAnItem)
    #expect(pools.put(pool, KernelAddress(rawValue: 0xFFFF_FFFF_FFFF_F000)) == .notAnItem)
    // Behind the last item, where the header is.
    #expect(pools.put(pool, KernelAddress(rawValue: item.rawValue + 26 * 156)) == .notAnItem)
    #expect(pools.put(pool, item) == .none)
    #expect(pools.put(pool, item) == .alreadyFree)
    #expect(pools.put(pool, second) == .none)
    try pools.checkInvariants()
  }

  @Test(
    "Every item of every size is found again by its address", arguments: [12, 36, 72, 100, 156, 252, 400, 1000, 4096])
  func everyItemIsFoundAgain(size: Int) throws {
    let (pools, _) = makePools(openBSD)
    let pool = pools.create("test", size: size, headerPool: 0)
    let count = 3 * pools.pools[pool].itemsPerPage
    let items = (0..<count).map { _ in pools.get(pool, .wait) }
    #expect(Set(items).count == count)
    for item in items { #expect(pools.put(pool, item) == .none) }
    try pools.checkInvariants()
  }

  // MARK: Against a plain model

  /// pool_get and pool_put over arrays.
  private struct PlainPool {
    struct Page {
      var number: Int
      var free: [Int]
    }

    let perPage: Int
    /// Heads first.
    var empty: [Page] = []
    var partial: [Page] = []
    var full: [Page] = []
    var current: Int?
    var freePages: [Int]

    mutating func update() { current = partial.first?.number ?? empty.first?.number }

    mutating func get() -> (page: Int, slot: Int)? {
      if current == nil {
        guard let page = freePages.min() else { return nil }
        freePages.removeAll { $0 == page }
        empty.insert(Page(number: page, free: Array(0..<perPage)), at: 0)
        current = page
      }
      var page: Page
      if let index = empty.firstIndex(where: { $0.number == current }) {
        page = empty.remove(at: index)
      } else {
        guard let index = partial.firstIndex(where: { $0.number == current }) else { return nil }
        page = partial.remove(at: index)
        let slot = page.free.removeFirst()
        if page.free.isEmpty {
          full.insert(page, at: 0)
          update()
        } else {
          partial.insert(page, at: index)
        }
        return (page.number, slot)
      }
      let slot = page.free.removeFirst()
      if page.free.isEmpty {
        full.insert(page, at: 0)
        update()
      } else {
        partial.insert(page, at: 0)
      }
      return (page.number, slot)
    }

    mutating func put(_ number: Int, _ slot: Int) {
      var page: Page
      var index = full.firstIndex { $0.number == number }
      let wasFull = index != nil
      if let index {
        page = full.remove(at: index)
      } else {
        guard let place = partial.firstIndex(where: { $0.number == number }) else { return }
        index = place
        page = partial.remove(at: place)
      }
      page.free.insert(slot, at: 0)
      if current == nil { current = number }
      if page.free.count == perPage {
        if empty.count == 8 { freePages.append(number) } else { empty.insert(page, at: 0) }
        update()
      } else if wasFull {
        partial.insert(page, at: 0)
        current = number
      } else {
        partial.insert(page, at: index ?? 0)
      }
    }
  }

  @Test("A plain model gives the same addresses for 20,000 events", arguments: [1, 2, 3] as [UInt64])
  func aPlainModelGivesTheSameAddresses(seed: UInt64) throws {
    var random = TestRandom(seed: seed)
    let (pools, map) = makePools(openBSD, pages: 64)
    // In-page headers, so that the map holds this pool alone; 4064 / 252 = 16 items.
    let pool = pools.create("test", size: 252, headerPool: 0)
    var plain = PlainPool(perPage: 16, freePages: Array(0..<64))
    var held: [(address: KernelAddress, page: Int, slot: Int)] = []
    for event in 0..<20_000 {
      let place = "seed \(seed), event \(event)"
      let share = event / 2500 % 2 == 0 ? 56 : 40
      if random.below(100) < share || held.isEmpty {
        let address = pools.get(pool, .noWait)
        guard let expected = plain.get() else {
          try #require(address == .null, "\(place)")
          continue
        }
        try #require(map.space.page(of: address) == expected.page, "\(place)")
        let offset = Int(address.rawValue & 4095) - Int(pools.pages[expected.page].offset)
        try #require(offset == expected.slot * 252, "\(place)")
        held.append((address, expected.page, expected.slot))
      } else {
        let index = random.below(held.count)
        let entry = held[index]
        held.swapAt(index, held.count - 1)
        held.removeLast()
        try #require(pools.put(pool, entry.address) == .none, "\(place)")
        plain.put(entry.page, entry.slot)
      }
      try #require(map.space.usedPages == 64 - plain.freePages.count, "\(place)")
      if event % 64 == 0 { try pools.checkInvariants() }
    }
  }

  @Test func aCorruptedCounterIsAViolation() {
    let (pools, _) = makePools(openBSD)
    let pool = pools.create("test", size: 100, headerPool: 0)
    _ = pools.get(pool, .wait)
    pools.pools[pool].items += 1
    #expect(throws: InvariantViolation.self) { try pools.checkInvariants() }
  }
}
