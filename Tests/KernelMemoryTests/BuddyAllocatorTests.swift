// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Testing

@testable import KernelMemory

@Suite("Buddy system")
struct BuddyAllocatorTests {
  private let start = KernelAddress(rawValue: 0xC100_0000)

  @Test func aBlockIsHalvedFromTheLowEnd() throws {
    let buddy = BuddyAllocator(start: start, pages: 1024)
    #expect(buddy.allocate(order: 0) == 0)
    #expect(buddy.splits == 10)
    #expect(buddy.allocate(order: 0) == 1)
    #expect(buddy.allocate(order: 1) == 2)
    #expect(buddy.allocate(order: 3) == 8)
    #expect((0...10).map { buddy.freeBlocks(order: $0) } == [0, 0, 1, 0, 1, 1, 1, 1, 1, 1, 0])
    #expect(buddy.usedPages == 12)
    #expect(buddy.largestFreeBlock == 512)
    try buddy.checkInvariants()
  }

  @Test func freedBuddiesMerge() throws {
    let buddy = BuddyAllocator(start: start, pages: 1024)
    let pages = (0..<4).map { _ in buddy.allocate(order: 0) }
    for page in [pages[1], pages[2], pages[0], pages[3]] { buddy.free(page: page, order: 0) }
    #expect(buddy.usedPages == 0)
    #expect(buddy.freeBlocks(order: 10) == 1)
    #expect(buddy.highWaterPages == 4)
    try buddy.checkInvariants()
  }

  @Test func aPageInUseKeepsItsBlockApart() throws {
    let buddy = BuddyAllocator(start: start, pages: 16)
    let pages = (0..<16).map { _ in buddy.allocate(order: 0) }
    #expect(pages == Array(0..<16))
    #expect(buddy.allocate(order: 0) == -1)
    for page in pages where page != 5 { buddy.free(page: page, order: 0) }
    #expect(buddy.allocate(order: 4) == -1)
    #expect(buddy.largestFreeBlock == 8)
    #expect(buddy.allocate(order: 3) == 8)
    try buddy.checkInvariants()
  }

  @Test func aZoneOfOddSizeStartsWithTheLargestAlignedBlocks() throws {
    let buddy = BuddyAllocator(start: start, pages: 2048 + 7)
    #expect(buddy.freeBlocks(order: 10) == 2)
    #expect((0...2).map { buddy.freeBlocks(order: $0) } == [1, 1, 1])
    #expect(buddy.allocate(order: 11) == -1)
    #expect(buddy.allocate(order: -1) == -1)
    try buddy.checkInvariants()
  }

  @Test func aBlockWhoseParentWillMergeSoonGoesToTheTail() {
    let buddy = BuddyAllocator(start: start, pages: 32)
    let pages = (0..<32).map { _ in buddy.allocate(order: 0) }
    // Page 20 is a free block whose larger neighbour is in use; then page 8, whose neighbours 10 and 11 are free.
    buddy.free(page: pages[10], order: 0)
    buddy.free(page: pages[11], order: 0)
    buddy.free(page: pages[20], order: 0)
    buddy.free(page: pages[8], order: 0)
    #expect(buddy.allocate(order: 0) == 20)
    #expect(buddy.allocate(order: 0) == 8)
  }

  @Test func theOrderOfASize() {
    #expect(
      [1, 4096, 4097, 8192, 8193, 12289, 4 << 20].map { BuddyAllocator.order(ofBytes: $0) } == [0, 0, 1, 1, 2, 2, 10])
  }

  @Test("Blocks never overlap and always merge again", arguments: [1, 2, 3] as [UInt64])
  func blocksNeverOverlap(seed: UInt64) throws {
    var random = TestRandom(seed: seed)
    let pages = 4096 + Int(seed) * 13
    let buddy = BuddyAllocator(start: start, pages: pages)
    var owner = [Int](repeating: 0, count: pages)
    var held: [(page: Int, order: Int)] = []
    for event in 1...4000 {
      if random.below(100) < (event / 500 % 2 == 0 ? 60 : 40) || held.isEmpty {
        let order = random.below(5)
        let page = buddy.allocate(order: order)
        guard page >= 0 else { continue }
        for index in page..<page + 1 << order {
          try #require(owner[index] == 0, "seed \(seed), event \(event)")
          owner[index] = event
        }
        held.append((page, order))
      } else {
        let index = random.below(held.count)
        held.swapAt(index, held.count - 1)
        let block = held.removeLast()
        for index in block.page..<block.page + 1 << block.order { owner[index] = 0 }
        buddy.free(page: block.page, order: block.order)
      }
      try #require(buddy.usedPages == held.reduce(0) { $0 + 1 << $1.order }, "seed \(seed), event \(event)")
      try buddy.checkInvariants()
    }
    for block in held { buddy.free(page: block.page, order: block.order) }
    try buddy.checkInvariants()
    #expect(buddy.freeBlocks(order: 10) == pages / 1024)
  }

  @Test func aWrongMarkIsAViolation() throws {
    let buddy = BuddyAllocator(start: start, pages: 64)
    let page = buddy.allocate(order: 0)
    buddy.orders[page] = 0
    buddy.lists[0].count += 1
    #expect(throws: InvariantViolation.self) { try buddy.checkInvariants() }
  }
}
