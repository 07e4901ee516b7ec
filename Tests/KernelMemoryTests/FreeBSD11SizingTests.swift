// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Testing

@testable import KernelMemory

/// Arena sizes, soft limits and desiredvnodes from the machine (reference page "kernel-allocators", 16 and 19).
@Suite struct FreeBSD11SizingTests {
  struct Row: Sendable {
    var megabytes: Int
    var architecture: Architecture
    var pages: Int
    var maxProcesses: Int
    /// vm_kmem_size in pages.
    var memoryPages: Int
    var vnodesOf11: Int
    var vnodesOf14: Int
  }

  /// Worked out from the formulas apart from this code.
  ///
  /// i386: pages / 3 or 12 MB and 4096 bytes a cluster, at most 2/5 of 1 GiB; amd64: all pages. The sum of vnode, object,
  /// inode and entry is 612 and 592 bytes on i386, 996 and 960 on amd64.
  static let table = [
    Row(
      megabytes: 64, architecture: .i386, pages: 15_892, maxProcesses: 532, memoryPages: 6_144, vnodesOf11: 4_112,
      vnodesOf14: 4_250),
    Row(
      megabytes: 512, architecture: .i386, pages: 127_139, maxProcesses: 3_988, memoryPages: 42_379,
      vnodesOf11: 28_363, vnodesOf14: 29_321),
    Row(
      megabytes: 2048, architecture: .i386, pages: 508_559, maxProcesses: 7_380, memoryPages: 104_857,
      vnodesOf11: 70_178, vnodesOf14: 72_549),
    Row(
      megabytes: 512, architecture: .amd64, pages: 127_139, maxProcesses: 3_988, memoryPages: 127_139,
      vnodesOf11: 35_772, vnodesOf14: 35_772),
    Row(
      megabytes: 8192, architecture: .amd64, pages: 2_034_237, maxProcesses: 13_332, memoryPages: 2_034_237,
      vnodesOf11: 214_199, vnodesOf14: 214_199),
  ]

  @Test("A machine has the kernel's sizes", arguments: table)
  func aMachineHasTheKernelsSizes(row: Row) throws {
    let sizing = VMemKernelSizing(physicalMemory: row.megabytes << 20, architecture: row.architecture)
    #expect(sizing.pages == row.pages)
    #expect(sizing.maxProcesses == row.maxProcesses)
    #expect(sizing.kernelMemoryBytes / 4096 == row.memoryPages)
    var configuration = ModelConfiguration(physicalMemory: row.megabytes << 20)
    configuration.architecture = row.architecture
    let eleven = try FreeBSD11(configuration)
    #expect(eleven.desiredVnodes == row.vnodesOf11)
    #expect(eleven.kernelMemoryBytes == row.memoryPages * 4096)
    let window = row.architecture == .i386 ? 192_512 : 126_976
    #expect(eleven.mapCapacityBytes == min(row.memoryPages, window) * 4096)
    let fourteen = try FreeBSD14(configuration)
    #expect(fourteen.desiredVnodes == row.vnodesOf14)
    #expect(fourteen.softLimitBytes == row.memoryPages * 4096)
  }

  @Test func aConfiguredArenaClampsTheVnodes() throws {
    var configuration = ModelConfiguration(physicalMemory: 512 << 20)
    configuration.mapBytes = 24 << 20
    #expect(try FreeBSD11(configuration).desiredVnodes == (24 << 20) / (10 * 612))
    #expect(try FreeBSD11(configuration).mapCapacityBytes == 24 << 20)
    #expect(try FreeBSD14(configuration).desiredVnodes == (24 << 20) / (10 * 592))
    #expect(try FreeBSD14(configuration).softLimitBytes == 24 << 20)
  }

  @Test("malloc's largest zone is a page on small machines", arguments: [(64, 4096), (128, 4096), (129, 65_536)])
  func mallocsLargestZone(megabytes: Int, largest: Int) throws {
    let model = try FreeBSD11(ModelConfiguration(physicalMemory: megabytes << 20))
    #expect(model.zoneStatistics().contains { $0.name == "\(largest)" })
    #expect(!model.zoneStatistics().contains { $0.name == "\(largest * 2)" })
  }

  @Test func whatTheModelsAreNotBuiltForIsRefused() {
    var configuration = ModelConfiguration(physicalMemory: 512 << 20)
    configuration.cpus = 17
    #expect(throws: ModelConfigurationError.processors(17, allowed: 1...16)) { try FreeBSD11(configuration) }
    configuration.cpus = 1
    configuration.mapBytes = (1 << 20) - 1
    #expect(throws: ModelConfigurationError.mapSize((1 << 20) - 1, allowed: (1 << 20)...0x2F00_0000)) {
      try FreeBSD14(configuration)
    }
    configuration.architecture = .amd64
    configuration.mapBytes = 0x1F00_0001
    #expect(throws: ModelConfigurationError.mapSize(0x1F00_0001, allowed: (1 << 20)...0x1F00_0000)) {
      try FreeBSD11(configuration)
    }
    configuration.mapBytes = nil
    configuration.physicalMemory = 1
    #expect(throws: ModelConfigurationError.physicalMemory(1, allowed: (16 << 20)...(1 << 40))) {
      try FreeBSD11(configuration)
    }
  }

  @Test func limitsAreThoseOfTheMachine() throws {
    let model = try FreeBSD11(ModelConfiguration(physicalMemory: 512 << 20))
    model.applyKernelLimits()
    func limit(_ name: String) -> Int? { model.zoneStatistics().first { $0.name == name }?.limit }
    // Half of 42,379 pages in clusters of 2048 bytes, a quarter of that, rounded up to slabs of two.
    #expect(limit("mbuf_cluster") == 10_594 + 10_594 % 2)
    let sockets = max(2 * 3_988, 127_139 / 8)
    let perSlab = 9
    #expect(limit("socket") == (sockets + perSlab - 1) / perSlab * perSlab)
    let later = try FreeBSD14(ModelConfiguration(physicalMemory: 512 << 20))
    later.applyKernelLimits()
    #expect(later.zoneStatistics().first { $0.name == "socket" }?.limit == sockets)
  }
}
