// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension SlabAllocator {
  /// SLZone: the header at the start of a slab zone, 64 bytes.
  struct Zone {
    /// The words of its chunks.
    var words: UnsafeMutablePointer<UInt16>?
    /// The address of the first chunk; 0 where there never was a zone.
    var start: UInt64 = 0
    /// ceil(2^32 / chunk), which divides by the chunk size.
    var reciprocal: UInt32 = 0
    /// Pages with a free chunk on their list, by their numbers in the map modulo 32: the lowest one is z_FirstFreePg.
    var freePages: UInt32 = 0
    /// z_ChunkSize, bytes.
    var chunk: Int32 = 0
    /// Offset of the first chunk, bytes.
    var base: Int32 = 0
    /// z_NMax.
    var chunks: Int32 = 0
    /// z_NFree: chunks on page lists and chunks that were never used.
    var free: Int32 = 0
    /// The first chunk that was never used (z_UAlloc).
    var fresh: Int32 = 0
    /// Neighbours in the list of the class.
    ///
    /// `next` links the free zones, too; the one before the first zone means nothing.
    var next: Int32 = SlabAllocator.none
    var previous: Int32 = SlabAllocator.none
    /// The processor that made it, which alone allocates and frees its chunks.
    var cpu: UInt8 = 0
    var classIndex: UInt8 = 0
    /// z_Magic says that the zone serves a class; a zone on a list of free zones has none.
    var isLive = false
    /// The bit of the chunk size in ks_size.
    var sizeBit: UInt64 = 0
  }

  /// SLGlobalData of one processor, without the lists of classes.
  struct Processor {
    /// FreeZones.
    var freeZones: Int32 = SlabAllocator.none
    /// NFreeZones.
    var freeZoneCount = 0
    /// Frees that other processors have sent and this one has not taken yet.
    var messages = 0
  }

  /// A free on its way to the owner of the chunk.
  struct Message {
    var block: Int32
    /// The number of the chunk in its zone.
    var number: Int32
    var type: UInt32
  }

  /// The allocator's own variables.
  struct State {
    /// The short paths serve malloc types below this: 0 in checked mode, while frees are on their way, while the processor has
    /// free zones to give back and once the kernel has ended.
    var fastTypes = 0
    /// Addresses that the short path of a free serves: less than so many bytes above the start of the map.
    let fastBytes: UInt64
    /// The start of the map.
    let start: UInt64
    /// struct malloc_type of every type, in the order of registration.
    var types: UnsafeMutablePointer<MallocTypeAccount>
    /// ZoneLimit, bytes.
    let zoneLimit: Int
    /// ZoneAry of the current processor.
    var heads: UnsafeMutablePointer<Int32>
    /// One header for every place that a zone can have; what is written to no zone goes to the one before the first.
    let zones: UnsafeMutablePointer<Zone>
    /// z_PageAry: the free chunks that begin in a page of a zone, as words (``ItemWords``).
    let pageHeads: UnsafeMutablePointer<UInt16>
    /// Class of a request, by its size in units of 8 bytes.
    let classOfSize: UnsafeMutablePointer<UInt8>
    /// log2 of the pages of a zone.
    let zoneShift: Int
    /// Bytes asked for by all mallocs of chunks so far, and by those that were freed: two counters, because one that both
    /// calls change would make each wait for the other.
    var bytesAskedFor = 0
    var bytesGivenBack = 0
    var cpu = 0
    /// The kernel has ended.
    var isDead = false
    var refusal = Refusal.none
    var freeError = FreeError.none
    var noWaitFailures: UInt64 = 0
    /// Chunk bytes of frees on their way.
    var transitBytes = 0
    /// Frees on their way.
    var transitCount = 0
    var largeBytes = 0
    /// Zones that serve a class.
    var liveZones = 0
    /// Zones on the lists of free zones.
    var freeZones = 0
    /// Bytes of all chunks of the zones that serve a class.
    var capacityBytes = 0
    var zonesMade: UInt64 = 0
    var zonesReturned: UInt64 = 0
    var messagesSent: UInt64 = 0
    /// No page from here on ever had a record.
    var recordEnd = 0
    var typeCount = 0
  }

  /// Why the last request got nothing.
  public enum Refusal: Sendable {
    /// It was served.
    case none
    /// The type holds its limit.
    case typeLimit
    /// The map has no room.
    case mapFull
    /// Physical pages are short and the caller may not sleep.
    case noPages
    /// Physical pages are short for ever.
    case pagesNeverCome
  }

  /// Why a free was refused: what a kernel with INVARIANTS says.
  public enum FreeError: Equatable, Sendable {
    /// It was done.
    case none
    /// The address lies in no slab zone.
    case noZone
    /// The address is not that of a chunk; the number that the kernel computes.
    case illegalChunk(Int)
    /// The chunk is free already, or its free is on its way.
    case alreadyFree
  }
}
