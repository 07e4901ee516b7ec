// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Testing

@testable import KernelMemory

/// Bytes behind the addresses of a small kernel, freed with it.
final class TestBacking {
  let bytes: BackingBytes

  init(start: KernelAddress, count: Int) {
    let base = UnsafeMutableRawPointer.allocate(byteCount: count, alignment: 4096)
    bytes = BackingBytes(base: base, start: start, count: count)
  }

  deinit { bytes.base.deallocate() }

  func store(_ value: UInt32, at address: KernelAddress) {
    (bytes.base + Int(address.rawValue - bytes.start.rawValue)).storeBytes(of: value, as: UInt32.self)
  }

  func load(_ address: KernelAddress) -> UInt32 {
    (bytes.base + Int(address.rawValue - bytes.start.rawValue)).load(as: UInt32.self)
  }
}

@Suite("freebsd-4, checked mode")
struct FreeBSD4CheckedTests {
  @Test func aFreedItemIsFilledWithThePattern() throws {
    let memory = TestBacking(start: FreeBSD4.kmemStart, count: 1 << 20)
    let model = try bootFreeBSD4(backing: memory.bytes)
    let type = model.mallocType(named: "temp")
    let item = model.malloc(100, type, .wait)
    for word in 0..<32 { memory.store(7, at: KernelAddress(rawValue: item.rawValue + UInt64(4 * word))) }
    model.free(item, type)
    #expect(memory.load(item) == 0xdead_c0de)
    #expect(memory.load(KernelAddress(rawValue: item.rawValue + 60)) == 0xdead_c0de)
    // Only the first 64 bytes.
    #expect(memory.load(KernelAddress(rawValue: item.rawValue + 64)) == 7)
    #expect(model.malloc(128, type, .wait) == item)
    #expect(model.console.isEmpty)
    #expect(model.failure == nil)
  }

  @Test func aWriteAfterFreeIsReportedAtReuse() throws {
    let memory = TestBacking(start: FreeBSD4.kmemStart, count: 1 << 20)
    let model = try bootFreeBSD4(backing: memory.bytes)
    let type = model.mallocType(named: "temp")
    let item = model.malloc(100, type, .wait)
    model.free(item, type)
    memory.store(0x1234, at: KernelAddress(rawValue: item.rawValue + 12))
    #expect(model.malloc(99, model.mallocType(named: "devbuf"), .wait) == item)
    #expect(
      model.console == [
        "Data modified on freelist: word 3 of object 0x\(String(item.rawValue, radix: 16)) size 99 previous type temp"
          + " (0x1234 != 0xdeadc0de)"
      ])
    #expect(model.failure == nil)
  }

  @Test func aSecondFreeEndsTheKernel() throws {
    for backing in [nil, TestBacking(start: FreeBSD4.kmemStart, count: 1 << 20)] {
      let model = try bootFreeBSD4(backing: backing?.bytes)
      let item = expectASecondFreeEnds(model, message: "free: multiple free")
      #expect(model.console == ["multiple freed item 0x\(String(item.rawValue, radix: 16))"])
    }
  }

  @Test func aFreeOfAnAddressThatIsNoItemEndsTheKernel() throws {
    let model = try bootFreeBSD4()
    let type = model.mallocType(named: "temp")
    model.free(KernelAddress(rawValue: 0x1000), type)
    #expect(model.failure == .panic(message: "free: address 0x1000 out of range", requestBytes: 0))

    let other = try bootFreeBSD4()
    let item = other.malloc(2000, other.mallocType(named: "temp"), .wait)
    other.free(.null, other.mallocType(named: "temp"))
    #expect(other.failure == nil)
    other.free(KernelAddress(rawValue: item.rawValue + 16), other.mallocType(named: "temp"))
    #expect(
      other.failure
        == .panic(
          message: "free: unaligned addr 0x\(String(item.rawValue + 16, radix: 16)), size 2048, type temp, mask 2047",
          requestBytes: 0))
  }

  @Test func theMarkOfAFreeZoneItemIsVerified() throws {
    let count = Int(FreeBSD4.kernelEnd.rawValue - FreeBSD4.mbufStart.rawValue)
    let memory = TestBacking(start: FreeBSD4.mbufStart, count: count)
    let model = try bootFreeBSD4(backing: memory.bytes)
    let namei = try #require(model.zone(named: "NAMEI"))
    let item = model.zoneAlloc(namei, .wait)
    model.zoneFree(namei, item)
    #expect(memory.load(KernelAddress(rawValue: item.rawValue + 4)) == ZoneDiagnostic.mark)
    #expect(model.zoneAlloc(namei, .wait) == item)
    model.zoneFree(namei, item)
    memory.store(0, at: KernelAddress(rawValue: item.rawValue + 4))
    _ = model.zoneAlloc(namei, .wait)
    #expect(model.failure == .panic(message: "item is not free", requestBytes: 0))
  }

  @Test func aSecondFreeOfAZoneItemEndsTheKernel() throws {
    for name in ["VNODE", "mbuf"] {
      let model = try bootFreeBSD4()
      let zone = try #require(model.zone(named: name))
      let item = model.zoneAlloc(zone, .wait)
      model.zoneFree(zone, item)
      model.zoneFree(zone, item)
      #expect(model.failure == .panic(message: "item is already free", requestBytes: 0), "\(name)")
    }
  }
}
