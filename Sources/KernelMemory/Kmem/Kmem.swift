// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// The slab allocator of Solaris and illumos: caches with magazines per processor, a depot and slabs in a heap.
///
/// illumos usr/src/uts/common/os/kmem.c (read in a version of 2019 and later). The heap is one map with first fit at the
/// lowest address and physical pages behind it. In the kernel slabs come from the arenas heap, kmem_va (which caches
/// runs of up to 8 pages) and kmem_default; these layers are left out, for they move address space and hold no memory.
/// The kernel's kmem_cache_t structures and the consolidator, which needs callbacks of the owners of objects, are left
/// out as well.
public final class Kmem {
  static let none = UInt32.max
  /// One cell for every 8 bytes of the heap.
  static let cellShift = 3
  /// Rounds of the largest magazine.
  static let magazineStride = 143
  /// KMEM_HASH_INITIAL.
  static let smallestHash = 64
  /// kmem_depot_contention.
  static let depotContention = 3
  /// kmem_reap_interval and the interval of kmem_update, nanoseconds.
  public static let interval: UInt64 = 15_000_000_000
  /// Caches that there may be.
  static let cacheLimit = 4096

  /// What the kernel is set to.
  public struct Tuning: Equatable, Sendable {
    /// Share of calls to the depot that find its lock taken, 0 to 1; they are picked evenly, without randomness.
    ///
    /// A single thread never contends, so that magazines keep their first size by default.
    public var depotContention = 0.0
    /// Whether each update every 15 s also reaps; in the kernel only a shortage of memory does.
    public var reapsAtUpdate = false

    /// The defaults.
    public init() {}
  }

  struct State {
    var currentCPU = 0
    var caches = RecordColumn<KmemCache>(capacity: 96)
    /// One record for each cache and processor.
    var processors: RecordColumn<KmemProcessor>
    var refusal = KmemRefusal.none
    /// The first thing that kmem_error() was called for, its buffer and the cache that was named.
    var error = KmemError.none
    var errorBuffer: UInt64 = 0
    var errorCache = 0
    /// Address of each magazine and the next one on its list; rounds lie in ``magazineRounds``.
    var magazineAddresses: UnsafeMutablePointer<UInt32>
    var magazineLinks: UnsafeMutablePointer<UInt32>
    var magazineRounds: UnsafeMutablePointer<UInt32>
    var magazineCount = 0
    var magazineCapacity: Int
    var freeMagazine = Kmem.none
    var oversizePages = 0
    var oversizeCount = 0
    var lostPages = 0
    /// Pages of hash tables.
    var hashPages = 0
    var hashBytes = 0
    /// No page from here on was ever used.
    var pageEnd = 0
    var now: UInt64 = 0
    var nextUpdate = Kmem.interval
    /// A reap before this time does nothing.
    var nextReap: UInt64 = 0
    var contentionDebt = 0.0
    var updates: UInt64 = 0
    var reaps: UInt64 = 0
    var sleeps: UInt64 = 0
    var sleptNanoseconds: UInt64 = 0
    var isUpdating = false
  }

  /// The heap with its physical pages.
  public let heap: WiredMap
  /// Processors.
  public let processors: Int
  /// Settings.
  public let tuning: Tuning
  let wordSize: Int
  let startAddress: UInt64
  let state: UnsafeMutablePointer<State>
  let pages: UnsafeMutablePointer<KmemPage>
  /// Size that the caller asked for, by the cell of the buffer; 0 for a buffer that no caller has.
  let requested: UnsafeMutablePointer<UInt32>
  /// The next free buffer of the slab, by the cell of the buffer.
  let nextFree: UnsafeMutablePointer<UInt32>
  /// Cache of each request up to a page, by (size − 1) / 8.
  let smallTable: UnsafeMutablePointer<UInt16>
  /// Cache of each larger request, by (size − 1) / 4096.
  let bigTable: UnsafeMutablePointer<UInt16>
  let largestCached: Int
  let diagnostic: KmemDiagnostic?
  var hashTablePages: [Int] = []
  /// Names of the caches, in the order of creation.
  public private(set) var names: [String] = []

  /// First cache of kmem_magazine_1 to kmem_magazine_143.
  static let magazineCaches = 0
  static let slabCache = 9
  static let bufferControlCache = 10

  /// An allocator with the caches of kmem_cache_init().
  ///
  /// - Parameters:
  ///   - heap: where slabs come from.
  ///   - processors: at least 1.
  ///   - wordSize: bytes of a pointer, 4 or 8.
  ///   - tuning: settings.
  ///   - backing: given, KMF_DEADBEEF and KMF_REDZONE are on as far as the layout without them has room.
  public init(
    heap: WiredMap, processors: Int, wordSize: Int, tuning: Tuning, checkedBacking backing: BackingBytes? = nil
  ) {
    self.heap = heap
    self.processors = processors
    self.wordSize = wordSize
    self.tuning = tuning
    startAddress = heap.space.start.rawValue
    largestCached = KmemSizes.largest(wordSize: wordSize)
    diagnostic = backing.map { KmemDiagnostic(backing: $0) }
    let count = max(1, heap.space.capacityPages)
    precondition(count < 1 << 19, "Kmem: \(count) pages")
    pages = .allocate(capacity: count)
    pages.initialize(repeating: KmemPage(), count: count)
    let cells = count * kernelPageSize >> Self.cellShift
    requested = .allocate(capacity: cells)
    nextFree = .allocate(capacity: cells)
    smallTable = .allocate(capacity: kernelPageSize / 8)
    bigTable = .allocate(capacity: largestCached / kernelPageSize)
    let magazines = 64
    state = .allocate(capacity: 1)
    state.initialize(
      to: State(
        processors: RecordColumn(capacity: 96 * processors), magazineAddresses: .allocate(capacity: magazines),
        magazineLinks: .allocate(capacity: magazines),
        magazineRounds: .allocate(capacity: magazines * Self.magazineStride), magazineCapacity: magazines))
    createBootCaches()
  }

  deinit {
    state.pointee.caches.deallocate()
    state.pointee.processors.deallocate()
    state.pointee.magazineAddresses.deallocate()
    state.pointee.magazineLinks.deallocate()
    state.pointee.magazineRounds.deallocate()
    state.deallocate()
    pages.deallocate()
    requested.deallocate()
    nextFree.deallocate()
    smallTable.deallocate()
    bigTable.deallocate()
  }

  @inline(__always)
  var caches: UnsafeMutablePointer<KmemCache> { state.pointee.caches.base }

  /// The current processor's part of a cache.
  @inline(__always)
  func processor(_ cache: Int) -> UnsafeMutablePointer<KmemProcessor> {
    state.pointee.processors.base + (cache &* processors &+ state.pointee.currentCPU)
  }

  // MARK: Caches

  private func createBootCaches() {
    for type in KmemMagazineType.all {
      _ = createCache(
        "kmem_magazine_\(type.rounds)", bufferSize: (type.rounds + 1) * wordSize, align: type.align, flags: .metadata)
    }
    _ = createCache(
      "kmem_slab_cache", bufferSize: KmemLayout.slabStructure(wordSize: wordSize), align: 0, flags: .metadata)
    _ = createCache(
      "kmem_bufctl_cache", bufferSize: KmemLayout.bufferControl(wordSize: wordSize), align: 0, flags: .metadata)
    var next = 8
    for size in KmemSizes.small {
      let index = createCache("kmem_alloc_\(size)", bufferSize: size, align: KmemSizes.align(size), flags: .malloc)
      while next <= size {
        smallTable[(next - 1) / 8] = UInt16(truncatingIfNeeded: index)
        next += 8
      }
    }
    next = kernelPageSize
    for size in KmemSizes.big where size <= largestCached {
      let index = createCache("kmem_alloc_\(size)", bufferSize: size, align: KmemSizes.align(size), flags: .malloc)
      while next <= size {
        bigTable[(next - 1) / kernelPageSize] = UInt16(truncatingIfNeeded: index)
        next += kernelPageSize
      }
    }
    // kmem_init: the magazine layer is switched on when all caches are there.
    for index in 0..<state.pointee.caches.count { enableMagazines(index) }
  }

  /// kmem_cache_create().
  ///
  /// - Returns: the cache's index.
  func createCache(_ name: String, bufferSize: Int, align: Int, flags: KmemCache.Flags) -> Int {
    let layout = KmemLayout(
      bufferSize: bufferSize, align: align, noHash: flags.contains(.metadata), wordSize: wordSize)
    let index = state.pointee.caches.count
    precondition(index < Self.cacheLimit, "Kmem: too many caches")
    state.pointee.caches.append(
      KmemCache(
        flags: flags, layout: layout, bufferSize: bufferSize,
        magazineType: KmemMagazineType.first(forChunk: layout.chunkSize)))
    state.pointee.processors.append(KmemProcessor(), copies: processors)
    names.append(name)
    if layout.isHashed && resizeHash(from: 0, to: Self.smallestHash) { caches[index].hashSize = Self.smallestHash }
    return index
  }

  /// The cache of a request of 1 to ``largestCached`` bytes.
  @inline(__always)
  func mallocCache(_ size: Int) -> Int {
    size <= kernelPageSize ? Int(smallTable[(size &- 1) >> 3]) : Int(bigTable[(size &- 1) >> 12])
  }

  @inline(__always)
  func address(_ offset: UInt32) -> KernelAddress { KernelAddress(rawValue: startAddress &+ UInt64(offset)) }
}
