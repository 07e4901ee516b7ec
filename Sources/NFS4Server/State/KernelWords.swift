// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import KernelMemory

/// A link between structures in modelled memory: a kernel address of 32 bits, 0 for none.
///
/// The kernel's address space lies below 4 GiB, so a link fits in 32 bits on every architecture.
typealias KernelLink = UInt32

extension KernelAddress {
  @inline(__always) init(link: KernelLink) { self.init(rawValue: UInt64(link)) }
  @inline(__always) var link: KernelLink { KernelLink(truncatingIfNeeded: rawValue) }
}

extension UnsafeMutableRawPointer {
  /// The 32-bit word at a byte offset.
  @inline(__always)
  subscript(word offset: Int) -> UInt32 {
    get { loadUnaligned(fromByteOffset: offset, as: UInt32.self) }
    nonmutating set { storeBytes(of: newValue, toByteOffset: offset, as: UInt32.self) }
  }

  /// The 64-bit integer at a byte offset, which i386 aligns to four bytes.
  @inline(__always)
  subscript(long offset: Int) -> UInt64 {
    get { loadUnaligned(fromByteOffset: offset, as: UInt64.self) }
    nonmutating set { storeBytes(of: newValue, toByteOffset: offset, as: UInt64.self) }
  }
}

/// Whether two ranges of bytes are equal.
@inline(__always)
func equalBytes(_ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer) -> Bool {
  guard left.count == right.count else { return false }
  var index = 0
  while index &+ 8 <= left.count {
    let same =
      left.loadUnaligned(fromByteOffset: index, as: UInt64.self)
      == right.loadUnaligned(fromByteOffset: index, as: UInt64.self)
    if !same { return false }
    index &+= 8
  }
  while index < left.count {
    if left[index] != right[index] { return false }
    index &+= 1
  }
  return true
}
