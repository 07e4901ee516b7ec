// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension Illumos {
  /// sizeof(ncache_t) without the name, bytes (recollection).
  static func nameCacheHeader(_ architecture: Architecture) -> Int { architecture == .amd64 ? 72 : 36 }

  /// The caches of kernel objects.
  ///
  /// Which caches there are and all sizes are (recollection). UFS keeps the disk inode inside of its inode, and a vnode
  /// has its list of pages inside, so that dinode and VM object are embedded. A message block stands for an mbuf: a
  /// dblk_t with its data behind it, of the size class that holds 256 or 2048 bytes. TCP keeps its state in the conn_t.
  struct Objects {
    let bufferType: MallocType
    let table: ObjectTable

    init(kmem: Kmem, types: MallocTypeTable, architecture: Architecture) {
      let wide = architecture == .amd64
      var table = ObjectTable(names: .addsLength)
      func create(_ object: KernelObject, _ name: String, _ size: Int, align: Int = 0) {
        let index = kmem.createCache(name, bufferSize: size, align: align, flags: [])
        kmem.enableMagazines(index)
        table.serve(object, zone: index)
      }
      create(.mbuf, wide ? "streams_dblk_272" : "streams_dblk_256", wide ? 384 : 320, align: 64)
      create(.mbufCluster, wide ? "streams_dblk_2576" : "streams_dblk_2640", wide ? 2688 : 2752, align: 64)
      create(.credential, "cred_cache", wide ? 184 : 148)
      create(.mapEntry, "seg_cache", wide ? 96 : 56)
      create(.file, "file_cache", wide ? 56 : 32)
      create(.vnode, "vn_cache", wide ? 232 : 136)
      create(.inode, "ufs_inode_cache", wide ? 464 : 368)
      create(.socket, "sock_cache", wide ? 640 : 432)
      create(.tcpcb, "tcp_conn_cache", wide ? 1808 : 1212, align: 64)
      func type(_ name: String) -> MallocType { MallocType(index: types.register(name)) }
      table.serve(.nameCacheEntry, type: type("dnlc"), size: Illumos.nameCacheHeader(architecture))
      table.serve(.pathBuffer, type: type("pathname"), size: 1024)
      table.trace(.pathBuffer, zone: kmem.mallocCache(1024))
      bufferType = type("kmem_alloc by cache")
      self.table = table
    }
  }

  /// The cache that serves a FreeBSD 6 zone name; nil for what is embedded in another object or has the size of a name.
  ///
  /// "FFS2 dinode" lies in "FFS inode", "VM OBJECT" in "VNODE", "inpcb" in "tcpcb"; entries of the name cache are
  /// kmem_alloc() of their length.
  public func zone(named canonical: String) -> ZoneID? { objects.table.zone(named: canonical) }

  /// Where a kernel object comes from.
  public func source(of object: KernelObject, nameLength: Int) -> ObjectSource {
    objects.table.source(of: object, nameLength: nameLength)
  }
}
