// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Glibc

extension UnsafeMutablePointer {
  /// Memory for `count` values of a type for which all bits zero is a value, all zero.
  ///
  /// Pages that are never touched cost nothing, so that a column may cover a whole address space. `deallocate()` ends it.
  static func zeroed(_ count: Int) -> UnsafeMutablePointer<Pointee> {
    // calloc fails where the address space is used up alone; Swift's own allocation ends the program there, too.
    guard let memory = calloc(count, MemoryLayout<Pointee>.stride) else { return .allocate(capacity: count) }
    return memory.assumingMemoryBound(to: Pointee.self)
  }
}
