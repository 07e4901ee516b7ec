// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Testing

@testable import KernelMemory

/// A FreeBSD 11 with an arena of `pages`, by default on a machine with 512 MB.
func smallFreeBSD11(
  pages: Int = 2048, cpus: Int = 1, architecture: Architecture = .i386, physical: PhysicalPages? = nil
) throws -> FreeBSD11 {
  try FreeBSD11(smallKernel(pages, cpus, architecture, physical))
}

/// A FreeBSD 14 with a soft limit of `pages`, by default on a machine with 512 MB.
func smallFreeBSD14(
  pages: Int = 2048, cpus: Int = 1, architecture: Architecture = .i386, physical: PhysicalPages? = nil
) throws -> FreeBSD14 {
  try FreeBSD14(smallKernel(pages, cpus, architecture, physical))
}

private func smallKernel(
  _ pages: Int, _ cpus: Int, _ architecture: Architecture, _ physical: PhysicalPages?
) -> ModelConfiguration {
  var configuration = ModelConfiguration(physicalMemory: 512 << 20)
  configuration.mapBytes = pages * kernelPageSize
  configuration.cpus = cpus
  configuration.architecture = architecture
  configuration.pages = physical
  return configuration
}

extension VMemUMAKernel {
  /// The statistics of the zone with this name.
  func row(_ name: String) throws -> ZoneStatistics {
    try #require(zoneStatistics().first { $0.name == name }, "no zone \(name)")
  }
}
