// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Testing

@testable import KernelMemory

@Suite("dragonfly, exhaustion and checked mode")
struct DragonFlyExhaustionTests {
  @Test func aTypeAtItsLimitPanicsAndGivesNullToNoWait() throws {
    let model = try bootDragonFly()
    let type = model.mallocType(named: "NFSD V4state")
    // A tenth of 8 MiB: 838860 bytes, checked before the request.
    for _ in 0..<205 { #expect(model.malloc(4096, type, .wait) != .null) }
    #expect(model.malloc(16, type, .noWait) == .null)
    #expect(model.failure == nil)
    #expect(model.malloc(16, model.mallocType(named: "other"), .wait) != .null)
    #expect(model.malloc(16, type, .wait) == .null)
    #expect(model.failure == .panic(message: "NFSD V4state: malloc limit exceeded", requestBytes: 16))
    #expect(model.mallocTypeStatistics()[type.index].limitBlocks == 2)
  }

  @Test func aFullMapPanicsWithTheWordsOfTheBackend() throws {
    for size in [100, 4096] {
      let model = try bootDragonFly()
      model.loseAddressSpace(pages: model.largestFreeBytes / kernelPageSize)
      #expect(model.ledger().lost == model.ledger().total - model.ledger().bucketStructures)
      let type = model.mallocType(named: "temp")
      #expect(model.malloc(size, type, .noWait) == .null)
      #expect(model.failure == nil)
      #expect(model.malloc(size, type, .wait) == .null)
      #expect(
        model.failure
          == .panic(
            message: "kmem_slab_alloc(): kernel_map ran out of space!", requestBytes: size == 100 ? 32768 : 4096))
      // Dead: nothing happens any more.
      #expect(model.malloc(16, type, .wait) == .null)
      try model.checkInvariants()
    }
  }

  @Test func aMapWithoutAnAlignedBlockPanicsToo() throws {
    let model = try bootDragonFly(mapPages: 256)
    // One page is the array; every second page of the rest stays, so that no aligned block of eight is free.
    var pages: [KernelAddress] = []
    for index in 0..<255 {
      pages.append(model.malloc(4096, model.mallocType(named: "t\(index / 20)"), .wait))
    }
    for index in stride(from: 0, to: 255, by: 2) { model.free(pages[index], model.mallocType(named: "t\(index / 20)")) }
    #expect(model.mapUsedBytes < model.mapCapacityBytes / 2 + 8192)
    #expect(model.malloc(100, model.mallocType(named: "temp"), .wait) == .null)
    #expect(
      model.failure == .panic(message: "kmem_slab_alloc(): kernel_map ran out of space!", requestBytes: 32768))
  }

  @Test func aZoneWithoutRoomAndALossWithoutRoomEndTheKernel() throws {
    let model = try bootDragonFly()
    model.loseAddressSpace(pages: model.largestFreeBytes / kernelPageSize)
    let vnode = try #require(model.zone(named: "VNODE"))
    #expect(model.zoneAlloc(vnode, .noWait) == .null)
    #expect(model.failure == nil)
    #expect(model.zoneAlloc(vnode, .wait) == .null)
    #expect(model.failure == .panic(message: "kernel_map exhausted", requestBytes: 5 * kernelPageSize))
    let other = try bootDragonFly()
    other.loseAddressSpace(pages: 4000)
    #expect(
      other.failure == .panic(message: "kmem_slab_alloc(): kernel_map ran out of space!", requestBytes: 16_384_000))
  }

  @Test func withoutPhysicalPagesACallerWaitsForEver() throws {
    let pages = PhysicalPages(totalPages: 12)
    let model = try bootDragonFly(pages: pages)
    let type = model.mallocType(named: "temp")
    #expect(pages.free == 10, "the array has two pages")
    #expect(model.malloc(100, type, .wait) != .null)
    #expect(model.malloc(200, type, .noWait) == .null)
    #expect(model.failure == nil && pages.free == 2)
    #expect(model.malloc(200, type, .wait) == .null)
    #expect(
      model.failure == .stuck(reason: "vmwait: physical pages are short and none is freed", requestBytes: 32768))
    try model.checkInvariants()
  }

  @Test func aSecondFreeAndAFreeOfNoChunkEndTheKernel() throws {
    func end(_ body: (DragonFly, MallocType, KernelAddress) -> Void) throws -> (KernelFailure?, String) {
      let model = try bootDragonFly(cpus: 2)
      let type = model.mallocType(named: "temp")
      let item = model.malloc(100, type, .wait)
      body(model, type, item)
      return (model.failure, "0x" + String(item.rawValue, radix: 16))
    }
    var (failure, hex) = try end { model, type, item in
      model.free(item, type)
      model.free(item, type)
    }
    #expect(failure == .panic(message: "memory chunk \(hex) is already free!", requestBytes: 0))
    (failure, hex) = try end { model, type, item in
      model.currentCPU = 1
      model.free(item, type)
      model.free(item, type)
    }
    #expect(failure == .panic(message: "memory chunk \(hex) is already free!", requestBytes: 0))
    (failure, hex) = try end { model, type, item in
      model.free(KernelAddress(rawValue: item.rawValue + 104), type)
    }
    #expect(failure?.description.hasSuffix("is already free!") == true, "never used")
    (failure, hex) = try end { model, type, item in model.free(KernelAddress(rawValue: item.rawValue + 212), type) }
    #expect(failure?.description.hasSuffix(" bit index 2 is illegal!") == true)
    (failure, hex) = try end { model, type, item in model.free(KernelAddress(rawValue: 0x1000), type) }
    #expect(failure == .panic(message: "assertion: z->z_Magic == ZALLOC_SLAB_MAGIC in free", requestBytes: 0))
    (failure, hex) = try end { model, type, item in model.free(.null, type) }
    #expect(failure == nil)
  }

  @Test func aWrongTypeMakesBothCountsWrong() throws {
    let model = try bootDragonFly()
    let first = model.mallocType(named: "temp")
    let second = model.mallocType(named: "devbuf")
    model.free(model.malloc(100, first, .wait), second)
    #expect(model.failure == nil)
    #expect(model.mallocTypeStatistics()[first.index].bytes == 104)
    #expect(model.mallocTypeStatistics()[second.index].bytes == 0)
  }

  @Test func aFreedChunkIsFilledAndItsLinkIsLookedAt() throws {
    let memory = TestBacking(start: DragonFly.mapStart, count: 2048 * kernelPageSize)
    let model = try bootDragonFly(backing: memory.bytes)
    let type = model.mallocType(named: "temp")
    let items = (0..<2).map { _ in model.malloc(96, type, .wait) }
    for word in 0..<24 { memory.store(7, at: KernelAddress(rawValue: items[1].rawValue + UInt64(4 * word))) }
    model.free(items[0], type)
    model.free(items[1], type)
    #expect(memory.load(items[1]) == UInt32(items[0].rawValue))
    #expect(memory.load(KernelAddress(rawValue: items[1].rawValue + 60)) == 0xdead_c0de)
    #expect(memory.load(KernelAddress(rawValue: items[1].rawValue + 64)) == 7)
    // A write behind the link stays unseen, as in the kernel.
    memory.store(1, at: KernelAddress(rawValue: items[1].rawValue + 8))
    #expect(model.malloc(96, type, .wait) == items[1])
    #expect(model.failure == nil)
    memory.store(0x1234, at: items[0])
    _ = model.malloc(96, type, .wait)
    let hex = String(items[0].rawValue, radix: 16)
    #expect(model.failure == .panic(message: "chunkNEXT 0x\(hex) 0x1234 FFPG 0/8", requestBytes: 0))
  }

  @Test func theMarkOfAFreeZoneItemIsVerified() throws {
    let memory = TestBacking(start: DragonFly.mapStart, count: 2048 * kernelPageSize)
    let model = try bootDragonFly(backing: memory.bytes)
    let namei = try #require(model.zone(named: "NAMEI"))
    let item = model.zoneAlloc(namei, .wait)
    model.zoneFree(namei, item)
    memory.store(0, at: KernelAddress(rawValue: item.rawValue + 4))
    _ = model.zoneAlloc(namei, .wait)
    #expect(model.failure == .panic(message: "item is not free", requestBytes: 0))
    let other = try bootDragonFly()
    let second = other.zoneAlloc(namei, .wait)
    other.zoneFree(namei, second)
    other.zoneFree(namei, second)
    #expect(other.failure == .panic(message: "item is already free", requestBytes: 0))
  }
}
