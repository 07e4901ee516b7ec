// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// The kernel's own sizes, from the machine it boots on (FreeBSD 5.4 and 6: sys/kern/subr_param.c, kern_mbuf.c,
/// kern_malloc.c, vfs_subr.c).
///
/// Reference page "kernel-allocators", sections 5.2 and 19.
public struct FreeBSD6Sizing: Equatable, Sendable {
  /// Physical memory, bytes.
  public let physicalMemory: Int
  /// v_page_count: 0.97 of the physical pages (computed).
  public let pages: Int
  /// maxusers: managed memory / 2 MB, 32 to 384.
  public let maxUsers: Int
  /// maxproc: 20 + 16 × maxusers, at most a twelfth of the pages.
  public let maxProcesses: Int
  /// nmbclusters: 1024 + 64 × maxusers.
  public let mbufClusters: Int
  /// vm_kmem_size: size of kmem_map, bytes.
  public let kernelMapBytes: Int

  /// VM_KMEM_SIZE, bytes.
  static let leastMapBytes = 12 << 20
  /// VM_KMEM_SIZE_SCALE.
  static let mapScale = 3
  /// VM_KMEM_SIZE_MAX on i386, bytes.
  static let greatestMapBytes = 320 << 20
  /// MAXVNODES_MAX.
  static let greatestVnodes = 100_000

  /// The sizes of a machine with this much memory in bytes.
  public init(physicalMemory: Int) {
    self.physicalMemory = physicalMemory
    pages = PhysicalPages.managedPages(ofMemory: physicalMemory)
    maxUsers = min(max(pages / ((2 << 20) / kernelPageSize), 32), 384)
    maxProcesses = min(20 + 16 * maxUsers, pages / 12)
    mbufClusters = 1024 + 64 * maxUsers
    // Each cluster counts 4096 bytes, not its 2048.
    var bytes = Self.leastMapBytes + mbufClusters * kernelPageSize
    if pages / Self.mapScale > bytes / kernelPageSize { bytes = pages / Self.mapScale * kernelPageSize }
    bytes = min(bytes, Self.greatestMapBytes)
    bytes = min(bytes, 2 * pages * kernelPageSize)
    kernelMapBytes = bytes / kernelPageSize * kernelPageSize
  }

  /// desiredvnodes for a kernel map of this many bytes: maxproc + pages / 4, at most 2/5 of the map at the size of a
  /// vnode and its object, at most 100,000.
  public func desiredVnodes(mapBytes: Int) -> Int {
    let ofMap = 2 * mapBytes / (5 * (FreeBSD6Zones.objectBytes + FreeBSD6Zones.vnodeBytes))
    return min(maxProcesses + pages / 4, ofMap, Self.greatestVnodes)
  }
}
