// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Testing

@testable import KernelMemory

/// A model of the registry on one architecture that it exists on, with a number of processors.
struct ModelCase: CustomTestStringConvertible, Sendable {
  var type: any AllocatorModel.Type
  var architecture: Architecture
  var cpus: Int

  var testDescription: String { "\(type.identifier), \(architecture.rawValue), \(cpus) CPU" }

  /// Every model on every architecture that it accepts, with 1 and 2 processors.
  static let all: [ModelCase] = AllocatorRegistry.all.flatMap { type in
    architectures(of: type).flatMap { architecture in
      [1, 2].map { ModelCase(type: type, architecture: architecture, cpus: $0) }
    }
  }

  /// Every model on every architecture that it accepts.
  static let uniprocessors = all.filter { $0.cpus == 1 }

  /// Cases of the same model.
  static func count(of type: any AllocatorModel.Type) -> Int { all.count { $0.type == type } }

  /// The architectures on which a model boots.
  static func architectures(of type: any AllocatorModel.Type) -> [Architecture] {
    Architecture.allCases.filter { architecture in
      var configuration = ModelConfiguration(physicalMemory: 256 << 20)
      configuration.architecture = architecture
      return (try? type.init(configuration)) != nil
    }
  }

  /// Boots it with a map of this many pages; with bytes behind the addresses in checked mode.
  func boot(
    pages: Int?, memory: Int = 256 << 20, checked: ModelBytes? = nil, physical: PhysicalPages? = nil
  ) throws -> any AllocatorModel {
    var configuration = ModelConfiguration(physicalMemory: memory)
    configuration.architecture = architecture
    configuration.cpus = cpus
    configuration.mapBytes = pages.map { $0 * kernelPageSize }
    configuration.pages = physical
    configuration.checked = checked != nil
    configuration.backing = checked?.backing
    return try type.init(configuration)
  }
}

/// Bytes behind the whole kernel address space, which the host fills page by page on first touch.
final class ModelBytes {
  private static let start: UInt64 = 0xC000_0000
  private let base: UnsafeMutableRawPointer
  let backing: BackingBytes

  init() {
    let count = Int((1 << 32) - Self.start)
    base = .allocate(byteCount: count, alignment: 16)
    backing = BackingBytes(base: base, start: KernelAddress(rawValue: Self.start), count: count)
  }

  deinit { base.deallocate() }

  /// The bytes of an allocation.
  func pointer(_ address: KernelAddress) -> UnsafeMutableRawPointer { base + Int(address.rawValue - Self.start) }
}
