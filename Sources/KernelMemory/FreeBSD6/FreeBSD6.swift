// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// FreeBSD 6.0 to 6.2 on i386: malloc(9) over UMA, everything in kmem_map, and a panic at once where the map is full.
///
/// The zones and types of ``FreeBSD6Zones`` exist after boot, made in the kernel's order, with boot pages and the
/// bookkeeping that this takes; further zones and malloc types are made when they are first asked for. Zones have no
/// limits unless ``setLimit(of:items:)`` or ``applyKernelLimits()`` sets them.
public final class FreeBSD6: AllocatorModel {
  /// Where kmem_map begins.
  static let mapStart = KernelAddress(rawValue: 0xC100_0000)
  /// Sizes that kmem_map may have, bytes: it ends at 0xF0000000 at the latest.
  static let mapSizes = (1 << 20)...(0xF000_0000 - 0xC100_0000)
  /// Physical memory that an i386 without PAE may have, bytes.
  static let memorySizes = (16 << 20)...(4 << 30)
  /// Processors.
  static let processors = 1...16

  let uma: UMA
  let state: UnsafeMutablePointer<UMAState>
  private let checked: Bool
  /// Offsets below this one have pages.
  private let endOffset: UInt64
  /// The sizes that the kernel computes for this machine.
  public let sizing: FreeBSD6Sizing
  /// The soft limit on vnodes (desiredvnodes), for the map as configured.
  public let desiredVnodes: Int

  /// Boots the kernel's allocator.
  ///
  /// - Throws: ``ModelConfigurationError`` where the architecture is not i386 or a number is out of range.
  public init(_ configuration: ModelConfiguration) throws(ModelConfigurationError) {
    guard configuration.architecture == .i386 else {
      throw .architecture(configuration.architecture, model: Self.identifier, supported: [.i386])
    }
    guard Self.processors.contains(configuration.cpus) else {
      throw .processors(configuration.cpus, allowed: Self.processors)
    }
    guard Self.memorySizes.contains(configuration.physicalMemory) else {
      throw .physicalMemory(configuration.physicalMemory, allowed: Self.memorySizes)
    }
    sizing = FreeBSD6Sizing(physicalMemory: configuration.physicalMemory)
    let bytes = configuration.mapBytes ?? sizing.kernelMapBytes
    guard Self.mapSizes.contains(bytes) else { throw .mapSize(bytes, allowed: Self.mapSizes) }
    let pages = bytes / kernelPageSize
    desiredVnodes = sizing.desiredVnodes(mapBytes: pages * kernelPageSize)
    checked = configuration.checked
    uma = UMA(
      mapStart: Self.mapStart, mapPages: pages, cpus: configuration.cpus, physical: configuration.pages,
      checked: configuration.checked, backing: configuration.backing)
    state = uma.state
    endOffset = UInt64((UMA.firstMapPage + pages) * kernelPageSize)
    uma.createInternalZones()
    for zone in FreeBSD6Zones.early { create(zone, usesBootPages: true) }
    uma.enableBuckets()
    uma.createMallocZones()
    for name in FreeBSD6Zones.mallocTypes { _ = uma.registerType(named: name) }
    state.pointee.hashType = uma.typeNames.firstIndex(of: "UMAHash") ?? 0
    for zone in FreeBSD6Zones.atBoot { create(zone, usesBootPages: false) }
    if configuration.bootPages == .discarded { uma.discardBootPages() }
  }

  @discardableResult
  private func create(_ zone: FreeBSD6Zones.Entry, usesBootPages: Bool) -> Int? {
    uma.createZone(
      zone.name, size: zone.size, alignmentMask: zone.alignmentMask, flags: zone.flags, usesBootPages: usesBootPages)
  }

  /// The handle of a malloc type; a new name takes an item of mt_zone, as malloc_init does.
  public func mallocType(named name: String) -> MallocType {
    if let index = uma.typeNames.firstIndex(of: name) { return MallocType(index: index) }
    return MallocType(index: uma.registerType(named: name))
  }

  /// The zone of this name; inpcb, tcpcb and Files are created when they are first asked for.
  ///
  /// - Returns: nil for the allocator's internal zones, for names of no zone, and where a new zone finds no room.
  public func zone(named canonical: String) -> ZoneID? {
    if let index = uma.zoneIndex(named: canonical) {
      return uma.kegs[index].flags.isDisjoint(with: [.internal, .malloc]) ? ZoneID(index: index) : nil
    }
    guard let entry = FreeBSD6Zones.onDemand.first(where: { $0.name == canonical }) else { return nil }
    return create(entry, usesBootPages: false).map { ZoneID(index: $0) }
  }

  /// Makes a zone as uma_zcreate does, with pointer alignment.
  public func makeZone(named name: String, size: Int, noFree: Bool) -> ZoneID? {
    uma.createZone(name, size: size, flags: noFree ? .noFree : []).map { ZoneID(index: $0) }
  }

  /// Where a kernel object comes from: its zone, and malloc type "cred" for credentials.
  public func source(of object: KernelObject, nameLength: Int) -> ObjectSource {
    let name: String
    switch object {
    case .vnode: name = "VNODE"
    case .vmObject: name = "VM OBJECT"
    case .inode: name = "FFS inode"
    case .dinode: name = "FFS2 dinode"
    case .nameCacheEntry: name = nameLength <= FreeBSD6Zones.shortName ? "S VFS Cache" : "L VFS Cache"
    case .pathBuffer: name = "NAMEI"
    case .mbuf: name = "mbuf"
    case .mbufCluster: name = "mbuf_cluster"
    case .socket: name = "socket"
    case .inpcb: name = "inpcb"
    case .tcpcb: name = "tcpcb"
    case .credential: return .malloc(mallocType(named: "cred"), size: FreeBSD6Zones.credentialBytes)
    case .file: name = "Files"
    case .mapEntry: name = "MAP ENTRY"
    }
    // Only a zone that was to be created in a kernel that has ended is missing: nothing is allocated there any more.
    return zone(named: name).map { .zone($0) } ?? .embedded
  }

  /// The processor on which the following calls run; a number out of range changes nothing.
  public var currentCPU: Int {
    get { uma.currentCPU }
    set { uma.currentCPU = newValue }
  }

  /// malloc(9) of `size` bytes: one of the nine zones up to 4096 bytes, whole pages above.
  @inline(__always)
  public func malloc(_ size: Int, _ type: MallocType, _ wait: WaitPolicy) -> KernelAddress {
    guard !state.pointee.isDead, UInt(bitPattern: type.index) < UInt(bitPattern: state.pointee.typeCount) else {
      return .null
    }
    let item = uma.malloc(size, type.index, wait)
    if checked, item != 0, !verifyMalloc(item, type) { return .null }
    return uma.address(item)
  }

  /// free(9); the null address is nothing to free.
  @inline(__always)
  public func free(_ address: KernelAddress, _ type: MallocType) {
    guard !state.pointee.isDead, UInt(bitPattern: type.index) < UInt(bitPattern: state.pointee.typeCount) else {
      return
    }
    let offset = address.rawValue &- uma.base
    guard offset < endOffset else { return refuse(address) }
    let item = UMAOffset(truncatingIfNeeded: offset)
    if checked, !verifyFree(item, type) { return }
    uma.free(item, type.index)
  }

  /// uma_zalloc(9).
  @inline(__always)
  public func zoneAlloc(_ zone: ZoneID, _ wait: WaitPolicy) -> KernelAddress {
    guard !state.pointee.isDead, UInt(bitPattern: zone.index) < UInt(bitPattern: state.pointee.zoneCount) else {
      return .null
    }
    let item = uma.zalloc(zone.index, wait)
    if checked, item != 0, !uma.verifyAllocation(zone.index, item, type: nil) { return .null }
    return uma.address(item)
  }

  /// uma_zfree(9); the null address is nothing to free.
  @inline(__always)
  public func zoneFree(_ zone: ZoneID, _ address: KernelAddress) {
    guard !state.pointee.isDead, UInt(bitPattern: zone.index) < UInt(bitPattern: state.pointee.zoneCount) else {
      return
    }
    let offset = address.rawValue &- uma.base
    guard offset < endOffset else { return refuse(address, zone) }
    let item = UMAOffset(truncatingIfNeeded: offset)
    let slab = uma.slabs + Int(item / UInt32(kernelPageSize))
    guard slab.pointee.kind == UMAPageKind.slab, Int(slab.pointee.zone) == zone.index else {
      return refuse(address, zone)
    }
    if checked, !uma.verifyFree(zone.index, item, type: nil) { return }
    uma.zfree(zone.index, item)
  }

  /// The clock: hashes grow at every mark of 20 s that has passed.
  public func advance(to nanoseconds: UInt64) { uma.advance(to: nanoseconds) }

  /// uma_reclaim: what the page daemon calls, on a shortage of physical pages and on nothing else.
  public func reclaim() { uma.reclaim() }

  /// Takes pages of kmem_map into nobody's books.
  public func loseAddressSpace(pages: Int) { uma.loseAddressSpace(pages: pages) }

  /// What the kernel died of; nil while it lives.
  public var failure: KernelFailure? { uma.failure }

  /// Size of kmem_map, bytes.
  public var mapCapacityBytes: Int { uma.map.capacityPages * kernelPageSize }
  /// Bytes of kmem_map in use.
  public var mapUsedBytes: Int { uma.map.usedPages * kernelPageSize }
  /// The most that ``mapUsedBytes`` ever was.
  public var mapHighWaterBytes: Int { uma.map.highWaterPages * kernelPageSize }
  /// The largest free range of kmem_map, bytes.
  public var largestFreeBytes: Int { uma.map.largestFreeRun * kernelPageSize }

  /// Every byte of ``mapUsedBytes``, by account.
  public func ledger() -> Ledger { uma.ledger() }
  /// Statistics by malloc type, in the order of registration.
  public func mallocTypeStatistics() -> [MallocTypeStatistics] { uma.typeNames.indices.map { uma.typeStatistics($0) } }
  /// Statistics by zone, in the order of creation.
  public func zoneStatistics() -> [ZoneStatistics] { uma.zoneNames.indices.map { uma.zoneStatistics($0) } }

  /// Checks every invariant of the model.
  ///
  /// - Throws: the first violation, with its values.
  public func checkInvariants() throws(InvariantViolation) { try uma.checkInvariants() }
}
