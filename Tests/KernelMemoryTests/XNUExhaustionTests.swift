// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Testing

@testable import KernelMemory

@Suite("xnu, exhaustion and checked mode")
struct XNUExhaustionTests {
  @Test func aFullZoneMapPanicsAndNamesTheLargestZone() throws {
    let model = try bootXNU(mapPages: 256)
    let vnode = try #require(model.zone(named: "VNODE"))
    let type = model.mallocType(named: "temp")
    for _ in 0..<40 { _ = model.malloc(2048, type, .wait) }
    while model.zoneAlloc(vnode, .wait) != .null {}
    let zone = model.zones.zones[vnode.index - XNU.mbufZones]
    #expect(
      model.failure
        == .panic(
          message: "zalloc: zone map exhausted while allocating from zone vnodes, likely due to memory leak in zone"
            + " vnodes (\(zone.currentBytes) total bytes, \(zone.used) elements allocated)", requestBytes: 4096))
    #expect(model.mapUsedBytes == model.mapCapacityBytes)
    #expect(model.zones.collections == 1)
    #expect(model.isAboveJetsamLimit)
    // Dead: nothing happens any more.
    #expect(model.malloc(16, type, .wait) == .null)
    try model.checkInvariants()
  }

  @Test func theZoneThatAsksIsNotAlwaysTheOneThatIsBlamed() throws {
    let model = try bootXNU(mapPages: 256)
    let vnode = try #require(model.zone(named: "VNODE"))
    let type = model.mallocType(named: "temp")
    while model.largestFreeBytes > 0 { _ = model.zoneAlloc(vnode, .wait) }
    #expect(model.failure == nil)
    #expect(model.malloc(500, type, .wait) == .null)
    #expect(
      model.failure?.description.hasPrefix(
        "panic: zalloc: zone map exhausted while allocating from zone kalloc.512, likely due to memory leak in zone"
          + " vnodes (") == true)
  }

  @Test func theSecondTryTakesThePagesOfOneElement() throws {
    let model = try bootXNU(mapPages: 256)
    // A chunk of 1280 has five pages; two are free.
    let zone = try #require(model.makeZone(named: "five", size: 1280, noFree: false))
    model.loseAddressSpace(pages: model.largestFreeBytes / kernelPageSize - 2)
    let items = (0..<6).map { _ in model.zoneAlloc(zone, .wait) }
    #expect(items.allSatisfy { $0 != .null })
    #expect(model.zones.retries == 2 && model.zones.collections == 0)
    #expect(model.zoneStatistics()[zone.index].pages == 2)
    try model.checkInvariants()
  }

  @Test func theThirdTryFollowsACollection() throws {
    let model = try bootXNU(mapPages: 256)
    let type = model.mallocType(named: "temp")
    var items: [KernelAddress] = []
    while model.largestFreeBytes > 0 { items.append(model.malloc(4096, type, .wait)) }
    model.free(items[7], type)
    #expect(model.malloc(100, type, .wait) != .null)
    #expect(model.zones.collections == 1 && model.zones.retries == 2)
    #expect(model.failure == nil)
    try model.checkInvariants()
  }

  @Test func aThreadCallWithoutRoomPanics() throws {
    let model = try bootXNU(mapPages: 256)
    model.loseAddressSpace(pages: model.largestFreeBytes / kernelPageSize)
    let type = model.mallocType(named: "temp")
    #expect(model.malloc(100, type, .noWait) == .null)
    #expect(model.failure == nil)
    model.advance(to: 1)
    #expect(model.failure?.description.contains("while allocating from zone kalloc.112,") == true)
  }

  @Test func aLossWithoutRoomEndsTheKernel() throws {
    let model = try bootXNU(mapPages: 256)
    model.loseAddressSpace(pages: 10)
    #expect(model.ledger().lost == 10 * kernelPageSize)
    model.loseAddressSpace(pages: 1000)
    #expect(model.failure?.description.contains("while allocating from zone kalloc.4096,") == true)
  }

  @Test func aLargeRequestWithoutRoomPanics() throws {
    let model = try bootXNU()
    let type = model.mallocType(named: "temp")
    #expect(model.malloc(1 << 30, type, .noWait) == .null)
    #expect(model.failure == nil)
    #expect(model.malloc(1 << 30, type, .wait) == .null)
    #expect(
      model.failure
        == .panic(message: "_MALLOC: kalloc returned NULL (potential leak), size 1073741824", requestBytes: 1 << 30))
  }

  @Test func withoutPhysicalPagesACallerWaitsForEver() throws {
    let pages = PhysicalPages(totalPages: 12)
    let model = try bootXNU(pages: pages)
    // Eight pages of metadata.
    #expect(pages.free == 4)
    let type = model.mallocType(named: "temp")
    for _ in 0..<4 { #expect(model.malloc(4096, type, .wait) != .null) }
    #expect(model.malloc(4096, type, .wait) == .null)
    #expect(
      model.failure
        == .stuck(reason: "VM_PAGE_WAIT: physical pages are short and none is freed", requestBytes: 4096))
    let other = try bootXNU(pages: PhysicalPages(totalPages: 9))
    #expect(other.malloc(20000, other.mallocType(named: "temp"), .wait) == .null)
    #expect(
      other.failure
        == .stuck(reason: "VM_PAGE_WAIT: physical pages are short and none is freed", requestBytes: 20000))
  }

  @Test func wrongFreesEndTheKernel() throws {
    func end(_ body: (XNU, MallocType, KernelAddress) throws -> Void) throws -> String {
      let model = try bootXNU()
      let type = model.mallocType(named: "temp")
      let item = model.malloc(100, type, .wait)
      try body(model, type, item)
      return model.failure?.description.replacing(String(item.rawValue, radix: 16), with: "ITEM") ?? ""
    }
    #expect(
      try end { model, type, item in
        model.free(item, type)
        model.free(item, type)
      } == "panic: zfree: double free of 0xITEM to zone kalloc.112\n")
    #expect(
      try end { model, type, item in model.zoneFree(try #require(model.zone(named: "VNODE")), item) }
        == "panic: Element 0xITEM from zone kalloc.112 caught being freed to wrong zone vnodes\n")
    for address in [0x1000, 0xC100_0000, 0xF200_0000, 0xFFFF_0000] as [UInt64] {
      #expect(
        try end { model, type, item in model.free(KernelAddress(rawValue: address), type) }
          == "panic: zfree: non-allocated memory in collectable zone!")
    }
    #expect(
      try end { model, type, item in model.free(KernelAddress(rawValue: item.rawValue + 4), type) }
        .hasPrefix("panic: zfree: freeing invalid pointer 0x"))
    #expect(try end { model, type, item in model.free(.null, type) } == "")
  }

  @Test func aWrongTypeMakesBothCountsWrong() throws {
    let model = try bootXNU()
    let first = model.mallocType(named: "temp")
    let second = model.mallocType(named: "devbuf")
    model.free(model.malloc(100, first, .wait), second)
    #expect(model.failure == nil)
    #expect(model.mallocTypeStatistics()[first.index].bytes == 112)
    #expect(model.mallocTypeStatistics()[second.index].bytes == 0)
  }

  @Test("A write to a free element is found at reuse", arguments: [0, 8, 104] as [UInt64])
  func aWriteAfterFreeIsFound(offset: UInt64) throws {
    let memory = TestBacking(start: XNU.mapStart, count: 2048 * kernelPageSize)
    let model = try bootXNU(backing: memory.bytes)
    let type = model.mallocType(named: "temp")
    let item = model.malloc(100, type, .wait)
    model.free(item, type)
    #expect(memory.load(KernelAddress(rawValue: item.rawValue + 8)) == 0xdead_beef)
    #expect(model.malloc(100, type, .wait) == item)
    #expect(model.failure == nil)
    model.free(item, type)
    let place = KernelAddress(rawValue: item.rawValue + offset)
    let expected = memory.load(place)
    memory.store(0x1234, at: place)
    _ = model.malloc(100, type, .wait)
    func hex(_ value: UInt32) -> String { "0x" + String(value, radix: 16) }
    #expect(
      model.failure
        == .panic(
          message: "a freed zone element has been modified in zone kalloc.112: expected \(hex(expected)) but found"
            + " 0x1234, bits changed \(hex(expected ^ 0x1234)), at offset \(offset) of 112 in element"
            + " \(hex(UInt32(item.rawValue))), cookies 0x0 0x1", requestBytes: 0))
  }
}
