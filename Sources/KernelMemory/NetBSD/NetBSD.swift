// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// NetBSD 5 on i386: the bucket malloc, pool(9) and pool_cache(9), all in kmem_map.
///
/// It stands for the releases before 6 that have per-CPU pool caches: 5.0 to 5.2. NetBSD 4 has the same malloc(9) and
/// pool(9) and one list of groups for all processors; NetBSD 6 took malloc(9) into kmem(9) and kmem_map into a vmem
/// arena. malloc(9) is that of kern_malloc.c 1.127 (2009), pool(9) that of subr_pool.c 1.142 (2007), the paths through
/// groups those of 6: none of them was read in a release branch of 5 (inferred). What is not modelled: the cache of page addresses that takes 32 pages of a map at a time
/// (uvm_km_alloc_poolpage_cache), and the pools of struct pool_cache itself.
///
/// The source of December 2007 gives pool caches that are never used in interrupts pages of kernel_map; the reference
/// page has all pools in kmem_map, which is the default here. ``Tuning/usesKernelMap`` switches to the former.
///
/// `mapUsedBytes` and the ledger are kmem_map.
public final class NetBSD: AllocatorModel {
  /// The name on the command line.
  public static let identifier = "netbsd"

  /// Where kmem_map starts.
  public static let kmemStart = KernelAddress(rawValue: 0xC100_0000)
  /// Where kernel_map's share for pools starts, where they use it.
  public static let kernelStart = KernelAddress(rawValue: 0xF000_0000)
  /// The end of kernel_map.
  public static let kernelEnd = KernelAddress(rawValue: 0xFFC0_0000)
  /// Sizes that ``ModelConfiguration/mapBytes`` may have, bytes.
  public static let mapSizes = 1 << 20...Int(kernelStart.rawValue - kmemStart.rawValue)
  /// Sizes that the physical memory may have, bytes.
  public static let memorySizes = 16 << 20...4 << 30
  /// Numbers of processors that are accepted.
  public static let processorCounts = 1...16
  /// pool_inactive_time: an empty page younger than this is not reclaimed, virtual nanoseconds.
  public static let inactiveTime: UInt64 = 10_000_000_000

  /// Configuration that the model was booted with.
  public let tuning: Tuning
  /// malloc(9).
  public let buckets: BucketMalloc
  /// pool(9).
  public let pools: PoolAllocator
  /// pool_cache(9).
  public let caches: PoolCacheLayer
  /// kernel_map's share for pools; nil where they do not use it.
  public let kernelMap: WiredMap?

  /// What the kernel died of or waits for; nil while it lives.
  public internal(set) var failure: KernelFailure? {
    didSet { if failure != nil { buckets.end() } }
  }
  /// True once ``failure`` is there.
  @inline(__always)
  public var hasEnded: Bool { bucketState.pointee.hasEnded }
  /// The soft limit on vnodes.
  public let desiredVnodes: Int
  /// nmbclusters: the limit of the cluster pool.
  public let clusterLimit: Int
  /// Address space that ``loseAddressSpace(pages:)`` took out of kmem_map, bytes.
  public internal(set) var lostBytes = 0
  /// What the kernel wrote on its console, the first 200 lines.
  public var console: [String] { log.lines }
  /// Virtual nanoseconds that waiting callers slept until empty pages were old enough.
  public internal(set) var waitedNanoseconds: UInt64 = 0
  /// Pages that drains gave back, whoever asked for them.
  public internal(set) var drainedPages: UInt64 = 0

  /// Handles of the pools of kernel objects.
  let objects: Objects
  var log = ConsoleLog()
  /// drainpp: the pool that the page daemon asks next.
  var nextToDrain = 0
  /// The same for callers that wait for address space.
  var nextToRelieve = 0
  var isRelieving = false
  private let isChecked: Bool
  /// What the short paths of malloc and free read.
  private let bucketState: UnsafeMutablePointer<BucketMalloc.State>

  /// Boots NetBSD 5 with a GENERIC configuration (maxusers 64).
  public convenience init(_ configuration: ModelConfiguration) throws(ModelConfigurationError) {
    try self.init(configuration, tuning: Tuning())
  }

  /// Boots NetBSD 5.
  ///
  /// - Throws: an error that names the value out of range.
  public init(_ configuration: ModelConfiguration, tuning: Tuning) throws(ModelConfigurationError) {
    try configuration.check(
      model: Self.identifier, only: .i386, processors: Self.processorCounts, memory: Self.memorySizes,
      map: Self.mapSizes)
    let physicalPages = PhysicalPages.managedPages(ofMemory: configuration.physicalMemory)
    let bytes = configuration.mapBytes ?? Self.kmemSize(physicalPages: physicalPages)
    self.tuning = tuning.clamped
    desiredVnodes = self.tuning.desiredVnodes(physicalPages: physicalPages)
    clusterLimit = Self.clusterLimit(physicalPages: physicalPages, kmemPages: bytes / kernelPageSize)

    let backing = configuration.checked ? configuration.backing : nil
    isChecked = backing != nil
    let physical = configuration.pages
    let kmem = WiredMap(space: AddressMap(start: Self.kmemStart, pages: bytes / kernelPageSize), physical: physical)
    buckets = BucketMalloc(
      map: kmem, order: .fifo, typeLimit: Self.typeLimit(kmemSize: bytes), checkedBacking: backing, trash: .uvm)
    bucketState = buckets.state

    var sources = [PoolPageSource.map(kmem)]
    if self.tuning.usesKernelMap {
      let pages = Int(Self.kernelEnd.rawValue - Self.kernelStart.rawValue) / kernelPageSize
      let map = WiredMap(space: AddressMap(start: Self.kernelStart, pages: pages), physical: physical)
      kernelMap = map
      sources.append(.map(map))
    } else {
      kernelMap = nil
    }
    pools = PoolAllocator(style: Self.poolStyle, sources: sources, checkedBacking: backing)
    objects = Objects(pools: pools, tuning: self.tuning)
    caches = PoolCacheLayer(
      pools: pools, groupPool: objects.group, groupSize: Self.groupSize, processors: configuration.cpus)
    for pool in objects.cached { _ = caches.create(pool: pool) }
    // The closure belongs to the pools, which live as long as the model.
    pools.onShortage = { [unowned self] source, code in relieve(source: source, code: code) }
  }

  /// The processor on which the following calls run; a number out of range changes nothing.
  public var currentCPU: Int {
    get { caches.currentCPU }
    set { caches.currentCPU = newValue }
  }

  // MARK: malloc(9)

  /// The handle of a malloc type; a new name is registered (malloc_type_attach).
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
    BucketMalloc.take(bucketState, size, type.index, .fifo, &address)
  }

  @inline(never)
  private func mallocLong(_ size: Int, _ type: MallocType, _ wait: WaitPolicy) -> KernelAddress {
    guard !hasEnded else { return .null }
    var address = buckets.malloc(size, type.index, wait)
    if address == .null { address = mallocRefused(size, type.index, wait) }
    if isChecked { reportModifiedItem() }
    return address
  }

  /// free(9) of an address that malloc returned.
  ///
  /// Any other address and a second free end the kernel with the words of a DIAGNOSTIC kernel; a free of null does
  /// nothing. The bytes are taken off the type given here; a type that has nothing in use ends the kernel.
  @inline(__always)
  public func free(_ address: KernelAddress, _ type: MallocType) {
    if !freeToCache(address, type) { freeLong(address, type) }
  }

  /// A free that puts an item on its list and has nothing else to do.
  @inline(__always)
  public func freeToCache(_ address: KernelAddress, _ type: MallocType) -> Bool {
    BucketMalloc.give(bucketState, address, type.index, .fifo, needsUse: true)
  }

  /// The line of memory that ``free(_:_:)`` of this address will read first.
  @inline(__always)
  public func prefetchFree(_ address: KernelAddress) { BucketMalloc.prefetchGive(bucketState, address) }

  @inline(never)
  private func freeLong(_ address: KernelAddress, _ type: MallocType) {
    guard !hasEnded, address != .null else { return }
    buckets.free(address, type.index)
    if buckets.freeError != .none {
      freeRefused(address, type.index)
    } else if buckets.types[type.index].pointee.inUse < 0 {
      freedUnderWrongType(address)
    }
  }

  // MARK: Pools and caches

  /// pool_cache_get() or pool_get(): one item, or null where there is nothing to give.
  @inline(__always)
  public func zoneAlloc(_ zone: ZoneID, _ wait: WaitPolicy) -> KernelAddress {
    guard !hasEnded else { return .null }
    precondition(UInt(bitPattern: zone.index) < UInt(bitPattern: pools.count), "NetBSD: pool \(zone.index)")
    let cache = pools.pools[zone.index].cache
    let address = cache >= 0 ? caches.get(cache, wait) : pools.get(zone.index, wait)
    if address == .null { poolRefused(zone.index, wait) }
    if isChecked { reportModifiedPoolItem() }
    return address
  }

  /// pool_cache_put() or pool_put().
  @inline(__always)
  public func zoneFree(_ zone: ZoneID, _ address: KernelAddress) {
    guard !hasEnded, address != .null else { return }
    precondition(UInt(bitPattern: zone.index) < UInt(bitPattern: pools.count), "NetBSD: pool \(zone.index)")
    let cache = pools.pools[zone.index].cache
    let result = cache >= 0 ? caches.put(cache, address) : pools.put(zone.index, address)
    if result != .none { poolFreeRefused(zone.index, address, result) }
    if isChecked { reportModifiedPoolItem() }
  }

  // MARK: Clock and faults

  /// The virtual clock, nanoseconds since boot: it ages empty pages; there are no callouts.
  public func advance(to nanoseconds: UInt64) { pools.advance(to: nanoseconds) }

  /// pool_drain(): what the page daemon asks for on a shortage of physical pages.
  ///
  /// The daemon drains one pool a scan, in turn. Here one call goes on until a pool gave a page back or all were
  /// asked, because a caller that waits wakes the daemon again and again.
  public func reclaim() {
    guard !hasEnded else { return }
    drainInTurn(idleFor: Self.inactiveTime)
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
  /// Bytes of kernel_map's share for pools in use, 0 where they do not use it.
  public var kernelMapUsedBytes: Int { (kernelMap?.space.usedPages ?? 0) * kernelPageSize }
  /// malloc(9) calls that were not allowed to sleep and got nothing.
  public var noWaitFailures: UInt64 { buckets.noWaitFailures }
}
