// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Testing

@testable import KernelMemory

/// Map sizes and desiredvnodes of each kernel (reference page "kernel-allocators", sections 5.2, 16 and 19).
@Suite struct UMAKernelSizingTests {
  struct Row: Sendable {
    var megabytes: Int
    var mapMegabytes: Double
    var vnodes: Int
  }

  static let i386 = [
    Row(megabytes: 64, mapMegabytes: 24, vnodes: 4_505), Row(megabytes: 128, mapMegabytes: 41.4, vnodes: 8_958),
    Row(megabytes: 256, mapMegabytes: 82.8, vnodes: 17_896), Row(megabytes: 512, mapMegabytes: 165.5, vnodes: 35_772),
    Row(megabytes: 1024, mapMegabytes: 320, vnodes: 69_733), Row(megabytes: 2048, mapMegabytes: 320, vnodes: 100_000),
  ]
  static let amd64 = [
    Row(megabytes: 64, mapMegabytes: 24, vnodes: 4_505), Row(megabytes: 128, mapMegabytes: 41.4, vnodes: 8_958),
    Row(megabytes: 256, mapMegabytes: 82.8, vnodes: 17_896), Row(megabytes: 512, mapMegabytes: 165.5, vnodes: 35_772),
    Row(megabytes: 1024, mapMegabytes: 331.1, vnodes: 69_733), Row(megabytes: 2048, mapMegabytes: 400, vnodes: 100_000),
  ]
  /// The divisions by 16 lose a vnode where the one by 4 does not.
  static let i386Of9 = [
    Row(megabytes: 64, mapMegabytes: 24, vnodes: 4_504), Row(megabytes: 128, mapMegabytes: 41.4, vnodes: 8_957),
    Row(megabytes: 256, mapMegabytes: 82.8, vnodes: 17_896), Row(megabytes: 512, mapMegabytes: 165.5, vnodes: 35_772),
    Row(megabytes: 1024, mapMegabytes: 331.1, vnodes: 69_733),
    Row(megabytes: 2048, mapMegabytes: 409.6, vnodes: 111_676),
  ]
  static let amd64Of9 = [
    Row(megabytes: 64, mapMegabytes: 62.1, vnodes: 4_504), Row(megabytes: 128, mapMegabytes: 124.2, vnodes: 8_957),
    Row(megabytes: 256, mapMegabytes: 248.3, vnodes: 17_896), Row(megabytes: 512, mapMegabytes: 496.6, vnodes: 35_772),
    Row(megabytes: 1024, mapMegabytes: 993.3, vnodes: 69_733),
    Row(megabytes: 2048, mapMegabytes: 1986.6, vnodes: 111_676),
  ]

  private func check(_ kernel: UMAKernelCase, _ rows: [Row]) throws {
    for row in rows {
      var configuration = ModelConfiguration(physicalMemory: row.megabytes << 20)
      configuration.architecture = kernel.architecture
      let model = try kernel.type.init(configuration)
      let place = Comment(rawValue: "\(kernel.testDescription), \(row.megabytes) MB")
      #expect(abs(Double(model.sizing.kernelMapBytes) / 1_048_576 - row.mapMegabytes) < 0.06, place)
      let room = kernel.architecture == .amd64 ? 512 << 20 : Int.max
      #expect(model.mapCapacityBytes == min(model.sizing.kernelMapBytes, room), place)
      #expect(model.desiredVnodes == row.vnodes, place)
    }
  }

  @Test("A machine of 5.4 to 7 has the kernel's sizes", arguments: UMAKernelCase.all)
  func aMachineOf54To7HasTheKernelsSizes(kernel: UMAKernelCase) throws {
    guard kernel.type != FreeBSD9.self else { return }
    try check(kernel, kernel.architecture == .i386 ? Self.i386 : Self.amd64)
  }

  @Test func aMachineOf9HasTheKernelsSizes() throws {
    try check(UMAKernelCase(type: FreeBSD9.self, architecture: .i386), Self.i386Of9)
    try check(UMAKernelCase(type: FreeBSD9.self, architecture: .amd64), Self.amd64Of9)
  }

  @Test func aSmallMapClampsTheVnodesOf9AtASeventh() throws {
    let i386 = UMAKernelCase(type: FreeBSD9.self, architecture: .i386)
    #expect(try i386.boot { $0.mapBytes = 24 << 20 }.desiredVnodes == (24 << 20) / (7 * (284 + 148)))
    let amd64 = UMAKernelCase(type: FreeBSD9.self, architecture: .amd64)
    #expect(try amd64.boot { $0.mapBytes = 24 << 20 }.desiredVnodes == (24 << 20) / (7 * (504 + 232)))
    let seven = UMAKernelCase(type: FreeBSD7.self, architecture: .amd64)
    #expect(try seven.boot { $0.mapBytes = 24 << 20 }.desiredVnodes == 2 * (24 << 20) / (5 * (496 + 224)))
  }

  @Test("What a machine cannot have is refused", arguments: UMAKernelCase.all)
  func whatAMachineCannotHaveIsRefused(kernel: UMAKernelCase) throws {
    let is64 = kernel.architecture == .amd64
    let maps = is64 ? (1 << 20)...(512 << 20) : (1 << 20)...(0xF000_0000 - 0xC100_0000)
    let memory = is64 ? (16 << 20)...(64 << 30) : (16 << 20)...(4 << 30)
    #expect(throws: ModelConfigurationError.mapSize(maps.upperBound + 1, allowed: maps)) {
      try kernel.boot { $0.mapBytes = maps.upperBound + 1 }
    }
    #expect(throws: ModelConfigurationError.physicalMemory(memory.upperBound + 1, allowed: memory)) {
      try kernel.boot { $0.physicalMemory = memory.upperBound + 1 }
    }
    #expect(throws: ModelConfigurationError.processors(0, allowed: 1...16)) { try kernel.boot { $0.cpus = 0 } }
  }

  @Test("The limits are those of the machine", arguments: UMAKernelCase.all)
  func theLimitsAreThoseOfTheMachine(kernel: UMAKernelCase) throws {
    let model = try kernel.boot { $0.physicalMemory = 512 << 20 }
    model.applyKernelLimits()
    let limits = ["mbuf_cluster", "socket", "inpcb", "tcpcb"].map { name -> Int in
      guard let zone = model.zone(named: name) else { return -1 }
      return model.zoneStatistics()[zone.index].limit
    }
    #expect(limits[0] == 16_896)
    #expect(limits.allSatisfy { $0 >= 16_896 && $0 < 16_896 + 32 })
  }
}
