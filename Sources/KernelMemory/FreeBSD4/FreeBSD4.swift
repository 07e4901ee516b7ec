// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// FreeBSD 4 on i386: the bucket malloc in kmem_map, vm_zone zones in kernel_map, mbufs in mb_map.
///
/// Three bounded maps stand side by side. `mapCapacityBytes`, `mapUsedBytes`, `largestFreeBytes`, the ledger and the
/// byte count of the panic message are malloc's share of kmem_map, which is vm_kmem_size; an explicit `mapBytes` sets
/// that share. In the kernel mb_map is a submap that is added to kmem_map on top of vm_kmem_size (kern_malloc.c,
/// kmeminit); its use never changes what malloc can have, so it is reported beside, by ``mbufMapCapacityBytes`` and
/// ``mbufMapUsedBytes``. (The kernel's own message counts the whole submap as allocated (inferred); here it does not.)
///
/// There is no per-CPU layer: ``currentCPU`` changes nothing. Nothing reacts to a shortage: ``reclaim()`` does nothing.
public final class FreeBSD4: AllocatorModel {
  /// The name on the command line.
  public static let identifier = "freebsd-4"

  /// Where kmem_map starts.
  public static let kmemStart = KernelAddress(rawValue: 0xC100_0000)
  /// Where mb_map starts; kernel_map's share for zones follows it.
  public static let mbufStart = KernelAddress(rawValue: 0xF000_0000)
  /// The end of kernel_map; the last 4 MiB are left to the alternate page tables (recollection).
  public static let kernelEnd = KernelAddress(rawValue: 0xFFC0_0000)
  /// Sizes that ``ModelConfiguration/mapBytes`` may have, bytes.
  public static let mapSizes = 1 << 20...Int(mbufStart.rawValue - kmemStart.rawValue)
  /// Sizes that the physical memory may have, bytes.
  public static let memorySizes = 16 << 20...4 << 30
  /// Numbers of processors that are accepted.
  public static let processorCounts = 1...16

  /// Configuration that the model was booted with.
  public let tuning: Tuning
  /// malloc(9).
  public let buckets: BucketMalloc
  /// Zones in kernel_map.
  public let zones: ZoneAllocator
  /// mbufs and clusters in mb_map.
  public let mbufs: ZoneAllocator

  /// The processor of the following calls, 0 to cpus − 1: it changes nothing.
  public var currentCPU = 0
  /// What the kernel died of or waits for; nil while it lives.
  public internal(set) var failure: KernelFailure? {
    didSet { if failure != nil { buckets.end() } }
  }
  /// True once ``failure`` is there.
  @inline(__always)
  public var hasEnded: Bool { bucketState.pointee.hasEnded }
  /// The soft limit on vnodes: maxproc + pages / 4.
  public let desiredVnodes: Int
  /// Address space that ``loseAddressSpace(pages:)`` took out of kmem_map, bytes.
  public internal(set) var lostBytes = 0
  /// Times that the kernel wrote "Out of mbuf address space!".
  public internal(set) var mbufSpaceWarnings: UInt64 = 0
  /// Requests for mbufs or clusters that got nothing.
  public internal(set) var mbufFailures: UInt64 = 0
  /// What the kernel wrote on its console, the first 200 lines.
  public var console: [String] { log.lines }

  /// Virtual nanoseconds since boot.
  var now: UInt64 = 0
  var lastMbufReport: UInt64?
  /// Handles of the malloc types of kernel objects.
  let objects: Objects
  var log = ConsoleLog()
  private let isChecked: Bool
  /// What the short paths of malloc and free read.
  private let bucketState: UnsafeMutablePointer<BucketMalloc.State>

  /// Boots FreeBSD 4 with a GENERIC configuration (maxusers 32).
  public convenience init(_ configuration: ModelConfiguration) throws(ModelConfigurationError) {
    try self.init(configuration, tuning: Tuning())
  }

  /// Boots FreeBSD 4.
  ///
  /// - Throws: an error that names the value out of range.
  public init(_ configuration: ModelConfiguration, tuning: Tuning) throws(ModelConfigurationError) {
    try configuration.check(
      model: Self.identifier, only: .i386, processors: Self.processorCounts, memory: Self.memorySizes,
      map: Self.mapSizes)
    let pages = PhysicalPages.managedPages(ofMemory: configuration.physicalMemory)
    let bytes = configuration.mapBytes ?? Self.kmemSize(managedPages: pages)
    self.tuning = tuning.clamped
    desiredVnodes = Self.desiredVnodes(maxProc: self.tuning.maxProc, managedPages: pages)

    let backing = configuration.checked ? configuration.backing : nil
    isChecked = backing != nil
    let physical = configuration.pages
    let kmem = WiredMap(
      space: AddressMap(start: Self.kmemStart, pages: bytes / kernelPageSize), physical: physical)
    buckets = BucketMalloc(map: kmem, order: .lifo, typeLimit: Self.typeLimit(kmemSize: bytes), checkedBacking: backing)
    bucketState = buckets.state

    let mbufPages = self.tuning.mbufMapBytes / kernelPageSize
    let mbufMap = WiredMap(space: AddressMap(start: Self.mbufStart, pages: mbufPages), physical: physical)
    mbufs = ZoneAllocator(map: mbufMap)
    let kernelStart = KernelAddress(rawValue: Self.mbufStart.rawValue + UInt64(mbufPages * kernelPageSize))
    let kernelPages = Int(Self.kernelEnd.rawValue - kernelStart.rawValue) / kernelPageSize
    let kernelMap = WiredMap(space: AddressMap(start: kernelStart, pages: kernelPages), physical: physical)
    zones = ZoneAllocator(
      map: kernelMap, fallback: kmem, fallbackShare: self.tuning.lockedMapShare, checkedBacking: backing)
    objects = Objects(zones: zones, mbufs: mbufs, buckets: buckets, tuning: self.tuning)
  }

  // MARK: malloc(9)

  /// The handle of a malloc type; a new name is registered.
  public func mallocType(named name: String) -> MallocType { MallocType(index: buckets.register(name)) }

  /// malloc(9) of `size` bytes, at least 1 (sys/kern/kern_malloc.c); null where there is nothing to give.
  @inline(__always)
  public func malloc(_ size: Int, _ type: MallocType, _ wait: WaitPolicy) -> KernelAddress {
    var address = KernelAddress.null
    return mallocFromCache(size, type, &address) ? address : mallocLong(size, type, wait)
  }

  /// The head of a free list, where malloc has nothing else to do.
  @inline(__always)
  public func mallocFromCache(_ size: Int, _ type: MallocType, _ address: inout KernelAddress) -> Bool {
    BucketMalloc.take(bucketState, size, type.index, .lifo, &address)
  }

  @inline(never)
  private func mallocLong(_ size: Int, _ type: MallocType, _ wait: WaitPolicy) -> KernelAddress {
    guard !hasEnded else { return .null }
    let address = buckets.malloc(size, type.index, wait)
    if address == .null { mallocRefused(size, type.index, wait) }
    if isChecked { reportModifiedItem() }
    return address
  }

  /// free(9) of an address that malloc returned.
  ///
  /// Any other address and a second free end the kernel with the words of a DIAGNOSTIC kernel; a free of null does
  /// nothing. The bytes are taken off the type given here: the kernel keeps no note of the type of an item, so that a
  /// wrong one makes both counts wrong.
  @inline(__always)
  public func free(_ address: KernelAddress, _ type: MallocType) {
    if !freeToCache(address, type) { freeLong(address, type) }
  }

  /// A free that puts an item on its list and has nothing else to do.
  @inline(__always)
  public func freeToCache(_ address: KernelAddress, _ type: MallocType) -> Bool {
    BucketMalloc.give(bucketState, address, type.index, .lifo)
  }

  /// The line of memory that ``free(_:_:)`` of this address will read first.
  @inline(__always)
  public func prefetchFree(_ address: KernelAddress) { BucketMalloc.prefetchGive(bucketState, address) }

  @inline(never)
  private func freeLong(_ address: KernelAddress, _ type: MallocType) {
    guard !hasEnded, address != .null else { return }
    buckets.free(address, type.index)
    if buckets.freeError != .none { freeRefused(address, type.index) }
  }

  // MARK: Zones

  /// zalloc() (sys/vm/vm_zone.c), m_get() or m_clget(): one item, or null where there is nothing to give.
  public func zoneAlloc(_ zone: ZoneID, _ wait: WaitPolicy) -> KernelAddress {
    guard !hasEnded else { return .null }
    let count = objects.kernelZoneCount
    guard zone.index < count || zone.index >= count &+ Objects.mbufZones else {
      return mbufAlloc(zone.index &- count, wait)
    }
    let index = kernelZone(zone)
    let address = zones.allocate(index, wait)
    if address == .null { zoneRefused(index, wait) }
    if isChecked { reportModifiedZoneItem() }
    return address
  }

  /// zfree(), m_free() or MCLFREE: the item goes to the head of its list.
  public func zoneFree(_ zone: ZoneID, _ address: KernelAddress) {
    guard !hasEnded, address != .null else { return }
    let count = objects.kernelZoneCount
    let result =
      zone.index < count || zone.index >= count &+ Objects.mbufZones
      ? zones.free(kernelZone(zone), address) : mbufs.free(zone.index &- count, address)
    if result != .none { zoneFreeRefused(result) }
  }

  /// The zone of kernel_map behind a handle: those made for traces come behind the two of mb_map.
  private func kernelZone(_ zone: ZoneID) -> Int {
    zone.index < objects.kernelZoneCount ? zone.index : zone.index &- Objects.mbufZones
  }

  /// Makes a zone in kernel_map as zinit does, growing by as many pages as an item needs; it never gives pages back.
  public func makeZone(named name: String, size: Int, noFree: Bool) -> ZoneID? {
    let pages = max(1, (size + kernelPageSize - 1) / kernelPageSize)
    return ZoneID(index: zones.create(name, size: size, growth: .pages(pages)) + Objects.mbufZones)
  }

  // MARK: Clock and faults

  /// The virtual clock, nanoseconds since boot: it limits the warnings about mb_map; there are no callouts.
  public func advance(to nanoseconds: UInt64) { now = max(now, nanoseconds) }

  /// Does nothing: neither malloc nor a zone gives a page back when physical pages run short.
  public func reclaim() {}

  /// Takes pages out of kmem_map into nobody's books; physical pages are not touched.
  public func loseAddressSpace(pages: Int) {
    guard failure == nil, pages > 0 else { return }
    guard buckets.map.space.allocate(pages: pages) >= 0 else { return panicTooSmall(pages: pages) }
    lostBytes += pages * kernelPageSize
  }

  // MARK: Maps

  /// vm_kmem_size, bytes: malloc's share of kmem_map.
  public var mapCapacityBytes: Int { buckets.map.space.capacityPages * kernelPageSize }
  /// Bytes of malloc's share of kmem_map in use.
  public var mapUsedBytes: Int { buckets.map.space.usedPages * kernelPageSize }
  /// The most that ``mapUsedBytes`` ever was.
  public var mapHighWaterBytes: Int { buckets.map.space.highWaterPages * kernelPageSize }
  /// The largest free range of malloc's share of kmem_map, bytes.
  public var largestFreeBytes: Int { buckets.map.space.largestFreeRun * kernelPageSize }
  /// Number of separate free ranges of malloc's share of kmem_map.
  public var freeRangeCount: Int { buckets.map.space.freeRunCount() }
  /// Size of mb_map, bytes.
  public var mbufMapCapacityBytes: Int { mbufs.map.space.capacityPages * kernelPageSize }
  /// Bytes of mb_map in use; it never falls.
  public var mbufMapUsedBytes: Int { mbufs.map.space.usedPages * kernelPageSize }
  /// Size of kernel_map's share for zones, bytes.
  public var kernelMapCapacityBytes: Int { zones.map.space.capacityPages * kernelPageSize }
  /// Bytes of that share in use or reserved; it never falls.
  public var kernelMapUsedBytes: Int { zones.map.space.usedPages * kernelPageSize }
  /// malloc(9) calls that were not allowed to sleep and got nothing.
  public var noWaitFailures: UInt64 { buckets.noWaitFailures }
}
