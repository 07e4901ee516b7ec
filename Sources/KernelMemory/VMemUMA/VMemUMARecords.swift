// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension VMemUMA {
  /// A place in the modelled address space, in bytes above ``VMemUMA/base``; 0 is null.
  typealias Offset = UMAOffset

  /// The lists of a keg that a slab can be on.
  enum SlabList: Int {
    case part = 0
    case free = 1
    case full = 2
  }

  /// What the first page of something is.
  enum PageKind: UInt8 {
    case none
    case slab
    case largeMalloc
  }

  /// A slab, or a large malloc, by the number of its first page.
  struct Slab {
    /// Neighbours on the keg's list, page numbers; 0 for none.
    var next: Int32 = 0
    var previous: Int32 = 0
    /// The item that holds an off-page header; 0 where it lies in the slab, or there is none.
    var header: Offset = 0
    var pages: UInt32 = 0
    /// Bytes asked for, of a large malloc.
    var requested: UInt32 = 0
    var zone: UInt16 = 0
    var freeCount: UInt16 = 0
    var kind = PageKind.none
    /// The page is one of the boot pages.
    var isBoot = false
    /// Raw value of the ``SlabList`` that it is on.
    var list: UInt8 = 0
  }

  /// Buckets, their records and the caches of a processor are those of the older kernels.
  typealias Bucket = UMABucket
  typealias Cache = UMACache

  /// A keg: the slabs of the zone with the same index (struct uma_keg).
  struct Keg {
    var flags: Flags
    var size: Int
    var stride: Int
    var itemsPerSlab: Int
    var pagesPerSlab: Int
    /// Bytes of a slab's header, in the slab or in an item of its own.
    var headerBytes: Int
    /// Slabs of one page come from the direct map.
    var isDirect = false
    /// One of the zones that malloc hands out.
    var isMalloc = false
    /// Free items in slabs (uk_free).
    var freeItems = 0
    /// Pages held (uk_pages), boot pages included.
    var pages = 0
    var bootPages = 0
    /// uk_maxpages, 0 for none: the limit where the kernel limits slabs.
    var maximumPages = 0
    /// UMA_ZFLAG_FULL: at its limit; frees bypass the caches.
    var isFull = false
    /// Slabs may come from boot pages (startup_alloc).
    var usesBootPages = false
    /// Zone of the off-page slab headers.
    var headerZone = 0
    /// Entries of the slab hash, 0 where there is none, and where it lies.
    var hashEntries = 0
    var hashOffset: Offset = 0
    var pagesReturned: UInt64 = 0

    var slabs: Int { pages / pagesPerSlab }
    /// Items that are not free in slabs.
    var itemsOut: Int { slabs * itemsPerSlab - freeItems }
  }

  /// A zone: the buckets above a keg (struct uma_zone, and its one uma_zone_domain).
  struct Zone {
    /// The wanted bucket size (uz_count, later uz_bucket_size), 0 for zones without buckets.
    var bucketSize = 0
    var minimumBucketSize = 0
    /// The head is the bucket that was put there last.
    var firstBucket: UnsafeMutablePointer<Bucket>?
    var lastBucket: UnsafeMutablePointer<Bucket>?
    var bucketCount = 0
    /// Items in these buckets (uzd_nitems).
    var bucketItems = 0
    /// The least and the most of ``bucketItems`` in this interval (uzd_imin, uzd_imax).
    var intervalMinimum = 0
    var intervalMaximum = 0
    /// uzd_wss.
    var workingSet = 0
    /// uz_max_items, 0 for none: the limit where the kernel limits items.
    var maximumItems = 0
    var failures: UInt64 = 0
    /// uz_sleeps.
    var sleeps: UInt64 = 0
    /// Slab hashes among the mallocs of this zone, and what they asked for.
    var hashItems = 0
    var hashBytes = 0
    /// The item of "UMA Zones" that the zone lies in.
    var offset: Offset = 0
  }

  /// Statistics of one malloc type, summed over the processors, those of the malloc zones apart: they lie in
  /// ``State/counts``.
  struct TypeRecord {
    /// Bytes of large mallocs, and of those that were freed.
    var allocatedBytes: UInt64 = 0
    var freedBytes: UInt64 = 0
    /// Large mallocs, and those that were freed.
    var allocations: UInt64 = 0
    var frees: UInt64 = 0
    /// Zones of which a request got nothing: bit n stands for the zone of 16 << n bytes.
    var sizes: UInt64 = 0
  }

  /// What changes and belongs to no zone; first what the short path of a call reads.
  struct State: UMAShortPathState {
    /// Malloc types and zones below these are served by the short path; 0 in checked mode and once the kernel has ended.
    var fastTypes = 0
    var fastZones = 0
    /// The address of offset 0, and where the offsets end that have pages.
    let base: UInt64
    let endOffset: UInt64
    /// kmem_zmax, bytes.
    let largestMallocZone: UInt
    /// Size class by (size - 1) / 16.
    let sizeClasses: UnsafeMutablePointer<UInt8>
    /// The first cache of the current processor, and that of the first malloc zone there.
    var caches: UnsafeMutablePointer<Cache>
    var mallocCaches: UnsafeMutablePointer<Cache>
    /// By zone.
    ///
    /// The short path of malloc does not count here: what a zone of malloc did is the sum of ``counts`` over the types.
    let zoneCounts: UnsafeMutablePointer<CallCounts>
    /// ``VMemUMA/countsPerRow`` places a row, one a size class: in the first row the bytes that mallocs of the class asked for
    /// and those that were given back, in the row of each type behind it mallocs and frees.
    var counts: UnsafeMutablePointer<CallCounts>
    /// Bytes asked for less one, by the items of the malloc zones: written at malloc, read at free.
    let requested: RequestedSizes
    /// What is counted for a malloc type beside ``counts``.
    var types: UnsafeMutablePointer<TypeRecord>
    var typeCount = 0
    var zoneCount = 0
    var isDead = false
    /// A zone of malloc has a limit: its frees have to look whether it is full.
    var hasMallocLimit = false
    /// bucketdisable: no buckets before the arenas exist and while physical pages are short.
    var bucketsDisabled = true
    var cpu = 0
    var statisticsZone = 0
    var firstMallocZone = 0
    var mallocZoneCount = 0
    var hashType = 0
    var bootPagesLeft = 0
    /// Pages in the accounts: those of the arena, and those of the direct map where it counts.
    var usedPages = 0
    var highWaterPages = 0
    var largePages = 0
    var hashLargePages = 0
    var lostPages = 0
    var clock: UInt64 = 0
    var nextCallout = VMemUMA.calloutInterval
    /// uma_reclaim_needed, and when the worker may run again.
    var reclaimNeeded = false
    var nextWorker: UInt64 = 0
    var isWorkerRunning = false
    /// Of a thousand zone locks so many are contended; the remainder so far.
    var contention = 0
    var contentionDebt = 0
    /// Runs of the reclaim worker and of the page daemon's reclaim.
    var workerRuns = 0
    var daemonRuns = 0
    /// Requests that found no room in the arena and could not wait.
    var arenaFailures = 0
  }

  /// Flags of a zone (UMA_ZONE_… and UMA_ZFLAG_… of sys/vm/uma.h and uma_int.h).
  struct Flags: OptionSet {
    let rawValue: UInt16
    /// UMA_ZONE_NOFREE: slabs are never given back; buckets are.
    static let noFree = Flags(rawValue: 1 << 0)
    /// UMA_ZONE_MALLOC: a zone of malloc(9); the slab is found from the address.
    static let malloc = Flags(rawValue: 1 << 1)
    /// UMA_ZONE_MAXBUCKET: the wanted bucket size is the largest from the start.
    static let maxBucket = Flags(rawValue: 1 << 2)
    /// UMA_ZONE_ZINIT: pages are cleared once, items are not trashed.
    static let zeroInit = Flags(rawValue: 1 << 3)
    /// UMA_ZFLAG_INTERNAL: no buckets, header always in the slab.
    static let `internal` = Flags(rawValue: 1 << 4)
    /// UMA_ZFLAG_BUCKET: a zone of buckets, with buckets of its own.
    static let bucket = Flags(rawValue: 1 << 5)
    /// The header of a slab is an item of another zone: computed.
    static let offPage = Flags(rawValue: 1 << 6)
    /// Slabs are found by a hash: computed.
    static let hash = Flags(rawValue: 1 << 7)
    /// malloc's statistics by type: the allocator's own bookkeeping.
    static let bookkeeping = Flags(rawValue: 1 << 8)
  }
}
