// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension XNU {
  /// The zones of kernel objects in zone_map, their names and sizes (recollection throughout, but for MAXPATHLEN): those
  /// of BSD are made by kmeminit() for MALLOC_ZONE(), with a maximum of 1 MiB that they may exceed.
  ///
  /// A name-cache entry shares its name with others in a string table, so that its size does not depend on the name.
  struct Objects {
    let table: ObjectTable

    init(zones: ZoneMapAllocator, architecture: Architecture) {
      let is64 = architecture == .amd64
      var table = ObjectTable()
      table.serve(.mbuf, zone: 0)
      table.serve(.mbufCluster, zone: 1)
      func create(_ object: KernelObject, _ name: String, _ small: Int, _ large: Int) {
        let zone = zones.create(name, size: is64 ? large : small, maximum: 1 << 20)
        table.serve(object, zone: zone + XNU.mbufZones)
      }
      create(.vmObject, "vm objects", 152, 240)
      create(.mapEntry, "VM map entries", 56, 80)
      create(.pathBuffer, "namei", 1024, 1024)
      create(.vnode, "vnodes", 144, 248)
      create(.inode, "HFS node", 208, 304)
      create(.nameCacheEntry, "namecache", 56, 104)
      create(.socket, "socket", 404, 640)
      create(.inpcb, "inpcb", 256, 392)
      create(.tcpcb, "tcpcb", 664, 1000)
      create(.file, "fileglob", 56, 96)
      create(.credential, "cred", 120, 152)
      self.table = table
    }
  }

  /// Zones before those of zone_map in the order of handles: mbuf and mbuf_cluster of mb_map.
  static let mbufZones = 2

  /// The zone that serves a FreeBSD 6 zone name; nil for what has none here (FFS2 dinode lies in its inode).
  public func zone(named canonical: String) -> ZoneID? { objects.table.zone(named: canonical) }

  /// A zone of zone_map for a trace; nil for a size below 1 or above 32 KiB, or where 255 zones exist.
  ///
  /// A `noFree` zone is not collectable (zone_change, Z_COLLECT).
  public func makeZone(named name: String, size: Int, noFree: Bool) -> ZoneID? {
    guard size > 0, size <= ZoneMapAllocator.largestChunk * kernelPageSize,
      zones.names.count < ZoneMapAllocator.capacity - 1
    else { return nil }
    return ZoneID(index: zones.create(name, size: size, maximum: 1 << 20, isCollectable: !noFree) + Self.mbufZones)
  }

  /// Where a kernel object comes from.
  public func source(of object: KernelObject, nameLength: Int) -> ObjectSource {
    objects.table.source(of: object, nameLength: nameLength)
  }
}
