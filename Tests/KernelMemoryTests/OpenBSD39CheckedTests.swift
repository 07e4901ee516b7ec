// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Testing

@testable import KernelMemory

@Suite("openbsd-3.9, checked mode")
struct OpenBSD39CheckedTests {
  private func hex(_ address: KernelAddress) -> String { "0x" + String(address.rawValue, radix: 16) }

  private func mallocBacking() -> TestBacking { TestBacking(start: OpenBSD39.kmemStart, count: 1 << 20) }

  private func poolBacking() -> TestBacking {
    TestBacking(
      start: OpenBSD39.kernelStart, count: Int(OpenBSD39.kernelEnd.rawValue - OpenBSD39.kernelStart.rawValue))
  }

  @Test func aFreedItemIsFilledForThirtyTwoBytes() throws {
    let memory = mallocBacking()
    let model = try bootOpenBSD(backing: memory.bytes)
    let type = model.mallocType(named: "temp")
    let item = model.malloc(100, type, .wait)
    for word in 0..<32 { memory.store(7, at: KernelAddress(rawValue: item.rawValue + UInt64(4 * word))) }
    model.free(item, type)
    #expect(memory.load(item) == 0xdead_beef)
    #expect(memory.load(KernelAddress(rawValue: item.rawValue + 28)) == 0xdead_beef)
    #expect(memory.load(KernelAddress(rawValue: item.rawValue + 32)) == 7)
    #expect(model.console.isEmpty)
  }

  @Test func aWriteAfterFreeIsReportedAtReuse() throws {
    let memory = mallocBacking()
    let model = try bootOpenBSD(backing: memory.bytes)
    let type = model.mallocType(named: "temp")
    // All of a page, so that the freed item is the only one on the list.
    let items = (0..<2).map { _ in model.malloc(2000, type, .wait) }
    model.free(items[0], type)
    memory.store(0x1234, at: KernelAddress(rawValue: items[0].rawValue + 12))
    #expect(model.malloc(2001, model.mallocType(named: "devbuf"), .wait) == items[0])
    #expect(
      model.console == [
        "Data modified on freelist: word 3 of object \(hex(items[0])) size 0x7d1 previous type temp"
          + " (0x1234 != 0xdeadbeef)"
      ])
    #expect(model.failure == nil)
  }

  @Test func aSecondFreeEndsTheKernelInBothModes() throws {
    for backing in [nil, mallocBacking()] {
      let model = try bootOpenBSD(backing: backing?.bytes)
      let item = expectASecondFreeEnds(model, message: "free: duplicated free")
      #expect(model.console == ["multiply freed item \(hex(item))"])
    }
  }

  @Test func aFreeOfAnAddressThatIsNoItemEndsTheKernel() throws {
    let model = try bootOpenBSD()
    model.free(KernelAddress(rawValue: 0x1000), model.mallocType(named: "temp"))
    #expect(model.failure == .panic(message: "free: non-malloced addr 0x1000 type temp", requestBytes: 0))
    let other = try bootOpenBSD()
    let type = other.mallocType(named: "temp")
    let item = other.malloc(2000, type, .wait)
    other.free(.null, type)
    #expect(other.failure == nil)
    let inside = KernelAddress(rawValue: item.rawValue + 16)
    other.free(inside, type)
    #expect(
      other.failure
        == .panic(message: "free: unaligned addr \(hex(inside)), size 2048, type temp, mask 2047", requestBytes: 0))
  }

  @Test func aFreeUnderTheWrongTypeMakesBothCountsWrong() throws {
    let model = try bootOpenBSD()
    let temp = model.mallocType(named: "temp")
    let devbuf = model.mallocType(named: "devbuf")
    let kept = model.malloc(100, devbuf, .wait)
    model.free(model.malloc(100, temp, .wait), devbuf)
    let rows = model.mallocTypeStatistics()
    #expect(rows[temp.index].inUse == 1 && rows[devbuf.index].inUse == 0)
    #expect(model.failure == nil)
    model.free(kept, devbuf)
    try model.checkInvariants()
  }

  @Test func theMarkOfAFreePoolItemIsVerified() throws {
    let memory = poolBacking()
    let model = try bootOpenBSD(backing: memory.bytes)
    let namei = try #require(model.zone(named: "NAMEI"))
    let item = model.zoneAlloc(namei, .wait)
    memory.store(1, at: item)
    model.zoneFree(namei, item)
    #expect(memory.load(item) == 0xdeaf_beef)
    #expect(model.zoneAlloc(namei, .wait) == item)
    model.zoneFree(namei, item)
    memory.store(0xBAD, at: item)
    _ = model.zoneAlloc(namei, .wait)
    let page = KernelAddress(rawValue: item.rawValue & ~4095)
    #expect(
      model.failure
        == .panic(
          message: "pool_get(namei): free list modified: magic=bad; page \(hex(page)); item addr \(hex(item))",
          requestBytes: 0))
  }

  @Test func putsOfWhatIsNotOutEndTheKernel() throws {
    let none = try bootOpenBSD()
    let vnode = try #require(none.zone(named: "VNODE"))
    none.zoneFree(vnode, .null)
    #expect(none.failure == nil)
    none.zoneFree(vnode, OpenBSD39.kernelStart)
    #expect(none.failure == .panic(message: "pool_put", requestBytes: 0))
    #expect(none.console == ["pool vnodes: putting with none out"])

    let wrong = try bootOpenBSD()
    let namei = try #require(wrong.zone(named: "NAMEI"))
    _ = wrong.zoneAlloc(namei, .wait)
    wrong.zoneFree(namei, wrong.zoneAlloc(vnode, .wait))
    #expect(wrong.failure == .panic(message: "pool_put: namei: page header missing", requestBytes: 0))

    let twice = try bootOpenBSD()
    let item = twice.zoneAlloc(vnode, .wait)
    _ = twice.zoneAlloc(vnode, .wait)
    twice.zoneFree(vnode, item)
    twice.zoneFree(vnode, item)
    #expect(
      twice.failure == .panic(message: "pool_put: vnodes: double pool_put: \(hex(item))", requestBytes: 0))
  }
}
