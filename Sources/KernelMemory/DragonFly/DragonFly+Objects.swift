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
    let vmObject: Int
    let mapEntry: Int
    let pathBuffer: Int
    let vnode: Int
    let inodeType: MallocType
    let nameCacheType: MallocType
    let fileType: MallocType
    let socketType: MallocType
    let pcbType: MallocType
    let mbufType: MallocType
    let clusterType: MallocType

    init(zones: ZoneAllocator, slabs: SlabAllocator) {
      vmObject = zones.create("VM OBJECT", size: DragonFly.objectBytes, growth: .pages(1), rounding: 16)
      mapEntry = zones.create("MAP ENTRY", size: 64, growth: .pages(1), rounding: 16)
      pathBuffer = zones.create("NAMEI", size: 1024, growth: .pages(2))
      vnode = zones.create("VNODE", size: DragonFly.vnodeBytes, growth: .pages(5))
      func type(_ name: String) -> MallocType { MallocType(index: slabs.register(name)) }
      inodeType = type("FFS node")
      nameCacheType = type("vfscache")
      fileType = type("file")
      socketType = type("socket")
      pcbType = type("pcb")
      mbufType = type("mbuf")
      clusterType = type("mbufcl")
    }
  }

  /// sizeof(struct namecache), bytes (recollection).
  ///
  /// The name is a malloc of its own in the kernel; here both are one.
  static let nameCacheHeader = 96

  /// The vm_zone zone that serves a FreeBSD 6 zone name; nil for what is a malloc type or embedded here.
  public func zone(named canonical: String) -> ZoneID? {
    switch canonical {
    case "VNODE": ZoneID(index: objects.vnode)
    case "VM OBJECT": ZoneID(index: objects.vmObject)
    case "NAMEI": ZoneID(index: objects.pathBuffer)
    case "MAP ENTRY": ZoneID(index: objects.mapEntry)
    default: nil
    }
  }

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
    switch object {
    case .vnode: .zone(ZoneID(index: objects.vnode))
    case .vmObject: .zone(ZoneID(index: objects.vmObject))
    case .pathBuffer: .zone(ZoneID(index: objects.pathBuffer))
    case .mapEntry: .zone(ZoneID(index: objects.mapEntry))
    case .inode: .malloc(objects.inodeType, size: 256)
    case .nameCacheEntry: .malloc(objects.nameCacheType, size: Self.nameCacheHeader + min(max(nameLength, 0), 255) + 1)
    case .file: .malloc(objects.fileType, size: 56)
    case .socket: .malloc(objects.socketType, size: 224)
    case .inpcb: .malloc(objects.pcbType, size: 544)
    case .mbuf: .malloc(objects.mbufType, size: 256)
    case .mbufCluster: .malloc(objects.clusterType, size: 2048)
    case .dinode, .tcpcb, .credential: .embedded
    }
  }
}
