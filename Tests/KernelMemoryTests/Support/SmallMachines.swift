// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Testing

@testable import KernelMemory

extension ModelConfiguration {
  /// A machine for a test: a map of so many pages, nil for the model's own size; with bytes behind it in checked mode.
  static func machine(
    memory: Int, mapPages: Int?, cpus: Int = 1, architecture: Architecture = .i386, pages: PhysicalPages? = nil,
    backing: BackingBytes? = nil
  ) -> ModelConfiguration {
    var configuration = ModelConfiguration(physicalMemory: memory)
    configuration.architecture = architecture
    configuration.mapBytes = mapPages.map { $0 * kernelPageSize }
    configuration.cpus = cpus
    configuration.pages = pages
    configuration.backing = backing
    configuration.checked = backing != nil
    return configuration
  }
}

/// Expects that a model refuses 0 and 17 processors and sizes outside of these ranges, each with the value in its error,
/// and the other architecture where it is built for one only.
func expectValuesOutOfRangeAreRefused<Model: AllocatorModel>(
  _ type: Model.Type, only architecture: Architecture? = nil, map: ClosedRange<Int>, memory: ClosedRange<Int>
) {
  func expect(
    _ error: ModelConfigurationError, location: SourceLocation = #_sourceLocation,
    _ change: (inout ModelConfiguration) -> Void
  ) {
    var configuration = ModelConfiguration(physicalMemory: 512 << 20)
    change(&configuration)
    #expect(throws: error, "\(type.identifier)", sourceLocation: location) { try Model(configuration) }
  }
  for other in Architecture.allCases where architecture != nil && other != architecture {
    expect(.architecture(other, model: type.identifier, supported: [Architecture.i386])) { $0.architecture = other }
  }
  for cpus in [-1, 0, 17] { expect(.processors(cpus, allowed: 1...16)) { $0.cpus = cpus } }
  for bytes in [0, -1, map.lowerBound - 1, map.upperBound + 1, Int.max] {
    expect(.mapSize(bytes, allowed: map)) { $0.mapBytes = bytes }
  }
  for bytes in [0, -5, 1, memory.lowerBound - 1, memory.upperBound + 1, Int.max] {
    expect(.physicalMemory(bytes, allowed: memory)) { $0.physicalMemory = bytes }
  }
}
