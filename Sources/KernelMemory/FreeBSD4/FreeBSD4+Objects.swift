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

    let kernelZoneCount: Int
    let table: ObjectTable

    init(zones: ZoneAllocator, mbufs: ZoneAllocator, buckets: BucketMalloc, tuning: Tuning) {
      var table = ObjectTable(names: .addsLength)
      // In the order in which a booting kernel creates them.
      table.serve(.vmObject, zone: zones.create("VM OBJECT", size: 96, growth: .pages(1), rounding: 16))
      table.serve(.mapEntry, zone: zones.create("MAP ENTRY", size: 48, growth: .pages(1), rounding: 16))
      table.serve(.pathBuffer, zone: zones.create("NAMEI", size: 1024, growth: .pages(2)))
      table.serve(.vnode, zone: zones.create("VNODE", size: 192, growth: .pages(5)))
      table.serve(.socket, zone: zones.create("socket", size: 192, growth: .reserved(items: tuning.maxSockets)))
      table.serve(.inpcb, zone: zones.create("tcpcb", size: 544, growth: .reserved(items: tuning.maxSockets)))
      kernelZoneCount = zones.names.count
      // m_mballoc and m_clalloc take a page when their list is empty. mbufs stop at nmbufs, so as not to dip into the
      // part of mb_map that is meant for clusters; clusters stop where the map is full (sys/kern/uipc_mbuf.c of 4.0;
      // recollection).
      let mbuf = mbufs.create("mbuf", size: FreeBSD4.mbufSize, growth: .limited(items: tuning.mbufs), freeMinimum: 0)
      let cluster = mbufs.create("mbuf_cluster", size: FreeBSD4.clusterSize, growth: .pages(1), freeMinimum: 0)
      table.serve(.mbuf, zone: mbuf + kernelZoneCount)
      table.serve(.mbufCluster, zone: cluster + kernelZoneCount)
      func type(_ name: String) -> MallocType { MallocType(index: buckets.register(name)) }
      table.serve(.inode, type: type("FFS node"), size: FreeBSD4.inodeSize)
      table.serve(.nameCacheEntry, type: type("vfscache"), size: FreeBSD4.nameCacheHeader)
      table.serve(.file, type: type("file"), size: FreeBSD4.fileSize)
      self.table = table
    }
  }

  /// The zone that serves a FreeBSD 6 zone name; nil for what is a malloc type or embedded here (FFS inode, S VFS
  /// Cache, tcpcb).
  ///
  /// The tcpcb of FreeBSD 6 lies inside the item of "inpcb" and has no zone of its own.
  public func zone(named canonical: String) -> ZoneID? { objects.table.zone(named: canonical) }

  /// Where a kernel object comes from.
  ///
  /// A credential is embedded: the NFS server keeps it inside its request descriptor (struct nfsrv_descript, nd_cr;
  /// recollection).
  public func source(of object: KernelObject, nameLength: Int) -> ObjectSource {
    objects.table.source(of: object, nameLength: nameLength)
  }
}
