// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Testing

@testable import KernelMemory

@Suite("Bucket malloc")
struct BucketsTests {
  private let start = KernelAddress(rawValue: 0xC100_0000)

  private func makeMalloc(
    pages: Int = 64, order: BucketMalloc.FreeListOrder = .lifo, limit: Int = .max, physical: PhysicalPages? = nil
  ) -> (BucketMalloc, Int) {
    let map = WiredMap(space: AddressMap(start: start, pages: pages), physical: physical)
    let malloc = BucketMalloc(map: map, order: order, typeLimit: limit)
    return (malloc, malloc.register("temp"))
  }

  @Test(
    "A request takes the next power of two, whole pages above 8 KiB",
    arguments: [
      (1, 16, 1), (16, 16, 1), (17, 32, 1), (64, 64, 1), (65, 128, 1), (256, 256, 1), (257, 512, 1), (1024, 1024, 1),
      (4096, 4096, 1), (4097, 8192, 2), (8192, 8192, 2), (8193, 12288, 3), (65536, 65536, 16), (65537, 69632, 17),
    ])
  func aRequestTakesTheNextPowerOfTwo(size: Int, bytes: Int, pages: Int) {
    let (malloc, type) = makeMalloc()
    #expect(malloc.malloc(size, type, .wait) != .null)
    #expect(malloc.typeStatistics()[type].bytes == UInt64(bytes))
    #expect(malloc.map.space.usedPages == pages)
  }

  @Test func largeAllocationsShareTheBucketOfTheirPowerOfTwo() {
    let (malloc, type) = makeMalloc(pages: 1024)
    _ = malloc.malloc(16385, type, .wait)
    _ = malloc.malloc(524_289, type, .wait)
    _ = malloc.malloc(1 << 21, type, .wait)
    let used = malloc.bucketStatistics().filter { $0.used > 0 }
    #expect(used.map(\.size) == [32768, 524_288])
    #expect(used.map(\.used) == [1, 2])
    #expect(malloc.typeStatistics()[type].sizes == 1 << 11 | 1 << 15)
  }

  @Test func aNewPageIsHandedOutFromItsHighestItemDown() {
    let (malloc, type) = makeMalloc()
    #expect(malloc.malloc(1024, type, .wait).rawValue == start.rawValue + 3072)
    #expect(malloc.malloc(1024, type, .wait).rawValue == start.rawValue + 2048)
    #expect(malloc.malloc(1000, type, .wait).rawValue == start.rawValue + 1024)
    #expect(malloc.malloc(513, type, .wait).rawValue == start.rawValue)
    #expect(malloc.malloc(1024, type, .wait).rawValue == start.rawValue + 4096 + 3072)
  }

  @Test func theItemFreedLastComesBackFirst() {
    let (malloc, type) = makeMalloc()
    let items = (0..<8).map { _ in malloc.malloc(512, type, .wait) }
    malloc.free(items[2], type)
    malloc.free(items[5], type)
    #expect(malloc.malloc(512, type, .wait) == items[5])
    #expect(malloc.malloc(512, type, .wait) == items[2])
  }

  @Test func withFIFOOrderTheItemFreedFirstComesBackFirst() throws {
    let (malloc, type) = makeMalloc(order: .fifo)
    let items = (0..<8).map { _ in malloc.malloc(512, type, .wait) }
    for index in [2, 5, 1] { malloc.free(items[index], type) }
    try malloc.checkInvariants()
    #expect(malloc.malloc(512, type, .wait) == items[2])
    malloc.free(items[7], type)
    for index in [5, 1, 7] { #expect(malloc.malloc(512, type, .wait) == items[index]) }
  }

  @Test func pagesOfListedClassesNeverGoBack() {
    let (malloc, type) = makeMalloc()
    let sizes = [16, 100, 4096, 5000, 8192]
    let items = sizes.map { malloc.malloc($0, type, .wait) }
    let used = malloc.map.space.usedPages
    for item in items { malloc.free(item, type) }
    #expect(malloc.map.space.usedPages == used)
    #expect(malloc.freeBytes == used * kernelPageSize)
    #expect(malloc.liveBytes == 0)
    // 5000 bytes come from the list of 8 KiB, not from the map.
    #expect(malloc.malloc(5000, type, .wait) == items[4])
  }

  @Test func pagesOfLargeAllocationsGoBackAtFree() {
    let (malloc, type) = makeMalloc()
    let first = malloc.malloc(8193, type, .wait)
    let second = malloc.malloc(20000, type, .wait)
    #expect(malloc.map.space.usedPages == 8)
    malloc.free(first, type)
    #expect(malloc.map.space.usedPages == 5)
    #expect(malloc.malloc(12288, type, .wait) == first)
    malloc.free(second, type)
    #expect(malloc.largeBytes == 12288)
  }

  @Test func couldFreeCountsWholePagesAboveTheHighWaterMark() {
    let (malloc, type) = makeMalloc()
    // High water of the 2 KiB class: 5 × 2 items. A page becomes wholly free with its second item.
    let items = (0..<16).map { _ in malloc.malloc(2048, type, .wait) }
    for item in items { malloc.free(item, type) }
    // Wholly free with 1, 3, 5 … 15 items free before: only those above 10 count.
    #expect(malloc.bucketStatistics()[7].couldFree == 3)
    #expect(malloc.bucketStatistics()[7].highWater == 10)
    #expect(malloc.map.space.usedPages == 8)
  }

  @Test func aTypeMayPassItsLimitByOneAllocation() {
    let (malloc, type) = makeMalloc(limit: 8192)
    #expect(malloc.malloc(4000, type, .wait) != .null)
    let last = malloc.malloc(8000, type, .wait)
    #expect(last != .null)
    #expect(malloc.typeStatistics()[type].bytes == 4096 + 8192)
    #expect(malloc.malloc(1, type, .noWait) == .null)
    #expect(malloc.refusal == .typeLimit)
    #expect(malloc.noWaitFailures == 1)
    #expect(malloc.typeStatistics()[type].limitBlocks == 0)
    #expect(malloc.malloc(1, type, .wait) == .null)
    #expect(malloc.typeStatistics()[type].limitBlocks == 1)
    let other = malloc.register("devbuf")
    #expect(malloc.malloc(1, other, .wait) != .null)
    malloc.free(last, type)
    #expect(malloc.malloc(1, type, .wait) != .null)
  }

  @Test func aFullMapRefusesNewPagesButNotItemsOfTheLists() {
    let (malloc, type) = makeMalloc(pages: 2)
    let item = malloc.malloc(4096, type, .wait)
    #expect(malloc.malloc(16, type, .wait) != .null)
    #expect(malloc.malloc(32, type, .noWait) == .null)
    #expect(malloc.refusal == .mapFull)
    #expect(malloc.malloc(16, type, .noWait) != .null)
    #expect(malloc.malloc(1 << 40, type, .wait) == .null)
    #expect(malloc.malloc(.max, type, .wait) == .null)
    #expect(malloc.malloc(.min, type, .wait) == .null)
    #expect(malloc.refusal == .mapFull)
    malloc.free(item, type)
    #expect(malloc.malloc(3000, type, .wait) == item)
  }

  @Test func anAllocationOfMoreThan65535PagesIsTooLarge() {
    let (malloc, type) = makeMalloc(pages: 70000)
    #expect(malloc.malloc(65536 * kernelPageSize, type, .wait) == .null)
    #expect(malloc.refusal == .tooLarge)
    #expect(malloc.map.space.usedPages == 0)
    #expect(malloc.malloc(65535 * kernelPageSize, type, .wait) != .null)
  }

  @Test func physicalPagesAreTakenAndGivenBackWithTheRange() {
    let physical = PhysicalPages(totalPages: 6)
    let (malloc, type) = makeMalloc(physical: physical)
    let large = malloc.malloc(5 * kernelPageSize, type, .wait)
    #expect(physical.free == 1)
    #expect(malloc.malloc(8192, type, .noWait) == .null)
    #expect(malloc.refusal == .noPages)
    #expect(malloc.map.space.usedPages == 5)
    #expect(malloc.malloc(8192, type, .wait) == .null)
    #expect(malloc.refusal == .pagesNeverCome)
    physical.pageDaemon = { malloc.free(large, type) }
    #expect(malloc.malloc(8192, type, .wait) != .null)
    #expect(physical.free == 4)
  }

  @Test func aFreeOfSomethingElseIsNamed() throws {
    let (malloc, type) = makeMalloc()
    let item = malloc.malloc(64, type, .wait)
    let large = malloc.malloc(20000, type, .wait)
    malloc.free(KernelAddress(rawValue: item.rawValue + 8), type)
    #expect(malloc.freeError == .unaligned)
    malloc.free(KernelAddress(rawValue: large.rawValue + 4096), type)
    #expect(malloc.freeError == .outOfRange)
    malloc.free(KernelAddress(rawValue: start.rawValue - 16), type)
    #expect(malloc.freeError == .outOfRange)
    malloc.free(item, type)
    #expect(malloc.freeError == .none)
    malloc.free(item, type)
    #expect(malloc.freeError == .multipleFree)
    try malloc.checkInvariants()
  }

  @Test func aTypeKeepsItsIndexAndItsCounts() {
    let (malloc, type) = makeMalloc()
    let indices = (0..<100).map { malloc.register("type \($0)") }
    #expect(indices == Array(1...100))
    #expect(malloc.register("temp") == type)
    let item = malloc.malloc(100, indices[99], .wait)
    _ = malloc.malloc(20, indices[99], .wait)
    malloc.free(item, indices[99])
    let row = malloc.typeStatistics()[100]
    #expect(row.name == "type 99")
    #expect((row.inUse, row.bytes, row.requests, row.frees) == (1, 32, 2, 1))
    #expect(row.highUse == 160)
    #expect(row.sizes == 0b1010)
  }

  @Test("20,000 random calls keep every invariant", arguments: [BucketMalloc.FreeListOrder.lifo, .fifo])
  func randomCallsKeepEveryInvariant(order: BucketMalloc.FreeListOrder) throws {
    let seed: UInt64 = 4096
    var random = TestRandom(seed: seed)
    let (malloc, first) = makeMalloc(pages: 200, order: order, limit: 100 * kernelPageSize)
    let types = [first, malloc.register("devbuf"), malloc.register("mount")]
    var held: [(KernelAddress, Int)] = []
    var seen = Set<UInt64>()
    for step in 0..<20000 {
      if random.below(100) < 52 || held.isEmpty {
        let type = types[random.below(3)]
        let size = 1 + random.below(1 << (4 + random.below(12)))
        let address = malloc.malloc(size, type, random.below(2) == 0 ? .wait : .noWait)
        if address != .null {
          try #require(seen.insert(address.rawValue).inserted, "seed \(seed), step \(step): handed out twice")
          held.append((address, type))
        }
      } else {
        let (address, type) = held.remove(at: random.below(held.count))
        seen.remove(address.rawValue)
        malloc.free(address, type)
        try #require(malloc.freeError == .none, "seed \(seed), step \(step)")
      }
      if step % 32 == 0 { try malloc.checkInvariants() }
    }
  }
}
