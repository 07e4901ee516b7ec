// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// How the items of a zone lie in its slabs (FreeBSD 6 sys/vm/uma_core.c, zone_small_init and zone_large_init).
struct UMASlabLayout: Equatable {
  /// Bytes from one item to the next (uk_rsize).
  let itemStride: Int
  /// Items in a slab (uk_ipers).
  let itemsPerSlab: Int
  /// Pages of a slab (uk_ppera).
  let pagesPerSlab: Int
  /// The given flags, with `offPage` and `hash` where the layout calls for them.
  let flags: UMAZoneFlags

  /// Lays out items of `size` bytes on an alignment of `alignmentMask` + 1 bytes.
  init(size: Int, alignmentMask: Int, flags: UMAZoneFlags, structures: UMAStructures = .i386) {
    typealias C = UMAConstants
    let refcounted = flags.contains(.refcount)
    let header = refcounted ? structures.refcountedHeaderBytes : structures.slabHeaderBytes
    let entry = refcounted ? structures.refcountedEntryBytes : structures.freeEntryBytes
    let needsHash: UMAZoneFlags = flags.contains(.malloc) ? [] : .hash

    guard size + entry <= C.slabBytes - header else {
      itemStride = size
      itemsPerSlab = 1
      pagesPerSlab = (size + C.slabBytes - 1) / C.slabBytes
      self.flags = flags.union(.offPage).union(needsHash)
      return
    }
    let stride = (max(size, C.smallestUnit) + alignmentMask) & ~alignmentMask
    itemStride = stride
    pagesPerSlab = 1
    let inPage = (C.slabBytes - header) / (stride + entry)
    let waste = C.slabBytes - (inPage * (stride + entry) + header)
    if !flags.contains(.internal), waste >= C.maximumWaste, inPage < C.slabBytes / stride {
      itemsPerSlab = C.slabBytes / stride
      self.flags = flags.union(.offPage).union(needsHash)
    } else {
      itemsPerSlab = inPage
      self.flags = flags
    }
  }

  /// Bytes of a slab that no item takes: header, free list, alignment and what is left at the end.
  var overheadBytes: Int { pagesPerSlab * UMAConstants.slabBytes - itemsPerSlab * itemStride }
}
