// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// Size of a page, bytes, on every architecture that is modelled.
public let kernelPageSize = 4096

/// The bytes behind kernel virtual addresses, handed in by the caller, who keeps them for as long as the model lives.
public struct BackingBytes {
  /// Where the byte of address ``start`` lies.
  public let base: UnsafeMutableRawPointer
  /// First kernel address that has a byte.
  public let start: KernelAddress
  /// Number of bytes.
  public let count: Int

  /// Describes a range of bytes.
  public init(base: UnsafeMutableRawPointer, start: KernelAddress, count: Int) {
    self.base = base
    self.start = start
    self.count = count
  }

  /// Where the `count` bytes from an address on lie; nil where any of them has none.
  @inline(__always)
  func bytes(at address: KernelAddress, count: Int) -> UnsafeMutableRawPointer? {
    guard address >= start else { return nil }
    let offset = address.rawValue - start.rawValue
    guard offset <= UInt64(self.count), UInt64(self.count) - offset >= UInt64(count) else { return nil }
    return base + Int(offset)
  }
}

/// How an allocator model is set up.
public struct ModelConfiguration {
  /// Whether pages left over from the boot pool serve the first zones (FreeBSD UMA_BOOT_PAGES).
  public enum BootPages: Sendable {
    /// Other zones of a real kernel have used them up: every new slab comes from the map.
    case discarded
    /// They are taken first by the zones that may.
    case available
  }

  /// Machine architecture.
  public var architecture = Architecture.i386
  /// Physical memory, bytes.
  public var physicalMemory: Int
  /// Size of the kernel map, bytes, rounded down to pages; nil takes the model's own formula.
  public var mapBytes: Int? = nil
  /// Processors, 1 to 16.
  public var cpus = 1
  /// Trash patterns and verification on; needs ``backing``.
  public var checked = false
  /// The bytes behind the addresses; nil runs the model over address space alone.
  public var backing: BackingBytes? = nil
  /// Where physical pages come from; nil means that there are always enough.
  public var pages: PhysicalPages? = nil
  /// What becomes of boot pages, on models that have them.
  public var bootPages = BootPages.discarded

  /// Defaults for a machine with this much memory in bytes.
  public init(physicalMemory: Int) { self.physicalMemory = physicalMemory }
}

extension ModelConfiguration {
  /// Checks what the models have in common, in this order: architecture, processors, physical memory, size of the map.
  ///
  /// - Parameters:
  ///   - model: the identifier of the model.
  ///   - architecture: the one that it is built for; nil for both.
  ///   - processors: the numbers of processors that it takes.
  ///   - memory: sizes of the physical memory, bytes.
  ///   - map: sizes of an explicit kernel map, bytes.
  /// - Throws: an error that names the value out of range.
  func check(
    model: String, only architecture: Architecture? = nil, processors: ClosedRange<Int>, memory: ClosedRange<Int>,
    map: ClosedRange<Int>
  ) throws(ModelConfigurationError) {
    if let architecture, self.architecture != architecture {
      throw .architecture(self.architecture, model: model, supported: [architecture])
    }
    guard processors.contains(cpus) else { throw .processors(cpus, allowed: processors) }
    guard memory.contains(physicalMemory) else { throw .physicalMemory(physicalMemory, allowed: memory) }
    if let mapBytes, !map.contains(mapBytes) { throw .mapSize(mapBytes, allowed: map) }
  }
}
