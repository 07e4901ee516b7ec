// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// What a page is used for.
enum KmemPageKind {
  static let none: UInt8 = 0
  static let slab: UInt8 = 1
  /// A request above the largest cache: its first page; the others stay ``none``.
  static let oversize: UInt8 = 2
}

/// One a page: which cache it belongs to, and the kmem_slab_t at the first page of a slab.
struct KmemPage {
  /// First page of the slab.
  var head: UInt32 = 0
  var cache: UInt16 = 0
  var kind: UInt8 = KmemPageKind.none
  /// Whether the slab is in its cache's tree of partial slabs.
  var isPartial = false
  /// Buffers of the slab, pages of an oversize allocation.
  var chunks: UInt32 = 0
  /// Buffers that are not on the slab's free list (slab_refcnt).
  var inUse: UInt32 = 0
  /// Offset of the first free buffer from the start of the heap.
  var free: UInt32 = Kmem.none
  /// Offset of the first buffer from the start of the heap.
  var base: UInt32 = 0
  /// Offset of the kmem_slab_t, by which equal slabs are ordered.
  var structure: UInt32 = 0
  /// Children in the tree of partial slabs.
  var left: UInt32 = Kmem.none
  var right: UInt32 = Kmem.none
}

/// kmem_maglist_t: magazines of a depot with their working set.
struct KmemMagazineList {
  var head: UInt32 = Kmem.none
  var total = 0
  var minimum = 0
  var reapLimit = 0
  var allocations: UInt64 = 0
}

/// kmem_cpu_cache_t.
struct KmemProcessor {
  var loaded: UInt32 = Kmem.none
  var previous: UInt32 = Kmem.none
  /// −1 without a magazine.
  var rounds = -1
  var previousRounds = -1
  var allocations: UInt64 = 0
  var frees: UInt64 = 0
}

/// kmem_cache_t.
struct KmemCache {
  struct Flags: OptionSet {
    let rawValue: UInt8
    /// Behind kmem_alloc() (KMC_KMEM_ALLOC).
    static let malloc = Flags(rawValue: 1)
    /// The allocator's own structures (kmem_msb arena).
    static let metadata = Flags(rawValue: 2)
  }

  // What every call touches.
  /// Rounds of a magazine, 0 while the layer is off.
  var magazineSize = 0
  /// Buffers that callers hold.
  var live = 0
  /// Bytes that they asked for.
  var requestedBytes = 0
  var flags: Flags

  var layout: KmemLayout
  var bufferSize: Int
  var color = 0
  var magazineType: Int
  /// Rounds of ``magazineType``.
  var roundsOfType = 0

  // Slab layer.
  var partialRoot: UInt32 = Kmem.none
  var partialSlabs = 0
  var completeSlabs = 0
  /// Buffers of all slabs (cache_buftotal).
  var total = 0
  /// Free buffers in slabs (cache_bufslab).
  var inSlabs = 0
  var most = 0
  var slabsCreated: UInt64 = 0
  var slabsDestroyed: UInt64 = 0
  var slabAllocations: UInt64 = 0
  var slabFrees: UInt64 = 0
  var failures: UInt64 = 0
  var hashSize = 0
  var rescales: UInt64 = 0

  // Depot.
  var full = KmemMagazineList()
  var empty = KmemMagazineList()
  var contention = 0
  var contentionBefore = 0
  var reaps: UInt64 = 0

  // Accounts of the model.
  var pages = 0
  var pagesReturned: UInt64 = 0

  /// Free buffers in the magazines of processors.
  @inline(__always)
  var inProcessors: Int { total &- live &- inSlabs &- inDepot }
  /// Free buffers in full magazines of the depot.
  @inline(__always)
  var inDepot: Int { full.total &* roundsOfType }
}

/// Why a request got nothing.
public enum KmemRefusal: Sendable {
  /// It was served.
  case none
  /// No room in the heap, or no physical page, and the caller may not sleep.
  case noSleep
  /// The caller would sleep for ever for address space of the heap.
  case heapFull
  /// The caller would sleep for ever for physical pages.
  case noPages
}

/// What kmem_error() reports.
enum KmemError: Equatable {
  case none
  case badAddress
  case duplicateFree
  case wrongCache
  case badBase
  case modified(offset: Int, value: UInt64)
  case redzone
}
