// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Glibc

extension UnsafeMutablePointer {
  /// Bytes from which on a column asks for large pages: what lies in it at random then misses the TLB no more.
  private static var largePageThreshold: Int { 64 << 20 }

  /// Memory for `count` values of a type for which all bits zero is a value, all zero.
  ///
  /// Pages that are never touched cost nothing, so that a column may cover a whole address space. `deallocate()` ends it.
  static func zeroed(_ count: Int) -> UnsafeMutablePointer<Pointee> {
    // calloc fails where the address space is used up alone; Swift's own allocation ends the program there, too.
    guard let memory = calloc(count, MemoryLayout<Pointee>.stride) else { return .allocate(capacity: count) }
    let bytes = count * MemoryLayout<Pointee>.stride
    if bytes >= largePageThreshold {
      let skipped = -Int(bitPattern: memory) & (kernelPageSize - 1)
      // Advice: without it all is the same but slower.
      _ = madvise(memory + skipped, (bytes - skipped) & ~(kernelPageSize - 1), MADV_HUGEPAGE)
    }
    return memory.assumingMemoryBound(to: Pointee.self)
  }
}
