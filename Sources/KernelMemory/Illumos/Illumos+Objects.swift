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
    let vnode: Int
    let inode: Int
    let smallBlock: Int
    let largeBlock: Int
    let socket: Int
    let connection: Int
    let credential: Int
    let file: Int
    let segment: Int
    let pathCache: Int
    let nameType: MallocType
    let pathType: MallocType
    let bufferType: MallocType

    init(kmem: Kmem, types: MallocTypeTable, architecture: Architecture) {
      let wide = architecture == .amd64
      func create(_ name: String, _ size: Int, align: Int = 0) -> Int {
        let index = kmem.createCache(name, bufferSize: size, align: align, flags: [])
        kmem.enableMagazines(index)
        return index
      }
      smallBlock = create(wide ? "streams_dblk_272" : "streams_dblk_256", wide ? 384 : 320, align: 64)
      largeBlock = create(wide ? "streams_dblk_2576" : "streams_dblk_2640", wide ? 2688 : 2752, align: 64)
      credential = create("cred_cache", wide ? 184 : 148)
      segment = create("seg_cache", wide ? 96 : 56)
      file = create("file_cache", wide ? 56 : 32)
      vnode = create("vn_cache", wide ? 232 : 136)
      inode = create("ufs_inode_cache", wide ? 464 : 368)
      socket = create("sock_cache", wide ? 640 : 432)
      connection = create("tcp_conn_cache", wide ? 1808 : 1212, align: 64)
      nameType = MallocType(index: types.register("dnlc"))
      pathType = MallocType(index: types.register("pathname"))
      bufferType = MallocType(index: types.register("kmem_alloc by cache"))
      pathCache = kmem.mallocCache(1024)
    }
  }

  /// The cache that serves a FreeBSD 6 zone name; nil for what is embedded in another object or has the size of a name.
  ///
  /// "FFS2 dinode" lies in "FFS inode", "VM OBJECT" in "VNODE", "inpcb" in "tcpcb"; entries of the name cache are
  /// kmem_alloc() of their length.
  public func zone(named canonical: String) -> ZoneID? {
    switch canonical {
    case "VNODE": ZoneID(index: objects.vnode)
    case "FFS inode": ZoneID(index: objects.inode)
    case "NAMEI": ZoneID(index: objects.pathCache)
    case "mbuf": ZoneID(index: objects.smallBlock)
    case "mbuf_cluster": ZoneID(index: objects.largeBlock)
    case "socket": ZoneID(index: objects.socket)
    case "tcpcb": ZoneID(index: objects.connection)
    case "Files": ZoneID(index: objects.file)
    case "MAP ENTRY": ZoneID(index: objects.segment)
    default: nil
    }
  }

  /// Where a kernel object comes from.
  public func source(of object: KernelObject, nameLength: Int) -> ObjectSource {
    switch object {
    case .vnode: .zone(ZoneID(index: objects.vnode))
    case .inode: .zone(ZoneID(index: objects.inode))
    case .vmObject, .dinode, .inpcb: .embedded
    case .nameCacheEntry:
      .malloc(objects.nameType, size: Self.nameCacheHeader(architecture) + min(max(nameLength, 0), 255))
    case .pathBuffer: .malloc(objects.pathType, size: 1024)
    case .mbuf: .zone(ZoneID(index: objects.smallBlock))
    case .mbufCluster: .zone(ZoneID(index: objects.largeBlock))
    case .socket: .zone(ZoneID(index: objects.socket))
    case .tcpcb: .zone(ZoneID(index: objects.connection))
    case .credential: .zone(ZoneID(index: objects.credential))
    case .file: .zone(ZoneID(index: objects.file))
    case .mapEntry: .zone(ZoneID(index: objects.segment))
    }
  }
}
