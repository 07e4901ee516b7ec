// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Testing

@testable import KernelMemory

@Suite("netbsd, checked mode")
struct NetBSDCheckedTests {
  private func hex(_ address: KernelAddress) -> String { "0x" + String(address.rawValue, radix: 16) }

  private func backing() -> TestBacking { TestBacking(start: NetBSD.kmemStart, count: 1 << 20) }

  @Test func aWriteAfterFreeIsReportedAtReuse() throws {
    let memory = backing()
    let model = try bootNetBSD(backing: memory.bytes)
    let type = model.mallocType(named: "temp")
    let items = (0..<2).map { _ in model.malloc(2000, type, .wait) }
    memory.store(7, at: KernelAddress(rawValue: items[0].rawValue + 32))
    model.free(items[0], type)
    #expect(memory.load(KernelAddress(rawValue: items[0].rawValue + 28)) == 0xdead_beef)
    #expect(memory.load(KernelAddress(rawValue: items[0].rawValue + 32)) == 7)
    memory.store(0x1234, at: items[0])
    #expect(model.malloc(2001, type, .wait) == items[0])
    // The word for the previous type is the kernel's own.
    #expect(
      model.console == [
        "Data modified on freelist: word 0 of object \(hex(items[0])) size 2001 previous type bar"
          + " (0x1234 != 0xdeadbeef)"
      ])
    #expect(model.failure == nil)
  }

  @Test func aSecondFreeEndsTheKernelInBothModes() throws {
    for memory in [nil, backing()] {
      let model = try bootNetBSD(backing: memory?.bytes)
      let item = expectASecondFreeEnds(model, message: "free: duplicated free")
      #expect(model.console == ["multiply freed item \(hex(item))"])
    }
  }

  @Test func aFreeOfAnAddressThatIsNoItemEndsTheKernel() throws {
    let model = try bootNetBSD()
    model.free(KernelAddress(rawValue: 0x1000), model.mallocType(named: "temp"))
    #expect(model.failure == .panic(message: "free: addr 0x1000 not within kmem_map", requestBytes: 0))
    let other = try bootNetBSD()
    let type = other.mallocType(named: "temp")
    let inside = KernelAddress(rawValue: other.malloc(2000, type, .wait).rawValue + 16)
    other.free(inside, type)
    #expect(
      other.failure
        == .panic(message: "free: unaligned addr \(hex(inside)), size 2048, type temp, mask 2047", requestBytes: 0))
  }

  @Test func aFreeUnderATypeWithNothingInUseEndsTheKernel() throws {
    for (size, words) in [
      (100, "free 2: inuse 0, probable double free"), (9000, "free 1: inuse 0, probable double free"),
    ] {
      let model = try bootNetBSD()
      let item = model.malloc(size, model.mallocType(named: "temp"), .wait)
      model.free(item, model.mallocType(named: "devbuf"))
      #expect(model.failure == .panic(message: words, requestBytes: 0))
    }
  }

  @Test func theMarkOfAFreePoolItemIsVerified() throws {
    let memory = backing()
    let model = try bootNetBSD(backing: memory.bytes)
    // No cache lies before this pool.
    let tcpcb = try #require(model.zone(named: "tcpcb"))
    let item = model.zoneAlloc(tcpcb, .wait)
    memory.store(1, at: item)
    model.zoneFree(tcpcb, item)
    #expect(memory.load(item) == 0xdead_dead)
    memory.store(0xBAD, at: item)
    _ = model.zoneAlloc(tcpcb, .wait)
    let page = KernelAddress(rawValue: item.rawValue & ~4095)
    #expect(
      model.failure
        == .panic(
          message: "pool_get(tcpcbpl): free list modified: magic=bad; page \(hex(page)); item addr \(hex(item))",
          requestBytes: 0))
  }

  @Test func anItemInAGroupIsNotMarked() throws {
    let memory = backing()
    let model = try bootNetBSD(backing: memory.bytes)
    let vnode = try #require(model.zone(named: "VNODE"))
    let item = model.zoneAlloc(vnode, .wait)
    memory.store(1, at: item)
    model.zoneFree(vnode, item)
    #expect(memory.load(item) == 1)
    #expect(model.zoneAlloc(vnode, .wait) == item)
    #expect(model.failure == nil)
  }

  @Test func putsOfWhatIsNotOutEndTheKernel() throws {
    for name in ["VNODE", "tcpcb"] {
      let none = try bootNetBSD()
      let zone = try #require(none.zone(named: name))
      let pool = none.zoneStatistics()[zone.index].name
      none.zoneFree(zone, .null)
      #expect(none.failure == nil)
      none.zoneFree(zone, NetBSD.kmemStart)
      #expect(none.failure == .panic(message: "pool_put", requestBytes: 0))
      #expect(none.console == ["pool \(pool): putting with none out"])

      let wrong = try bootNetBSD()
      let namei = try #require(wrong.zone(named: "NAMEI"))
      _ = wrong.zoneAlloc(zone, .wait)
      wrong.zoneFree(zone, wrong.zoneAlloc(namei, .wait))
      #expect(wrong.failure == .panic(message: "pool_put: \(pool): page header missing", requestBytes: 0))

      let twice = try bootNetBSD()
      let item = twice.zoneAlloc(zone, .wait)
      _ = twice.zoneAlloc(zone, .wait)
      twice.zoneFree(zone, item)
      twice.zoneFree(zone, item)
      #expect(twice.failure == .panic(message: "pool_put: \(pool): item \(hex(item)) is free", requestBytes: 0))
    }
  }
}
