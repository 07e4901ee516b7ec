// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension FreeBSD4 {
  /// sizeof(struct namecache) on i386, bytes (computed).
  ///
  /// Three pairs of list links (24), two vnode pointers (8), flags and name length (2), rounded to 4. The same
  /// number explains the S VFS Cache zone of FreeBSD 6: 36 + 32 characters = 68 (computed).
  static let nameCacheHeader = 36
  /// Class of struct inode with its dinode inside, bytes (recollection): the size within the class is not known, so it
  /// counts whole.
  static let inodeSize = 256
  /// sizeof(struct file) on i386, bytes (computed from a recollected structure).
  static let fileSize = 56

  /// The zones and malloc types of kernel objects.
  ///
  /// Item sizes are those of `vmstat -z` listings of 4.x (recollection), but for NAMEI (MAXPATHLEN), mbuf and cluster,
  /// which are constants (source). VNODE grows by 5 pages and NAMEI by 2 (source); VM OBJECT and MAP ENTRY by 1 and are
  /// not rounded, because zbootinit() starts them (sys/vm/vm_object.c, vm_map.c; recollection). Their first items lie
  /// in the kernel's static data; here every item lies in kernel_map. socket and tcpcb are ZONE_INTERRUPT zones of
  /// maxsockets items (sys/kern/uipc_socket.c, sys/netinet/tcp_subr.c). The tcpcb zone holds struct inp_tp: an inpcb
  /// with its tcpcb behind it.
  struct Objects {
    /// Zones whose items lie in mb_map: mbuf and mbuf_cluster.
    static let mbufZones = 2

    let vmObject: Int
    let mapEntry: Int
    let pathBuffer: Int
    let vnode: Int
    let socket: Int
    let inpcb: Int
    let mbuf: Int
    let cluster: Int
    let kernelZoneCount: Int
    let inodeType: MallocType
    let nameCacheType: MallocType
    let fileType: MallocType

    init(zones: ZoneAllocator, mbufs: ZoneAllocator, buckets: BucketMalloc, tuning: Tuning) {
      // In the order in which a booting kernel creates them.
      vmObject = zones.create("VM OBJECT", size: 96, growth: .pages(1), rounding: 16)
      mapEntry = zones.create("MAP ENTRY", size: 48, growth: .pages(1), rounding: 16)
      pathBuffer = zones.create("NAMEI", size: 1024, growth: .pages(2))
      vnode = zones.create("VNODE", size: 192, growth: .pages(5))
      socket = zones.create("socket", size: 192, growth: .reserved(items: tuning.maxSockets))
      inpcb = zones.create("tcpcb", size: 544, growth: .reserved(items: tuning.maxSockets))
      kernelZoneCount = zones.names.count
      // m_mballoc and m_clalloc take a page when their list is empty. mbufs stop at nmbufs, so as not to dip into the
      // part of mb_map that is meant for clusters; clusters stop where the map is full (sys/kern/uipc_mbuf.c of 4.0;
      // recollection).
      mbuf =
        mbufs.create("mbuf", size: FreeBSD4.mbufSize, growth: .limited(items: tuning.mbufs), freeMinimum: 0)
        + kernelZoneCount
      cluster =
        mbufs.create("mbuf_cluster", size: FreeBSD4.clusterSize, growth: .pages(1), freeMinimum: 0) + kernelZoneCount
      inodeType = MallocType(index: buckets.register("FFS node"))
      nameCacheType = MallocType(index: buckets.register("vfscache"))
      fileType = MallocType(index: buckets.register("file"))
    }
  }

  /// The zone that serves a FreeBSD 6 zone name; nil for what is a malloc type or embedded here (FFS inode, S VFS
  /// Cache, tcpcb).
  public func zone(named canonical: String) -> ZoneID? {
    switch canonical {
    case "VNODE": ZoneID(index: objects.vnode)
    case "VM OBJECT": ZoneID(index: objects.vmObject)
    case "NAMEI": ZoneID(index: objects.pathBuffer)
    case "MAP ENTRY": ZoneID(index: objects.mapEntry)
    case "socket": ZoneID(index: objects.socket)
    // The tcpcb of FreeBSD 6 lies inside this item and has no zone of its own.
    case "inpcb": ZoneID(index: objects.inpcb)
    case "mbuf": ZoneID(index: objects.mbuf)
    case "mbuf_cluster": ZoneID(index: objects.cluster)
    default: nil
    }
  }

  /// Where a kernel object comes from.
  ///
  /// A credential is embedded: the NFS server keeps it inside its request descriptor (struct nfsrv_descript, nd_cr;
  /// recollection).
  public func source(of object: KernelObject, nameLength: Int) -> ObjectSource {
    switch object {
    case .vnode: .zone(ZoneID(index: objects.vnode))
    case .vmObject: .zone(ZoneID(index: objects.vmObject))
    case .inode: .malloc(objects.inodeType, size: Self.inodeSize)
    case .dinode: .embedded
    case .nameCacheEntry: .malloc(objects.nameCacheType, size: Self.nameCacheHeader + min(max(nameLength, 0), 255))
    case .pathBuffer: .zone(ZoneID(index: objects.pathBuffer))
    case .mbuf: .zone(ZoneID(index: objects.mbuf))
    case .mbufCluster: .zone(ZoneID(index: objects.cluster))
    case .socket: .zone(ZoneID(index: objects.socket))
    case .inpcb: .zone(ZoneID(index: objects.inpcb))
    case .tcpcb: .embedded
    case .credential: .embedded
    case .file: .malloc(objects.fileType, size: Self.fileSize)
    case .mapEntry: .zone(ZoneID(index: objects.mapEntry))
    }
  }
}
