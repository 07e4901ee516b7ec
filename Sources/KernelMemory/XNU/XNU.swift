// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

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
    didSet { dead.pointee = failure != nil }
  }
  /// True once ``failure`` is there.
  @inline(__always)
  public var hasEnded: Bool { dead.pointee }
  /// The soft limit on vnodes.
  public let desiredVnodes: Int
  /// Address space that ``loseAddressSpace(pages:)`` took out of zone_map, bytes.
  public private(set) var lostBytes = 0

  let objects: Objects
  let isChecked: Bool
  /// struct kmemstats of every malloc type.
  let types = MallocTypeTable()
  /// kalloc's zone of a request, by its size in units of 8 bytes.
  private let kallocZone: UnsafeMutablePointer<UInt8>
  private let largestZoned: Int
  /// ``failure`` is not nil: the one word of it that every call reads.
  private let dead: UnsafeMutablePointer<Bool>

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
    dead = .allocate(capacity: 1)
    dead.initialize(to: false)

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
    let sizes = Self.kallocSizes(configuration.architecture)
    let largest = sizes[sizes.count - 1]
    largestZoned = largest
    kallocZone = .allocate(capacity: largest / 8 + 1)
    var filled = 0
    for size in sizes {
      // k_zone_max: the limits only show in zprint, for the zones may expand.
      let zone = zones.create("kalloc.\(size)", size: size, maximum: 1 << 20)
      while filled <= size / 8 {
        kallocZone[filled] = UInt8(zone)
        filled += 1
      }
    }
    objects = Objects(zones: zones, architecture: configuration.architecture)
  }

  deinit {
    kallocZone.deallocate()
    dead.deallocate()
  }

  // MARK: malloc

  /// The handle of a malloc type; a new name is registered.
  public func mallocType(named name: String) -> MallocType { MallocType(index: types.register(name)) }

  /// _MALLOC() of `size` bytes, at least 1, over kalloc(); null where there is nothing to give.
  public func malloc(_ size: Int, _ type: MallocType, _ wait: WaitPolicy) -> KernelAddress {
    guard !dead.pointee else { return .null }
    if zones.state.pointee.pendingGrowths != 0 { runThreadCalls() }
    guard UInt(bitPattern: size) <= UInt(bitPattern: largestZoned) else { return mallocLarge(size, type, wait) }
    let zone = Int(kallocZone[(size &+ 7) >> 3])
    let address = zones.allocate(zone, wait, asked: size)
    if address == .null {
      zoneRefused(zone)
      return .null
    }
    types.charge(type.index, zones.zones[zone].size)
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
    types.charge(type.index, (size + kernelPageSize - 1) / kernelPageSize * kernelPageSize)
    return address
  }

  /// _FREE() of an address that malloc returned.
  ///
  /// Any other address and a second free end the kernel; a free of null does nothing. The zone is that of the element
  /// (kfree_addr); the bytes are taken off the type given here, for the kernel keeps no note of it.
  public func free(_ address: KernelAddress, _ type: MallocType) {
    guard !dead.pointee, address != .null else { return }
    if zones.state.pointee.pendingGrowths != 0 { runThreadCalls() }
    guard zones.map.space.contains(address) else { return freeLarge(address, type) }
    zones.free(-1, address)
    guard zones.state.pointee.freeError == .none else { return freeRefused(address, -1) }
    types.credit(type.index, zones.zones[zones.state.pointee.ownerOfFreed].size)
  }

  @inline(never)
  private func freeLarge(_ address: KernelAddress, _ type: MallocType) {
    let bytes = large.free(address)
    guard bytes > 0 else {
      zones.state.pointee.freeError = .notAllocated
      return freeRefused(address, -1)
    }
    types.credit(type.index, bytes)
  }

  // MARK: Zones

  /// zalloc() or zalloc_noblock(), m_get() or m_clget(): one item, or null where there is nothing to give.
  ///
  /// A full mb_map gives null to everybody (inferred).
  public func zoneAlloc(_ zone: ZoneID, _ wait: WaitPolicy) -> KernelAddress {
    guard !dead.pointee else { return .null }
    if zones.state.pointee.pendingGrowths != 0 { runThreadCalls() }
    guard zone.index >= Self.mbufZones else { return mbufs.allocate(zone.index, wait) }
    let index = zone.index &- Self.mbufZones
    let address = zones.allocate(index, wait, asked: zones.zones[index].requestedSize)
    if address == .null { zoneRefused(index) }
    if isChecked { reportModified() }
    return address
  }

  /// zfree(), m_free() or MCLFREE.
  public func zoneFree(_ zone: ZoneID, _ address: KernelAddress) {
    guard !dead.pointee, address != .null else { return }
    if zones.state.pointee.pendingGrowths != 0 { runThreadCalls() }
    guard zone.index >= Self.mbufZones else {
      let result = mbufs.free(zone.index, address)
      if result == .none { return }
      zones.state.pointee.freeError = .notAllocated
      return freeRefused(address, -1)
    }
    let index = zone.index &- Self.mbufZones
    zones.free(index, address)
    if zones.state.pointee.freeError != .none { freeRefused(address, index) }
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
        return panicExhausted(Int(kallocZone[kernelPageSize / 8]))
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
