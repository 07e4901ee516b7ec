// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// A place in the modelled address space, in bytes above ``UMA/base``; 0 is null.
typealias UMAOffset = UInt32

/// The lists of a keg that a slab can be on.
enum UMASlabList: Int {
  case part = 0
  case free = 1
  case full = 2
}

/// What a page of the modelled address space is to UMA.
enum UMAPageKind {
  static let none: UInt8 = 0
  static let slab: UInt8 = 1
  static let largeMalloc: UInt8 = 2
}

/// The header of a slab, kept by the number of its first page: that is how the kernel finds it, too (vtoslab).
struct UMASlab {
  /// Neighbours on the keg's list, page numbers; 0 for none.
  var next: Int32 = 0
  var previous: Int32 = 0
  /// Item of "UMA Slabs" or "UMA RCntSlabs" that holds the header; 0 where it lies in the page.
  var header: UMAOffset = 0
  /// Pages of a large malloc.
  var pages: UInt32 = 0
  var zone: UInt16 = 0
  var freeCount: UInt16 = 0
  var firstFree: UInt8 = 0
  var kind: UInt8 = UMAPageKind.none
  /// UMA_SLAB_BOOT: the page came from the boot pool.
  var isBoot = false
  /// Raw value of the ``UMASlabList`` that it is on.
  var list: UInt8 = 0
  /// Bytes asked for, of a large malloc.
  var requested: UInt32 = 0
}

/// A bucket: `entries` places for items, which follow the record in memory.
struct UMABucket {
  /// The next bucket on the zone's list, or in the pool of records.
  var next: UnsafeMutablePointer<UMABucket>?
  /// The one before it on a list that both ends are taken from (10.x and later).
  var previous: UnsafeMutablePointer<UMABucket>?
  /// The item of a bucket zone that the kernel keeps this bucket in.
  var offset: UMAOffset
  var count: Int
  var entries: Int
}

extension UnsafeMutablePointer where Pointee == UMABucket {
  /// The items.
  @inline(__always)
  var items: UnsafeMutablePointer<UMAOffset> {
    UnsafeMutableRawPointer(self + 1).assumingMemoryBound(to: UMAOffset.self)
  }

  /// An item behind those that are there.
  ///
  /// - Returns: false where there is no room.
  @inline(__always)
  func put(_ item: UMAOffset) -> Bool {
    let count = pointee.count
    guard count < pointee.entries else { return false }
    items[count] = item
    pointee.count = count &+ 1
    return true
  }
}

/// The cache of one zone on one processor (struct uma_cache).
///
/// Where it has no bucket there is ``none`` in its place, which has no items and no room: a call then needs one question, not two.
struct UMACache {
  /// The bucket that stands for none; nothing is ever written to it.
  nonisolated(unsafe) static let none = {
    let bucket = UnsafeMutablePointer<UMABucket>.allocate(capacity: 1)
    bucket.initialize(to: UMABucket(next: nil, previous: nil, offset: 0, count: 0, entries: 0))
    return bucket
  }()

  private(set) var allocOrNone = UMACache.none
  private(set) var freeOrNone = UMACache.none

  /// The bucket that allocations take from.
  var alloc: UnsafeMutablePointer<UMABucket>? {
    get { allocOrNone == UMACache.none ? nil : allocOrNone }
    set { allocOrNone = newValue ?? UMACache.none }
  }
  /// The bucket that frees go to.
  var free: UnsafeMutablePointer<UMABucket>? {
    get { freeOrNone == UMACache.none ? nil : freeOrNone }
    set { freeOrNone = newValue ?? UMACache.none }
  }
}

/// A keg: where the slabs of a zone are (struct uma_keg).
///
/// Each zone here has one of its own, with the same index.
struct UMAKeg {
  var flags: UMAZoneFlags
  var size: Int
  var stride: Int
  var itemsPerSlab: Int
  var pagesPerSlab: Int
  /// Free items in slabs (uk_free).
  var freeItems = 0
  /// Pages held (uk_pages), those of the boot pool included.
  var pages = 0
  var bootPages = 0
  /// Limit on pages (uk_maxpages), 0 for none.
  var maximumPages = 0
  /// UMA_ZFLAG_FULL: at its limit; frees bypass the caches.
  var isFull = false
  /// True while slabs may come from the boot pool (startup_alloc).
  var usesBootPages = false
  /// True where slabs come from the direct map (UMA_SLAB_PRIV), not from kmem_map.
  var isDirect = false
  /// True for the nine zones of malloc.
  var isMalloc = false
  /// Zone of the off-page slab headers.
  var headerZone = 0
  /// Entries of the slab hash, 0 where there is none, and where it lies.
  var hashEntries = 0
  var hashOffset: UMAOffset = 0
  var pagesReturned: UInt64 = 0

  /// Slabs held.
  var slabs: Int { pages / pagesPerSlab }
}

/// A zone: the buckets above a keg (struct uma_zone).
struct UMAZone {
  /// The wanted bucket size (uz_count), 0 for internal zones.
  var bucketSize = 0
  var fullBuckets: UnsafeMutablePointer<UMABucket>?
  var emptyBuckets: UnsafeMutablePointer<UMABucket>?
  var fullBucketCount = 0
  var fullBucketItems = 0
  var emptyBucketCount = 0
  var failures: UInt64 = 0
  /// Callers that slept at the zone's limit (uz_sleeps of 8.x and later).
  var sleeps: UInt64 = 0
}

/// Statistics of one malloc type (struct malloc_type_stats, summed over the processors; 5.x: struct malloc_type), those of the
/// malloc zones apart: they lie in ``UMAState/counts``.
struct UMAMallocType {
  /// Bytes of large mallocs, and of those that were freed.
  var allocatedBytes: UInt64 = 0
  var freedBytes: UInt64 = 0
  /// Large mallocs, and those that were freed.
  var allocations: UInt64 = 0
  var frees: UInt64 = 0
  /// Zones of which a request got nothing: bit n stands for the zone of 16 << n bytes.
  var sizes: UInt64 = 0
  /// Bytes in use, and the most that ever were (ks_maxused): kept by kernels that count it.
  var usedBytes: UInt64 = 0
  var highestBytes: UInt64 = 0
  /// Calls that got nothing.
  var misses: UInt64 = 0
}

/// What changes while UMA runs and belongs to no zone.
struct UMAState: UMAShortPathState {
  /// Malloc types and zones below these are served by the short path; 0 in checked mode and once the kernel has ended.
  var fastTypes = 0
  var fastZones = 0
  /// The address of offset 0, and where the offsets end that have pages.
  let base: UInt64
  let endOffset: UInt64
  /// The first cache of the current processor, and that of the first malloc zone there.
  var caches: UnsafeMutablePointer<UMACache>
  var mallocCaches: UnsafeMutablePointer<UMACache>
  /// By zone.
  ///
  /// The short path of malloc does not count here: what a zone of malloc did is the sum of ``counts`` over the types.
  let zoneCounts: UnsafeMutablePointer<CallCounts>
  /// By malloc type and size class, ``UMA/countsPerType`` places a type.
  var counts: UnsafeMutablePointer<CallCounts>
  /// The largest size of the malloc zones, bytes (KMEM_ZMAX).
  let largestMallocZone = UInt(UMA.largestMallocZone)
  /// Size class by (size - 1) / 16.
  let sizeClasses: UnsafeMutablePointer<UInt8>
  /// Bytes asked for by the items of the malloc zones: written at malloc, read at free.
  let requested: RequestedSizes
  /// What is counted for a malloc type beside ``counts``.
  var types: UnsafeMutablePointer<UMAMallocType>
  /// The zone of malloc's per-type statistics (-1 for none), the first of the nine malloc zones and the type "UMAHash".
  var statisticsZone = -1
  var firstMallocZone = 0
  var hashType = 0
  var isDead = false
  /// A zone of malloc has a limit on its items.
  var hasMallocLimit = false
  /// bucketdisable: no buckets before kmem_map exists and while physical pages are short.
  var bucketsDisabled = true
  var cpu = 0
  var zoneCount = 0
  var typeCount = 0
  /// Boot pages that are left.
  var bootPagesLeft = 0
  /// Bytes asked for by all mallocs of the malloc zones, and by those that were freed: two counters, because one that both
  /// calls change would make each wait for the other.
  var bytesAskedFor = 0
  var bytesGivenBack = 0
  /// Pages of live mallocs above the largest zone.
  var largePages = 0
  /// The part of the mallocs that are slab hashes: asked for, rounded, and above the largest zone.
  var hashRequestedBytes = 0
  var hashZoneBytes = 0
  var hashLargePages = 0
  var lostPages = 0
  var nextCallout = UMAConstants.calloutInterval
  /// Reclaims for want of room in the map, and the virtual time slept between them.
  var mapReclaims = 0
  var sleptNanoseconds: UInt64 = 0
  /// True while kmem_malloc reclaims: its handlers may allocate in turn.
  var isReclaimingMap = false
}
