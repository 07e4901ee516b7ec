// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension OpenBSD39 {
  /// Longest name that the name cache enters, bytes (NCHNAMLEN, sys/sys/namei.h).
  static let longestCachedName = 31

  /// The pools of kernel objects.
  ///
  /// Item sizes are those of `vmstat -m` listings of the time (recollection), but for namei (MAXPATHLEN), mbpl (MSIZE)
  /// and mclpl (MCLBYTES), which are constants (source). An item of "dino1pl" is an on-disk inode of UFS1, which all
  /// file systems were. struct ucred comes from a pool (recollection). UVM objects lie inside vnodes.
  struct Objects {
    let header: Int
    let cluster: Int
    let table: ObjectTable

    init(pools: PoolAllocator, architecture: Architecture, tuning: Tuning) {
      let is64 = architecture == .amd64
      // pool_init() of the first pool creates the pool of headers and puts it on the list first.
      let header = pools.create("phpool", size: is64 ? 64 : 32, headerPool: nil, isInternal: true)
      var table = ObjectTable(names: .atMost(OpenBSD39.longestCachedName))
      func create(_ object: KernelObject, _ name: String, _ size: Int, _ size64: Int) -> Int {
        let pool = pools.create(name, size: is64 ? size64 : size, headerPool: header)
        table.serve(object, zone: pool)
        return pool
      }
      self.header = header
      // In the order in which a booting kernel creates them.
      _ = create(.mapEntry, "vmmpepl", 88, 144)
      let mbuf = create(.mbuf, "mbpl", 256, 256)
      cluster = create(.mbufCluster, "mclpl", 2048, 2048)
      pools.setLowWater(mbuf, items: tuning.mbufLowWater)
      pools.setLowWater(cluster, items: tuning.clusterLowWater)
      _ = create(.file, "filepl", 88, 136)
      _ = create(.credential, "ucredpl", 80, 80)
      _ = create(.vnode, "vnodes", 156, 256)
      _ = create(.pathBuffer, "namei", 1024, 1024)
      _ = create(.nameCacheEntry, "nchpl", 72, 112)
      _ = create(.inode, "ffsino", 184, 240)
      _ = create(.dinode, "dino1pl", 128, 128)
      _ = create(.socket, "sockpl", 212, 352)
      _ = create(.inpcb, "inpcbpl", 216, 336)
      _ = create(.tcpcb, "tcpcbpl", 400, 560)
      self.table = table
    }
  }

  /// Limits the cluster pool to nmbclusters, as mbinit() does, which lets it keep as many idle.
  ///
  /// m_get() and m_clget() give null at the limit to callers that may wait too (PR_LIMITFAIL, sys/kern/uipc_mbuf.c).
  public func applyKernelLimits() { pools.setHardLimit(objects.cluster, items: tuning.clusters, failing: true) }

  /// Makes a pool as pool_init does; nil for items of more than a page, which pool(9) does not take.
  public func makeZone(named name: String, size: Int, noFree: Bool) -> ZoneID? {
    guard (1...kernelPageSize).contains(size), pools.count < PoolAllocator.largestCount else { return nil }
    return ZoneID(index: pools.create(name, size: size, headerPool: objects.header, keepsPages: noFree))
  }

  /// The pool that serves a FreeBSD 6 zone name; nil for what is no pool here (VM OBJECT, L VFS Cache).
  public func zone(named canonical: String) -> ZoneID? { objects.table.zone(named: canonical) }

  /// Where a kernel object comes from: all are items of pools.
  ///
  /// A name of more than 31 bytes is not entered in the name cache, so that nothing is allocated for it.
  public func source(of object: KernelObject, nameLength: Int) -> ObjectSource {
    objects.table.source(of: object, nameLength: nameLength)
  }
}
