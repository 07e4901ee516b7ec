// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import CPrefetch

/// XNU of OS X 10.11: zalloc zones and kalloc over zones in zone_map, large allocations in kalloc_map and kernel_map,
/// mbufs in mb_map.
///
/// `mapCapacityBytes`, `mapUsedBytes`, `largestFreeBytes` and the ledger are zone_map alone. All addresses lie in the
/// same 32-bit window on both architectures, which bounds zone_map at 752 MiB; amd64 differs by its pointer size,
/// kalloc's size classes and the structure sizes.
///
/// There is no per-CPU layer: ``currentCPU`` changes nothing.
public final class XNU: AllocatorModel {
  /// The name on the command line.
  public static let identifier = "xnu"

  /// Where zone_map starts.
  public static let mapStart = KernelAddress(rawValue: 0xC100_0000)
  /// Where mb_map starts; kalloc_map and kernel_map's share for large allocations follow it.
  public static let otherMapsStart = KernelAddress(rawValue: 0xF000_0000)
  /// The end of kernel_map's share.
  public static let kernelEnd = KernelAddress(rawValue: 0xFFC0_0000)
  /// Sizes that ``ModelConfiguration/mapBytes`` may have, bytes.
  public static let mapSizes = 1 << 20...Int(otherMapsStart.rawValue - mapStart.rawValue)
  /// Sizes that the physical memory may have, bytes.
  public static let memorySizes = 16 << 20...1 << 40
  /// Numbers of processors that are accepted.
  public static let processorCounts = 1...16

  /// The zones of zone_map.
  public let zones: ZoneMapAllocator
  /// mbufs and clusters in mb_map.
  public let mbufs: ZoneAllocator
  /// Requests above kalloc's zones.
  let large: KallocLarge

  /// The processor of the following calls, 0 to cpus − 1: it changes nothing.
  public var currentCPU = 0
  /// What the kernel died of or waits for; nil while it lives.
  public internal(set) var failure: KernelFailure? {
    didSet {
      hot.pointee.isDead = failure != nil
      zones.limitShortPaths()
    }
  }
  /// True once ``failure`` is there.
  @inline(__always)
  public var hasEnded: Bool { hot.pointee.isDead }
  /// The soft limit on vnodes.
  public let desiredVnodes: Int
  /// Address space that ``loseAddressSpace(pages:)`` took out of zone_map, bytes.
  public private(set) var lostBytes = 0

  let objects: Objects
  let isChecked: Bool
  /// Names of the malloc types, in the order of registration.
  private(set) var typeNames: [String] = []
  private var typeIndices: [String: Int] = [:]
  /// What every call reads: the variables of ``zones``.
  private let hot: UnsafeMutablePointer<ZoneMapAllocator.State>

  /// Boots XNU.
  ///
  /// - Throws: an error that names the value out of range.
  public init(_ configuration: ModelConfiguration) throws(ModelConfigurationError) {
    try configuration.check(
      model: Self.identifier, processors: Self.processorCounts, memory: Self.memorySizes,
      map: Self.mapSizes)
    let memory = configuration.physicalMemory
    let bytes = configuration.mapBytes ?? Self.zoneMapSize(physicalMemory: memory)
    desiredVnodes = Self.desiredVnodes(physicalMemory: memory)
    let backing = configuration.checked ? configuration.backing : nil
    isChecked = backing != nil

    var next = Self.mapStart
    func map(_ bytes: Int) -> WiredMap {
      let space = AddressMap(start: next, pages: bytes / kernelPageSize)
      next = KernelAddress(rawValue: next.rawValue + UInt64(space.capacityPages * kernelPageSize))
      return WiredMap(space: space, physical: configuration.pages)
    }
    let zoneMap = map(bytes)
    next = Self.otherMapsStart
    mbufs = ZoneAllocator(map: map(Self.mbufMapSize(physicalMemory: memory)))
    _ = mbufs.create("mbuf", size: 256, growth: .pages(1), freeMinimum: 0)
    _ = mbufs.create("mbuf_cluster", size: 2048, growth: .pages(1), freeMinimum: 0)
    let kallocMap = map(Self.kallocMapSize(physicalMemory: memory))
    large = KallocLarge(kallocMap: kallocMap, kernelMap: map(Int(Self.kernelEnd.rawValue - next.rawValue)))

    let is64 = configuration.architecture == .amd64
    zones = ZoneMapAllocator(map: zoneMap, pointerSize: is64 ? 8 : 4, checkedBacking: backing)
    hot = zones.state
    var filled = 0
    for size in Self.kallocSizes(configuration.architecture) {
      // k_zone_max: the limits only show in zprint, for the zones may expand.
      let zone = zones.create("kalloc.\(size)", size: size, maximum: 1 << 20)
      while filled <= size / 8 {
        hot.pointee.zoneOfSize[filled] = UInt8(zone)
        filled += 1
      }
    }
    objects = Objects(zones: zones, architecture: configuration.architecture)
  }

  // MARK: malloc

  /// The handle of a malloc type; a new name is registered.
  public func mallocType(named name: String) -> MallocType {
    if let known = typeIndices[name] { return MallocType(index: known) }
    let index = typeNames.count
    typeNames.append(name)
    typeIndices[name] = index
    zones.appendType()
    return MallocType(index: index)
  }

  /// _MALLOC() of `size` bytes, at least 1, over kalloc(); null where there is nothing to give.
  ///
  /// A handle that ``mallocType(named:)`` did not return gets null.
  @inline(__always)
  public func malloc(_ size: Int, _ type: MallocType, _ wait: WaitPolicy) -> KernelAddress {
    var address = KernelAddress.null
    return mallocFromCache(size, type, &address) ? address : mallocLong(size, type, wait)
  }

  /// The short path of malloc: an element of a chunk that has live ones, too.
  ///
  /// - Returns: false where the long path has to do the call, from its beginning.
  @inline(__always)
  public func mallocFromCache(_ size: Int, _ type: MallocType, _ address: inout KernelAddress) -> Bool {
    let hot = self.hot
    guard UInt(bitPattern: type.index) < UInt(bitPattern: hot.pointee.fastTypes) else { return false }
    guard UInt(bitPattern: size &- 1) < UInt(bitPattern: Self.largestZoned) else { return false }
    let zone = hot.pointee.zones + Int(hot.pointee.zoneOfSize[(size &+ 7) >> 3])
    let page = Int(zone.pointee.intermediate.head)
    guard page >= 0 else { return false }
    let account = hot.pointee.types + type.index
    guard account.pointee.admits(zone.pointee.size) else { return false }
    account.pointee.take(zone.pointee.size, sizeBit: zone.pointee.sizeBit)
    address = ZoneMapAllocator.take(hot, zone, page, asked: size)
    return true
  }

  private func isValid(_ type: MallocType) -> Bool {
    UInt(bitPattern: type.index) < UInt(bitPattern: hot.pointee.typeCount)
  }

  @inline(never)
  private func mallocLong(_ size: Int, _ type: MallocType, _ wait: WaitPolicy) -> KernelAddress {
    guard !hot.pointee.isDead, isValid(type) else { return .null }
    if hot.pointee.pendingGrowths != 0 { runThreadCalls() }
    guard UInt(bitPattern: size) <= UInt(bitPattern: Self.largestZoned) else { return mallocLarge(size, type, wait) }
    let zone = Int(hot.pointee.zoneOfSize[(size &+ 7) >> 3])
    let address = zones.allocate(zone, wait, asked: size)
    if address == .null {
      zoneRefused(zone)
      return .null
    }
    hot.pointee.types[type.index].charge(zones.zones[zone].size)
    if isChecked { reportModified() }
    return address
  }

  /// A kalloc() that may block is the only one that gets whole pages (osfmk/kern/kalloc.c).
  @inline(never)
  private func mallocLarge(_ size: Int, _ type: MallocType, _ wait: WaitPolicy) -> KernelAddress {
    guard wait == .wait else { return .null }
    // A negative size is a very large one to the kernel, whose parameter is unsigned.
    let address = large.allocate(size < 0 ? Int.max : size)
    guard address != .null else {
      largeRefused(size)
      return .null
    }
    hot.pointee.types[type.index].charge((size + kernelPageSize - 1) / kernelPageSize * kernelPageSize)
    return address
  }

  /// _FREE() of an address that malloc returned.
  ///
  /// Any other address and a second free end the kernel; a free of null does nothing. The zone is that of the element
  /// (kfree_addr); the bytes are taken off the type given here, for the kernel keeps no note of it.
  @inline(__always)
  public func free(_ address: KernelAddress, _ type: MallocType) {
    if !freeToCache(address, type) { freeLong(address, type) }
  }

  /// The short path of free: a live element of a zone.
  ///
  /// - Returns: false where the long path has to do the call, from its beginning.
  @inline(__always)
  public func freeToCache(_ address: KernelAddress, _ type: MallocType) -> Bool {
    let hot = self.hot
    guard UInt(bitPattern: type.index) < UInt(bitPattern: hot.pointee.fastTypes) else { return false }
    let offset = address.rawValue &- hot.pointee.start
    guard offset < hot.pointee.fastBytes else { return false }
    guard let zone = ZoneMapAllocator.give(hot, -1, Int(truncatingIfNeeded: offset)) else { return false }
    hot.pointee.types[type.index].credit(zone.pointee.size)
    return true
  }

  @inline(never)
  private func freeLong(_ address: KernelAddress, _ type: MallocType) {
    guard !hot.pointee.isDead, address != .null, isValid(type) else { return }
    if hot.pointee.pendingGrowths != 0 { runThreadCalls() }
    guard zones.map.space.contains(address) else { return freeLarge(address, type) }
    zones.free(-1, address)
    guard hot.pointee.freeError == .none else { return freeRefused(address, -1) }
    hot.pointee.types[type.index].credit(zones.zones[hot.pointee.ownerOfFreed].size)
  }

  /// Fetches what ``free(_:_:)`` of this address will read.
  @inline(__always)
  public func prefetchFree(_ address: KernelAddress) {
    let offset = address.rawValue &- hot.pointee.start
    guard offset < hot.pointee.fastBytes else { return }
    nfschurn_prefetch(ZoneMapAllocator.word(hot, Int(truncatingIfNeeded: offset)))
  }

  @inline(never)
  private func freeLarge(_ address: KernelAddress, _ type: MallocType) {
    let bytes = large.free(address)
    guard bytes > 0 else {
      zones.state.pointee.freeError = .notAllocated
      return freeRefused(address, -1)
    }
    hot.pointee.types[type.index].credit(bytes)
  }

  // MARK: Zones

  /// zalloc() or zalloc_noblock(), m_get() or m_clget(): one item, or null where there is nothing to give.
  ///
  /// A full mb_map gives null to everybody (inferred).
  @inline(__always)
  public func zoneAlloc(_ zone: ZoneID, _ wait: WaitPolicy) -> KernelAddress {
    let index = zone.index &- Self.mbufZones
    guard UInt(bitPattern: index) < UInt(bitPattern: hot.pointee.fastZones) else { return zoneAllocLong(zone, wait) }
    let record = hot.pointee.zones + index
    let page = Int(record.pointee.intermediate.head)
    guard page >= 0 else { return zoneAllocLong(zone, wait) }
    return ZoneMapAllocator.take(hot, record, page, asked: record.pointee.requestedSize)
  }

  @inline(never)
  private func zoneAllocLong(_ zone: ZoneID, _ wait: WaitPolicy) -> KernelAddress {
    guard !hot.pointee.isDead else { return .null }
    if hot.pointee.pendingGrowths != 0 { runThreadCalls() }
    guard zone.index >= Self.mbufZones else { return mbufs.allocate(zone.index, wait) }
    let index = zone.index &- Self.mbufZones
    let address = zones.allocate(index, wait, asked: zones.zones[index].requestedSize)
    if address == .null { zoneRefused(index) }
    if isChecked { reportModified() }
    return address
  }

  /// zfree(), m_free() or MCLFREE.
  @inline(__always)
  public func zoneFree(_ zone: ZoneID, _ address: KernelAddress) {
    let index = zone.index &- Self.mbufZones
    let offset = address.rawValue &- hot.pointee.start
    guard index >= 0, offset < hot.pointee.fastBytes,
      ZoneMapAllocator.give(hot, index, Int(truncatingIfNeeded: offset)) != nil
    else { return zoneFreeLong(zone, address) }
  }

  @inline(never)
  private func zoneFreeLong(_ zone: ZoneID, _ address: KernelAddress) {
    guard !hot.pointee.isDead, address != .null else { return }
    if hot.pointee.pendingGrowths != 0 { runThreadCalls() }
    guard zone.index >= Self.mbufZones else {
      let result = mbufs.free(zone.index, address)
      if result == .none { return }
      hot.pointee.freeError = .notAllocated
      return freeRefused(address, -1)
    }
    let index = zone.index &- Self.mbufZones
    zones.free(index, address)
    if hot.pointee.freeError != .none { freeRefused(address, index) }
  }

  // MARK: Clock, reclaim and faults

  /// Time passes: the thread call that grows zones runs.
  ///
  /// There are no callouts.
  public func advance(to nanoseconds: UInt64) {
    guard failure == nil, zones.pendingGrowths != 0 else { return }
    runThreadCalls()
  }

  /// consider_zone_gc(): the page daemon runs zone_gc().
  public func reclaim() {
    guard failure == nil else { return }
    zones.collect()
  }

  /// Takes pages out of zone_map into nobody's books, after a zone_gc() if need be; physical pages are not touched.
  ///
  /// Without room the kernel ends as if kalloc's zone of a page had asked.
  public func loseAddressSpace(pages: Int) {
    guard failure == nil, pages > 0 else { return }
    if zones.map.space.allocate(pages: pages) < 0 {
      zones.collect()
      guard zones.map.space.allocate(pages: pages) >= 0 else {
        return panicExhausted(Int(hot.pointee.zoneOfSize[kernelPageSize / 8]))
      }
    }
    lostBytes += pages * kernelPageSize
  }

  // MARK: Maps

  /// Size of zone_map, bytes.
  public var mapCapacityBytes: Int { zones.map.space.capacityPages * kernelPageSize }
  /// Bytes of zone_map in use, its metadata region included.
  public var mapUsedBytes: Int { zones.map.space.usedPages * kernelPageSize }
  /// The most that ``mapUsedBytes`` ever was.
  public var mapHighWaterBytes: Int { zones.map.space.highWaterPages * kernelPageSize }
  /// The largest free range of zone_map, bytes.
  public var largestFreeBytes: Int { zones.map.space.largestFreeRun * kernelPageSize }
  /// Whether zone_map is as full as the limit at which later versions kill processes.
  public var isAboveJetsamLimit: Bool { mapUsedBytes >= mapCapacityBytes / 100 * Self.jetsamPercent }
  /// Bytes of large allocations, which lie outside of zone_map.
  public var largeBytes: Int { large.bytes }
}
