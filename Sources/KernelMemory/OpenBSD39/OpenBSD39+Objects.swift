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
    let mapEntry: Int
    let mbuf: Int
    let cluster: Int
    let file: Int
    let credential: Int
    let vnode: Int
    let pathBuffer: Int
    let nameCache: Int
    let inode: Int
    let dinode: Int
    let socket: Int
    let inpcb: Int
    let tcpcb: Int

    init(pools: PoolAllocator, architecture: Architecture, tuning: Tuning) {
      let is64 = architecture == .amd64
      // pool_init() of the first pool creates the pool of headers and puts it on the list first.
      let header = pools.create("phpool", size: is64 ? 64 : 32, headerPool: nil, isInternal: true)
      func create(_ name: String, _ size: Int, _ size64: Int) -> Int {
        pools.create(name, size: is64 ? size64 : size, headerPool: header)
      }
      self.header = header
      // In the order in which a booting kernel creates them.
      mapEntry = create("vmmpepl", 88, 144)
      mbuf = create("mbpl", 256, 256)
      cluster = create("mclpl", 2048, 2048)
      pools.setLowWater(mbuf, items: tuning.mbufLowWater)
      pools.setLowWater(cluster, items: tuning.clusterLowWater)
      file = create("filepl", 88, 136)
      credential = create("ucredpl", 80, 80)
      vnode = create("vnodes", 156, 256)
      pathBuffer = create("namei", 1024, 1024)
      nameCache = create("nchpl", 72, 112)
      inode = create("ffsino", 184, 240)
      dinode = create("dino1pl", 128, 128)
      socket = create("sockpl", 212, 352)
      inpcb = create("inpcbpl", 216, 336)
      tcpcb = create("tcpcbpl", 400, 560)
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
