// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// The sizes of ``FreeBSD6``.
public typealias FreeBSD6Sizing = UMAKernelSizing

/// A kernel's own sizes, from the machine it boots on (FreeBSD 5.4 to 9: sys/kern/subr_param.c, kern_mbuf.c,
/// kern_malloc.c, vfs_subr.c).
///
/// Reference page "kernel-allocators", sections 5.2, 16 and 19.
public struct UMAKernelSizing: Equatable, Sendable {
  /// How desiredvnodes is computed (sys/kern/vfs_subr.c, vntblinit).
  enum VnodeRule: Sendable {
    /// 5.4 to 7: maxproc + pages / 4; at most 2/5 of the map at the size of a vnode and its object; at most 100,000.
    case twoFifthsOfMap
    /// 8 and 9: maxproc + pages / 16 + 3 × min(393,216, pages) / 16; at most 1/7 of the map at that size.
    case seventhOfMap
  }

  /// What differs between kernels and architectures.
  struct Rules: Equatable, Sendable {
    /// VM_KMEM_SIZE_SCALE.
    var mapScale = 3
    /// VM_KMEM_SIZE_MAX, bytes.
    var greatestMapBytes = 320 << 20
    var vnodes = VnodeRule.twoFifthsOfMap
    /// sizeof(struct vnode) + sizeof(struct vm_object).
    var vnodeAndObjectBytes = 404
  }

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
  private let rules: Rules

  /// VM_KMEM_SIZE, bytes.
  static let leastMapBytes = 12 << 20
  /// MAXVNODES_MAX of 5.4 to 7.
  static let greatestVnodes = 100_000
  /// MAXVNODES_MAX of 8 and 9: 512 × (1 GB / page size / 16) (recollection).
  static let greatestVnodesOf9 = 512 * (1 << 30) / kernelPageSize / 16
  /// Pages from which on a machine of 8 or 9 gets fewer vnodes a page: 98304 × (page size / 1 KB).
  static let manyPages = 98_304 * 4

  /// The sizes of 6.x on i386 with this much memory in bytes.
  public init(physicalMemory: Int) { self.init(physicalMemory: physicalMemory, rules: Rules()) }

  init(physicalMemory: Int, rules: Rules) {
    self.physicalMemory = physicalMemory
    self.rules = rules
    pages = PhysicalPages.managedPages(ofMemory: physicalMemory)
    maxUsers = min(max(pages / ((2 << 20) / kernelPageSize), 32), 384)
    maxProcesses = min(20 + 16 * maxUsers, pages / 12)
    mbufClusters = 1024 + 64 * maxUsers
    // Each cluster counts 4096 bytes, not its 2048.
    var bytes = Self.leastMapBytes + mbufClusters * kernelPageSize
    if pages / rules.mapScale > bytes / kernelPageSize { bytes = pages / rules.mapScale * kernelPageSize }
    bytes = min(bytes, rules.greatestMapBytes)
    bytes = min(bytes, 2 * pages * kernelPageSize)
    kernelMapBytes = bytes / kernelPageSize * kernelPageSize
  }

  /// desiredvnodes for a kernel map of this many bytes.
  public func desiredVnodes(mapBytes: Int) -> Int {
    switch rules.vnodes {
    case .twoFifthsOfMap:
      let ofMap = 2 * mapBytes / (5 * rules.vnodeAndObjectBytes)
      return min(maxProcesses + pages / 4, ofMap, Self.greatestVnodes)
    case .seventhOfMap:
      let ofMemory = maxProcesses + pages / 16 + 3 * min(Self.manyPages, pages) / 16
      return min(ofMemory, mapBytes / (7 * rules.vnodeAndObjectBytes), Self.greatestVnodesOf9)
    }
  }

  /// maxsockets: the larger of 2 × maxproc (maxfiles) and nmbclusters (recollection).
  public var maxSockets: Int { max(2 * maxProcesses, mbufClusters) }
}
