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
    let mbuf: Int
    let cluster: Int
    let mapEntry: Int
    let file: Int
    let credential: Int
    let pathBuffer: Int
    let vnode: Int
    let nameCache: Int
    let inode: Int
    let dinode: Int
    let socket: Int
    let inpcb: Int
    let tcpcb: Int

    /// The pools that have a cache.
    var cached: [Int] {
      [mbuf, cluster, mapEntry, file, credential, pathBuffer, vnode, nameCache, inode, dinode, socket]
    }

    init(pools: PoolAllocator, tuning: Tuning) {
      let plain = tuning.usesKernelMap ? 1 : 0
      let header = pools.create("phpool-0", size: NetBSD.poolStyle.headerBytes, headerPool: nil, isInternal: true)
      func create(_ name: String, _ size: Int, source: Int) -> Int {
        pools.create(name, size: size, source: source, headerPool: header)
      }
      self.header = header
      group = pools.create(
        "pcgnormal", size: NetBSD.groupBytes, alignment: NetBSD.groupAlignment, headerPool: header, isInternal: true)
      mbuf = create("mbpl", 256, source: 0)
      cluster = create("mclpl", 2048, source: 0)
      pools.setLowWater(mbuf, items: tuning.mbufLowWater)
      pools.setLowWater(cluster, items: tuning.clusterLowWater)
      mapEntry = create("vmmpepl", 72, source: plain)
      file = create("file", 64, source: plain)
      credential = create("kcredpl", 128, source: plain)
      pathBuffer = create("pnbufpl", 1024, source: plain)
      vnode = create("vnodepl", 216, source: plain)
      nameCache = create("ncache", 80, source: plain)
      inode = create("ffsino", 184, source: plain)
      dinode = create("ffsdino1", 128, source: plain)
      socket = create("socket", 300, source: 0)
      inpcb = create("inpcbpl", 196, source: 0)
      tcpcb = create("tcpcbpl", 504, source: 0)
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
  public func zone(named canonical: String) -> ZoneID? {
    switch canonical {
    case "VNODE": ZoneID(index: objects.vnode)
    case "FFS inode": ZoneID(index: objects.inode)
    case "FFS1 dinode", "FFS2 dinode": ZoneID(index: objects.dinode)
    case "S VFS Cache": ZoneID(index: objects.nameCache)
    case "NAMEI": ZoneID(index: objects.pathBuffer)
    case "mbuf": ZoneID(index: objects.mbuf)
    case "mbuf_cluster": ZoneID(index: objects.cluster)
    case "socket": ZoneID(index: objects.socket)
    case "inpcb": ZoneID(index: objects.inpcb)
    case "tcpcb": ZoneID(index: objects.tcpcb)
    case "Files": ZoneID(index: objects.file)
    case "MAP ENTRY": ZoneID(index: objects.mapEntry)
    default: nil
    }
  }

  /// Where a kernel object comes from: all are items of pools.
  ///
  /// A name of more than 31 bytes is not entered in the name cache, so that nothing is allocated for it.
  public func source(of object: KernelObject, nameLength: Int) -> ObjectSource {
    switch object {
    case .vnode: .zone(ZoneID(index: objects.vnode))
    case .vmObject: .embedded
    case .inode: .zone(ZoneID(index: objects.inode))
    case .dinode: .zone(ZoneID(index: objects.dinode))
    case .nameCacheEntry:
      nameLength <= Self.longestCachedName ? .zone(ZoneID(index: objects.nameCache)) : .embedded
    case .pathBuffer: .zone(ZoneID(index: objects.pathBuffer))
    case .mbuf: .zone(ZoneID(index: objects.mbuf))
    case .mbufCluster: .zone(ZoneID(index: objects.cluster))
    case .socket: .zone(ZoneID(index: objects.socket))
    case .inpcb: .zone(ZoneID(index: objects.inpcb))
    case .tcpcb: .zone(ZoneID(index: objects.tcpcb))
    case .credential: .zone(ZoneID(index: objects.credential))
    case .file: .zone(ZoneID(index: objects.file))
    case .mapEntry: .zone(ZoneID(index: objects.mapEntry))
    }
  }
}
