// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Testing

@testable import KernelMemory

@Suite("illumos, exhaustion and checks")
struct IllumosExhaustionTests {
  @Test func aCallerThatMayNotSleepGetsNull() throws {
    let model = try bootIllumos(mapPages: 256)
    let type = model.mallocType(named: "temp")
    while model.malloc(2000, type, .noWait) != .null {}
    #expect(model.failure == nil)
    #expect(model.mallocTypeStatistics()[type.index].mapBlocks == 1)
    #expect(model.zoneStatistics().contains { $0.failures == 1 })
    try model.checkInvariants()
  }

  @Test func aCallerThatMaySleepDoesSoForEver() throws {
    let model = try bootIllumos(mapPages: 256)
    let type = model.mallocType(named: "temp")
    while model.malloc(2000, type, .wait) != .null {}
    guard case .stuck(let reason, let bytes) = model.failure else {
      Issue.record("not stuck: \(String(describing: model.failure))")
      return
    }
    #expect(reason.hasPrefix("sleeps in vmem_xalloc on heap: ") && bytes == 2000)
    #expect(model.sleptNanoseconds == 3 * Kmem.interval)
    try model.checkInvariants()
  }

  @Test func aSleeperIsServedWhenMagazinesFallOutOfTheWorkingSet() throws {
    let model = try bootIllumos(mapPages: 256)
    let type = model.mallocType(named: "temp")
    var items: [KernelAddress] = []
    while true {
      let item = model.malloc(2000, type, .noWait)
      if item == .null { break }
      items.append(item)
    }
    // Everything is free, but magazines hold it.
    for item in items { model.free(item, type) }
    #expect(model.mapCapacityBytes - model.mapUsedBytes < 20_000)
    #expect(model.malloc(200_000, type, .wait) != .null)
    #expect(model.failure == nil)
    // Two updates, then the reap finds what was not used between them.
    #expect(model.sleptNanoseconds == 2 * Kmem.interval)
    // The caller's clock passes these marks without running their updates again.
    model.advance(to: model.sleptNanoseconds)
    #expect(model.kmem.state.pointee.updates == 2)
    try model.checkInvariants()
  }

  @Test func thePageDaemonIsAskedWherePhysicalPagesAreShort() throws {
    let pages = PhysicalPages(totalPages: 300)
    let model = try bootIllumos(mapPages: 4096, pages: pages)
    let type = model.mallocType(named: "temp")
    var held: [KernelAddress] = []
    pages.pageDaemon = {
      for item in held { model.free(item, type) }
      held.removeAll()
      model.reclaim()
    }
    for _ in 0..<400 { held.append(model.malloc(6000, type, .wait)) }
    #expect(model.failure == nil)
    try model.checkInvariants()
    pages.pageDaemon = nil
    while model.malloc(6000, type, .wait) != .null {}
    #expect(model.failure?.description.hasPrefix("stuck: sleeps in page_create_wait") == true)
  }

  @Test func lostPagesStandInTheLedger() throws {
    let model = try bootIllumos(mapPages: 256)
    model.loseAddressSpace(pages: 10)
    #expect(model.ledger().lost == 40_960)
    try model.checkInvariants()
    model.loseAddressSpace(pages: 1000)
    #expect(model.failure?.description.hasPrefix("stuck: sleeps in vmem_xalloc") == true)
  }

  // MARK: Frees that are wrong

  private let panic = KernelFailure.panic(message: "kernel heap corruption detected", requestBytes: 0)

  private func console(_ body: (Illumos, MallocType, KernelAddress) -> Void) throws -> [String] {
    let model = try bootIllumos()
    let type = model.mallocType(named: "temp")
    let item = model.malloc(100, type, .wait)
    body(model, type, item)
    #expect(model.failure == panic)
    #expect(model.malloc(8, type, .wait) == .null)
    return model.console
  }

  @Test func aSecondFreeEndsTheKernel() throws {
    let lines = try console { model, type, item in
      model.free(item, type)
      model.free(item, type)
    }
    #expect(lines[0] == "kernel memory allocator: duplicate free: buffer freed twice")
    #expect(lines[1].hasSuffix("cache: kmem_alloc_112"))
  }

  @Test func aFreeInsideOfABufferEndsTheKernel() throws {
    var lines = try console { model, type, item in model.free(KernelAddress(rawValue: item.rawValue + 8), type) }
    #expect(lines[0].hasPrefix("kernel memory allocator: bad free: free address ("))
    lines = try console { model, type, item in model.free(KernelAddress(rawValue: item.rawValue + 3), type) }
    #expect(lines[0].hasPrefix("kernel memory allocator: bad free: free address ("))
  }

  @Test func aFreeOfAnAddressOutsideOfTheHeapEndsTheKernel() throws {
    let lines = try console { model, type, _ in model.free(KernelAddress(rawValue: 0x1000), type) }
    #expect(lines[0] == "kernel memory allocator: invalid free: buffer not in cache")
  }

  @Test func aFreeToTheWrongCacheEndsTheKernel() throws {
    let lines = try console { model, _, item in
      if let zone = model.zone(named: "VNODE") { model.zoneFree(zone, item) }
    }
    #expect(
      lines.prefix(3) == [
        "kernel memory allocator: buffer freed to wrong cache", "buffer was allocated from kmem_alloc_112,",
        "caller attempting free to vn_cache.",
      ])
    let other = try bootIllumos()
    if let zone = other.zone(named: "VNODE") {
      other.free(other.zoneAlloc(zone, .wait), other.mallocType(named: "temp"))
    }
    #expect(other.failure == panic)
  }

  // MARK: Checked mode

  private func checkedIllumos() throws -> (Illumos, SLUBTestBytes) {
    let memory = SLUBTestBytes(start: Illumos.heapStart, count: 2 << 20)
    return (try bootIllumos(mapPages: 512, backing: memory.backing), memory)
  }

  @Test func buffersAreFilledWithThePatterns() throws {
    let (model, memory) = try checkedIllumos()
    let type = model.mallocType(named: "temp")
    let item = model.malloc(100, type, .wait)
    #expect([0, 1, 2, 3].map { memory[item, $0] } == [0xfe, 0xca, 0xdd, 0xba])
    #expect(memory[item, 100] == 0xbb)
    model.free(item, type)
    #expect([0, 1, 2, 3].map { memory[item, $0] } == [0xef, 0xbe, 0xad, 0xde])
    #expect(model.malloc(112, type, .wait) == item)
    #expect(model.failure == nil)
  }

  @Test func aWriteAfterFreeIsFoundByTheNextAllocation() throws {
    let (model, memory) = try checkedIllumos()
    let type = model.mallocType(named: "temp")
    let item = model.malloc(100, type, .wait)
    model.free(item, type)
    memory[item, 9] = 0
    #expect(model.malloc(100, type, .wait) == .null)
    #expect(model.failure == panic)
    #expect(
      model.console.prefix(2) == [
        "kernel memory allocator: buffer modified after being freed",
        "modification occurred at offset 0x8 (0xdeadbeefdeadbeef replaced by 0xdeadbeefdead00ef)",
      ])
  }

  @Test func aWriteAfterFreeIsFoundWhenAMagazineIsDestroyed() throws {
    let (model, memory) = try checkedIllumos()
    let zone = model.makeCache(named: "unit", size: 400)
    let items = (0..<100).map { _ in model.zoneAlloc(zone, .wait) }
    for item in items { model.zoneFree(zone, item) }
    memory[items[0], 0] = 1
    model.reapSoon(zone)
    #expect(model.failure == panic)
    #expect(model.console.last?.hasSuffix("cache: unit") == true)
  }

  @Test func aWriteBehindTheRequestIsFoundByTheFree() throws {
    let (model, memory) = try checkedIllumos()
    let type = model.mallocType(named: "temp")
    let item = model.malloc(100, type, .wait)
    memory[item, 100] = 0
    model.free(item, type)
    #expect(model.failure == panic)
    #expect(model.console.first == "kernel memory allocator: redzone violation: write past end of buffer")
  }
}
