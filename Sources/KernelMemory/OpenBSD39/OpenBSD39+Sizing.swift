// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension OpenBSD39 {
  /// The options of a kernel configuration that matter here; the defaults are those of GENERIC (recollection).
  public struct Tuning: Equatable, Sendable {
    /// `maxusers`, 2 to 512: 32 in i386 GENERIC (recollection).
    public var maxUsers = 32
    /// `NMBCLUSTERS` (kern.maxclusters), 16 to 65536 (recollection of the default).
    public var clusters = 6144
    /// MBLOWAT: free mbufs that are kept (sys/conf/param.c).
    public var mbufLowWater = 16
    /// MCLLOWAT: free clusters that are kept (sys/conf/param.c).
    public var clusterLowWater = 8

    /// GENERIC.
    public init() {}

    /// Values in their ranges.
    var clamped: Tuning {
      var copy = self
      copy.maxUsers = min(max(maxUsers, 2), 512)
      copy.clusters = min(max(clusters, 16), 65536)
      copy.mbufLowWater = min(max(mbufLowWater, 0), 1024)
      copy.clusterLowWater = min(max(clusterLowWater, 0), copy.clusters)
      return copy
    }

    /// NPROC = 20 + 16 × maxusers (sys/conf/param.c).
    public var maxProc: Int { 20 + 16 * maxUsers }
    /// NVNODE = 2 × NPROC + NTEXT + 100, NTEXT = 80 + NPROC / 8 (sys/conf/param.c of the 4.4BSD family; taken for 3.9,
    /// inferred).
    public var desiredVnodes: Int { 2 * maxProc + 80 + maxProc / 8 + 100 }
  }

  /// NKMEMPAGES_MIN_DEFAULT, bytes.
  static let kmemSizeFloor = 8 << 20

  /// NKMEMPAGES_MAX_DEFAULT, bytes: 64 MiB on i386 (recollection for 3.9), 128 MiB on amd64 (4.4).
  static func kmemSizeCap(_ architecture: Architecture) -> Int {
    switch architecture {
    case .i386: 64 << 20
    case .amd64: 128 << 20
    }
  }

  /// Sizes that ``ModelConfiguration/mapBytes`` may have, bytes.
  public static func mapSizes(_ architecture: Architecture) -> ClosedRange<Int> {
    let end = architecture == .amd64 ? directStart : kernelStart
    return 1 << 20...Int(end.rawValue - kmemStart.rawValue)
  }

  /// nkmempages in bytes: a quarter of the physical memory within its bounds (kern_malloc.c, kmeminit_nkmempages).
  public static func kmemSize(physicalPages: Int, architecture: Architecture) -> Int {
    let wanted = physicalPages / 4 * kernelPageSize
    return max(min(wanted, kmemSizeCap(architecture)), kmemSizeFloor)
  }

  /// ks_limit of every malloc type, bytes: 60 % of kmem_map (kern_malloc.c, kmeminit).
  public static func typeLimit(kmemSize: Int) -> Int { kmemSize / kernelPageSize * kernelPageSize * 6 / 10 }

  /// struct sizes and constants of sys/kern/subr_pool.c.
  ///
  /// The header has two list pointers, a list head, a tree entry, a count and a pointer: 32 bytes on i386, 64 on amd64
  /// (computed). An item needs two pointers, and the mark of DIAGNOSTIC, which GENERIC has. PI_MAGIC is that of 1.53 (2007).
  static func poolStyle(_ architecture: Architecture) -> PoolAllocator.Style {
    let is64 = architecture == .amd64
    return PoolAllocator.Style(
      headerBytes: is64 ? 64 : 32, smallestItem: is64 ? 24 : 12, alignment: is64 ? 8 : 4, headerRule: .smallItems,
      lowestItemFirst: true, maximumPages: 8, countsIdlePages: true, magic: 0xdeaf_beef)
  }
}
