// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import KernelMemory
import Testing

@testable import KernelModel

@Suite struct FaultTests {
  @Test func everyThirdFreeOfTheTypeIsForgottenAndNoOther() throws {
    let kernel = try bootKernel(faults: [.leakMalloc(type: "NFSD V4state", every: 3)])
    let leaking = kernel.mallocType("NFSD V4state")
    let sound = kernel.mallocType("temp")
    for _ in 0..<30 {
      kernel.free(kernel.malloc(100, leaking), leaking)
      kernel.free(kernel.malloc(100, sound), sound)
    }
    #expect(kernel.inUse("NFSD V4state") == 10)
    #expect(kernel.inUse("temp") == 0)
    #expect(kernel.heap.counters.forgottenFrees == 10)
    #expect(kernel.heap.counters.freeCalls == 60)
  }

  @Test func everyFifthFreeOfTheZoneIsForgottenAndTheMallocStatisticsShowNothing() throws {
    let kernel = try bootKernel(faults: [.leakZone(zone: "NAMEI", every: 5)])
    for _ in 0..<50 { kernel.vfs.freePathBuffer(kernel.vfs.pathBuffer()) }
    #expect(kernel.used("NAMEI") == 10)
    #expect(kernel.heap.allocator.mallocTypeStatistics().allSatisfy { $0.name == "soname" || $0.inUse == 0 })
  }

  @Test func aZoneLeakOnAModelThatUsesMallocLeaksThere() throws {
    let kernel = try bootKernel(model: "freebsd-4", faults: [.leakZone(zone: "FFS inode", every: 1)])
    for _ in 0..<7 { kernel.free(.inode, kernel.allocate(.inode)) }
    #expect(kernel.inUse("FFS node") == 7)
  }

  @Test func longAndShortNamesLeakApart() throws {
    let kernel = try bootKernel(faults: [.leakZone(zone: "L VFS Cache", every: 1)])
    for length in [10, 32, 33, 200] {
      kernel.heap.freeNameEntry(length: length, kernel.heap.allocateNameEntry(length: length))
    }
    #expect(kernel.used("S VFS Cache") == 0)
    #expect(kernel.used("L VFS Cache") == 2)
  }

  @Test func addressSpaceIsLostByCallsOfBothKinds() throws {
    let kernel = try bootKernel(faults: [.losePerCalls(pages: 2, every: 10)])
    let type = kernel.mallocType("temp")
    for _ in 0..<50 { kernel.free(kernel.malloc(16, type), type) }
    #expect(kernel.heap.allocator.ledger().lost == 10 * 2 * 4096)
    #expect(kernel.heap.counters.lostPages == 20)
    #expect(kernel.heap.allocator.ledger().total == kernel.heap.allocator.mapUsedBytes)
  }

  @Test func addressSpaceIsLostByTheClockWithoutAnyCall() throws {
    let kernel = try bootKernel(faults: [.losePerTime(pages: 1, every: 60_000_000_000)])
    kernel.advance(to: 600_000_000_000)
    #expect(kernel.heap.allocator.ledger().lost == 10 * 4096)
  }

  @Test func lostAddressSpaceEndsInTheKernelsPanic() throws {
    let kernel = try bootKernel(map: 2 << 20, faults: [.losePerTime(pages: 1, every: 1_000_000_000)])
    kernel.advance(to: 3_600_000_000_000)
    #expect(kernel.failure?.description.contains("kmem_map too small") == true)
  }

  @Test func faultsThatCannotBeInjectedAreOneLine() {
    func message(_ fault: Fault) -> String {
      do {
        _ = try bootKernel(faults: [fault])
        return ""
      } catch {
        return "\(error)"
      }
    }
    #expect(
      message(.leakZone(zone: "NAMEX", every: 5)).hasPrefix("no kernel object comes from zone 'NAMEX'; known: VNODE"))
    #expect(message(.leakMalloc(type: "NFSD V4state", every: 0)).contains("must be at least 1"))
    #expect(
      message(.leakMalloc(type: "NFSD V4stat", every: 5)).hasPrefix("nobody allocates from malloc type 'NFSD V4stat'"))
    #expect(message(.losePerCalls(pages: 0, every: 5)).contains("must be at least 1"))
  }
}
