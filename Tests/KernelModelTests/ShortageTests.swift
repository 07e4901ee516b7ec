// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import KernelMemory
import Testing

@testable import KernelModel

/// What a shortage inside the allocator does to the kernel around it.
@Suite struct ShortageTests {
  /// Fills the map in an RPC.
  private func exhaust(_ model: String) throws -> Kernel {
    let kernel = try bootKernel(model: model, map: 4 << 20)
    let type = kernel.mallocType("temp")
    var connection = kernel.openConnection()
    kernel.beginRPC(connection: &connection, requestBytes: 200)
    while kernel.failure == nil { _ = kernel.malloc(40_960, type) }
    kernel.endRPC(connection: &connection)
    return kernel
  }

  @Test(
    "Time that a request slept for memory passes on the virtual clock",
    arguments: [
      ("freebsd-5.4", 0), ("freebsd-6", 0), ("freebsd-7", 0), ("freebsd-9", 9_000_000_000), ("illumos", 45_000_000_000),
    ] as [(String, UInt64)])
  func sleptTimePasses(model: String, slept: UInt64) throws {
    let kernel = try exhaust(model)
    #expect(kernel.heap.counters.sleptNanoseconds == slept)
    #expect(kernel.now == slept + kernel.configuration.rpcNanoseconds)
  }

  @Test func calloutsOfTheServerRunForTheTimeSlept() throws {
    let kernel = try bootKernel(model: "freebsd-9", map: 4 << 20)
    var seconds: [UInt64] = []
    kernel.addCallout(every: 1_000_000_000) { seconds.append($0.now / 1_000_000_000) }
    let type = kernel.mallocType("temp")
    while kernel.failure == nil { _ = kernel.malloc(40_960, type) }
    #expect(seconds.isEmpty, "a sleeper holds the server's lock")
    kernel.advance(to: 1)
    #expect(seconds == Array(1...9))
    kernel.advance(to: 2)
    #expect(kernel.now == 9_000_000_001, "time passes once")
  }

  @Test(
    "vm_lowmem is raised where address space is short, as often as the kernel does it",
    arguments: [("freebsd-5.4", 0), ("freebsd-6", 0), ("freebsd-7", 1), ("freebsd-9", 8)] as [(String, UInt64)])
  func lowMemoryEvents(model: String, events: UInt64) throws {
    #expect(try exhaust(model).heap.counters.addressSpaceShortages == events)
  }

  @Test func theReclaimWorkerOfFreeBSD11RaisesTheEventToo() throws {
    #expect(try exhaust("freebsd-11").heap.counters.addressSpaceShortages >= 1)
  }

  @Test func aKernelGoesAwayWithItsHandler() throws {
    weak var gone: Kernel?
    do {
      let kernel = try bootKernel(model: "freebsd-9", map: 4 << 20)
      gone = kernel
    }
    #expect(gone == nil)
  }
}
