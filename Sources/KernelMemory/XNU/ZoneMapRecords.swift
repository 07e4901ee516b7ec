// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension ZoneMapAllocator {
  /// struct zone.
  ///
  /// What every call reads lies in the first 64 bytes of 128.
  struct Zone {
    /// elem_size, bytes.
    var size: Int
    /// ceil(2^32 / size), which divides by the element size.
    var reciprocal: UInt64
    /// The column of words of this element size; a page has 1 << `wordShift` of them.
    var words: UnsafeMutablePointer<UInt16>
    /// pages.intermediate: chunks with live and free elements.
    var intermediate = Queue()
    /// pages.all_free: chunks without live elements.
    var allFree = Queue()
    /// The bit of the element size in ks_size.
    var sizeBit: UInt64
    /// sum_count: allocations so far.
    var requests: UInt64 = 0
    var wordShift: UInt8
    /// Z_COLLECT: zone_gc() may take its chunks.
    var isCollectable = true
    /// async_pending: a thread call will grow the zone.
    var isGrowthPending = false
    /// alloc_size, pages.
    var chunkPages: Int32
    var frees: UInt64 = 0
    /// Elements of all chunks.
    var elements = 0
    /// What the creator asked for, bytes.
    var requestedSize: Int
    /// max_size, bytes: it grows by half where it is reached, for all zones may expand.
    var maximumBytes: Int
    /// page_count.
    var pages = 0
    /// count_all_free_pages.
    var allFreePages = 0
    var failures: UInt64 = 0
    var pagesReturned: UInt64 = 0

    /// Elements in use (count).
    var used: Int { Int(truncatingIfNeeded: requests &- frees) }
    /// Free elements (countfree).
    var free: Int { elements &- used }
    /// Bytes of all elements (cur_size).
    var currentBytes: Int { elements &* size }
  }

  /// A list of chunks, by their first pages.
  ///
  /// The tail of an empty list and the predecessor of the first chunk mean nothing, so that taking the first chunk off
  /// writes the head alone.
  struct Queue {
    /// The head below, the tail above: two numbers of 32 bits.
    var ends: Int = -1

    @inline(__always)
    var head: Int32 {
      get { Int32(truncatingIfNeeded: ends) }
      set { ends = ends & ~0xFFFF_FFFF | Int(UInt32(bitPattern: newValue)) }
    }
    @inline(__always)
    var tail: Int32 {
      get { Int32(truncatingIfNeeded: ends >> 32) }
      set { ends = ends & 0xFFFF_FFFF | Int(newValue) << 32 }
    }
  }

  /// Where a chunk is.
  enum ChunkState: UInt8 {
    case absent, allUsed, intermediate, allFree
  }

  /// struct zone_page_metadata of the first page of a chunk.
  ///
  /// Where the chunk has few elements their words lie behind it, and go on in the records of its other pages.
  struct Chunk {
    /// Words of elements that have room in the record of a page.
    static let ownWords = 8

    /// Neighbours in the list: the next one below, the previous one above.
    var links = 0
    /// freelist_offset: the word of the number of the element (``ItemWords``).
    var head: UInt16 = 0
    /// free_count.
    var free: UInt16 = 0
    /// 0 where no chunk begins.
    var elements: UInt16 = 0
    var zone: UInt8 = 0
    var pages: UInt8 = 0
    private var words: (UInt64, UInt64) = (0, 0)

    @inline(__always)
    var next: Int32 {
      get { Int32(truncatingIfNeeded: links) }
      set { links = links & ~0xFFFF_FFFF | Int(UInt32(bitPattern: newValue)) }
    }
    @inline(__always)
    var previous: Int32 {
      get { Int32(truncatingIfNeeded: links >> 32) }
      set { links = links & 0xFFFF_FFFF | Int(newValue) << 32 }
    }

    var state: ChunkState {
      if elements == 0 { return .absent }
      return free == 0 ? .allUsed : free == elements ? .allFree : .intermediate
    }
  }

  /// The allocator's own variables.
  struct State {
    /// The short paths serve malloc types and zones below these, and addresses less than so many bytes above the start of
    /// zone_map: all 0 in checked mode, while a thread call is due and once the kernel has ended.
    var fastTypes = 0
    var fastZones = 0
    var fastBytes: UInt64 = 0
    /// The start of zone_map.
    let start: UInt64
    let zones: UnsafeMutablePointer<Zone>
    /// By page; the record before the first one belongs to nobody, and what is written to no chunk goes there.
    let chunks: UnsafeMutablePointer<Chunk>
    /// By page: pages from the first page of the chunk to this one (real_metadata_offset), and 256 times the number of
    /// the zone + 1; 0 where there is no chunk.
    let pages: UnsafeMutablePointer<UInt16>
    /// Accounts of the malloc types of the caller.
    var types: UnsafeMutablePointer<MallocTypeAccount>
    /// The caller's zone of a malloc, by its size in units of 8 bytes.
    let zoneOfSize: UnsafeMutablePointer<UInt8>
    /// Bytes asked for by all elements so far, and by those that were freed: two counters, because one that both calls
    /// change would make each wait for the other.
    var bytesAskedFor = 0
    var bytesGivenBack = 0
    /// The kernel has ended.
    var isDead = false
    /// Malloc types of the caller.
    var typeCount = 0
    var refusal = Refusal.none
    var freeError = FreeError.none
    /// The zone that the last freed element belongs to.
    var ownerOfFreed = 0
    /// Bytes of all elements.
    var elementBytes = 0
    /// Pages that zones hold.
    var usedPages = 0
    /// Zones that wait for a thread call.
    var pendingGrowths = 0
    var collections: UInt64 = 0
    var retries: UInt64 = 0
    /// No page from here on ever had a chunk.
    var recordEnd = 0
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
