// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension SlabAllocator {
  /// SLZone: the header at the start of a slab zone.
  struct Zone {
    /// z_Magic says that the zone serves a class; a zone on a list of free zones has none.
    var isLive = false
    /// The processor that made it, which alone allocates and frees its chunks.
    var cpu: UInt8 = 0
    var classIndex: UInt8 = 0
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
    /// z_FirstFreePg: no page below it has a free chunk on its list.
    var firstFreePage: Int32 = 0
    /// Neighbours in the list of the class; `next` links the free zones too.
    var next: Int32 = SlabAllocator.none
    var previous: Int32 = SlabAllocator.none
    /// ceil(2^32 / chunk), which divides by the chunk size.
    var reciprocal: UInt64 = 0
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
    var slot: UInt32
    var type: UInt32
  }

  /// The allocator's own variables.
  struct State {
    var cpu = 0
    var refusal = Refusal.none
    var freeError = FreeError.none
    var noWaitFailures: UInt64 = 0
    /// Bytes that callers asked for and hold in chunks.
    var liveBytes = 0
    /// The same at the chunk sizes.
    var liveChunkBytes = 0
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
    var types = RecordColumn<MallocTypeRecord>(capacity: 32)
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
