// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// What a page is used for.
enum SLUBPageKind {
  /// Free, or lost to a fault.
  static let none: UInt8 = 0
  /// A page of a slab.
  static let slab: UInt8 = 1
  /// The first page of a kmalloc() above the largest class; the others stay ``none``.
  static let large: UInt8 = 2
}

/// Where a slab is.
enum SLUBPlace {
  /// On no list: every object is in use.
  static let full: UInt8 = 0
  /// A processor allocates from it (frozen).
  static let cpu: UInt8 = 1
  /// On a processor's partial list.
  static let cpuPartial: UInt8 = 2
  /// On the node's partial list.
  static let node: UInt8 = 3
}

/// struct slab, one a page; the fields behind `cache` count at the first page of a slab alone.
struct SLUBPage {
  /// First page of the slab.
  var head: UInt32 = 0
  var previous: UInt32 = SLUB.noPage
  var next: UInt32 = SLUB.noPage
  /// First free object, of those that no processor has taken over.
  var freelist: UInt16 = SLUB.noObject
  /// Objects that are not on ``freelist``.
  var inUse: UInt16 = 0
  var objects: UInt16 = 0
  var cache: UInt16 = 0
  /// Length of the per-CPU partial list from here on.
  var slabs: UInt16 = 0
  var kind: UInt8 = SLUBPageKind.none
  var place: UInt8 = SLUBPlace.full
  var order: UInt8 = 0
}

/// struct kmem_cache with its kmem_cache_node.
struct SLUBCache {
  var size: Int
  var objectSize: Int
  /// ceil(2^40 / size): an offset times this, shifted right by 40, is the number of the object.
  var reciprocal: UInt64
  var order: Int
  var objects: Int
  var minimumOrder: Int
  var minimumOrderObjects: Int
  var cpuPartialSlabs: Int
  var minimumPartial: Int
  var flags: SLUBLayout.Flags

  var partialHead: UInt32 = SLUB.noPage
  var partialTail: UInt32 = SLUB.noPage
  var partialCount = 0
  /// Free objects of the slabs on the node's partial list.
  var nodeFree = 0
  var slabs = 0
  var totalObjects = 0
  var pages = 0

  var allocations: UInt64 = 0
  var frees: UInt64 = 0
  var failures: UInt64 = 0
  var pagesReturned: UInt64 = 0
  var orderFallbacks: UInt64 = 0
  /// Bytes that callers asked for and hold.
  var requestedBytes = 0

  /// Objects that callers hold.
  @inline(__always)
  var live: Int { Int(truncatingIfNeeded: allocations &- frees) }
  /// Free objects in slabs of processors and on their partial lists.
  @inline(__always)
  var cpuFree: Int { totalObjects &- live &- nodeFree }
  /// Bytes of slabs in which no object lies.
  var waste: Int { pages &* kernelPageSize &- totalObjects &* size }
}

/// struct kmem_cache_cpu.
struct SLUBProcessor {
  /// The slab that the processor allocates from.
  var slab: UInt32 = SLUB.noPage
  /// First slab of the partial list.
  var partial: UInt32 = SLUB.noPage
  /// First free object of ``slab`` that is the processor's own.
  var freelist: UInt16 = SLUB.noObject
}

/// Why a request got nothing.
public enum SLUBRefusal: Sendable {
  /// It was served.
  case none
  /// No block of pages, and the caller may not sleep.
  case noPages
  /// No block of pages of a costly order (above 3): the kernel gives up without the OOM killer.
  case costlyOrder
  /// More than the page allocator ever gives.
  case tooLarge
  /// Reclaim freed nothing: the OOM killer's turn.
  case outOfMemory
}

/// Why a free was refused.
enum SLUBFreeError {
  case none
  /// No page of the allocator.
  case notAllocated
  /// Not the start of an object.
  case invalidPointer
  /// The object is free.
  case alreadyFree
  /// The object is another cache's.
  case wrongCache
}
