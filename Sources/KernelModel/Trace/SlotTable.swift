// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import KernelMemory

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// The slot of every allocation by its kernel address: a flat table that the host fills page by page on first touch.
///
/// No model aligns allocations to less than 8 bytes, so that one entry stands for 8 bytes of kernel address space.
final class SlotTable {
  private static let granularityShift: UInt64 = 3
  private static let bytes = (AddressSpace.size >> Int(granularityShift)) * MemoryLayout<UInt32>.stride

  private let entries: UnsafeMutablePointer<UInt32>

  init() throws(KernelError) {
    let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
    guard let base = mmap(nil, Self.bytes, PROT_READ | PROT_WRITE, flags, -1, 0), base != MAP_FAILED else {
      throw .noAddressSpace(bytes: Self.bytes, errno: errno)
    }
    entries = base.assumingMemoryBound(to: UInt32.self)
  }

  deinit { munmap(UnsafeMutableRawPointer(entries), Self.bytes) }

  @inline(__always)
  subscript(address: KernelAddress) -> UInt32 {
    get { entries[Self.index(address)] }
    set { entries[Self.index(address)] = newValue }
  }

  @inline(__always)
  private static func index(_ address: KernelAddress) -> Int {
    Int(truncatingIfNeeded: (address.rawValue &- AddressSpace.start) >> granularityShift)
  }
}
