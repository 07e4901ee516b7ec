// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension ZoneMapAllocator {
  /// struct zone.
  struct Zone {
    /// elem_size, bytes.
    var size: Int
    /// What the creator asked for, bytes.
    var requestedSize: Int
    /// alloc_size, pages.
    var chunkPages: Int
    /// ceil(2^32 / size), which divides by the element size.
    var reciprocal: UInt64
    /// pages.intermediate: chunks with live and free elements.
    var intermediate = Queue()
    /// pages.all_free: chunks without live elements.
    var allFree = Queue()
    /// Elements in use (count).
    var used = 0
    /// Free elements (countfree).
    var free = 0
    /// Bytes of all elements (cur_size).
    var currentBytes = 0
    /// max_size, bytes: it grows by half where it is reached, for all zones may expand.
    var maximumBytes: Int
    /// page_count.
    var pages = 0
    /// count_all_free_pages.
    var allFreePages = 0
    /// sum_count: allocations so far.
    var requests: UInt64 = 0
    var frees: UInt64 = 0
    var failures: UInt64 = 0
    var pagesReturned: UInt64 = 0
    /// Z_COLLECT: zone_gc() may take its chunks.
    var isCollectable = true
    /// async_pending: a thread call will grow the zone.
    var isGrowthPending = false
  }

  /// A list of chunks, by their first pages.
  struct Queue {
    var head = ZoneMapAllocator.none
    var tail = ZoneMapAllocator.none
  }

  /// Where a chunk is.
  enum ChunkState: UInt8 {
    case absent, allUsed, intermediate, allFree
  }

  /// struct zone_page_metadata of the first page of a chunk.
  struct Chunk {
    var state = ChunkState.absent
    var zone: UInt8 = 0
    var pages: UInt8 = 0
    /// free_count.
    var free: UInt16 = 0
    var elements: UInt16 = 0
    /// freelist_offset, as the number of the element.
    var head = ZoneMapAllocator.endOfList
    var next = ZoneMapAllocator.none
    var previous = ZoneMapAllocator.none
  }

  /// The allocator's own variables.
  struct State {
    var refusal = Refusal.none
    var freeError = FreeError.none
    /// The zone that the last freed element belongs to.
    var ownerOfFreed = 0
    /// Elements in use, at the sizes that were asked for.
    var liveBytes = 0
    /// The same at the element sizes.
    var liveElementBytes = 0
    /// Bytes of all elements.
    var elementBytes = 0
    /// Pages that zones hold.
    var pages = 0
    /// Zones that wait for a thread call.
    var pendingGrowths = 0
    var collections: UInt64 = 0
    var retries: UInt64 = 0
    /// No page from here on ever had a chunk.
    var recordEnd = 0
    var zones: UnsafeMutablePointer<Zone>
    var zoneCount = 0
  }

  /// Why the last request got nothing.
  public enum Refusal: Sendable {
    /// It was served.
    case none
    /// The caller may not block; a thread call will grow the zone.
    case wouldBlock
    /// zone_map has no room, not even after a collection.
    case mapFull
    /// Physical pages are short for ever.
    case pagesNeverCome
  }

  /// Why a free was refused.
  public enum FreeError: Sendable {
    /// It was done.
    case none
    /// The address lies in no chunk.
    case notAllocated
    /// The address is not that of an element.
    case notAnElement
    /// The element belongs to another zone.
    case otherZone
    /// The element is free already.
    case alreadyFree
  }
}
