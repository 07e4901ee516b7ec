// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Testing

@testable import KernelMemory

/// What the short path of malloc and free on FreeBSD 11 and 14 must not change: sizes asked for, counts of types, limits.
@Suite struct VMemUMAShortPathTests {
  @Test func neighboursOfSeveralPagesKeepTheirSizes() throws {
    let model = try smallFreeBSD11()
    let type = model.mallocType(named: "temp")
    var live: [(address: KernelAddress, size: Int)] = []
    var sum = 0
    // One page first, so that no slab of several pages lies on a multiple of its size.
    for size in [4096, 65_536, 40_000, 8192, 20_000, 33_000, 5000, 65_535, 16_384, 9000, 32_768] {
      live.append((model.malloc(size, type, .wait), size))
      sum += size
      #expect(model.ledger().live == sum, "after a malloc of \(size) bytes")
    }
    for (address, size) in live.reversed() {
      model.free(address, type)
      sum -= size
      #expect(model.ledger().live == sum, "after a free of \(size) bytes")
    }
    model.reclaim()
    try model.checkInvariants()
  }

  @Test func aMallocOfNoBytesIsOneOfTheSmallestItem() throws {
    let model = try smallFreeBSD11()
    let type = model.mallocType(named: "temp")
    let before = try model.row("16").used
    // The second one finds items in the bucket.
    let items = (0..<2).map { _ in model.malloc(0, type, .wait) }
    #expect(try model.row("16").used == before + 2)
    #expect(model.ledger().live == 2)
    #expect(model.mallocTypeStatistics()[type.index].bytes == 32)
    for item in items { model.free(item, type) }
    #expect(model.ledger().live == 0)
    #expect(model.mallocTypeStatistics()[type.index].bytes == 0)
  }

  @Test func countsOfATypeStayWhereThereAreManyTypes() throws {
    let model = try smallFreeBSD11()
    let first = model.mallocType(named: "temp")
    let items = [16, 17, 4096, 65_536, 70_000].map { model.malloc($0, first, .wait) }
    model.free(items[1], first)
    let before = model.mallocTypeStatistics()[first.index]
    #expect(before.requests == 5)
    #expect(before.frees == 1)
    #expect(before.bytes == 16 + 4096 + 65_536 + 73_728)
    #expect(before.sizes == 1 | 1 << 1 | 1 << 8 | 1 << 12)
    var last = first
    for number in 0..<150 { last = model.mallocType(named: "type \(number)") }
    #expect(model.mallocTypeStatistics()[first.index] == before)
    _ = model.malloc(100, last, .wait)
    _ = model.malloc(100, last, .wait)
    #expect(model.mallocTypeStatistics()[last.index].requests == 2)
    #expect(model.mallocTypeStatistics()[last.index].sizes == 1 << 3)
    #expect(model.mallocTypeStatistics()[first.index] == before)
    try model.checkInvariants()
  }

  @Test func aMallocZoneAtItsLimitTakesItsItemsItself() throws {
    let model = try smallFreeBSD11()
    let type = model.mallocType(named: "temp")
    let index = try #require(model.uma.zoneIndex(named: "4096"))
    // Both buckets of the processor get items, so that an empty one is left when all are taken: a free that does not look at
    // the limit would go there.
    let count = 40
    for item in (0..<count).map({ _ in model.malloc(4096, type, .wait) }) { model.free(item, type) }
    model.setLimit(of: ZoneID(index: index), items: count)
    let items = (0..<count).map { _ in model.malloc(4096, type, .noWait) }
    #expect(!items.contains(.null))
    #expect(model.malloc(4096, type, .noWait) == .null)
    model.free(items[0], type)
    #expect(try model.row("4096").cpuFree == 0)
    #expect(try model.row("4096").kegFree == 1)
    try model.checkInvariants()
  }

  @Test("A free of an item's second page ends the kernel", arguments: [8192, 65_536])
  func aFreeOfASecondPage(size: Int) throws {
    let model = try smallFreeBSD11()
    let type = model.mallocType(named: "temp")
    let item = model.malloc(size, type, .wait)
    let inside = KernelAddress(rawValue: item.rawValue + UInt64(kernelPageSize))
    model.free(inside, type)
    let text = TextColumn.hexadecimal(inside.rawValue)
    #expect(
      model.failure == .panic(message: "free: address \(text)(\(text)) has not been allocated.", requestBytes: 0))
    #expect(model.malloc(16, type, .wait) == .null, "the short path is closed")
  }
}
