// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension FreeBSD4 {
  /// The options of a kernel configuration that matter here; the defaults are those of GENERIC before 4.5
  /// (recollection).
  public struct Tuning: Equatable, Sendable {
    /// `maxusers`, 2 to 512.
    public var maxUsers = 32
    /// `NMBCLUSTERS`, 1 to 32768; nil takes 512 + 16 × maxusers (recollection).
    public var clusters: Int? = nil
    /// Share of zone growths that find kernel_map locked and go to kmem_map instead, 0 to 1 (step 3 of _zget;
    /// inferred).
    public var lockedMapShare = 0.0

    /// GENERIC.
    public init() {}

    /// Values in their ranges.
    var clamped: Tuning {
      var copy = self
      copy.maxUsers = min(max(maxUsers, 2), 512)
      copy.clusters = clusters.map { min(max($0, 1), 32768) }
      copy.lockedMapShare = min(max(lockedMapShare, 0), 1)
      return copy
    }

    /// maxproc = 20 + 16 × maxusers (FreeBSD 4 sys/conf/param.c; recollection).
    public var maxProc: Int { 20 + 16 * maxUsers }
    /// nmbclusters.
    public var mbufClusters: Int { clusters ?? 512 + 16 * maxUsers }
    /// nmbufs = 4 × nmbclusters (recollection).
    public var mbufs: Int { 4 * mbufClusters }
    /// maxsockets = max(maxfiles, nmbclusters), maxfiles = 2 × maxproc (FreeBSD 4 sys/conf/param.c,
    /// sys/kern/uipc_socket2.c; recollection).
    public var maxSockets: Int { max(2 * maxProc, mbufClusters) }
    /// Size of mb_map, bytes: nmbufs × MSIZE + nmbclusters × MCLBYTES (kern_malloc.c, kmeminit), rounded up to pages.
    public var mbufMapBytes: Int {
      (mbufs * FreeBSD4.mbufSize + mbufClusters * FreeBSD4.clusterSize + kernelPageSize - 1) / kernelPageSize
        * kernelPageSize
    }
  }

  /// MSIZE, bytes.
  public static let mbufSize = 256
  /// MCLBYTES, bytes.
  public static let clusterSize = 2048
  /// VM_KMEM_SIZE (4.x sys/i386/include/vmparam.h), bytes.
  static let kmemSizeFloor = 12 << 20
  /// VM_KMEM_SIZE_SCALE.
  static let kmemSizeScale = 3
  /// VM_KMEM_SIZE_MAX, bytes.
  static let kmemSizeCap = 200 << 20

  /// vm_kmem_size, bytes: a third of the managed memory between 12 and 200 MiB, at most twice the memory
  /// (kern_malloc.c, kmeminit), rounded down to pages.
  ///
  /// An explicit ``ModelConfiguration/mapBytes`` stands for the tunable kern.vm.kmem.size and is taken as it is; the
  /// kernel would cap that too at twice the memory.
  public static func kmemSize(managedPages: Int) -> Int {
    let memory = managedPages * kernelPageSize
    let scaled = min(max(kmemSizeFloor, memory / kmemSizeScale), kmemSizeCap)
    return min(scaled, 2 * memory) / kernelPageSize * kernelPageSize
  }

  /// ks_limit of every malloc type, bytes: half of vm_kmem_size (kern_malloc.c 2000, malloc_init).
  public static func typeLimit(kmemSize: Int) -> Int { kmemSize / kernelPageSize * kernelPageSize / 2 }

  /// desiredvnodes = maxproc + v_page_count / 4 (vfs_subr.c, vntblinit, 2001).
  public static func desiredVnodes(maxProc: Int, managedPages: Int) -> Int { maxProc + managedPages / 4 }
}
