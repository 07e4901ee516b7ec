// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension Illumos {
  /// Size of the heap: the managed memory, as far as there are addresses.
  static func heapBytes(memory: Int) -> Int {
    min(PhysicalPages.managedPages(ofMemory: memory) * kernelPageSize, heapSizes.upperBound)
  }

  /// maxusers: the megabytes of physical memory, 8 to 2048 (recollection).
  static func maxUsers(physicalMemory: Int) -> Int { min(max(physicalMemory >> 20, 8), 2048) }

  /// ncsize: 4 × (v_proc + maxusers) + 320 and a hundredth of it, v_proc being 10 + 16 × maxusers, at most 30000.
  ///
  /// (recollection of the Solaris tunable parameters manual; the value of a machine of 2 GB, 129797, is the one that it
  /// gives.)
  static func nameCacheSize(physicalMemory: Int) -> Int {
    let users = maxUsers(physicalMemory: physicalMemory)
    let processes = min(10 + 16 * users, 30000)
    let base = 4 * (processes + users) + 320
    return base + base / 100
  }
}
