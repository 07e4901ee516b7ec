// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import KernelMemory
import Testing

@testable import KernelModel

/// A small machine; 16 MiB of map keep a test short.
func bootKernel(
  model: String = "freebsd-6", map: Int? = 16 << 20, memory: Int = 128 << 20, cpus: Int = 1, seed: UInt64 = 1,
  faults: [Fault] = []
) throws -> Kernel {
  var configuration = KernelConfiguration(model: model)
  configuration.mapBytes = map
  configuration.memoryBytes = memory
  configuration.cpus = cpus
  configuration.seed = seed
  let kernel = try Kernel(configuration)
  _ = kernel.mallocType("NFSD V4state")
  try kernel.inject(faults)
  return kernel
}

extension Kernel {
  /// Items of a zone in use.
  func used(_ zone: String) -> Int { heap.allocator.zoneStatistics().first { $0.name == zone }?.used ?? 0 }

  /// Objects of a malloc type in use.
  func inUse(_ type: String) -> UInt64 {
    heap.allocator.mallocTypeStatistics().first { $0.name == type }?.inUse ?? 0
  }
}

@Suite struct KernelTests {
  @Test func anUnknownModelIsNamedWithTheKnownOnes() {
    do {
      _ = try bootKernel(model: "freebsd-5")
      Issue.record("booted a model that does not exist")
    } catch {
      let known = AllocatorRegistry.all.map { $0.identifier }.joined(separator: ", ")
      #expect("\(error)" == "unknown allocator model 'freebsd-5': expected one of \(known)")
    }
  }

  @Test func countersCountWhatWasAskedForAndGivenBack() throws {
    let kernel = try bootKernel()
    let type = kernel.mallocType("temp")
    let small = kernel.malloc(100, type)
    let large = kernel.malloc(10_000, type)
    let path = kernel.allocate(.pathBuffer)
    kernel.free(small, type)
    kernel.free(.pathBuffer, path)
    kernel.free(.null, type)
    let counters = kernel.heap.counters
    #expect(counters.mallocCalls == 2 && counters.freeCalls == 1 && counters.mallocBytes == 10_100)
    #expect(counters.largeAllocations == 1)
    #expect(counters.zoneAllocations == 1 && counters.zoneFrees == 1)
    kernel.free(large, type)
    #expect(kernel.inUse("temp") == 0)
  }

  @Test(arguments: ["freebsd-6", "freebsd-4"]) func memoryHoldsWhatWasWrittenUntilItIsFreed(model: String) throws {
    let kernel = try bootKernel(model: model)
    let type = kernel.mallocType("temp")
    var held: [KernelAddress] = []
    for index in 0..<500 {
      let address = kernel.malloc(64 + index, type)
      kernel.pointer(address).storeBytes(of: UInt64(index), as: UInt64.self)
      kernel.pointer(address).storeBytes(of: UInt8(index & 0xFF), toByteOffset: 63 + index, as: UInt8.self)
      held.append(address)
    }
    for (index, address) in held.enumerated() {
      #expect(kernel.pointer(address).load(as: UInt64.self) == UInt64(index))
      #expect(kernel.pointer(address).load(fromByteOffset: 63 + index, as: UInt8.self) == UInt8(index & 0xFF))
    }
  }

  @Test func theSameRequestsGiveTheSameDigestAndOthersAnother() throws {
    func digest(_ size: Int) throws -> String {
      let kernel = try bootKernel()
      let type = kernel.mallocType("temp")
      for _ in 0..<100 { kernel.free(kernel.malloc(size, type), type) }
      return kernel.heap.digest.hexadecimal
    }
    #expect(try digest(100) == digest(100))
    #expect(try digest(100) != digest(101))
  }

  @Test func anEmbeddedObjectCostsNothing() throws {
    let kernel = try bootKernel(model: "freebsd-4")
    #expect(kernel.allocate(.credential) == .null)
    #expect(kernel.heap.counters.mallocCalls == 0 && kernel.heap.counters.noWaitFailures == 0)
  }

  @Test func aPanicIsStickyAndEverythingAfterItGetsNothing() throws {
    let kernel = try bootKernel(map: 2 << 20)
    let type = kernel.mallocType("temp")
    while kernel.failure == nil { _ = kernel.malloc(4096, type) }
    guard case .panic(let message, let request) = kernel.failure else {
      Issue.record("expected a panic, got \(String(describing: kernel.failure))")
      return
    }
    #expect(message.hasPrefix("kmem_malloc(4096): kmem_map too small: ") && message.hasSuffix(" total allocated"))
    #expect(request == 4096)
    #expect(kernel.malloc(16, type) == .null)
    #expect(kernel.allocate(.pathBuffer) == .null)
  }

  @Test func rpcsMoveTheClockAndDrawTheProcessorFromTheSeed() throws {
    func processors(_ seed: UInt64) throws -> [Int] {
      let kernel = try bootKernel(cpus: 4, seed: seed)
      var connection = kernel.openConnection()
      return (0..<64).map { _ in
        kernel.beginRPC(connection: &connection, requestBytes: 200)
        let cpu = kernel.heap.allocator.currentCPU
        kernel.buildReply(connection: &connection, replyBytes: 100)
        kernel.endRPC(connection: &connection)
        return cpu
      }
    }
    #expect(try processors(1) == processors(1))
    #expect(try processors(1) != processors(2))
    #expect(Set(try processors(1)) == [0, 1, 2, 3])
    let kernel = try bootKernel()
    var connection = kernel.openConnection()
    kernel.beginRPC(connection: &connection, requestBytes: 200)
    kernel.endRPC(connection: &connection)
    #expect(kernel.now == 350_000)
  }
}
