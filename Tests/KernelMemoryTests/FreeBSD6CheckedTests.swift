// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Testing

@testable import KernelMemory

/// Trash patterns, double frees and wrong frees.
@Suite struct FreeBSD6CheckedTests {
  /// A checked model and the bytes behind it.
  private final class Machine {
    let bytes: UnsafeMutableRawPointer
    let model: FreeBSD6

    init() throws {
      let count = 1024 * kernelPageSize
      bytes = .allocate(byteCount: count, alignment: 16)
      var configuration = ModelConfiguration(physicalMemory: 256 << 20)
      configuration.mapBytes = count
      configuration.checked = true
      configuration.backing = BackingBytes(base: bytes, start: FreeBSD6.mapStart, count: count)
      model = try FreeBSD6(configuration)
    }

    deinit { bytes.deallocate() }

    func byte(_ address: KernelAddress) -> UnsafeMutableRawPointer {
      bytes + Int(address.rawValue - FreeBSD6.mapStart.rawValue)
    }

    /// The end that a test expects.
    func expectPanic(_ message: String) {
      guard case .panic(let given, _) = model.failure else {
        Issue.record("the kernel lives: \(message) expected")
        return
      }
      #expect(given == message)
    }
  }

  private func text(_ address: KernelAddress, plus offset: UInt64 = 0) -> String {
    "0x" + String(address.rawValue + offset, radix: 16)
  }

  @Test func aWriteAfterFreeIsFoundWhenTheItemIsHandedOutAgain() throws {
    let machine = try Machine()
    let type = machine.model.mallocType(named: "temp")
    let item = machine.model.malloc(200, type, .wait)
    machine.model.free(item, type)
    #expect(machine.byte(item).load(as: UInt32.self) == 0xDEAD_C0DE)
    machine.byte(item).storeBytes(of: 0xBEEF, toByteOffset: 16, as: UInt32.self)
    var turns = 0
    while machine.model.failure == nil, turns < 100 {
      _ = machine.model.malloc(200, type, .wait)
      turns += 1
    }
    machine.expectPanic(
      "Memory modified after free \(text(item))(252) val=beef @ \(text(item, plus: 16)); Most recently used by temp")
  }

  @Test func aWriteAfterFreeOfAZoneItemIsFound() throws {
    let machine = try Machine()
    let zone = try #require(machine.model.zone(named: "NAMEI"))
    let item = machine.model.zoneAlloc(zone, .wait)
    machine.model.zoneFree(zone, item)
    machine.byte(item).storeBytes(of: 1, toByteOffset: 1020, as: UInt32.self)
    while machine.model.failure == nil, machine.model.mapUsedBytes < 2 << 20 {
      _ = machine.model.zoneAlloc(zone, .wait)
    }
    machine.expectPanic("Memory modified after free \(text(item))(1024) val=1 @ \(text(item, plus: 1020))")
  }

  @Test func aSecondFreeIsFound() throws {
    let machine = try Machine()
    let type = machine.model.mallocType(named: "temp")
    let item = machine.model.malloc(64, type, .wait)
    machine.model.free(item, type)
    machine.model.free(item, type)
    machine.expectPanic("Duplicate free of item \(text(item)) from zone 64")
  }

  @Test func aSecondFreeAfterADrainIsFound() throws {
    let machine = try Machine()
    let zone = try #require(machine.model.zone(named: "FFS inode"))
    let items = (0..<200).map { _ in machine.model.zoneAlloc(zone, .wait) }
    for item in items.dropLast() { machine.model.zoneFree(zone, item) }
    machine.model.reclaim()
    machine.model.zoneFree(zone, items[198])
    guard case .panic = machine.model.failure else {
      Issue.record("the kernel lives")
      return
    }
  }

  @Test func aFreeToTheWrongZoneIsFound() throws {
    let machine = try Machine()
    let inode = try #require(machine.model.zone(named: "FFS inode"))
    let path = try #require(machine.model.zone(named: "NAMEI"))
    let item = machine.model.zoneAlloc(inode, .wait)
    machine.model.zoneFree(path, item)
    machine.expectPanic("UMA: Freed item \(text(item)) did not belong to zone NAMEI")
  }

  @Test func aFreeOfTheMiddleOfAnItemIsFound() throws {
    let machine = try Machine()
    let zone = try #require(machine.model.zone(named: "VNODE"))
    let item = KernelAddress(rawValue: machine.model.zoneAlloc(zone, .wait).rawValue + 4)
    machine.model.zoneFree(zone, item)
    machine.expectPanic("zone: VNODE freed address \(text(item)) unaligned.")
  }

  @Test("A free under another type is found", arguments: [100, 10_000])
  func aFreeUnderAnotherTypeIsFound(size: Int) throws {
    let machine = try Machine()
    let temp = machine.model.mallocType(named: "temp")
    let item = machine.model.malloc(size, temp, .wait)
    machine.model.free(item, machine.model.mallocType(named: "cred"))
    machine.expectPanic("free: \(text(item)) of type temp freed as type cred")
  }

  @Test func whatTypeStableZonesKeepIsLeftAlone() throws {
    let machine = try Machine()
    let zone = try #require(machine.model.zone(named: "VNODE"))
    let item = machine.model.zoneAlloc(zone, .wait)
    machine.byte(item).storeBytes(of: 77, as: UInt32.self)
    machine.model.zoneFree(zone, item)
    #expect(machine.byte(item).load(as: UInt32.self) == 77)
    for _ in 0..<100 { _ = machine.model.zoneAlloc(zone, .wait) }
    #expect(machine.model.failure == nil)
  }

  @Test func aWrongZoneIsFoundWithoutCheckedMode() throws {
    let model = try smallFreeBSD6()
    let inode = try #require(model.zone(named: "FFS inode"))
    let path = try #require(model.zone(named: "NAMEI"))
    let item = model.zoneAlloc(inode, .wait)
    model.zoneFree(path, item)
    #expect(
      model.failure
        == .panic(message: "UMA: Freed item \(text(item)) did not belong to zone NAMEI", requestBytes: 0))
  }

  @Test func checkedModeWorksWithoutBytes() throws {
    var configuration = ModelConfiguration(physicalMemory: 256 << 20)
    configuration.checked = true
    let model = try FreeBSD6(configuration)
    let type = model.mallocType(named: "temp")
    let item = model.malloc(64, type, .wait)
    model.free(item, type)
    #expect(model.failure == nil)
    model.free(item, type)
    #expect(model.failure != nil)
  }
}
