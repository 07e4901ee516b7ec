// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// What FreeBSD 5.4, 6, 7 and 9 share: malloc(9) over UMA, the zones of a server's kernel, and kmem_map.
///
/// A sibling is a ``UMAKernelProfile`` and the four calls of its hot path, which are inlined from here. The zones and
/// types of ``UMAKernelZones`` exist after boot, made in the kernel's order, with boot pages and the bookkeeping that
/// this takes; further zones and malloc types are made when they are first asked for. Zones have no limits unless
/// ``setLimit(of:items:)`` or ``applyKernelLimits()`` sets them.
///
/// On amd64 every keg with one page a slab takes its pages from the direct map: kmem_map then holds the kegs with
/// larger slabs and mallocs above a page, and ``mapUsedBytes`` and ``ledger()`` count those alone. The model gives the
/// direct map addresses behind its kmem_map, up to 0x100000000 and at most as many as the machine has pages.
public class UMAKernel {
  /// Where kmem_map begins.
  static let mapStart = KernelAddress(rawValue: 0xC100_0000)
  /// ``UMA/base``, which is the same for all of them.
  static let baseAddress = 0xC100_0000 - UInt64(UMA.firstMapPage * kernelPageSize)
  /// Where the modelled address space ends.
  private static let addressSpaceEnd = 1 << 32
  /// Processors.
  static let processors = 1...16
  /// Sizes that kmem_map may have on i386, bytes.
  static let mapSizes = UMAKernelProfile.Machine.i386.mapSizes
  /// Physical memory that an i386 without PAE may have, bytes.
  static let memorySizes = UMAKernelProfile.Machine.i386.memorySizes

  let uma: UMA
  let state: UnsafeMutablePointer<UMAState>
  let checked: Bool
  let profile: UMAKernelProfile
  let zones: UMAKernelZones
  let objects: UMAKernelObjects
  /// The sizes that the kernel computes for this machine.
  public let sizing: UMAKernelSizing
  /// The soft limit on vnodes (desiredvnodes), for the map as configured or as the kernel computes it.
  public let desiredVnodes: Int

  /// Boots the kernel's allocator.
  ///
  /// Without a configured size kmem_map has the size that the kernel computes (``UMAKernelSizing/kernelMapBytes``), at
  /// most what the modelled address space holds: 512 MiB on amd64.
  ///
  /// - Throws: ``ModelConfigurationError`` where a number is out of range.
  init(_ configuration: ModelConfiguration, _ profile: UMAKernelProfile) throws(ModelConfigurationError) {
    let machine = profile.machine(configuration.architecture)
    guard Self.processors.contains(configuration.cpus) else {
      throw .processors(configuration.cpus, allowed: Self.processors)
    }
    guard machine.memorySizes.contains(configuration.physicalMemory) else {
      throw .physicalMemory(configuration.physicalMemory, allowed: machine.memorySizes)
    }
    sizing = UMAKernelSizing(physicalMemory: configuration.physicalMemory, rules: machine.sizing)
    let bytes = configuration.mapBytes ?? min(sizing.kernelMapBytes, machine.mapSizes.upperBound)
    guard machine.mapSizes.contains(bytes) else { throw .mapSize(bytes, allowed: machine.mapSizes) }
    let pages = bytes / kernelPageSize
    let pagesBehindMap = (Self.addressSpaceEnd - Int(Self.mapStart.rawValue)) / kernelPageSize - pages
    let directPages = machine.hasDirectMap ? min(pagesBehindMap, sizing.pages) : 0
    // The kernel counts with what it wants, even where the modelled address space holds less.
    let wanted = configuration.mapBytes == nil ? sizing.kernelMapBytes : pages * kernelPageSize
    desiredVnodes = sizing.desiredVnodes(mapBytes: wanted)
    checked = configuration.checked
    self.profile = profile
    zones = profile.zones(configuration.architecture)
    objects = machine.objects
    uma = UMA(
      mapStart: Self.mapStart, mapPages: pages, cpus: configuration.cpus, physical: configuration.pages,
      checked: configuration.checked, backing: configuration.backing, structures: machine.structures,
      exhaustion: profile.exhaustion, directPages: directPages)
    state = uma.state
    uma.createInternalZones()
    for zone in zones.early { create(zone, usesBootPages: true) }
    uma.enableBuckets()
    uma.createMallocZones()
    for name in UMAKernelZones.mallocTypes { _ = uma.registerType(named: name) }
    state.pointee.hashType = uma.typeNames.firstIndex(of: "UMAHash") ?? 0
    for zone in zones.atBoot { create(zone, usesBootPages: false) }
    if configuration.bootPages == .discarded { uma.discardBootPages() }
  }

  @discardableResult
  private func create(_ zone: UMAKernelZones.Entry, usesBootPages: Bool) -> Int? {
    uma.createZone(
      zones.ownName(zone.name), size: zone.size, alignmentMask: zone.alignmentMask, flags: zone.flags,
      usesBootPages: usesBootPages)
  }

  /// The handle of a malloc type; a new name takes an item of mt_zone, as malloc_init does, where there is that zone.
  public final func mallocType(named name: String) -> MallocType {
    if let index = uma.typeNames.firstIndex(of: name) { return MallocType(index: index) }
    return MallocType(index: uma.registerType(named: name))
  }

  /// The zone of this name in FreeBSD 6 or in this kernel; inpcb, tcpcb, Files and jumbo clusters are created when they
  /// are first asked for.
  ///
  /// - Returns: nil for the allocator's internal zones, for names of no zone, and where a new zone finds no room.
  public final func zone(named canonical: String) -> ZoneID? {
    if let index = uma.zoneIndex(named: zones.ownName(canonical)) {
      return uma.kegs[index].flags.isDisjoint(with: [.internal, .malloc]) ? ZoneID(index: index) : nil
    }
    guard let entry = zones.onDemand.first(where: { $0.name == canonical }) else { return nil }
    return create(entry, usesBootPages: false).map { ZoneID(index: $0) }
  }

  /// Makes a zone as uma_zcreate does, with pointer alignment.
  public final func makeZone(named name: String, size: Int, noFree: Bool) -> ZoneID? {
    uma.createZone(name, size: size, flags: noFree ? .noFree : []).map { ZoneID(index: $0) }
  }

  /// Where a kernel object comes from: its zone, and malloc type "cred" for credentials.
  public final func source(of object: KernelObject, nameLength: Int) -> ObjectSource {
    let name: String
    switch object {
    case .vnode: name = "VNODE"
    case .vmObject: name = "VM OBJECT"
    case .inode: name = "FFS inode"
    case .dinode: name = "FFS2 dinode"
    case .nameCacheEntry: name = nameLength <= objects.shortName ? "S VFS Cache" : "L VFS Cache"
    case .pathBuffer: name = "NAMEI"
    case .mbuf: name = "mbuf"
    case .mbufCluster: name = "mbuf_cluster"
    case .socket: name = "socket"
    case .inpcb: name = "inpcb"
    case .tcpcb: name = "tcpcb"
    case .credential: return .malloc(mallocType(named: "cred"), size: objects.credential)
    case .file: name = "Files"
    case .mapEntry: name = "MAP ENTRY"
    }
    // Only a zone that was to be created in a kernel that has ended is missing: nothing is allocated there any more.
    return zone(named: name).map { .zone($0) } ?? .embedded
  }

  /// The processor on which the following calls run; a number out of range changes nothing.
  public final var currentCPU: Int {
    get { uma.currentCPU }
    set { uma.currentCPU = newValue }
  }

  /// The clock: hashes grow at every mark of 20 s that has passed.
  public final func advance(to nanoseconds: UInt64) { uma.advance(to: nanoseconds) }

  /// uma_reclaim, as the page daemon calls it on a shortage of physical pages.
  public final func reclaim() { uma.reclaim() }

  /// Takes pages of kmem_map into nobody's books.
  public final func loseAddressSpace(pages: Int) { uma.loseAddressSpace(pages: pages) }

  /// What the kernel died of; nil while it lives.
  public final var failure: KernelFailure? { uma.failure }
  /// True once ``failure`` is there.
  @inline(__always)
  public final var hasEnded: Bool { state.pointee.isDead }

  /// Size of kmem_map, bytes.
  public final var mapCapacityBytes: Int { uma.map.capacityPages * kernelPageSize }
  /// Bytes of kmem_map in use; the direct map of amd64 is not part of it.
  public final var mapUsedBytes: Int { uma.map.usedPages * kernelPageSize }
  /// The most that ``mapUsedBytes`` ever was.
  public final var mapHighWaterBytes: Int { uma.map.highWaterPages * kernelPageSize }
  /// The largest free range of kmem_map, bytes (vm.kmem_map_free since 8.2).
  public final var largestFreeBytes: Int { uma.map.largestFreeRun * kernelPageSize }
  /// Bytes that kegs have taken from the direct map: 0 on i386, where there is none.
  public final var directMapUsedBytes: Int { (uma.directMap?.usedPages ?? 0) * kernelPageSize }
}
