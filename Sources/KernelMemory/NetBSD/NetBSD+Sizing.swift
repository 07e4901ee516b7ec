// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension NetBSD {
  /// The options of a kernel configuration that matter here; the defaults are those of GENERIC (recollection).
  public struct Tuning: Equatable, Sendable {
    /// `maxusers`, 2 to 512: 64 in i386 GENERIC (recollection).
    public var maxUsers = 64
    /// MBLOWAT: free mbufs that are kept (sys/conf/param.c).
    public var mbufLowWater = 16
    /// MCLLOWAT: free clusters that are kept (sys/conf/param.c).
    public var clusterLowWater = 8
    /// Whether pool caches that are never used in interrupts take their pages from kernel_map
    /// (pool_allocator_nointr of subr_pool.c 1.142) and not from kmem_map.
    public var usesKernelMap = false

    /// GENERIC.
    public init() {}

    /// Values in their ranges.
    var clamped: Tuning {
      var copy = self
      copy.maxUsers = min(max(maxUsers, 2), 512)
      copy.mbufLowWater = min(max(mbufLowWater, 0), 1024)
      copy.clusterLowWater = min(max(clusterLowWater, 0), 256)
      return copy
    }

    /// NPROC = 20 + 16 × maxusers (sys/conf/param.c).
    public var maxProc: Int { 20 + 16 * maxUsers }

    /// NVNODE = 2 × NPROC + NTEXT + 100, or what 1 % of the memory holds at VNODE_COST = 2048 bytes each, the larger
    /// one (recollection of both numbers).
    public func desiredVnodes(physicalPages: Int) -> Int {
      let fixed = 2 * maxProc + 80 + maxProc / 8 + 100
      return max(fixed, physicalPages * kernelPageSize / 100 / 2048)
    }
  }

  /// PCG_NOBJECTS_NORMAL of a 32-bit machine (sys/sys/pool.h); no cache of these has PR_LARGECACHE, which is 62.
  static let groupSize = 14
  /// sizeof(struct pool_cache_group): a link, two numbers and 14 pairs of 8 bytes (computed).
  static let groupBytes = 12 + 14 * 8
  /// CACHE_LINE_SIZE: alignment of groups, bytes.
  static let groupAlignment = 64
  /// NKMEMPAGES_MIN_DEFAULT and NKMEMPAGES_MAX_DEFAULT of i386, bytes.
  static let kmemSizes = 8 << 20...128 << 20

  /// nkmempages in bytes: the physical memory within its bounds.
  ///
  /// kern_malloc.c 1.127 of 2009, kmeminit_nkmempages; taken for 5 (inferred). Older revisions take a quarter of the memory.
  public static func kmemSize(physicalPages: Int) -> Int {
    min(max(physicalPages * kernelPageSize, kmemSizes.lowerBound), kmemSizes.upperBound)
  }

  /// ks_limit of every malloc type, bytes: 60 % of kmem_map (kern_malloc.c 1.127, malloc_type_attach).
  public static func typeLimit(kmemSize: Int) -> Int { kmemSize / kernelPageSize * kernelPageSize * 6 / 10 }

  /// nmbclusters: a sixteenth of the memory in clusters, at least 1024, at most a quarter of memory or kmem_map
  /// (uipc_mbuf.c of a later release, mbinit and nmbclusters_limit; taken for 5, inferred).
  static func clusterLimit(physicalPages: Int, kmemPages: Int) -> Int {
    let most = min(physicalPages / 4, kmemPages / 4) * kernelPageSize / 2048
    return min(max(1024, physicalPages * kernelPageSize / 2048 / 16), most)
  }

  /// struct sizes and constants of sys/kern/subr_pool.c 1.142.
  ///
  /// The header has two list pointers, a tree entry, a pointer, a time of 8 bytes, two halfwords and a list head: 36
  /// bytes (computed). An item needs two pointers and the mark of DIAGNOSTIC.
  static let poolStyle = PoolAllocator.Style(
    headerBytes: 36, smallestItem: 12, alignment: 4, headerRule: .smallItemsOrNoLoss, lowestItemFirst: false,
    maximumPages: PoolAllocator.unlimited, countsIdlePages: false, magic: 0xdead_dead)
}
