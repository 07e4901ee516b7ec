// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// Constants of UMA (FreeBSD 6 sys/vm/uma_int.h and uma_core.c; reference page "kernel-allocators", section 5.3).
///
/// What depends on the kernel or the architecture is in ``UMAStructures``.
enum UMAConstants {
  /// UMA_SLAB_SIZE, bytes.
  static let slabBytes = kernelPageSize
  /// UMA_MAX_WASTE: from this many wasted bytes on, a slab header may leave its page.
  static let maximumWaste = slabBytes / 10
  /// Room for boot pages below the map: as many as any kernel has (UMA_BOOT_PAGES of 9.x).
  static let bootPageRoom = 64
  /// UMA_SMALLEST_UNIT, bytes.
  static let smallestUnit = 16
  /// UMA_HASH_SIZE_INIT, entries of one pointer.
  static let initialHashEntries = 32
  /// UMA_TIMEOUT, virtual nanoseconds.
  static let calloutInterval: UInt64 = 20_000_000_000
  /// BUCKET_MAX, items.
  static let largestBucket = 128
  /// Entries of the buckets of the four bucket zones.
  static let bucketEntries = [16, 32, 64, 128]
  /// Alignment of kegs and zones: UMA's own start-up asks for 32 bytes.
  static let zoneAlignmentMask = 31
  /// The most items in one slab: 203 of 16 bytes; the free list of a slab takes this many bytes of the model's own
  /// memory.
  static let freeListStride = 208
  /// Zones that one model can hold.
  static let zoneCapacity = 256
}

/// Flags of a zone (UMA_ZONE_… and UMA_ZFLAG_… of FreeBSD 6 sys/vm/uma.h and uma_int.h).
struct UMAZoneFlags: OptionSet {
  let rawValue: UInt16

  /// UMA_ZONE_NOFREE: pages and full buckets are never given back.
  static let noFree = UMAZoneFlags(rawValue: 1 << 0)
  /// UMA_ZONE_MALLOC: a zone of malloc(9); the slab is found from the address.
  static let malloc = UMAZoneFlags(rawValue: 1 << 1)
  /// UMA_ZONE_REFCNT: a reference count per item in the slab header.
  static let refcount = UMAZoneFlags(rawValue: 1 << 2)
  /// UMA_ZONE_MAXBUCKET: the wanted bucket size starts at its maximum.
  static let maxBucket = UMAZoneFlags(rawValue: 1 << 3)
  /// UMA_ZONE_ZINIT: pages are cleared once, items are not trashed.
  static let zeroInit = UMAZoneFlags(rawValue: 1 << 4)
  /// UMA_ZFLAG_INTERNAL: no per-CPU caches, header always in the page.
  static let `internal` = UMAZoneFlags(rawValue: 1 << 5)
  /// UMA_ZONE_OFFPAGE: computed; the slab header is an item of another zone.
  static let offPage = UMAZoneFlags(rawValue: 1 << 6)
  /// UMA_ZONE_HASH: computed; slabs are found by a hash.
  static let hash = UMAZoneFlags(rawValue: 1 << 7)
  /// The zone of malloc's per-type statistics: its items are the allocator's own bookkeeping.
  static let bookkeeping = UMAZoneFlags(rawValue: 1 << 8)
}
