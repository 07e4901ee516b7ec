// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// illumos (and Solaris): kmem_alloc() and object caches with magazines, slabs in the kernel heap.
///
/// One heap serves everything; what the other models call the map is that heap, as far as it has addresses in the
/// window of the model. It is as large as the machine's memory, up to 0xFFC00000: on 64-bit systems the address space of
/// the heap is no limit, so that memory is. ``mapUsedBytes`` are the bytes of the heap with physical pages behind them.
///
/// A caller that may sleep (KM_SLEEP) and finds no room has the caches reaped and sleeps until memory is freed; after
/// three updates of 15 s in which nothing was, that is for ever, an outcome of the kind ``KernelFailure/stuck``. A caller
/// that may not gets null.
public final class Illumos: AllocatorModel {
  /// The name on the command line.
  public static let identifier = "illumos"

  /// Where the heap starts.
  public static let heapStart = KernelAddress(rawValue: 0xC100_0000)
  /// Where the addresses of the model end.
  public static let heapEnd = KernelAddress(rawValue: 0xFFC0_0000)
  /// Sizes that the heap may have, bytes.
  public static let heapSizes = 1 << 20...Int(heapEnd.rawValue - heapStart.rawValue)
  /// Physical memory that the machine may have, bytes.
  public static let memorySizes = 32 << 20...64 << 30
  /// Numbers of processors that are accepted.
  public static let processorCounts = 1...16

  /// The allocator.
  public let kmem: Kmem
  /// Machine architecture.
  public let architecture: Architecture
  /// ncsize, which limits the name cache and the UFS inode cache alike (recollection).
  public let desiredVnodes: Int
  /// What the kernel died of or waits for; nil while it lives.
  public internal(set) var failure: KernelFailure? {
    didSet { dead.pointee = failure != nil }
  }
  /// True once ``failure`` is there.
  @inline(__always)
  public var hasEnded: Bool { dead.pointee }
  /// What the kernel wrote on its console, the first 200 lines.
  public var console: [String] { log.lines }

  let types = MallocTypeTable()
  let objects: Objects
  var log = ConsoleLog()
  private let isChecked: Bool
  /// ``failure`` is not nil: the one word of it that every call reads.
  private let dead: UnsafeMutablePointer<Bool>

  /// Boots illumos with its defaults.
  public convenience init(_ configuration: ModelConfiguration) throws(ModelConfigurationError) {
    try self.init(configuration, tuning: Kmem.Tuning())
  }

  /// Boots illumos.
  ///
  /// - Throws: an error that names the value out of range.
  public init(_ configuration: ModelConfiguration, tuning: Kmem.Tuning) throws(ModelConfigurationError) {
    try configuration.check(
      model: Self.identifier, processors: Self.processorCounts, memory: Self.memorySizes,
      map: Self.heapSizes)
    architecture = configuration.architecture
    let bytes = configuration.mapBytes ?? Self.heapBytes(memory: configuration.physicalMemory)
    let backing = configuration.checked ? configuration.backing : nil
    isChecked = backing != nil
    kmem = Kmem(
      heap: WiredMap(
        space: AddressMap(start: Self.heapStart, pages: bytes / kernelPageSize), physical: configuration.pages),
      processors: configuration.cpus, wordSize: configuration.architecture == .amd64 ? 8 : 4, tuning: tuning,
      checkedBacking: backing)
    dead = .allocate(capacity: 1)
    dead.initialize(to: false)
    objects = Objects(kmem: kmem, types: types, architecture: configuration.architecture)
    desiredVnodes = Self.nameCacheSize(physicalMemory: configuration.physicalMemory)
  }

  deinit { dead.deallocate() }

  /// The processor of the following calls; a number out of range changes nothing.
  public var currentCPU: Int {
    get { kmem.state.pointee.currentCPU }
    set { if newValue >= 0 && newValue < kmem.processors { kmem.state.pointee.currentCPU = newValue } }
  }

  // MARK: kmem_alloc

  /// The handle of a malloc type, which the kernel does not know: it is for reports.
  public func mallocType(named name: String) -> MallocType { MallocType(index: types.register(name)) }

  /// kmem_alloc() with KM_SLEEP or KM_NOSLEEP: a cache up to 131072 bytes (32768 on i386), whole pages above.
  public func malloc(_ size: Int, _ type: MallocType, _ wait: WaitPolicy) -> KernelAddress {
    guard !dead.pointee, types.isValid(type.index) else { return .null }
    guard UInt(bitPattern: size) <= UInt(bitPattern: kmem.largestCached) else {
      return mallocOversize(size, type, wait)
    }
    let asked = max(size, 1)
    let cache = kmem.mallocCache(asked)
    let address = kmem.allocate(cache, requested: asked, wait)
    guard address != .null else { return refuse(asked, type.index, wait) }
    if isChecked, reportCorruption() { return .null }
    types.charge(type.index, kmem.caches[cache].layout.chunkSize)
    return address
  }

  /// kmem_free(): the size, which callers name in the kernel, is remembered by the model; null is nothing to free.
  public func free(_ address: KernelAddress, _ type: MallocType) {
    guard !dead.pointee, address != .null, types.isValid(type.index) else { return }
    let cache = kmem.free(address, expected: -1)
    guard cache >= 0 else { return freeOther(address, cache, type.index) }
    if isChecked, reportCorruption() { return }
    types.credit(type.index, kmem.caches[cache].layout.chunkSize)
  }

  @inline(never)
  private func mallocOversize(_ size: Int, _ type: MallocType, _ wait: WaitPolicy) -> KernelAddress {
    let offset = kmem.takeOversize(size, wait)
    guard offset != Kmem.none else { return refuse(size, type.index, wait) }
    types.charge(type.index, (size + kernelPageSize - 1) / kernelPageSize * kernelPageSize)
    return kmem.address(offset)
  }

  @inline(never)
  private func freeOther(_ address: KernelAddress, _ code: Int, _ type: Int) {
    guard code == -1 else {
      _ = reportCorruption()
      return
    }
    let page = Int(truncatingIfNeeded: address.rawValue &- Self.heapStart.rawValue) / kernelPageSize
    types.credit(type, kmem.giveOversize(page))
  }

  // MARK: Caches

  /// kmem_cache_create(): a cache of a name.
  ///
  /// - Parameters:
  ///   - name: as `::kmastat` shows it; a known one returns the cache that there is.
  ///   - size: bytes of a buffer, 1 to 131072; other sizes are moved into that range.
  ///   - align: a power of two up to a page, 0 for 8 bytes; others are taken as 0.
  /// - Returns: the cache's handle.
  public func makeCache(named name: String, size: Int, align: Int = 0) -> ZoneID {
    if let index = kmem.names.firstIndex(of: name) { return ZoneID(index: index) }
    let isPower = align >= KmemLayout.alignment && align <= kernelPageSize && align & (align - 1) == 0
    let index = kmem.createCache(
      name, bufferSize: min(max(size, 1), KmemSizes.largest(wordSize: 8)), align: isPower ? align : 0, flags: [])
    kmem.enableMagazines(index)
    return ZoneID(index: index)
  }

  /// A cache for a zone that a trace names, with the default alignment.
  ///
  /// `noFree` changes nothing, for every cache gives its empty slabs back.
  public func makeZone(named name: String, size: Int, noFree: Bool) -> ZoneID? {
    guard size > 0, size <= KmemSizes.largest(wordSize: 8), kmem.state.pointee.caches.count < Kmem.cacheLimit else {
      return nil
    }
    return makeCache(named: name, size: size)
  }

  /// Whether a handle is a cache that callers may use: the allocator's own are not.
  @inline(__always)
  private func isUsable(_ zone: ZoneID) -> Bool {
    UInt(bitPattern: zone.index) < UInt(bitPattern: kmem.state.pointee.caches.count)
      && !kmem.caches[zone.index].flags.contains(.metadata)
  }

  /// kmem_cache_alloc().
  public func zoneAlloc(_ zone: ZoneID, _ wait: WaitPolicy) -> KernelAddress {
    guard !dead.pointee, isUsable(zone) else { return .null }
    let record = kmem.caches + zone.index
    let size = record.pointee.bufferSize
    let address = kmem.allocate(zone.index, requested: size, wait)
    guard address != .null else { return refuse(size, -1, wait) }
    if isChecked, reportCorruption() { return .null }
    if record.pointee.flags.contains(.malloc) {
      types.charge(objects.bufferType.index, record.pointee.layout.chunkSize)
    }
    return address
  }

  /// kmem_cache_free(); the null address is nothing to free.
  public func zoneFree(_ zone: ZoneID, _ address: KernelAddress) {
    guard !dead.pointee, address != .null, isUsable(zone) else { return }
    guard kmem.free(address, expected: zone.index) >= 0 else {
      _ = reportCorruption()
      return
    }
    if isChecked, reportCorruption() { return }
    let record = kmem.caches + zone.index
    if record.pointee.flags.contains(.malloc) {
      types.credit(objects.bufferType.index, record.pointee.layout.chunkSize)
    }
  }

  /// kmem_cache_reap_soon(): the whole depot of a cache goes back to the slabs, its working set included.
  public func reapSoon(_ zone: ZoneID) {
    guard !dead.pointee, isUsable(zone) else { return }
    kmem.reapAll(zone.index)
    if isChecked { _ = reportCorruption() }
  }

  // MARK: Clock, reclaim, faults

  /// The clock: kmem_update runs at every mark of 15 s that has passed.
  public func advance(to nanoseconds: UInt64) {
    guard failure == nil else { return }
    kmem.advance(to: nanoseconds)
    if isChecked { _ = reportCorruption() }
  }

  /// kmem_reap(): magazines outside of the working set of their depot go back, at most once in 15 s.
  public func reclaim() {
    guard failure == nil else { return }
    kmem.reap()
    if isChecked { _ = reportCorruption() }
  }

  /// Takes pages of the heap into nobody's books.
  public func loseAddressSpace(pages: Int) {
    guard failure == nil, pages > 0 else { return }
    if !kmem.losePages(pages) { _ = refuse(pages * kernelPageSize, -1, .wait) }
  }

  // MARK: Heap

  /// Size of the heap, bytes.
  public var mapCapacityBytes: Int { kmem.heap.space.capacityPages * kernelPageSize }
  /// Bytes of the heap in use.
  public var mapUsedBytes: Int { kmem.heap.space.usedPages * kernelPageSize }
  /// The most that ``mapUsedBytes`` ever was.
  public var mapHighWaterBytes: Int { kmem.heap.space.highWaterPages * kernelPageSize }
  /// The largest free range of the heap, bytes.
  public var largestFreeBytes: Int { kmem.heap.space.largestFreeRun * kernelPageSize }
  /// Virtual time that callers slept for memory, nanoseconds.
  public var sleptNanoseconds: UInt64 { kmem.state.pointee.sleptNanoseconds }
  /// Every byte of ``mapUsedBytes``, by account; magazines, slab structures and hash tables count as bookkeeping.
  public func ledger() -> Ledger { kmem.ledger() }
  /// Statistics by malloc type, which the kernel itself does not keep.
  public func mallocTypeStatistics() -> [MallocTypeStatistics] { types.statistics() }
  /// Statistics by cache, in the order of creation, those of kmem_alloc() and of the allocator among them.
  public func zoneStatistics() -> [ZoneStatistics] { kmem.names.indices.map(kmem.statistics) }
}
