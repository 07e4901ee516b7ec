// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Testing

@testable import KernelMemory

@Suite("AddressMap, aligned blocks")
struct AddressMapAlignedTests {
  @Test func anAlignedBlockSkipsAFreeRunAcrossItsBoundary() {
    let map = AddressMap(start: KernelAddress(rawValue: 0xC100_0000), pages: 128)
    #expect(map.allocate(pages: 3) == 0)
    // Pages 3 to 63 are free, but the first multiple of 8 is 8.
    #expect(map.allocateAligned(pages: 8) == 8)
    #expect(map.allocateAligned(pages: 64) == 64)
    #expect(map.allocateAligned(pages: 64) == -1)
    #expect(map.usedPages == 75)
  }

  @Test("Aligned and plain requests agree with a linear search", arguments: [1, 2, 3] as [UInt64])
  func alignedAndPlainRequestsAgreeWithALinearSearch(seed: UInt64) throws {
    var random = TestRandom(seed: seed)
    let capacity = 700
    let map = AddressMap(start: KernelAddress(rawValue: 0xC100_0000), pages: capacity)
    var busy = Array(repeating: false, count: capacity)
    var held: [(page: Int, pages: Int)] = []
    func search(_ pages: Int, step: Int) -> Int {
      for page in stride(from: 0, through: capacity - pages, by: step)
      where !busy[page..<page + pages].contains(true) { return page }
      return -1
    }
    for event in 0..<4000 {
      if random.below(100) < (event / 500 % 2 == 0 ? 60 : 40) || held.isEmpty {
        let isAligned = random.below(2) == 0
        let pages = isAligned ? 1 << random.below(7) : 1 + random.below(20)
        let page = isAligned ? map.allocateAligned(pages: pages) : map.allocate(pages: pages)
        try #require(page == search(pages, step: isAligned ? pages : 1), "seed \(seed), event \(event), \(pages) pages")
        guard page >= 0 else { continue }
        for index in page..<page + pages { busy[index] = true }
        held.append((page, pages))
      } else {
        let entry = held.swapRemove(at: random.below(held.count))
        map.free(page: entry.page, pages: entry.pages)
        for index in entry.page..<entry.page + entry.pages { busy[index] = false }
      }
      try map.checkInvariants(name: "map")
    }
  }
}
