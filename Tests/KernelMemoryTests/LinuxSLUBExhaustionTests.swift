// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Testing

@testable import KernelMemory

@Suite("linux-slub, exhaustion and checks")
struct LinuxSLUBExhaustionTests {
  @Test func withoutMemoryACallerThatMayNotWaitGetsNull() throws {
    let model = try bootLinux(mapPages: 256)
    let type = model.mallocType(named: "temp")
    while model.malloc(4000, type, .noWait) != .null {}
    #expect(model.failure == nil)
    #expect(model.mallocTypeStatistics()[type.index].mapBlocks == 1)
    #expect(model.mapUsedBytes <= 256 * 4096)
    try model.checkInvariants()
  }

  @Test func withoutMemoryAWaitingCallerWakesTheOOMKillerWhichFindsNothing() throws {
    let model = try bootLinux(mapPages: 256)
    let type = model.mallocType(named: "temp")
    while model.malloc(4000, type, .wait) != .null {}
    #expect(model.failure == .panic(message: "System is deadlocked on memory", requestBytes: 4000))
    #expect(model.console.last == "Out of memory and no killable processes...")
    // Slabs of the smallest order have used the map up to the last page.
    #expect(model.mapUsedBytes == 256 * 4096)
    #expect(model.malloc(8, type, .noWait) == .null)
    try model.checkInvariants()
  }

  @Test func aSlabOfTheSmallestOrderStandsInForOneOfTheWantedOrder() throws {
    let model = try bootLinux(mapPages: 256)
    let type = model.mallocType(named: "temp")
    var pages: [KernelAddress] = []
    while true {
      let page = model.malloc(16_000, type, .noWait)
      if page == .null { break }
      pages.append(page)
    }
    // Blocks of four pages are left at most, an order-3 slab cannot be had.
    for page in pages.prefix(1) { model.free(page, type) }
    let cache = model.slub.mallocCache(2048)
    let item = model.malloc(2000, type, .wait)
    #expect(item != .null)
    #expect(model.slub.caches[cache].orderFallbacks == 1)
    #expect(model.slub.caches[cache].totalObjects == 2)
    try model.checkInvariants()
    model.free(item, type)
    model.shrink(ZoneID(index: cache))
    try model.checkInvariants()
  }

  @Test func reclaimThatFreesObjectsSavesTheCaller() throws {
    let pages = PhysicalPages(totalPages: 512)
    let model = try bootLinux(mapPages: 4096, pages: pages)
    let type = model.mallocType(named: "temp")
    var held: [KernelAddress] = []
    var scans = 0
    pages.pageDaemon = {
      scans += 1
      model.reclaim()
      for item in held.prefix(held.count / 2) { model.free(item, type) }
      held.removeFirst(held.count / 2)
    }
    for _ in 0..<3000 { held.append(model.malloc(1000, type, .wait)) }
    #expect(scans > 0)
    #expect(model.failure == nil)
    #expect(!held.contains(.null))
    try model.checkInvariants()
    #expect(pages.total - pages.free == model.mapUsedBytes / 4096)
  }

  @Test func aCostlyOrderEndsWithNullAndALine() throws {
    let model = try bootLinux(mapPages: 256)
    let type = model.mallocType(named: "temp")
    #expect(model.malloc(2 << 20, type, .wait) == .null)
    #expect(model.failure == nil)
    #expect(model.console == ["nfsd: page allocation failure: order:9, mode:0xcc0(GFP_KERNEL)"])
  }

  @Test func lostPagesStandInTheLedgerUntilThereAreNone() throws {
    let model = try bootLinux(mapPages: 256)
    model.loseAddressSpace(pages: 10)
    #expect(model.ledger().lost == 40_960)
    try model.checkInvariants()
    model.loseAddressSpace(pages: 1000)
    #expect(model.failure == .panic(message: "System is deadlocked on memory", requestBytes: 4_096_000))
  }

  // MARK: Frees that are wrong

  private func end(_ free: (LinuxSLUB, MallocType, KernelAddress) -> Void) throws -> KernelFailure? {
    let model = try bootLinux()
    let type = model.mallocType(named: "temp")
    let item = model.malloc(100, type, .wait)
    free(model, type, item)
    return model.failure
  }

  private func panic(_ message: String) -> KernelFailure { .panic(message: message, requestBytes: 0) }

  @Test func aSecondFreeEndsTheKernel() throws {
    let failure = try end { model, type, item in
      model.free(item, type)
      model.free(item, type)
    }
    #expect(failure == panic("BUG kmalloc-128 (Not tainted): Object already free"))
  }

  @Test func aFreeOfNoObjectEndsTheKernel() throws {
    var place = ""
    var failure = try end { model, type, item in
      place = String(item.rawValue + 8, radix: 16)
      model.free(KernelAddress(rawValue: item.rawValue + 8), type)
    }
    #expect(failure == panic("BUG kmalloc-128 (Not tainted): Invalid object pointer 0x\(place)"))
    failure = try end { model, type, _ in model.free(KernelAddress(rawValue: 0x1000), type) }
    #expect(failure == panic("BUG: unable to handle page fault for address: 0x1000"))
    failure = try end { model, type, _ in model.free(.null, type) }
    #expect(failure == nil)
    failure = try end { model, type, _ in
      let large = model.malloc(20_000, type, .wait)
      model.free(KernelAddress(rawValue: large.rawValue + 4096), type)
    }
    #expect(failure?.description.hasPrefix("panic: BUG: unable to handle page fault") == true)
  }

  @Test func aFreeToTheWrongCacheEndsTheKernel() throws {
    let failure = try end { model, _, item in
      if let dentry = model.zone(named: "S VFS Cache") { model.zoneFree(dentry, item) }
    }
    #expect(failure == panic("cache_from_obj: Wrong slab cache. dentry but object is from kmalloc-128"))
  }

  @Test func kfreeTakesObjectsOfNamedCaches() throws {
    let model = try bootLinux()
    let zone = model.makeCache(named: "unit", size: 100)
    let item = model.zoneAlloc(zone, .wait)
    model.free(item, model.mallocType(named: "temp"))
    #expect(model.failure == nil)
    #expect(model.zoneStatistics()[zone.index].used == 0)
    try model.checkInvariants()
  }

  // MARK: Checked mode

  private func checkedLinux() throws -> (LinuxSLUB, SLUBTestBytes) {
    let memory = SLUBTestBytes(start: LinuxSLUB.mapStart, count: 2 << 20)
    return (try bootLinux(mapPages: 512, backing: memory.backing), memory)
  }

  @Test func aFreeObjectIsPoisoned() throws {
    let (model, memory) = try checkedLinux()
    let type = model.mallocType(named: "temp")
    let item = model.malloc(96, type, .wait)
    model.free(item, type)
    #expect((0..<95).allSatisfy { memory[item, $0] == 0x6b } && memory[item, 95] == 0xa5)
    #expect(model.malloc(96, type, .wait) == item)
    #expect(model.failure == nil)
  }

  @Test func aWriteAfterFreeIsFoundByTheNextAllocation() throws {
    let (model, memory) = try checkedLinux()
    let type = model.mallocType(named: "temp")
    let item = model.malloc(64, type, .wait)
    model.free(item, type)
    memory[item, 10] = 1
    memory[item, 12] = 2
    _ = model.malloc(64, type, .wait)
    #expect(model.failure == panic("BUG kmalloc-64 (Not tainted): Poison overwritten"))
    let place = String(item.rawValue + 10, radix: 16)
    let end = String(item.rawValue + 12, radix: 16)
    let offset = (item.rawValue + 10) & 4095
    #expect(model.console == ["0x\(place)-0x\(end) @offset=\(offset). First byte 0x1 instead of 0x6b"])
  }

  @Test func aWriteBehindTheRequestIsFoundByTheFree() throws {
    let (model, memory) = try checkedLinux()
    let type = model.mallocType(named: "temp")
    let item = model.malloc(50, type, .wait)
    #expect(memory[item, 50] == 0xcc && memory[item, 63] == 0xcc)
    memory[item, 50] = 0
    model.free(item, type)
    #expect(model.failure == panic("BUG kmalloc-64 (Not tainted): kmalloc Redzone overwritten"))
  }

  @Test func anObjectWithAConstructorIsNotPoisoned() throws {
    let (model, memory) = try checkedLinux()
    let inode = try #require(model.zone(named: "VNODE"))
    let item = model.zoneAlloc(inode, .wait)
    memory[item, 3] = 77
    model.zoneFree(inode, item)
    #expect(memory[item, 3] == 77)
    #expect(model.zoneAlloc(inode, .wait) == item)
    #expect(model.failure == nil)
  }
}

/// Bytes behind the addresses of a small kernel, freed with it.
final class SLUBTestBytes {
  let backing: BackingBytes

  init(start: KernelAddress, count: Int) {
    let base = UnsafeMutableRawPointer.allocate(byteCount: count, alignment: 4096)
    backing = BackingBytes(base: base, start: start, count: count)
  }

  deinit { backing.base.deallocate() }

  subscript(address: KernelAddress, offset: Int) -> UInt8 {
    get { backing.base.load(fromByteOffset: Int(address.rawValue - backing.start.rawValue) + offset, as: UInt8.self) }
    set {
      backing.base.storeBytes(
        of: newValue, toByteOffset: Int(address.rawValue - backing.start.rawValue) + offset, as: UInt8.self)
    }
  }
}
