// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension VMemUMA {
  /// UMA_TIMEOUT, virtual nanoseconds.
  static let calloutInterval: UInt64 = 20_000_000_000
  /// The reclaim worker runs at most once in so many virtual nanoseconds.
  static let workerInterval: UInt64 = 1_000_000_000
  /// Zones that one model can hold.
  static let zoneCapacity = 256
  /// Places of a row of ``State/counts``: at least one a size class, and a power of two.
  static let countsPerRow = 16
  /// Zones of malloc: 16, 32 … bytes.
  static func sizeClassCount(_ policy: Policy) -> Int { policy.largestMallocZone.trailingZeroBitCount - 3 }
  /// UMA_SMALLEST_UNIT, bytes.
  static let smallestUnit = 16
  /// UMA_MAX_WASTE: from a tenth of a slab on, waste moves the header off the page.
  static let maximumWaste = kernelPageSize / 10
  /// UMA_HASH_SIZE_INIT.
  static let initialHashEntries = 32

  /// Words of a bucket by bucket zone, and the largest item, in bytes, whose zone starts with such buckets
  /// (bucket_zones of FreeBSD 10.4 sys/vm/uma_core.c).
  static let bucketZones = [
    (words: 4, maximumItem: 4096), (words: 6, maximumItem: 3072), (words: 8, maximumItem: 2048),
    (words: 12, maximumItem: 1536), (words: 16, maximumItem: 1024), (words: 32, maximumItem: 512),
    (words: 64, maximumItem: 256), (words: 128, maximumItem: 128), (words: 256, maximumItem: 64),
  ]
  /// Words of struct uma_bucket before its items: two list pointers and two 16-bit counts, on both architectures
  /// (computed).
  static let bucketHeaderWords = 3
  /// BUCKET_MAX: items in the largest bucket.
  static let largestBucket = 256 - bucketHeaderWords

  /// Items that fit in a bucket of a bucket zone.
  static func entries(ofBucketZone index: Int) -> Int { bucketZones[index].words - bucketHeaderWords }

  /// bucket_zone_lookup: the smallest bucket for so many items.
  static func bucketZone(forEntries entries: Int) -> Int {
    let words = entries + bucketHeaderWords
    return bucketZones.firstIndex { $0.words >= words } ?? bucketZones.count - 1
  }

  /// bucket_select: the wanted bucket size of a new zone, by the size of its items in bytes.
  static func bucketSize(forItem size: Int) -> Int {
    let smallest = bucketZones[0]
    if size > smallest.maximumItem {
      return max(smallest.maximumItem * entries(ofBucketZone: 0) / size, 1)
    }
    let index = bucketZones.lastIndex { $0.maximumItem >= size } ?? 0
    return entries(ofBucketZone: index)
  }

  /// In what the kernels of this family differ, and their structure sizes in bytes.
  struct Policy {
    /// Machine architecture.
    var architecture: Architecture
    /// struct uma_slab without the bits of the items.
    var slabHeaderBytes: Int
    /// The bits of the items follow the header and are as many as the slab has items; else `slabHeaderBytes` holds
    /// them.
    var hasVariableHeader: Bool
    /// Off-page slabs of zones that are not malloc's are found by a hash.
    var hasHashes: Bool
    /// A large malloc takes a slab header.
    var largeMallocHasHeader: Bool
    /// Buckets above the working-set estimate are trimmed, the rest stays; the cache is drained from its cold end.
    var hasWorkingSet: Bool
    /// A zone's limit counts items, not slabs.
    var limitsItems: Bool
    /// The pages of the direct map are in the accounts.
    var countsDirectMap: Bool
    /// Bytes of UMA memory above which the reclaim worker is woken (uma_kmem_limit); nil for no such limit.
    var softLimitBytes: Int?
    /// A request that finds no address space wakes the reclaim worker, even where it does not wait.
    var arenaWakesWorker: Bool
    /// Wait channels of a caller that finds no address space, and of one that finds a zone at its limit.
    var arenaChannel: String
    var limitChannel: String
    var kegBytes: Int
    /// struct uma_zone, and what each processor adds.
    var zoneBytes: Int
    var cacheBytes: Int
    /// UMA_BOOT_PAGES.
    var bootPages = 64
    /// Zones of off-page headers: the name, the bytes of a header, and the most items in a slab with such a header.
    var headerZones: [(name: String, size: Int, items: Int)]
    /// What malloc's zones are called before their size, and the zone of its statistics.
    var mallocPrefix: String
    var statisticsZone: (name: String, size: Int)
    /// The largest zone of malloc, bytes (kmem_zmax).
    var largestMallocZone: Int

    /// Bytes of a pointer.
    var pointerBytes: Int { architecture == .i386 ? 4 : 8 }
    /// UMA_MD_SMALL_ALLOC: slabs of one page come from the direct map.
    var hasDirectMap: Bool { architecture == .amd64 }

    /// Bytes of the header of a slab with so many items (slab_sizeof).
    func headerBytes(items: Int) -> Int {
      guard hasVariableHeader else { return slabHeaderBytes }
      let bits = pointerBytes * 8
      return slabHeaderBytes + (items + bits - 1) / bits * pointerBytes
    }
  }
}
