// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Testing

@testable import KernelMemory

/// A kernel over UMA, whichever it is: what ``UMAKernel`` adds to a model.
protocol AnyUMAKernel: AllocatorModel {
  var uma: UMA { get }
  var sizing: UMAKernelSizing { get }
  var mapReclaims: Int { get }
  var sleptNanoseconds: UInt64 { get }
  var directMapUsedBytes: Int { get }
  var lowMemoryHandler: (() -> Void)? { get set }
  var sleepHandler: ((UInt64) -> Void)? { get set }
  func setLimit(of zone: ZoneID, items: Int)
}

extension FreeBSD54: AnyUMAKernel {}
extension FreeBSD6: AnyUMAKernel {}
extension FreeBSD7: AnyUMAKernel {}
extension FreeBSD9: AnyUMAKernel {}

/// A kernel over UMA on one architecture.
struct UMAKernelCase: CustomTestStringConvertible, Sendable {
  var type: any AnyUMAKernel.Type
  var architecture: Architecture

  var testDescription: String { "\(type.identifier), \(architecture.rawValue)" }

  static let all: [UMAKernelCase] = Architecture.allCases.flatMap { architecture in
    ([FreeBSD54.self, FreeBSD6.self, FreeBSD7.self, FreeBSD9.self] as [any AnyUMAKernel.Type]).map {
      UMAKernelCase(type: $0, architecture: architecture)
    }
  }
  static let i386 = all.filter { $0.architecture == .i386 }
  static let amd64 = all.filter { $0.architecture == .amd64 }

  /// Boots it with a map of this many pages.
  func boot(pages: Int = 2048, _ change: (inout ModelConfiguration) -> Void = { _ in }) throws -> any AnyUMAKernel {
    var configuration = ModelConfiguration(physicalMemory: 256 << 20)
    configuration.architecture = architecture
    configuration.mapBytes = pages * kernelPageSize
    change(&configuration)
    return try type.init(configuration)
  }
}

extension AnyUMAKernel {
  /// Statistics of a zone that has to exist, by this kernel's name.
  func zoneRow(_ name: String) throws -> ZoneStatistics {
    try #require(zoneStatistics().first { $0.name == name })
  }
}
