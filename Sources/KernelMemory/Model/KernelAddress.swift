// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// An address in the modelled kernel's virtual address space.
@frozen
public struct KernelAddress: RawRepresentable, Hashable, Comparable, Sendable {
  /// The address as a number; on i386 it fits in 32 bits.
  public var rawValue: UInt64

  /// Makes an address from its number.
  @inlinable
  public init(rawValue: UInt64) { self.rawValue = rawValue }

  /// The null address: what an allocator returns where it has nothing to give.
  public static let null = KernelAddress(rawValue: 0)

  /// Lower in the address space.
  @inlinable
  public static func < (left: KernelAddress, right: KernelAddress) -> Bool { left.rawValue < right.rawValue }
}

/// Whether a caller of an allocator may sleep.
@frozen
public enum WaitPolicy: Sendable {
  /// M_WAITOK, KM_SLEEP, GFP_KERNEL.
  case wait
  /// M_NOWAIT, KM_NOSLEEP, GFP_ATOMIC.
  case noWait
}

/// Machine architecture of a modelled kernel.
public enum Architecture: String, Sendable, CaseIterable {
  /// 32-bit, 1 GiB of kernel address space.
  case i386
  /// 64-bit.
  case amd64
}

/// Handle of a malloc(9) type, in the order of registration.
@frozen
public struct MallocType: Hashable, Sendable {
  /// Position in ``AllocatorModel/mallocTypeStatistics()``.
  public let index: Int

  /// A handle with this index.
  @inlinable
  public init(index: Int) { self.index = index }
}

/// Handle of a zone, in the order of creation.
@frozen
public struct ZoneID: Hashable, Sendable {
  /// Position in ``AllocatorModel/zoneStatistics()``.
  public let index: Int

  /// A handle with this index.
  @inlinable
  public init(index: Int) { self.index = index }
}
