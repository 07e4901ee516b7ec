// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Testing

@testable import KernelMemory

/// Trash patterns, double frees and wrong frees of FreeBSD 11 and 14, in the words of their kernels.
@Suite struct VMemUMACheckedTests {
  /// A checked kernel and the bytes behind it.
  private final class Machine {
    let bytes: UnsafeMutableRawPointer
    let kernel: VMemUMAKernel
    let model: any AllocatorModel

    init(_ release: Int, _ architecture: Architecture = .i386) throws {
      let count = 2048 * kernelPageSize
      bytes = .allocate(byteCount: count, alignment: 16)
      var configuration = ModelConfiguration(physicalMemory: 256 << 20)
      configuration.architecture = architecture
      configuration.mapBytes = count
      configuration.checked = true
      configuration.backing = BackingBytes(base: bytes, start: KernelAddress(rawValue: 0xC100_0000), count: count)
      if release == 11 {
        let eleven = try FreeBSD11(configuration)
        (kernel, model) = (eleven, eleven)
      } else {
        let fourteen = try FreeBSD14(configuration)
        (kernel, model) = (fourteen, fourteen)
      }
    }

    deinit { bytes.deallocate() }

    func byte(_ address: KernelAddress) -> UnsafeMutableRawPointer {
      bytes + Int(address.rawValue - 0xC100_0000)
    }

    func expectPanic(_ message: String) {
      guard case .panic(let given, _) = kernel.failure else {
        Issue.record("the kernel lives: \(message) expected")
        return
      }
      #expect(given == message)
    }

    /// The words between an item and its index in the slab.
    func place(_ name: String, _ item: KernelAddress) throws -> String {
      let index = try #require(kernel.uma.zoneIndex(named: name))
      let keg = kernel.uma.kegs[index]
      let zone = String(kernel.uma.address(kernel.uma.zones[index].offset).rawValue, radix: 16)
      let page = item.rawValue & ~4095
      var slab = page + 4096 - UInt64(keg.headerBytes)
      if keg.flags.contains(.offPage) {
        let header = kernel.uma.slabs[Int(page - kernel.uma.base) / 4096].header
        slab = kernel.uma.address(header).rawValue
      }
      let place = Int(item.rawValue - page) / keg.stride
      return "from zone 0x\(zone)(\(name)) slab 0x\(String(slab, radix: 16))(\(place))"
    }
  }

  private func text(_ address: KernelAddress, plus offset: UInt64 = 0) -> String {
    "0x" + String(address.rawValue + offset, radix: 16)
  }

  @Test("A write after free is found when the item is handed out again", arguments: [11, 14])
  func aWriteAfterFreeIsFound(release: Int) throws {
    let machine = try Machine(release)
    let type = machine.model.mallocType(named: "temp")
    let item = machine.model.malloc(200, type, .wait)
    machine.model.free(item, type)
    #expect(machine.byte(item).load(as: UInt32.self) == 0xDEAD_C0DE)
    machine.byte(item).storeBytes(of: 0xBEEF, toByteOffset: 16, as: UInt32.self)
    #expect(machine.model.malloc(200, type, .wait) == .null)
    machine.expectPanic(
      "Memory modified after free \(text(item))(252) val=beef @ \(text(item, plus: 16)); Most recently used by temp")
  }

  @Test func aWriteAfterFreeOfAZoneItemIsFound() throws {
    let machine = try Machine(11)
    let zone = try #require(machine.model.zone(named: "NAMEI"))
    let item = machine.model.zoneAlloc(zone, .wait)
    machine.model.zoneFree(zone, item)
    machine.byte(item).storeBytes(of: 1, toByteOffset: 1020, as: UInt32.self)
    #expect(machine.model.zoneAlloc(zone, .wait) == .null)
    machine.expectPanic("Memory modified after free \(text(item))(1024) val=1 @ \(text(item, plus: 1020))")
  }

  @Test("A second free is found", arguments: [11, 14])
  func aSecondFreeIsFound(release: Int) throws {
    let machine = try Machine(release)
    let type = machine.model.mallocType(named: "temp")
    _ = machine.model.malloc(64, type, .wait)
    let item = machine.model.malloc(64, type, .wait)
    machine.model.free(item, type)
    machine.model.free(item, type)
    let name = release == 11 ? "64" : "malloc-64"
    machine.expectPanic("Duplicate free of \(text(item)) \(try machine.place(name, item))")
  }

  @Test func aSecondFreeOfSeveralPagesIsFound() throws {
    let machine = try Machine(11)
    let type = machine.model.mallocType(named: "temp")
    let item = machine.model.malloc(8192, type, .wait)
    machine.model.free(item, type)
    machine.model.free(item, type)
    machine.expectPanic("Duplicate free of \(text(item)) \(try machine.place("8192", item))")
  }

  @Test func aFreeOfTheMiddleOfAnItemIsFound() throws {
    let machine = try Machine(11)
    let zone = try #require(machine.model.zone(named: "VNODE"))
    let item = KernelAddress(rawValue: machine.model.zoneAlloc(zone, .wait).rawValue + 4)
    let place = try machine.place("VNODE", item)
    machine.model.zoneFree(zone, item)
    machine.expectPanic("Unaligned free of \(text(item)) \(place)")
  }

  @Test func aFreeBehindTheLastItemIsFound() throws {
    let machine = try Machine(11)
    let zone = try #require(machine.model.zone(named: "VNODE"))
    let page = machine.model.zoneAlloc(zone, .wait).rawValue & ~4095
    let item = KernelAddress(rawValue: page + 15 * 268)
    let place = try machine.place("VNODE", item)
    machine.model.zoneFree(zone, item)
    machine.expectPanic("Invalid free of \(text(item)) \(place)")
  }

  @Test("A free to the wrong zone is found, checked or not", arguments: [true, false])
  func aFreeToTheWrongZoneIsFound(checked: Bool) throws {
    var configuration = ModelConfiguration(physicalMemory: 256 << 20)
    configuration.checked = checked
    let model = try FreeBSD14(configuration)
    let inode = try #require(model.zone(named: "FFS inode"))
    let path = try #require(model.zone(named: "NAMEI"))
    let item = model.zoneAlloc(inode, .wait)
    model.zoneFree(path, item)
    #expect(
      model.failure == .panic(message: "uma: item \(text(item)) did not belong to zone NAMEI", requestBytes: 0))
  }

  @Test("A free under another type is found", arguments: [100, 10_000, 100_000])
  func aFreeUnderAnotherTypeIsFound(size: Int) throws {
    let machine = try Machine(11)
    let temp = machine.model.mallocType(named: "temp")
    let item = machine.model.malloc(size, temp, .wait)
    machine.model.free(item, machine.model.mallocType(named: "cred"))
    machine.expectPanic("free: \(text(item)) of type temp freed as type cred")
  }

  @Test func whatZonesKeepIsLeftAlone() throws {
    let machine = try Machine(14)
    for name in ["VNODE", "VM OBJECT", "S VFS Cache"] {
      let zone = try #require(machine.model.zone(named: name))
      let item = machine.model.zoneAlloc(zone, .wait)
      machine.byte(item).storeBytes(of: 77, as: UInt32.self)
      machine.model.zoneFree(zone, item)
      #expect(machine.byte(item).load(as: UInt32.self) == 77)
      for _ in 0..<100 { _ = machine.model.zoneAlloc(zone, .wait) }
    }
    #expect(machine.kernel.failure == nil)
  }

  @Test func aPageOfTheDirectMapWithoutBytesIsNotTouched() throws {
    let machine = try Machine(11, .amd64)
    let type = machine.model.mallocType(named: "temp")
    let item = machine.model.malloc(64, type, .wait)
    #expect(item.rawValue >= 0xC100_0000 + 2048 * 4096)
    machine.model.free(item, type)
    #expect(machine.kernel.failure == nil)
    machine.model.free(item, type)
    #expect(machine.kernel.failure != nil)
  }
}
