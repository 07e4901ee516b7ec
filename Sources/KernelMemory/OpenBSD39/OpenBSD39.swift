// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// OpenBSD 3.9 and 4.0: the bucket malloc in kmem_map, and pool(9) for everything else.
///
/// `mapCapacityBytes`, `mapUsedBytes`, `largestFreeBytes` and the ledger are kmem_map, which malloc(9) has for itself;
/// an explicit `mapBytes` sets its size (option NKMEMPAGES). Pools take their pages from elsewhere: on i386 from a
/// cache of kernel_map pages (``PageReserve``), on amd64 from physical memory through the direct map. What they hold is
/// reported beside, by ``poolPages``, ``kernelMapUsedBytes`` and the rows of ``zoneStatistics()``.
///
/// Both architectures lie in the same 1 GiB of addresses here; on amd64 kmem_map may have 240 MiB at most and the
/// direct map shows the 764 MiB of memory that pools touch.
///
/// There is no per-CPU layer: ``currentCPU`` changes nothing. ``reclaim()`` frees the idle pages of all pools; on i386
/// they go back to the page cache and not to the system, because nothing empties that.
public final class OpenBSD39: AllocatorModel {
  /// The name on the command line.
  public static let identifier = "openbsd-3.9"

  /// Where kmem_map starts.
  public static let kmemStart = KernelAddress(rawValue: 0xC100_0000)
  /// Where kernel_map's share for pools starts on i386.
  public static let kernelStart = KernelAddress(rawValue: 0xF000_0000)
  /// Where the direct map starts on amd64.
  public static let directStart = KernelAddress(rawValue: 0xD000_0000)
  /// The end of kernel_map and of the direct map.
  public static let kernelEnd = KernelAddress(rawValue: 0xFFC0_0000)
  /// Sizes that the physical memory may have, bytes.
  public static let memorySizes = 16 << 20...4 << 30
  /// Numbers of processors that are accepted.
  public static let processorCounts = 1...16

  /// Configuration that the model was booted with.
  public let tuning: Tuning
  /// The machine.
  public let architecture: Architecture
  /// malloc(9).
  public let buckets: BucketMalloc
  /// pool(9).
  public let pools: PoolAllocator
  /// The page cache of kernel_map; nil where memory is mapped directly.
  public let reserve: PageReserve?
  /// kernel_map's share for pools, or the direct map.
  public let poolMap: WiredMap

  /// The processor of the following calls, 0 to cpus − 1: it changes nothing.
  public var currentCPU = 0
  /// What the kernel died of or waits for; nil while it lives.
  public internal(set) var failure: KernelFailure? {
    didSet { if failure != nil { buckets.end() } }
  }
  /// True once ``failure`` is there.
  @inline(__always)
  public var hasEnded: Bool { bucketState.pointee.hasEnded }
  /// The soft limit on vnodes: 2 × maxproc + NTEXT + 100.
  public let desiredVnodes: Int
  /// Address space that ``loseAddressSpace(pages:)`` took out of kmem_map, bytes.
  public internal(set) var lostBytes = 0
  /// What the kernel wrote on its console, the first 200 lines.
  public var console: [String] { log.lines }

  /// Handles of the pools of kernel objects.
  let objects: Objects
  var log = ConsoleLog()
  private let isChecked: Bool
  /// What the short paths of malloc and free read.
  private let bucketState: UnsafeMutablePointer<BucketMalloc.State>

  /// Boots OpenBSD 3.9 with a GENERIC configuration (maxusers 32).
  public convenience init(_ configuration: ModelConfiguration) throws(ModelConfigurationError) {
    try self.init(configuration, tuning: Tuning())
  }

  /// Boots OpenBSD 3.9.
  ///
  /// - Throws: an error that names the value out of range.
  public init(_ configuration: ModelConfiguration, tuning: Tuning) throws(ModelConfigurationError) {
    try configuration.check(
      model: Self.identifier, processors: Self.processorCounts, memory: Self.memorySizes,
      map: Self.mapSizes(configuration.architecture))
    let isDirect = configuration.architecture == .amd64
    let poolStart = isDirect ? Self.directStart : Self.kernelStart
    let physicalPages = PhysicalPages.managedPages(ofMemory: configuration.physicalMemory)
    let bytes =
      configuration.mapBytes ?? Self.kmemSize(physicalPages: physicalPages, architecture: configuration.architecture)
    self.tuning = tuning.clamped
    architecture = configuration.architecture
    desiredVnodes = self.tuning.desiredVnodes

    let backing = configuration.checked ? configuration.backing : nil
    isChecked = backing != nil
    let physical = configuration.pages
    let kmem = WiredMap(space: AddressMap(start: Self.kmemStart, pages: bytes / kernelPageSize), physical: physical)
    buckets = BucketMalloc(
      map: kmem, order: .fifo, typeLimit: Self.typeLimit(kmemSize: bytes), checkedBacking: backing, trash: .uvm)
    bucketState = buckets.state

    let poolPages = Int(Self.kernelEnd.rawValue - poolStart.rawValue) / kernelPageSize
    poolMap = WiredMap(space: AddressMap(start: poolStart, pages: poolPages), physical: physical)
    let reserve = isDirect ? nil : PageReserve(map: poolMap, physicalPages: physicalPages)
    self.reserve = reserve
    pools = PoolAllocator(
      style: Self.poolStyle(configuration.architecture),
      sources: [reserve.map { .reserve($0) } ?? .map(poolMap)], checkedBacking: backing)
    objects = Objects(pools: pools, architecture: configuration.architecture, tuning: self.tuning)
  }

  // MARK: malloc(9)

  /// The handle of a malloc type; a new name is registered.
  ///
  /// The kernel's types are numbered at compile time (sys/sys/malloc.h); here they are in the order of registration.
  public func mallocType(named name: String) -> MallocType { MallocType(index: buckets.register(name)) }

  /// malloc(9) of `size` bytes, at least 1 (sys/kern/kern_malloc.c); null where there is nothing to give.
  ///
  /// More than 65535 pages end the kernel before anything else is looked at, whether the caller may wait or not.
  @inline(__always)
  public func malloc(_ size: Int, _ type: MallocType, _ wait: WaitPolicy) -> KernelAddress {
    var address = KernelAddress.null
    return mallocFromCache(size, type, &address) ? address : mallocLong(size, type, wait)
  }

  /// The head of a free list, where malloc has nothing else to do.
  @inline(__always)
  public func mallocFromCache(_ size: Int, _ type: MallocType, _ address: inout KernelAddress) -> Bool {
    BucketMalloc.take(bucketState, size, type.index, .fifo, &address)
  }

  @inline(never)
  private func mallocLong(_ size: Int, _ type: MallocType, _ wait: WaitPolicy) -> KernelAddress {
    guard !hasEnded else { return .null }
    guard UInt(bitPattern: size) <= UInt(BucketMalloc.largestPageCount * kernelPageSize) else { return tooLarge(size) }
    let address = buckets.malloc(size, type.index, wait)
    if address == .null { failure = buckets.outcome(ofRefused: size, type: type.index, wait) }
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
    BucketMalloc.give(bucketState, address, type.index, .fifo)
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

  // MARK: Pools

  /// pool_get(): one item, or null where there is nothing to give.
  @inline(__always)
  public func zoneAlloc(_ zone: ZoneID, _ wait: WaitPolicy) -> KernelAddress {
    guard !hasEnded else { return .null }
    let address = pools.get(zone.index, wait)
    if address == .null { poolRefused(zone.index, wait) }
    if isChecked { reportModifiedPoolItem() }
    return address
  }

  /// pool_put(): the item goes back to its page.
  @inline(__always)
  public func zoneFree(_ zone: ZoneID, _ address: KernelAddress) {
    guard !hasEnded, address != .null else { return }
    let result = pools.put(zone.index, address)
    if result != .none { poolFreeRefused(zone.index, address, result) }
  }

  // MARK: Clock and faults

  /// The virtual clock, nanoseconds since boot: there are no callouts.
  public func advance(to nanoseconds: UInt64) { pools.advance(to: nanoseconds) }

  /// pool_reclaim() of every pool: what the page daemon asks for on a shortage of physical pages.
  ///
  /// malloc(9) gives nothing back.
  public func reclaim() {
    guard !hasEnded else { return }
    for index in 0..<pools.count { pools.reclaim(index) }
  }

  /// Takes pages out of kmem_map into nobody's books; physical pages are not touched.
  public func loseAddressSpace(pages: Int) {
    guard failure == nil, pages > 0 else { return }
    guard buckets.map.space.allocate(pages: pages) >= 0 else {
      failure = .panic(message: BucketMalloc.outOfSpaceMessage, requestBytes: pages * kernelPageSize)
      return
    }
    lostBytes += pages * kernelPageSize
  }

  // MARK: Maps

  /// Size of kmem_map, bytes.
  public var mapCapacityBytes: Int { buckets.map.space.capacityPages * kernelPageSize }
  /// Bytes of kmem_map in use.
  public var mapUsedBytes: Int { buckets.map.space.usedPages * kernelPageSize }
  /// The most that ``mapUsedBytes`` ever was.
  public var mapHighWaterBytes: Int { buckets.map.space.highWaterPages * kernelPageSize }
  /// The largest free range of kmem_map, bytes.
  public var largestFreeBytes: Int { buckets.map.space.largestFreeRun * kernelPageSize }
  /// Pages that pools hold.
  public var poolPages: Int { (0..<pools.count).reduce(0) { $0 + pools.pools[$1].pages } }
  /// Size of kernel_map's share for pools, or of the direct map, bytes.
  public var kernelMapCapacityBytes: Int { poolMap.space.capacityPages * kernelPageSize }
  /// Bytes of that in use: pages of pools, and on i386 those of the page cache.
  public var kernelMapUsedBytes: Int { poolMap.space.usedPages * kernelPageSize }
  /// malloc(9) calls that were not allowed to sleep and got nothing.
  public var noWaitFailures: UInt64 { buckets.noWaitFailures }
}
