// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Testing

@testable import KernelMemory

@Suite("pool_cache(9)")
struct PoolCacheTests {
  private struct Setup {
    let pools: PoolAllocator
    let map: WiredMap
    let layer: PoolCacheLayer
    let pool: Int
    let cache: Int

    init(pages: Int = 256, processors: Int = 2, groupSize: Int = 14, itemSize: Int = 1024) {
      let made = makePools(NetBSD.poolStyle, pages: pages)
      pools = made.pools
      map = made.map
      let groups = pools.create("pcgnormal", size: 124, alignment: 64, headerPool: 0, isInternal: true)
      layer = PoolCacheLayer(pools: pools, groupPool: groups, groupSize: groupSize, processors: processors)
      pool = pools.create("test", size: itemSize, headerPool: 0)
      cache = layer.create(pool: pool)
    }

    func check() throws {
      let held = layer.cachedObjects(cache)
      try pools.checkInvariants(cached: [0, 0, held.perCPU + held.shared])
      try layer.checkInvariants()
    }
  }

  @Test func theObjectThatCameBackLastGoesOutFirst() throws {
    let setup = Setup()
    let objects = (0..<5).map { _ in setup.layer.get(setup.cache, .wait) }
    for index in [2, 0, 4] { #expect(setup.layer.put(setup.cache, objects[index]) == .none) }
    for index in [4, 0, 2] { #expect(setup.layer.get(setup.cache, .wait) == objects[index]) }
    try setup.check()
  }

  @Test func nothingReachesThePoolWhileGroupsHaveRoom() throws {
    let setup = Setup()
    let objects = (0..<40).map { _ in setup.layer.get(setup.cache, .wait) }
    for object in objects { setup.layer.put(setup.cache, object) }
    #expect(setup.pools.poolStatistics()[setup.pool].releases == 0)
    #expect(setup.pools.pools[setup.pool].out == 40)
    // 28 in the two groups of the processor's, the others in the new current one: one full group behind.
    #expect(setup.layer.caches[setup.cache].fullCount == 1)
    #expect(setup.layer.cachedObjects(setup.cache) == (26, 14))
    #expect(setup.pools.pools[1].out == 3)
    try setup.check()
  }

  @Test func twoGroupsAbsorbAReturnOfTheirSize() throws {
    let setup = Setup()
    let objects = (0..<20).map { _ in setup.layer.get(setup.cache, .wait) }
    for object in objects { setup.layer.put(setup.cache, object) }
    let before = setup.pools.poolStatistics()
    // 14 in the previous group and 6 in the current one: rounds of 8 swap them back and forth.
    for _ in 0..<20 {
      let taken = (0..<8).map { _ in setup.layer.get(setup.cache, .wait) }
      for object in taken { setup.layer.put(setup.cache, object) }
    }
    #expect(setup.pools.poolStatistics() == before)
    #expect(setup.layer.caches[setup.cache].fullCount == 0)
  }

  @Test func aFullGroupOfTheGlobalListServesAnotherProcessor() throws {
    let setup = Setup()
    let objects = (0..<42).map { _ in setup.layer.get(setup.cache, .wait) }
    for object in objects { setup.layer.put(setup.cache, object) }
    #expect(setup.layer.caches[setup.cache].fullCount == 1)
    let requests = setup.pools.poolStatistics()[setup.pool].requests
    setup.layer.currentCPU = 1
    let taken = (0..<14).map { _ in setup.layer.get(setup.cache, .wait) }
    // The second group to be filled is the one that went to the list.
    #expect(Set(taken) == Set(objects[14..<28]))
    #expect(setup.layer.caches[setup.cache].fullCount == 0)
    #expect(setup.pools.poolStatistics()[setup.pool].requests == requests)
    // The groups of processor 0 are out of reach.
    let next = setup.layer.get(setup.cache, .wait)
    #expect(!objects.contains(next))
    try setup.check()
  }

  @Test func anEmptyGroupGoesToTheGlobalListForAFullOne() throws {
    let setup = Setup()
    let objects = (0..<42).map { _ in setup.layer.get(setup.cache, .wait) }
    for object in objects { setup.layer.put(setup.cache, object) }
    for _ in 0..<42 { _ = setup.layer.get(setup.cache, .wait) }
    #expect(setup.layer.caches[setup.cache].emptyCount == 1)
    #expect(setup.pools.pools[1].out == 3)
    // It is used again before a new one is made.
    for object in objects { setup.layer.put(setup.cache, object) }
    #expect(setup.pools.pools[1].out == 3)
    try setup.check()
  }

  @Test func withoutAGroupTheObjectGoesStraightToItsPool() throws {
    // One page of headers and 3 of items: none is left for a group.
    let setup = Setup(pages: 4)
    let objects = (0..<12).map { _ in setup.layer.get(setup.cache, .noWait) }
    #expect(objects.allSatisfy { $0 != .null })
    #expect(setup.layer.get(setup.cache, .noWait) == .null)
    #expect(setup.layer.put(setup.cache, objects[5]) == .none)
    #expect(setup.pools.poolStatistics()[setup.pool].releases == 1)
    #expect(setup.layer.cachedObjects(setup.cache) == (0, 0))
    #expect(setup.layer.get(setup.cache, .noWait) == objects[5])
    try setup.check()
  }

  @Test func aDrainGivesEverythingBack() throws {
    let setup = Setup()
    let objects = (0..<100).map { _ in setup.layer.get(setup.cache, .wait) }
    for (index, object) in objects.enumerated() {
      setup.layer.currentCPU = index % 2
      setup.layer.put(setup.cache, object)
    }
    try setup.check()
    // The global lists alone first: the pairs of the processors stay.
    let perCPU = setup.layer.cachedObjects(setup.cache).perCPU
    setup.layer.invalidate(setup.cache)
    #expect(setup.layer.cachedObjects(setup.cache) == (perCPU, 0))
    #expect(setup.pools.pools[setup.pool].out == perCPU)
    try setup.check()
    setup.layer.transfer(setup.cache)
    #expect(setup.layer.cachedObjects(setup.cache) == (0, perCPU))
    try setup.check()
    setup.layer.invalidate(setup.cache)
    #expect(setup.pools.pools[setup.pool].out == 0)
    #expect(setup.pools.pools[1].out == 0)
    try setup.check()
  }

  @Test func putsOfWhatIsNotOutAreRefused() throws {
    let setup = Setup()
    #expect(setup.layer.put(setup.cache, KernelAddress(rawValue: 0xF000_0000)) == .noneOut)
    let object = setup.layer.get(setup.cache, .wait)
    #expect(setup.layer.put(setup.cache, KernelAddress(rawValue: object.rawValue + 8)) == .notAnItem)
    #expect(setup.layer.put(setup.cache, object) == .none)
    #expect(setup.layer.put(setup.cache, object) == .alreadyFree)
    try setup.check()
  }

  @Test(
    "Random loads on three processors keep every invariant", arguments: [(1, 14), (2, 15), (3, 3)] as [(UInt64, Int)])
  func randomLoadsKeepEveryInvariant(seed: UInt64, groupSize: Int) throws {
    var random = TestRandom(seed: seed)
    let setup = Setup(pages: 128, processors: 3, groupSize: groupSize, itemSize: 200)
    var held: [KernelAddress] = []
    for event in 0..<20_000 {
      let place = "seed \(seed), event \(event)"
      setup.layer.currentCPU = random.below(3)
      if random.below(100) < (event / 2000 % 2 == 0 ? 58 : 40) || held.isEmpty {
        let object = setup.layer.get(setup.cache, .noWait)
        if object != .null { held.append(object) }
      } else {
        let index = random.below(held.count)
        held.swapAt(index, held.count - 1)
        try #require(setup.layer.put(setup.cache, held.removeLast()) == .none, "\(place)")
      }
      if random.below(500) == 0 { setup.layer.invalidate(setup.cache) }
      if random.below(900) == 0 { setup.layer.transfer(setup.cache) }
      if event < 1000 || event % 64 == 0 {
        try setup.check()
        try #require(Set(held).count == held.count, "\(place)")
      }
      let cached = setup.layer.cachedObjects(setup.cache)
      let out = setup.pools.pools[setup.pool].out
      try #require(out == held.count + cached.perCPU + cached.shared, "\(place)")
    }
  }
}
