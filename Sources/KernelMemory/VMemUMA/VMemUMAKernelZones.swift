// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// A zone of a kernel of this family, with its size on both architectures.
struct VMemUMAKernelZone: Sendable {
  /// The name that FreeBSD 6 has for it.
  let canonical: String
  /// Its own name.
  let name: String
  /// Sizes of an item, bytes.
  let i386: Int
  let amd64: Int
  /// Alignment less one; nil for that of a pointer.
  let alignmentMask: Int?
  let flags: VMemUMA.Flags

  init(
    _ canonical: String, as name: String? = nil, _ i386: Int, _ amd64: Int, alignmentMask: Int? = nil,
    _ flags: VMemUMA.Flags = []
  ) {
    self.canonical = canonical
    self.name = name ?? canonical
    self.i386 = i386
    self.amd64 = amd64
    self.alignmentMask = alignmentMask
    self.flags = flags
  }

  func size(_ architecture: Architecture) -> Int { architecture == .i386 ? i386 : amd64 }
}

/// The zones of a kernel that serves NFS from UFS, and the boot that makes them.
struct VMemUMAKernelZones: Sendable {
  /// Created at boot, in this order, after the zones of malloc.
  let atBoot: [VMemUMAKernelZone]
  /// Created when somebody first asks for them.
  let onDemand: [VMemUMAKernelZone]
  /// Name-cache entries for names up to this many bytes come from "S VFS Cache" (CACHE_PATH_CUTOFF).
  let shortName: Int
  /// struct ucred with its sixteen groups, bytes: 180 on i386 and 224 on amd64, both in the zone of 256 (recollection).
  static let credentialBytes = (i386: 180, amd64: 224)

  /// Malloc types that a server's kernel has registered by the time it serves.
  static let mallocTypes = [
    "UMAHash", "NFSD V4state", "NFSD lckfile", "NFSD V4lock", "NFSD srvcache", "NFSV3 srvdesc", "cred", "temp",
    "soname", "NFSD V4client", "NFSD string", "NFSD usrgroup", "NFS req", "NFS fh", "lockf",
  ]

  /// Makes everything that exists after boot.
  func boot(_ uma: VMemUMA, _ bootPages: ModelConfiguration.BootPages) {
    uma.createInternalZones()
    uma.enableBuckets()
    uma.createMallocZones()
    for name in Self.mallocTypes { _ = uma.registerType(named: name) }
    uma.state.pointee.hashType = uma.typeNames.firstIndex(of: "UMAHash") ?? 0
    for zone in atBoot { create(zone, in: uma) }
    if bootPages == .discarded { uma.discardBootPages() }
  }

  @discardableResult
  private func create(_ zone: VMemUMAKernelZone, in uma: VMemUMA) -> Int? {
    uma.createZone(
      zone.name, size: zone.size(uma.policy.architecture), alignmentMask: zone.alignmentMask, flags: zone.flags)
  }

  /// The handle of a malloc type; a new name takes an item for its statistics.
  func mallocType(named name: String, in uma: VMemUMA) -> MallocType {
    if let index = uma.typeNames.firstIndex(of: name) { return MallocType(index: index) }
    return MallocType(index: uma.registerType(named: name))
  }

  /// The zone of this FreeBSD 6 name, or of its own name; made when it is first asked for.
  ///
  /// - Returns: nil for the allocator's own zones, for names of no zone, and where a new zone finds no room.
  func zone(named name: String, in uma: VMemUMA) -> ZoneID? {
    let known = atBoot + onDemand
    let own = known.first { $0.canonical == name || $0.name == name }
    if let index = uma.zoneIndex(named: own?.name ?? name) {
      let isPublic = uma.kegs[index].flags.isDisjoint(with: [.internal, .malloc, .bucket])
      return isPublic ? ZoneID(index: index) : nil
    }
    guard let own else { return nil }
    return create(own, in: uma).map { ZoneID(index: $0) }
  }

  /// Where a kernel object comes from: its zone, and malloc type "cred" for credentials.
  func source(of object: KernelObject, nameLength: Int, in uma: VMemUMA) -> ObjectSource {
    let name: String
    switch object {
    case .vnode: name = "VNODE"
    case .vmObject: name = "VM OBJECT"
    case .inode: name = "FFS inode"
    case .dinode: name = "FFS2 dinode"
    case .nameCacheEntry: name = nameLength <= shortName ? "S VFS Cache" : "L VFS Cache"
    case .pathBuffer: name = "NAMEI"
    case .mbuf: name = "mbuf"
    case .mbufCluster: name = "mbuf_cluster"
    case .socket: name = "socket"
    case .inpcb: name = "inpcb"
    case .tcpcb: name = "tcpcb"
    case .credential: return .malloc(mallocType(named: "cred", in: uma), size: credential(uma.policy.architecture))
    case .file: name = "Files"
    case .mapEntry: name = "MAP ENTRY"
    }
    // Only a zone that was to be created in a kernel that has ended is missing: nothing is allocated there any more.
    return zone(named: name, in: uma).map { .zone($0) } ?? .embedded
  }

  private func credential(_ architecture: Architecture) -> Int {
    architecture == .i386 ? Self.credentialBytes.i386 : Self.credentialBytes.amd64
  }

  /// Bytes that vntblinit counts for one vnode: itself, its object, its inode and a name-cache entry.
  func vnodeCost(_ architecture: Architecture) -> Int {
    ["VNODE", "VM OBJECT", "FFS inode", "S VFS Cache"].reduce(0) { sum, name in
      sum + (atBoot.first { $0.canonical == name }?.size(architecture) ?? 0)
    }
  }

  /// Sets the limits of a stock kernel: on clusters, and maxsockets on socket, inpcb and tcpcb.
  func applyLimits(_ uma: VMemUMA, _ sizing: VMemKernelSizing, kernelMemoryBytes: Int) {
    let clusters = sizing.mbufClusterLimit(kernelMemoryBytes: kernelMemoryBytes)
    let sockets = sizing.maxSockets
    for (name, items) in [("mbuf_cluster", clusters), ("socket", sockets), ("inpcb", sockets), ("tcpcb", sockets)] {
      if let zone = zone(named: name, in: uma) { uma.setMaximum(zone.index, items: items) }
    }
  }
}
