// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Testing

@testable import KernelMemory

/// Trash patterns, double frees and wrong frees on every kernel over UMA; on amd64 the items lie in the direct map.
@Suite struct UMAKernelCheckedTests {
  /// A checked kernel and the bytes behind its whole address space.
  private final class Machine {
    let bytes: UnsafeMutableRawPointer
    let model: any AnyUMAKernel

    init(_ kernel: UMAKernelCase) throws {
      let count = 1 << 30
      let bytes = UnsafeMutableRawPointer.allocate(byteCount: count, alignment: 16)
      self.bytes = bytes
      model = try kernel.boot(
        pages: 1024,
        {
          $0.checked = true
          $0.backing = BackingBytes(base: bytes, start: KernelAddress(rawValue: 0xC000_0000), count: count)
        })
    }

    deinit { bytes.deallocate() }

    func byte(_ address: KernelAddress) -> UnsafeMutableRawPointer { bytes + Int(address.rawValue - 0xC000_0000) }

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

  @Test("A write after free is found when the item is handed out again", arguments: UMAKernelCase.all)
  func aWriteAfterFreeIsFound(kernel: UMAKernelCase) throws {
    let machine = try Machine(kernel)
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
    // The last word holds the type of the last user: a pointer.
    let bytes = kernel.architecture == .amd64 ? 248 : 252
    machine.expectPanic(
      "Memory modified after free \(text(item))(\(bytes)) val=beef @ \(text(item, plus: 16)); "
        + "Most recently used by temp")
  }

  @Test("A second free is found", arguments: UMAKernelCase.all)
  func aSecondFreeIsFound(kernel: UMAKernelCase) throws {
    let machine = try Machine(kernel)
    let type = machine.model.mallocType(named: "temp")
    let item = machine.model.malloc(64, type, .wait)
    machine.model.free(item, type)
    machine.model.free(item, type)
    machine.expectPanic("Duplicate free of item \(text(item)) from zone 64")
  }

  @Test("A free to the wrong zone is found", arguments: UMAKernelCase.all)
  func aFreeToTheWrongZoneIsFound(kernel: UMAKernelCase) throws {
    let machine = try Machine(kernel)
    let inode = try #require(machine.model.zone(named: "FFS inode"))
    let path = try #require(machine.model.zone(named: "NAMEI"))
    let item = machine.model.zoneAlloc(inode, .wait)
    machine.model.zoneFree(path, item)
    machine.expectPanic("UMA: Freed item \(text(item)) did not belong to zone NAMEI")
  }

  @Test("A free under another type is found", arguments: UMAKernelCase.all, [100, 10_000])
  func aFreeUnderAnotherTypeIsFound(kernel: UMAKernelCase, size: Int) throws {
    let machine = try Machine(kernel)
    let item = machine.model.malloc(size, machine.model.mallocType(named: "temp"), .wait)
    machine.model.free(item, machine.model.mallocType(named: "cred"))
    machine.expectPanic("free: \(text(item)) of type temp freed as type cred")
  }

  @Test("A free of what malloc never gave ends the kernel", arguments: UMAKernelCase.all)
  func aFreeOfWhatMallocNeverGaveEndsTheKernel(kernel: UMAKernelCase) throws {
    for address in [0xC000_0000, 0xC100_0000 + 200 * 4096, 0xFFFF_F000, 0x1_0000_0000] as [UInt64] {
      let model = try kernel.boot(pages: 256)
      model.free(KernelAddress(rawValue: address), model.mallocType(named: "temp"))
      let text = "0x" + String(address, radix: 16)
      #expect(
        model.failure == .panic(message: "free: address \(text)(\(text)) has not been allocated.", requestBytes: 0))
    }
  }
}
