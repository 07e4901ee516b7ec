// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// Sizes of UMA's own structures on one kernel and architecture: they decide how many items lie in a slab.
///
/// The sizes of i386 6.x are those of the reference page "kernel-allocators", section 5.3; all others are computed from
/// the field lists of sys/vm/uma_int.h and sys/sys/_mutex.h (HEAD of early 2006 with the wider mutex of 6.x, and 9.3)
/// under the C rules of alignment of the architecture.
struct UMAStructures: Equatable, Sendable {
  /// struct uma_slab with its one free-list entry, and what each item adds (UMA_FRITM_SZ), bytes.
  var slabHeaderBytes: Int
  var freeEntryBytes: Int
  /// struct uma_slab_refcnt, and what each item adds (UMA_FRITMREF_SZ), bytes.
  var refcountedHeaderBytes: Int
  var refcountedEntryBytes: Int
  /// struct uma_keg, bytes.
  var kegBytes: Int
  /// struct uma_zone with its one cache, and each further cache, bytes.
  var zoneBytes: Int
  var cacheBytes: Int
  /// struct uma_bucket without its items, bytes.
  var bucketHeaderBytes: Int
  /// A pointer: an item of a bucket, an entry of a slab hash, the alignment of zones that ask for none.
  var pointerBytes: Int
  /// Free-list entries that an off-page header has room for (uma_max_ipers).
  var offPageItems: Int
  /// UMA_BOOT_PAGES.
  var bootPages: Int
  /// struct malloc_type_internal, an item of mt_zone, bytes; 0 where malloc types keep their own counts.
  var typeStatisticsBytes: Int

  /// UMA_ALIGN_PTR.
  var pointerAlignmentMask: Int { pointerBytes - 1 }
  /// An item of "UMA Slabs".
  var offPageHeaderBytes: Int { slabHeaderBytes + offPageItems * freeEntryBytes }
  /// An item of "UMA RCntSlabs".
  var refcountedOffPageHeaderBytes: Int { refcountedHeaderBytes + offPageItems * refcountedEntryBytes }

  /// An item of a bucket zone.
  func bucketBytes(entries: Int) -> Int { bucketHeaderBytes + pointerBytes * entries }

  /// The same without mt_zone (5.x: a malloc type holds its counts itself).
  var withoutTypeStatistics: UMAStructures {
    var structures = self
    structures.typeStatisticsBytes = 0
    return structures
  }

  /// 6.x on i386.
  static let i386 = UMAStructures(
    slabHeaderBytes: 28, freeEntryBytes: 4, refcountedHeaderBytes: 32, refcountedEntryBytes: 8, kegBytes: 140,
    zoneBytes: 96, cacheBytes: 24, bucketHeaderBytes: 12, pointerBytes: 4, offPageItems: 9, bootPages: 48,
    typeStatisticsBytes: 1024)

  /// 6.x on amd64.
  static let amd64 = UMAStructures(
    slabHeaderBytes: 56, freeEntryBytes: 8, refcountedHeaderBytes: 56, refcountedEntryBytes: 8, kegBytes: 240,
    zoneBytes: 152, cacheBytes: 32, bucketHeaderBytes: 24, pointerBytes: 8, offPageItems: 9, bootPages: 48,
    typeStatisticsBytes: 1024)

  /// 9.x on i386: 64 free-list entries in an off-page header, statistics of 32 processors for a malloc type.
  static let i386Of9 = UMAStructures(
    slabHeaderBytes: 28, freeEntryBytes: 4, refcountedHeaderBytes: 32, refcountedEntryBytes: 8, kegBytes: 128,
    zoneBytes: 128, cacheBytes: 24, bucketHeaderBytes: 12, pointerBytes: 4, offPageItems: 64, bootPages: 64,
    typeStatisticsBytes: 2060)

  /// 9.x on amd64: caches on cache lines of 128 bytes, statistics of 64 processors for a malloc type.
  static let amd64Of9 = UMAStructures(
    slabHeaderBytes: 56, freeEntryBytes: 8, refcountedHeaderBytes: 56, refcountedEntryBytes: 8, kegBytes: 208,
    zoneBytes: 384, cacheBytes: 128, bucketHeaderBytes: 24, pointerBytes: 8, offPageItems: 64, bootPages: 64,
    typeStatisticsBytes: 4112)
}
