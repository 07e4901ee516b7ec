// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Testing

@testable import KernelMemory

/// xorshift64*: the tests' own source of numbers, so that a seed names a sequence for ever.
struct TestRandom: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }

  mutating func next() -> UInt64 {
    state ^= state >> 12
    state ^= state << 25
    state ^= state >> 27
    return state &* 0x2545_F491_4F6C_DD1D
  }

  /// A number from 0 to `bound` − 1.
  mutating func below(_ bound: Int) -> Int { Int(next() >> 11) % bound }
}

/// What an address map has to do, in the plainest way.
private struct BruteForceMap {
  var busy: [Bool]

  init(pages: Int) { busy = Array(repeating: false, count: pages) }

  mutating func allocate(_ pages: Int) -> Int {
    var run = 0
    for page in busy.indices {
      run = busy[page] ? 0 : run + 1
      if run == pages {
        for taken in page - pages + 1...page { busy[taken] = true }
        return page - pages + 1
      }
    }
    return -1
  }

  mutating func free(_ page: Int, _ pages: Int) { for index in page..<page + pages { busy[index] = false } }

  var runs: (count: Int, longest: Int) {
    var count = 0
    var longest = 0
    var run = 0
    for isBusy in busy {
      if isBusy {
        run = 0
      } else {
        if run == 0 { count += 1 }
        run += 1
        longest = max(longest, run)
      }
    }
    return (count, longest)
  }
}

@Suite("Address map")
struct AddressMapTests {
  private let start = KernelAddress(rawValue: 0xC100_0000)

  @Test func theLowestFreeRunThatIsLongEnoughIsTaken() {
    let map = AddressMap(start: start, pages: 300)
    #expect(map.allocate(pages: 2) == 0)
    #expect(map.allocate(pages: 3) == 2)
    #expect(map.allocate(pages: 1) == 5)
    #expect(map.allocate(pages: 100) == 6)
    map.free(page: 0, pages: 2)
    #expect(map.allocate(pages: 3) == 106)
    #expect(map.allocate(pages: 1) == 0)
    #expect(map.allocate(pages: 1) == 1)
    #expect(map.allocate(pages: 1) == 109)
  }

  @Test func aFreedPageMergesWithItsNeighbours() {
    let map = AddressMap(start: start, pages: 200)
    #expect(map.allocate(pages: 200) == 0)
    #expect(map.freeRunCount() == 0)
    #expect(map.largestFreeRun == 0)
    map.free(page: 62, pages: 1)
    map.free(page: 64, pages: 2)
    #expect(map.freeRunCount() == 2)
    #expect(map.largestFreeRun == 2)
    map.free(page: 63, pages: 1)
    #expect(map.freeRunCount() == 1)
    #expect(map.largestFreeRun == 4)
    #expect(map.allocate(pages: 4) == 62)
  }

  @Test func aRunAcrossManyLeavesIsFound() {
    let map = AddressMap(start: start, pages: 1000)
    #expect(map.allocate(pages: 1000) == 0)
    map.free(page: 63, pages: 514)
    #expect(map.largestFreeRun == 514)
    #expect(map.allocate(pages: 515) == -1)
    #expect(map.allocate(pages: 514) == 63)
    #expect(map.usedPages == 1000)
  }

  @Test func nothingIsTakenWhereThereIsNoRoom() {
    let map = AddressMap(start: start, pages: 65)
    #expect(map.allocate(pages: 66) == -1)
    #expect(map.allocate(pages: 0) == -1)
    #expect(map.allocate(pages: -1) == -1)
    #expect(map.allocate(pages: 65) == 0)
    #expect(map.allocate(pages: 1) == -1)
    #expect(AddressMap(start: start, pages: 0).allocate(pages: 1) == -1)
  }

  @Test func theHighWaterMarkStays() {
    let map = AddressMap(start: start, pages: 100)
    let page = map.allocate(pages: 40)
    map.free(page: page, pages: 40)
    _ = map.allocate(pages: 7)
    #expect(map.usedPages == 7)
    #expect(map.highWaterPages == 40)
  }

  @Test func addressesAndPagesConvertBothWays() {
    let map = AddressMap(start: start, pages: 16)
    #expect(map.address(ofPage: 3) == KernelAddress(rawValue: 0xC100_3000))
    #expect(map.page(of: KernelAddress(rawValue: 0xC100_3FFF)) == 3)
    #expect(map.contains(KernelAddress(rawValue: 0xC100_FFFF)))
    #expect(!map.contains(KernelAddress(rawValue: 0xC101_0000)))
    #expect(!map.contains(KernelAddress(rawValue: 0xC0FF_FFFF)))
  }

  @Test("4,000 random operations agree with a brute-force first fit", arguments: [1, 7, 63, 64, 65, 257, 700])
  func randomOperationsAgreeWithABruteForceFirstFit(pages: Int) throws {
    let seed = UInt64(20_070_501 + pages)
    var random = TestRandom(seed: seed)
    let map = AddressMap(start: start, pages: pages)
    var model = BruteForceMap(pages: pages)
    var held: [(page: Int, pages: Int)] = []
    for step in 0..<4000 {
      if random.below(100) < 55 || held.isEmpty {
        let wanted = random.below(3) == 0 ? 1 + random.below(max(1, pages / 3)) : 1 + random.below(3)
        let page = map.allocate(pages: wanted)
        try #require(page == model.allocate(wanted), "seed \(seed) step \(step): \(wanted) pages")
        if page >= 0 { held.append((page, wanted)) }
      } else {
        let chosen = held.remove(at: random.below(held.count))
        map.free(page: chosen.page, pages: chosen.pages)
        model.free(chosen.page, chosen.pages)
      }
      let expected = model.runs
      try #require(map.largestFreeRun == expected.longest, "seed \(seed) step \(step)")
      try #require(map.freeRunCount() == expected.count, "seed \(seed) step \(step)")
      if step % 16 == 0 { try map.checkInvariants(name: "map, seed \(seed)") }
    }
  }
}
