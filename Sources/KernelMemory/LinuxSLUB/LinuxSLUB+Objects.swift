// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension LinuxSLUB {
  /// The caches of kernel objects.
  ///
  /// Sizes on x86_64 are those of Linux 6.18 (measured, but for cred_jar: recollection); those on i386 are of 32-bit
  /// kernels of the 2.6 to 4.x series (recollection). The in-core inode of the file system holds struct inode with its
  /// address_space and the disk inode, so that vnode, VM object, inode and dinode are one object. A TCP socket holds
  /// what BSD keeps in inpcb and tcpcb. An sk_buff header stands for an mbuf; the data of a cluster is a kmalloc() of
  /// 2048 bytes (inferred).
  struct Objects {
    let inode: Int
    let dentry: Int
    let names: Int
    let skbuff: Int
    let socket: Int
    let tcp: Int
    let credential: Int
    let file: Int
    let area: Int
    let dataCache: Int
    let dataType: MallocType

    init(slub: SLUB, types: MallocTypeTable, architecture: Architecture) {
      let wide = architecture == .amd64
      let line = SLUBLayout.Flags.cacheLineAligned
      // In the order of their appearance in a booting kernel (measured).
      area = slub.createCache("vm_area_struct", objectSize: wide ? 192 : 88, align: 0, flags: wide ? line : [])
      credential = slub.createCache("cred_jar", objectSize: wide ? 184 : 128, align: 0, flags: line)
      names = slub.createCache("names_cache", objectSize: 4096, align: 0, flags: line)
      dentry = slub.createCache("dentry", objectSize: wide ? 192 : 132, align: 0, flags: [])
      file = slub.createCache("filp", objectSize: wide ? 184 : 160, align: 0, flags: line)
      skbuff = slub.createCache("skbuff_head_cache", objectSize: wide ? 224 : 176, align: 0, flags: line)
      socket = slub.createCache(
        "sock_inode_cache", objectSize: wide ? 768 : 416, align: 0, flags: [line, .constructed])
      tcp = slub.createCache("TCP", objectSize: wide ? 2304 : 1216, align: 0, flags: [line, .constructed])
      inode = slub.createCache(
        "ext4_inode_cache", objectSize: wide ? 1120 : 640, align: 0, flags: .constructed)
      dataCache = slub.mallocCache(2048)
      dataType = MallocType(index: types.register("skb data"))
    }
  }

  /// The cache that serves a FreeBSD 6 zone name; nil for what is embedded in another object.
  ///
  /// "FFS inode", "FFS2 dinode" and "VM OBJECT" lie in the inode that "VNODE" gives; "inpcb" lies in the object of
  /// "tcpcb".
  public func zone(named canonical: String) -> ZoneID? {
    switch canonical {
    case "VNODE": ZoneID(index: objects.inode)
    case "S VFS Cache", "L VFS Cache": ZoneID(index: objects.dentry)
    case "NAMEI": ZoneID(index: objects.names)
    case "mbuf": ZoneID(index: objects.skbuff)
    case "mbuf_cluster": ZoneID(index: objects.dataCache)
    case "socket": ZoneID(index: objects.socket)
    case "tcpcb": ZoneID(index: objects.tcp)
    case "Files": ZoneID(index: objects.file)
    case "MAP ENTRY": ZoneID(index: objects.area)
    default: nil
    }
  }

  /// Where a kernel object comes from.
  ///
  /// A dentry holds names of up to 40 bytes on x86_64 (36 on i386); the kmalloc() that the kernel makes for a longer one
  /// is not modelled, for one object has one source.
  public func source(of object: KernelObject, nameLength: Int) -> ObjectSource {
    switch object {
    case .vnode: .zone(ZoneID(index: objects.inode))
    case .vmObject, .inode, .dinode, .inpcb: .embedded
    case .nameCacheEntry: .zone(ZoneID(index: objects.dentry))
    case .pathBuffer: .zone(ZoneID(index: objects.names))
    case .mbuf: .zone(ZoneID(index: objects.skbuff))
    case .mbufCluster: .malloc(objects.dataType, size: 2048)
    case .socket: .zone(ZoneID(index: objects.socket))
    case .tcpcb: .zone(ZoneID(index: objects.tcp))
    case .credential: .zone(ZoneID(index: objects.credential))
    case .file: .zone(ZoneID(index: objects.file))
    case .mapEntry: .zone(ZoneID(index: objects.area))
    }
  }
}
