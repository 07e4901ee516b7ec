// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Testing

@testable import KernelMemory

/// The worked tables of the reference page "kernel-allocators", sections 5.2, 16 and 19.
@Suite struct FreeBSD6SizingTests {
  struct Row: Sendable {
    var megabytes: Int
    var pages: Int
    var maxUsers: Int
    var maxProcesses: Int
    var clusters: Int
    var mapMegabytes: Double
    var vnodes: Int
  }

  static let table = [
    Row(
      megabytes: 64, pages: 15_892, maxUsers: 32, maxProcesses: 532, clusters: 3_072, mapMegabytes: 24, vnodes: 4_505),
    Row(
      megabytes: 128, pages: 31_784, maxUsers: 62, maxProcesses: 1_012, clusters: 4_992, mapMegabytes: 41.4,
      vnodes: 8_958),
    Row(
      megabytes: 256, pages: 63_569, maxUsers: 124, maxProcesses: 2_004, clusters: 8_960, mapMegabytes: 82.8,
      vnodes: 17_896),
    Row(
      megabytes: 512, pages: 127_139, maxUsers: 248, maxProcesses: 3_988, clusters: 16_896, mapMegabytes: 165.5,
      vnodes: 35_772),
    Row(
      megabytes: 1024, pages: 254_279, maxUsers: 384, maxProcesses: 6_164, clusters: 25_600, mapMegabytes: 320,
      vnodes: 69_733),
    Row(
      megabytes: 2048, pages: 508_559, maxUsers: 384, maxProcesses: 6_164, clusters: 25_600, mapMegabytes: 320,
      vnodes: 100_000),
  ]

  @Test("A machine has the kernel's sizes", arguments: table)
  func aMachineHasTheKernelsSizes(row: Row) throws {
    let sizing = FreeBSD6Sizing(physicalMemory: row.megabytes << 20)
    #expect(sizing.pages == row.pages)
    #expect(sizing.maxUsers == row.maxUsers)
    #expect(sizing.maxProcesses == row.maxProcesses)
    #expect(sizing.mbufClusters == row.clusters)
    #expect(abs(Double(sizing.kernelMapBytes) / 1_048_576 - row.mapMegabytes) < 0.06)
    let model = try FreeBSD6(ModelConfiguration(physicalMemory: row.megabytes << 20))
    #expect(model.mapCapacityBytes == sizing.kernelMapBytes)
    #expect(model.desiredVnodes == row.vnodes)
  }

  @Test func aSmallMapClampsTheVnodes() throws {
    var configuration = ModelConfiguration(physicalMemory: 512 << 20)
    configuration.mapBytes = 24 << 20
    #expect(try FreeBSD6(configuration).desiredVnodes == 2 * (24 << 20) / (5 * 404))
  }

  @Test func theClampsOfTheReferenceMapsDoNotBind() {
    let half = FreeBSD6Sizing(physicalMemory: 512 << 20)
    #expect(2 * half.kernelMapBytes / (5 * 404) == 171_865)
    #expect(2 * (320 << 20) / (5 * 404) == 332_222)
  }

  @Test func aMapIsNeverMoreThanTwiceTheMemory() {
    #expect(FreeBSD6Sizing(physicalMemory: 8 << 20).kernelMapBytes == 2 * 1986 * 4096)
  }

  @Test func whatTheModelIsNotBuiltForIsRefused() {
    var configuration = ModelConfiguration(physicalMemory: 512 << 20)
    configuration.cpus = 17
    #expect(throws: ModelConfigurationError.processors(17, allowed: 1...16)) { try FreeBSD6(configuration) }
    configuration.cpus = 1
    configuration.mapBytes = 1_048_575
    #expect(throws: ModelConfigurationError.mapSize(1_048_575, allowed: FreeBSD6.mapSizes)) {
      try FreeBSD6(configuration)
    }
    configuration.mapBytes = 0xF000_0000 - 0xC100_0000 + 1
    #expect(throws: ModelConfigurationError.self) { try FreeBSD6(configuration) }
    configuration.mapBytes = nil
    configuration.physicalMemory = 1
    #expect(throws: ModelConfigurationError.physicalMemory(1, allowed: FreeBSD6.memorySizes)) {
      try FreeBSD6(configuration)
    }
  }

  @Test func theLargestMapEndsBelowTheOtherMaps() throws {
    var configuration = ModelConfiguration(physicalMemory: 4 << 30)
    configuration.mapBytes = 0xF000_0000 - 0xC100_0000
    let model = try FreeBSD6(configuration)
    let address = model.malloc(700 << 20, model.mallocType(named: "temp"), .wait)
    #expect(address.rawValue >= 0xC100_0000)
    #expect(address.rawValue + (700 << 20) <= 0xF000_0000)
  }
}
