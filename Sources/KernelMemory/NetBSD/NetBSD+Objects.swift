// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension NetBSD {
  /// Longest name that the name cache enters, bytes (NCHNAMLEN; recollection).
  static let longestCachedName = 31

  /// The pools of kernel objects.
  ///
  /// Item sizes are those of `vmstat -m` listings of the time (recollection), but for pnbufpl (MAXPATHLEN), mbpl
  /// (MSIZE), mclpl (MCLBYTES) and the allocator's own (computed). inpcbpl and tcpcbpl are pools without a cache
  /// (recollection). UVM objects lie inside vnodes; credentials are those of kauth(9).
  struct Objects {
    let header: Int
    let group: Int
    let cluster: Int
    /// The pools that have a cache.
    let cached: [Int]
    let table: ObjectTable

    init(pools: PoolAllocator, tuning: Tuning) {
      let plain = tuning.usesKernelMap ? 1 : 0
      let header = pools.create("phpool-0", size: NetBSD.poolStyle.headerBytes, headerPool: nil, isInternal: true)
      var table = ObjectTable(names: .atMost(NetBSD.longestCachedName))
      var cached: [Int] = []
      func create(_ object: KernelObject, _ name: String, _ size: Int, source: Int, isCached: Bool = true) -> Int {
        let pool = pools.create(name, size: size, source: source, headerPool: header)
        table.serve(object, zone: pool)
        if isCached { cached.append(pool) }
        return pool
      }
      self.header = header
      group = pools.create(
        "pcgnormal", size: NetBSD.groupBytes, alignment: NetBSD.groupAlignment, headerPool: header, isInternal: true)
      let mbuf = create(.mbuf, "mbpl", 256, source: 0)
      cluster = create(.mbufCluster, "mclpl", 2048, source: 0)
      pools.setLowWater(mbuf, items: tuning.mbufLowWater)
      pools.setLowWater(cluster, items: tuning.clusterLowWater)
      _ = create(.mapEntry, "vmmpepl", 72, source: plain)
      _ = create(.file, "file", 64, source: plain)
      _ = create(.credential, "kcredpl", 128, source: plain)
      _ = create(.pathBuffer, "pnbufpl", 1024, source: plain)
      _ = create(.vnode, "vnodepl", 216, source: plain)
      _ = create(.nameCacheEntry, "ncache", 80, source: plain)
      _ = create(.inode, "ffsino", 184, source: plain)
      _ = create(.dinode, "ffsdino1", 128, source: plain)
      _ = create(.socket, "socket", 300, source: 0)
      _ = create(.inpcb, "inpcbpl", 196, source: 0, isCached: false)
      _ = create(.tcpcb, "tcpcbpl", 504, source: 0, isCached: false)
      self.cached = cached
      self.table = table
    }
  }

  /// Limits the cluster pool to nmbclusters, as mbinit() does.
  ///
  /// m_get() and m_clget() give null at the limit to callers that may wait too (PR_LIMITFAIL, sys/kern/uipc_mbuf.c).
  public func applyKernelLimits() { pools.setHardLimit(objects.cluster, items: clusterLimit, failing: true) }

  /// Makes a pool with a cache as pool_cache_init does; nil for items of more than a page, which pool(9) does not take.
  public func makeZone(named name: String, size: Int, noFree: Bool) -> ZoneID? {
    guard (1...kernelPageSize).contains(size), pools.count < PoolAllocator.largestCount else { return nil }
    let pool = pools.create(name, size: size, headerPool: objects.header, keepsPages: noFree)
    _ = caches.create(pool: pool)
    return ZoneID(index: pool)
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
