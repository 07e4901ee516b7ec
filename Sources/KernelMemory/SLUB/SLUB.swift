// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// The SLUB allocator over a buddy system: kmem_cache_alloc(), kmalloc() and their frees.
///
/// Linux mm/slub.c of 6.8 to 6.17 (___slab_alloc, get_partial_node, __slab_free, put_cpu_partial, __put_partials; read in
/// 6.8), one node, free lists in address order (CONFIG_SLAB_FREELIST_RANDOM shuffles them; no count depends on it). The
/// debug options of a kernel change the layout and switch the per-CPU partial lists off; here checks never change a
/// decision.
///
/// List links and requested sizes lie in columns beside the memory: number of the object's slab page × 512 + number of
/// the object, which suffices because no object is smaller than 8 bytes.
public final class SLUB {
  static let noPage = UInt32.max
  static let noObject = UInt16.max
  /// log2 of the cells of a page.
  static let cellShift = 9
  static let reciprocalShift: UInt64 = 40
  /// PAGE_ALLOC_COSTLY_ORDER.
  static let costlyOrder = 3
  /// KMALLOC_MAX_CACHE_SIZE: larger requests are blocks of pages, bytes.
  public static let largestClass = 2 * kernelPageSize
  /// Caches that there may be.
  static let cacheLimit = 4096

  struct State {
    var currentCPU = 0
    var caches = RecordColumn<SLUBCache>(capacity: 64)
    /// One record for each cache and processor.
    var processors: RecordColumn<SLUBProcessor>
    var refusal = SLUBRefusal.none
    var freeError = SLUBFreeError.none
    /// Pages of kmalloc() above the largest class.
    var largePages = 0
    var largeCount = 0
    var lostPages = 0
    /// No page from here on was ever used.
    var pageEnd = 0
    var reclaims: UInt64 = 0
  }

  /// The pages.
  public let buddy: BuddyAllocator
  /// Pages of the machine, shared with the page cache; nil means that the buddy system alone limits.
  public let physical: PhysicalPages?
  /// Processors.
  public let processors: Int
  let tuning: SLUBLayout.Tuning
  let wordSize: Int
  let startAddress: UInt64
  let state: UnsafeMutablePointer<State>
  let pages: UnsafeMutablePointer<SLUBPage>
  let nextObject: UnsafeMutablePointer<UInt16>
  /// Requested size of a live object, 0 for a free one.
  let requested: UnsafeMutablePointer<UInt32>
  /// Cache of each request of up to 192 bytes, by (size − 1) / 8.
  let smallClasses: UnsafeMutablePointer<UInt16>
  /// Cache of each power of two, by its logarithm.
  let largeClasses: UnsafeMutablePointer<UInt16>
  let diagnostic: SLUBDiagnostic?
  /// Names of the caches, in the order of creation.
  public private(set) var names: [String] = []

  /// An allocator with the caches of the allocator itself and of kmalloc().
  ///
  /// - Parameters:
  ///   - buddy: where slabs come from.
  ///   - physical: the pages of the machine.
  ///   - processors: at least 1.
  ///   - wordSize: bytes of a pointer, 4 or 8.
  ///   - tuning: boot options.
  ///   - backing: given, free objects are poisoned and the rest of a kmalloc() is a red zone, as `slab_debug=PZ` does.
  public init(
    buddy: BuddyAllocator, physical: PhysicalPages?, processors: Int, wordSize: Int, tuning: SLUBLayout.Tuning,
    checkedBacking backing: BackingBytes? = nil
  ) {
    self.buddy = buddy
    self.physical = physical
    self.processors = processors
    self.wordSize = wordSize
    self.tuning = tuning
    startAddress = buddy.start.rawValue
    diagnostic = backing.map { SLUBDiagnostic(backing: $0) }
    let count = max(1, buddy.capacityPages)
    pages = .allocate(capacity: count)
    pages.initialize(repeating: SLUBPage(), count: count)
    nextObject = .allocate(capacity: count << Self.cellShift)
    requested = .allocate(capacity: count << Self.cellShift)
    smallClasses = .allocate(capacity: 24)
    largeClasses = .allocate(capacity: 16)
    state = .allocate(capacity: 1)
    state.initialize(to: State(processors: RecordColumn(capacity: 64 * processors)))
    createBootCaches()
  }

  deinit {
    state.pointee.caches.deallocate()
    state.pointee.processors.deallocate()
    state.deallocate()
    pages.deallocate()
    nextObject.deallocate()
    requested.deallocate()
    smallClasses.deallocate()
    largeClasses.deallocate()
  }

  @inline(__always)
  var caches: UnsafeMutablePointer<SLUBCache> { state.pointee.caches.base }

  /// The current processor's part of a cache.
  @inline(__always)
  func processor(_ cache: Int) -> UnsafeMutablePointer<SLUBProcessor> {
    state.pointee.processors.base + (cache &* processors &+ state.pointee.currentCPU)
  }

  // MARK: Caches

  /// Caches in the order of creation of Linux 6.18: the allocator's own two, then 96, 192 and the powers of two
  /// (measured).
  private func createBootCaches() {
    let own = SLUBLayout.Flags([.cacheLineAligned, .bookkeeping])
    // sizeof(struct kmem_cache) and kmem_cache_node: 232 and 72 bytes on x86_64 (measured); i386 (recollection).
    _ = createCache("kmem_cache", objectSize: wordSize == 8 ? 232 : 128, align: 0, flags: own)
    _ = createCache("kmem_cache_node", objectSize: wordSize == 8 ? 72 : 44, align: 0, flags: own)
    for size in [96, 192, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192] {
      let label = size < 1024 ? "\(size)" : "\(size >> 10)k"
      // A power of two is aligned to itself.
      let align = size & (size - 1) == 0 ? size : 0
      let index = createCache("kmalloc-\(label)", objectSize: size, align: align, flags: .malloc)
      if align != 0 { largeClasses[size.trailingZeroBitCount] = UInt16(truncatingIfNeeded: index) }
    }
    for slot in 0..<24 {
      let size = (slot + 1) * 8
      let power = Int.bitWidth - (size - 1).leadingZeroBitCount
      let named = size > 64 && size <= 96 ? 2 : size > 128 ? 3 : Int(largeClasses[max(power, 3)])
      smallClasses[slot] = UInt16(truncatingIfNeeded: named)
    }
  }

  /// kmem_cache_create().
  ///
  /// The kernel would merge caches of like layout under the name of the first (CONFIG_SLAB_MERGE_DEFAULT); here every
  /// cache keeps its own slabs.
  ///
  /// - Parameters:
  ///   - name: as `/proc/slabinfo` shows it.
  ///   - objectSize: bytes, 1 to ``SLUBLayout/largestObject``.
  ///   - align: a power of two, 0 for the default.
  ///   - flags: how it is created.
  /// - Returns: the cache's index.
  public func createCache(_ name: String, objectSize: Int, align: Int, flags: SLUBLayout.Flags) -> Int {
    let layout = SLUBLayout(
      objectSize: objectSize, align: align, flags: flags, wordSize: wordSize, processors: processors, tuning: tuning)
    let index = state.pointee.caches.count
    precondition(index < Self.cacheLimit, "SLUB: too many caches")
    state.pointee.caches.append(
      SLUBCache(
        size: layout.size, objectSize: objectSize,
        reciprocal: (1 << Self.reciprocalShift + UInt64(layout.size) - 1) / UInt64(layout.size), order: layout.order,
        objects: layout.objects, minimumOrder: layout.minimumOrder, minimumOrderObjects: layout.minimumOrderObjects,
        cpuPartialSlabs: layout.cpuPartialSlabs, minimumPartial: layout.minimumPartial, flags: flags))
    state.pointee.processors.append(SLUBProcessor(), copies: processors)
    names.append(name)
    // The structures of the first two caches lie in the kernel's data.
    if index >= 2 {
      _ = allocate(0, requested: caches[0].objectSize, .noWait)
      _ = allocate(1, requested: caches[1].objectSize, .noWait)
    }
    return index
  }

  /// kmalloc_index(): the cache of a request of 1 to ``largestClass`` bytes.
  @inline(__always)
  func mallocCache(_ size: Int) -> Int {
    if size <= 192 { return Int(smallClasses[max(size &- 1, 0) >> 3]) }
    return Int(largeClasses[Int.bitWidth &- (size &- 1).leadingZeroBitCount])
  }

  /// The address of an object.
  @inline(__always)
  func address(page: Int, object: Int, size: Int) -> KernelAddress {
    KernelAddress(
      rawValue: startAddress &+ UInt64(truncatingIfNeeded: page << 12) &+ UInt64(truncatingIfNeeded: object &* size))
  }
}
