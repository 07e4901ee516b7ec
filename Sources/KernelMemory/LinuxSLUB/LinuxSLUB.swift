// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// Linux with the SLUB allocator: kmalloc() and object caches over the buddy system, in the linear map.
///
/// There is no map for small objects: the linear map is the machine's memory. What the other models call the map is
/// here that memory as far as it has addresses in the window of the model; ``mapUsedBytes`` are the bytes of slabs and
/// of large allocations. On i386 the window is low memory, which the kernel itself maps at 0xC0000000 (896 MiB); on
/// amd64 it is the same addresses up to 0xFFC00000, so that a machine of more than about 1 GiB shows the first part of
/// its memory alone. The first 16 MiB are the kernel's image and are not counted.
///
/// Slab caches have no reclaim of their own: ``reclaim()`` does nothing, for shrinkers belong to the owners of objects.
/// A waiting caller that finds no page after one run of reclaim wakes the OOM killer. The modelled machine runs
/// nothing that could be killed for memory of the kernel, so that this ends as it does on a machine without killable
/// processes: with the panic "System is deadlocked on memory". A request above order 3 ends without it: the caller gets
/// null and the console a line.
public final class LinuxSLUB: AllocatorModel {
  /// The name on the command line.
  public static let identifier = "linux-slub"

  /// Where the linear map of the model starts: behind the kernel's image.
  public static let mapStart = KernelAddress(rawValue: 0xC100_0000)
  /// Physical memory that the machine may have, bytes.
  public static let memorySizes = 32 << 20...64 << 30
  /// Numbers of processors that are accepted.
  public static let processorCounts = 1...16

  /// The allocator.
  public let slub: SLUB
  /// The page allocator.
  public var buddy: BuddyAllocator { slub.buddy }
  /// Machine architecture.
  public let architecture: Architecture
  /// As many inodes with their dentries as the memory holds: the kernel has no limit of its own (inferred).
  public let desiredVnodes: Int
  /// What the kernel died of or waits for; nil while it lives.
  public internal(set) var failure: KernelFailure? {
    didSet { dead.pointee = failure != nil }
  }
  /// True once ``failure`` is there.
  @inline(__always)
  public var hasEnded: Bool { dead.pointee }
  /// What the kernel wrote to its log, the first 200 lines.
  public var console: [String] { log.lines }

  let types = MallocTypeTable()
  let objects: Objects
  var log = ConsoleLog()
  private let diagnostic: SLUBDiagnostic?
  /// ``failure`` is not nil: the one word of it that every call reads.
  private let dead: UnsafeMutablePointer<Bool>

  /// Boots Linux without options.
  public convenience init(_ configuration: ModelConfiguration) throws(ModelConfigurationError) {
    try self.init(configuration, tuning: SLUBLayout.Tuning())
  }

  /// Boots Linux.
  ///
  /// - Throws: an error that names the value out of range.
  public init(
    _ configuration: ModelConfiguration, tuning: SLUBLayout.Tuning
  ) throws(ModelConfigurationError) {
    try configuration.check(
      model: Self.identifier, processors: Self.processorCounts, memory: Self.memorySizes,
      map: Self.mapSizes(configuration.architecture))
    architecture = configuration.architecture
    let capacity = Self.mapPages(
      memory: configuration.physicalMemory, mapBytes: configuration.mapBytes, configuration.architecture)
    let backing = configuration.checked ? configuration.backing : nil
    slub = SLUB(
      buddy: BuddyAllocator(start: Self.mapStart, pages: capacity), physical: configuration.pages,
      processors: configuration.cpus, wordSize: configuration.architecture == .amd64 ? 8 : 4, tuning: tuning,
      checkedBacking: backing)
    diagnostic = slub.diagnostic
    dead = .allocate(capacity: 1)
    dead.initialize(to: false)
    objects = Objects(slub: slub, types: types, architecture: configuration.architecture)
    desiredVnodes = Self.desiredVnodes(
      managedPages: PhysicalPages.managedPages(ofMemory: configuration.physicalMemory),
      inode: slub.caches[objects.inode], dentry: slub.caches[objects.dentry])
  }

  deinit { dead.deallocate() }

  /// The processor of the following calls; a number out of range changes nothing.
  public var currentCPU: Int {
    get { slub.state.pointee.currentCPU }
    set { if newValue >= 0 && newValue < slub.processors { slub.state.pointee.currentCPU = newValue } }
  }

  // MARK: kmalloc

  /// The handle of a malloc type, which the kernel does not know: it is for reports.
  public func mallocType(named name: String) -> MallocType { MallocType(index: types.register(name)) }

  /// kmalloc() with GFP_KERNEL or GFP_NOWAIT: a cache up to 8192 bytes, a block of pages above.
  public func malloc(_ size: Int, _ type: MallocType, _ wait: WaitPolicy) -> KernelAddress {
    guard !dead.pointee, types.isValid(type.index) else { return .null }
    guard UInt(bitPattern: size) <= UInt(bitPattern: SLUB.largestClass) else { return mallocLarge(size, type, wait) }
    let asked = max(size, 1)
    let cache = slub.mallocCache(asked)
    let address = slub.allocate(cache, requested: asked, wait)
    guard address != .null else { return refuse(cache, asked, type.index, wait) }
    if let diagnostic { verifyAllocation(diagnostic, cache, address, asked) }
    types.charge(type.index, slub.caches[cache].size)
    return address
  }

  /// kfree(): the slab tells the cache; the null address is nothing to free.
  ///
  /// The bytes are taken off the type given here. An object of a named cache may be given back this way too, as the
  /// kernel allows; no type is charged for it.
  public func free(_ address: KernelAddress, _ type: MallocType) {
    guard !dead.pointee, address != .null, types.isValid(type.index) else { return }
    if let diagnostic, !verifyFree(diagnostic, address) { return }
    let cache = slub.free(address, expected: -1)
    guard cache >= 0 else { return freeLarge(address, type.index) }
    if let diagnostic { poison(diagnostic, cache, address) }
    let record = slub.caches + cache
    if record.pointee.flags.contains(.malloc) { types.credit(type.index, record.pointee.size) }
  }

  @inline(never)
  private func mallocLarge(_ size: Int, _ type: MallocType, _ wait: WaitPolicy) -> KernelAddress {
    let address = slub.allocateLarge(size, wait)
    guard address != .null else { return refuse(-1, size, type.index, wait) }
    types.charge(type.index, kernelPageSize << BuddyAllocator.order(ofBytes: size))
    return address
  }

  @inline(never)
  private func freeLarge(_ address: KernelAddress, _ type: Int) {
    let error = slub.state.pointee.freeError
    let bytes = error == .notAllocated ? slub.freeLarge(address) : 0
    guard bytes > 0 else { return refuseFree(address, error, cache: -1) }
    types.credit(type, bytes)
  }

  // MARK: Caches

  /// kmem_cache_create(): a cache of a name, for instance one that a recorded trace names.
  ///
  /// - Parameters:
  ///   - name: as `/proc/slabinfo` shows it; a known one returns the cache that there is.
  ///   - size: bytes of an object, 1 to ``SLUBLayout/largestObject``; other sizes are moved into that range.
  ///   - align: a power of two up to a page, 0 for the default; others are taken as 0.
  ///   - flags: how it is created.
  /// - Returns: the cache's handle.
  public func makeCache(
    named name: String, size: Int, align: Int = 0, flags: SLUBLayout.Flags = []
  ) -> ZoneID {
    if let index = slub.names.firstIndex(of: name) { return ZoneID(index: index) }
    let isPower = align > 0 && align <= kernelPageSize && align & (align - 1) == 0
    let index = slub.createCache(
      name, objectSize: min(max(size, 1), SLUBLayout.largestObject), align: isPower ? align : 0,
      flags: flags.intersection([.cacheLineAligned, .constructed]))
    return ZoneID(index: index)
  }

  /// A cache for a zone that a trace names: size rounded up to words, default alignment.
  ///
  /// `noFree` changes nothing, for no cache of Linux keeps its empty slabs.
  public func makeZone(named name: String, size: Int, noFree: Bool) -> ZoneID? {
    guard size > 0, size <= SLUBLayout.largestObject, slub.state.pointee.caches.count < SLUB.cacheLimit else {
      return nil
    }
    return makeCache(named: name, size: size)
  }

  /// kmem_cache_shrink(): what writing 1 to `/sys/kernel/slab/NAME/shrink` does.
  public func shrink(_ zone: ZoneID) {
    guard !dead.pointee, zone.index >= 0, zone.index < slub.state.pointee.caches.count else { return }
    slub.shrink(zone.index)
  }

  /// kmem_cache_alloc().
  public func zoneAlloc(_ zone: ZoneID, _ wait: WaitPolicy) -> KernelAddress {
    guard !dead.pointee, UInt(bitPattern: zone.index) < UInt(bitPattern: slub.state.pointee.caches.count) else {
      return .null
    }
    let size = slub.caches[zone.index].objectSize
    let address = slub.allocate(zone.index, requested: size, wait)
    guard address != .null else { return refuse(zone.index, size, -1, wait) }
    if let diagnostic { verifyAllocation(diagnostic, zone.index, address, size) }
    let record = slub.caches + zone.index
    if record.pointee.flags.contains(.malloc) { types.charge(objects.dataType.index, record.pointee.size) }
    return address
  }

  /// kmem_cache_free(); the null address is nothing to free.
  ///
  /// A cache of kmalloc() may be used by its handle too: its objects are then booked under "skb data".
  public func zoneFree(_ zone: ZoneID, _ address: KernelAddress) {
    guard !dead.pointee, address != .null,
      UInt(bitPattern: zone.index) < UInt(bitPattern: slub.state.pointee.caches.count)
    else { return }
    if let diagnostic, !verifyFree(diagnostic, address) { return }
    let cache = slub.free(address, expected: zone.index)
    guard cache >= 0 else { return refuseFree(address, slub.state.pointee.freeError, cache: zone.index) }
    if let diagnostic { poison(diagnostic, cache, address) }
    let record = slub.caches + cache
    if record.pointee.flags.contains(.malloc) { types.credit(objects.dataType.index, record.pointee.size) }
  }

  // MARK: Clock, reclaim, faults

  /// The clock: SLUB has no timers.
  public func advance(to nanoseconds: UInt64) {}

  /// Does nothing: a shortage of pages empties no slab cache.
  public func reclaim() {}

  /// Takes pages of the linear map into nobody's books.
  public func loseAddressSpace(pages: Int) {
    guard failure == nil, pages > 0 else { return }
    if !slub.losePages(pages, .wait) { outOfMemory(order: 0, bytes: pages * kernelPageSize) }
  }

  // MARK: Memory

  /// The memory behind the model's addresses, bytes.
  public var mapCapacityBytes: Int { buddy.capacityPages * kernelPageSize }
  /// Bytes of slabs, large allocations and losses.
  public var mapUsedBytes: Int { buddy.usedPages * kernelPageSize }
  /// The most that ``mapUsedBytes`` ever was.
  public var mapHighWaterBytes: Int { buddy.highWaterPages * kernelPageSize }
  /// The largest free block of the buddy system, at most 4 MiB.
  public var largestFreeBytes: Int { buddy.largestFreeBlock * kernelPageSize }
  /// Every byte of ``mapUsedBytes``, by account; the kernel's own cache structures count as bookkeeping.
  public func ledger() -> Ledger { slub.ledger() }
  /// Statistics by malloc type, which the kernel itself does not keep.
  public func mallocTypeStatistics() -> [MallocTypeStatistics] { types.statistics() }
  /// Statistics by cache, in the order of creation, those of kmalloc() among them.
  public func zoneStatistics() -> [ZoneStatistics] { slub.names.indices.map(slub.statistics) }
}
