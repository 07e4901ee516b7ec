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
    let dataType: MallocType
    let table: ObjectTable

    init(slub: SLUB, types: MallocTypeTable, architecture: Architecture) {
      let wide = architecture == .amd64
      let line = SLUBLayout.Flags.cacheLineAligned
      var table = ObjectTable()
      func create(_ object: KernelObject, _ name: String, _ size: Int, _ flags: SLUBLayout.Flags) -> Int {
        let index = slub.createCache(name, objectSize: size, align: 0, flags: flags)
        table.serve(object, zone: index)
        return index
      }
      // In the order of their appearance in a booting kernel (measured).
      _ = create(.mapEntry, "vm_area_struct", wide ? 192 : 88, wide ? line : [])
      _ = create(.credential, "cred_jar", wide ? 184 : 128, line)
      _ = create(.pathBuffer, "names_cache", 4096, line)
      dentry = create(.nameCacheEntry, "dentry", wide ? 192 : 132, [])
      _ = create(.file, "filp", wide ? 184 : 160, line)
      _ = create(.mbuf, "skbuff_head_cache", wide ? 224 : 176, line)
      _ = create(.socket, "sock_inode_cache", wide ? 768 : 416, [line, .constructed])
      _ = create(.tcpcb, "TCP", wide ? 2304 : 1216, [line, .constructed])
      inode = create(.vnode, "ext4_inode_cache", wide ? 1120 : 640, .constructed)
      dataType = MallocType(index: types.register("skb data"))
      table.serve(.mbufCluster, type: dataType, size: 2048)
      table.trace(.mbufCluster, zone: slub.mallocCache(2048))
      self.table = table
    }
  }

  /// The cache that serves a FreeBSD 6 zone name; nil for what is embedded in another object.
  ///
  /// "FFS inode", "FFS2 dinode" and "VM OBJECT" lie in the inode that "VNODE" gives; "inpcb" lies in the object of
  /// "tcpcb".
  public func zone(named canonical: String) -> ZoneID? { objects.table.zone(named: canonical) }

  /// Where a kernel object comes from.
  ///
  /// A dentry holds names of up to 40 bytes on x86_64 (36 on i386); the kmalloc() that the kernel makes for a longer one
  /// is not modelled, for one object has one source.
  public func source(of object: KernelObject, nameLength: Int) -> ObjectSource {
    objects.table.source(of: object, nameLength: nameLength)
  }
}
