// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension LinuxSLUB {
  /// The end of the addresses that the model uses: low memory on i386, the window of the model on amd64.
  static func mapEnd(_ architecture: Architecture) -> KernelAddress {
    KernelAddress(rawValue: architecture == .i386 ? 0xF800_0000 : 0xFFC0_0000)
  }

  /// Sizes that the linear map may have, bytes.
  public static func mapSizes(_ architecture: Architecture) -> ClosedRange<Int> {
    1 << 20...Int(mapEnd(architecture).rawValue - mapStart.rawValue)
  }

  /// Pages of the linear map: those of the machine, as far as there are addresses.
  static func mapPages(memory: Int, mapBytes: Int?, _ architecture: Architecture) -> Int {
    let window = mapSizes(architecture).upperBound / kernelPageSize
    if let mapBytes { return mapBytes / kernelPageSize }
    return min(PhysicalPages.managedPages(ofMemory: memory), window)
  }

  /// As many inodes with their dentries as the managed pages hold, each at its share of a slab.
  static func desiredVnodes(managedPages: Int, inode: SLUBCache, dentry: SLUBCache) -> Int {
    let cost = [inode, dentry].reduce(0) { sum, cache in
      let bytes = kernelPageSize << cache.order
      return sum + (bytes + cache.objects - 1) / cache.objects
    }
    return managedPages * kernelPageSize / cost
  }
}
