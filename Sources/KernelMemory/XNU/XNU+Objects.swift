// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension XNU {
  /// The zones of kernel objects in zone_map, their names and sizes (recollection throughout, but for MAXPATHLEN): those
  /// of BSD are made by kmeminit() for MALLOC_ZONE(), with a maximum of 1 MiB that they may exceed.
  ///
  /// A name-cache entry shares its name with others in a string table, so that its size does not depend on the name.
  struct Objects {
    let vmObject: Int
    let mapEntry: Int
    let pathBuffer: Int
    let vnode: Int
    let inode: Int
    let nameCache: Int
    let socket: Int
    let inpcb: Int
    let tcpcb: Int
    let file: Int
    let credential: Int

    init(zones: ZoneMapAllocator, architecture: Architecture) {
      let is64 = architecture == .amd64
      func zone(_ name: String, _ small: Int, _ large: Int) -> Int {
        zones.create(name, size: is64 ? large : small, maximum: 1 << 20)
      }
      vmObject = zone("vm objects", 152, 240)
      mapEntry = zone("VM map entries", 56, 80)
      pathBuffer = zone("namei", 1024, 1024)
      vnode = zone("vnodes", 144, 248)
      inode = zone("HFS node", 208, 304)
      nameCache = zone("namecache", 56, 104)
      socket = zone("socket", 404, 640)
      inpcb = zone("inpcb", 256, 392)
      tcpcb = zone("tcpcb", 664, 1000)
      file = zone("fileglob", 56, 96)
      credential = zone("cred", 120, 152)
    }
  }

  /// Zones before those of zone_map in the order of handles: mbuf and mbuf_cluster of mb_map.
  static let mbufZones = 2

  private func handle(_ zone: Int) -> ZoneID { ZoneID(index: zone + Self.mbufZones) }

  /// The zone that serves a FreeBSD 6 zone name; nil for what has none here (FFS2 dinode lies in its inode).
  public func zone(named canonical: String) -> ZoneID? {
    switch canonical {
    case "VNODE": handle(objects.vnode)
    case "VM OBJECT": handle(objects.vmObject)
    case "NAMEI": handle(objects.pathBuffer)
    case "MAP ENTRY": handle(objects.mapEntry)
    case "FFS inode": handle(objects.inode)
    case "S VFS Cache", "L VFS Cache": handle(objects.nameCache)
    case "socket": handle(objects.socket)
    case "inpcb": handle(objects.inpcb)
    case "tcpcb": handle(objects.tcpcb)
    case "Files": handle(objects.file)
    case "mbuf": ZoneID(index: 0)
    case "mbuf_cluster": ZoneID(index: 1)
    default: nil
    }
  }

  /// A zone of zone_map for a trace; nil for a size below 1 or above 32 KiB, or where 255 zones exist.
  ///
  /// A `noFree` zone is not collectable (zone_change, Z_COLLECT).
  public func makeZone(named name: String, size: Int, noFree: Bool) -> ZoneID? {
    guard size > 0, size <= ZoneMapAllocator.largestChunk * kernelPageSize,
      zones.names.count < ZoneMapAllocator.capacity - 1
    else { return nil }
    return handle(zones.create(name, size: size, maximum: 1 << 20, isCollectable: !noFree))
  }

  /// Where a kernel object comes from.
  public func source(of object: KernelObject, nameLength: Int) -> ObjectSource {
    switch object {
    case .vnode: .zone(handle(objects.vnode))
    case .vmObject: .zone(handle(objects.vmObject))
    case .inode: .zone(handle(objects.inode))
    case .dinode: .embedded
    case .nameCacheEntry: .zone(handle(objects.nameCache))
    case .pathBuffer: .zone(handle(objects.pathBuffer))
    case .mbuf: .zone(ZoneID(index: 0))
    case .mbufCluster: .zone(ZoneID(index: 1))
    case .socket: .zone(handle(objects.socket))
    case .inpcb: .zone(handle(objects.inpcb))
    case .tcpcb: .zone(handle(objects.tcpcb))
    case .credential: .zone(handle(objects.credential))
    case .file: .zone(handle(objects.file))
    case .mapEntry: .zone(handle(objects.mapEntry))
    }
  }
}
