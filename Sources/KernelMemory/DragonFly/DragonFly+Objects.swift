// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension DragonFly {
  /// The zones and malloc types of kernel objects.
  ///
  /// vm_zone serves vnodes, VM objects, map entries and path buffers (that these are the zones that DragonFly of 2005
  /// retains is recollection, their item sizes too). Sockets, protocol control blocks, inodes, name-cache entries and
  /// mbufs are malloc types there (recollection). The object caches (objcache) that stand before mbufs from 2005 on are
  /// not modelled: every mbuf is a malloc and a free.
  struct Objects {
    let table: ObjectTable

    init(zones: ZoneAllocator, slabs: SlabAllocator) {
      var table = ObjectTable(names: .addsLength)
      let objectBytes = DragonFly.objectBytes
      table.serve(.vmObject, zone: zones.create("VM OBJECT", size: objectBytes, growth: .pages(1), rounding: 16))
      table.serve(.mapEntry, zone: zones.create("MAP ENTRY", size: 64, growth: .pages(1), rounding: 16))
      table.serve(.pathBuffer, zone: zones.create("NAMEI", size: 1024, growth: .pages(2)))
      table.serve(.vnode, zone: zones.create("VNODE", size: DragonFly.vnodeBytes, growth: .pages(5)))
      func malloc(_ object: KernelObject, _ name: String, _ size: Int) {
        table.serve(object, type: MallocType(index: slabs.register(name)), size: size)
      }
      malloc(.inode, "FFS node", 256)
      // The name ends in a zero byte.
      malloc(.nameCacheEntry, "vfscache", DragonFly.nameCacheHeader + 1)
      malloc(.file, "file", 56)
      malloc(.socket, "socket", 224)
      malloc(.inpcb, "pcb", 544)
      malloc(.mbuf, "mbuf", 256)
      malloc(.mbufCluster, "mbufcl", 2048)
      self.table = table
    }
  }

  /// sizeof(struct namecache), bytes (recollection).
  ///
  /// The name is a malloc of its own in the kernel; here both are one.
  static let nameCacheHeader = 96

  /// The vm_zone zone that serves a FreeBSD 6 zone name; nil for what is a malloc type or embedded here.
  public func zone(named canonical: String) -> ZoneID? { objects.table.zone(named: canonical) }

  /// Makes a vm_zone zone for a trace; nil for a size below 1 or above 1 MiB.
  ///
  /// It grows by the fewest pages that hold an item; no zone ever gives pages back, `noFree` or not.
  public func makeZone(named name: String, size: Int, noFree: Bool) -> ZoneID? {
    guard size > 0, size <= 1 << 20 else { return nil }
    let item = (size + ZoneAllocator.rounding - 1) / ZoneAllocator.rounding * ZoneAllocator.rounding
    let pages = (item + kernelPageSize - 1) / kernelPageSize
    return ZoneID(index: zones.create(name, size: size, growth: .pages(pages)))
  }

  /// Where a kernel object comes from.
  ///
  /// A credential lies in the request descriptor of the NFS server, a tcpcb behind its inpcb, a dinode in its inode, as
  /// in FreeBSD 4, from which DragonFly stems (recollection). All sizes but those of mbufs and path buffers are
  /// recollection.
  public func source(of object: KernelObject, nameLength: Int) -> ObjectSource {
    objects.table.source(of: object, nameLength: nameLength)
  }
}
