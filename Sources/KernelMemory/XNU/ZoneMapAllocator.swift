// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// XNU's zalloc: zones of equal elements in chunks of one to eight pages, all in the submap zone_map.
///
/// XNU osfmk/kern/zalloc.c of 10.11 and 10.12 (the version whose metadata lies in a region of its own at the start of
/// zone_map). Chunks with live and free elements are used first, then chunks without live elements; a zone grows where
/// it has neither. Chunks without live elements go back to zone_map in zone_gc() alone.
///
/// The kernel links the elements of a new chunk in a random order; here they are taken from the highest address down.
/// What a refused request means is for the model to say: ``allocate(_:_:asked:)`` returns null and ``refusal`` tells
/// why.
public final class ZoneMapAllocator {
  /// ZONE_MAX_ALLOC_SIZE, pages.
  public static let largestChunk = 8
  /// MAX_ZONES.
  public static let capacity = 256
  /// No chunk.
  static let none: Int32 = -1

  /// zone_map.
  public let map: WiredMap
  /// sizeof(vm_offset_t), bytes: 4 or 8.
  public let pointerSize: Int
  /// Pages of the metadata region, which lies at the start of zone_map.
  public let metadataPages: Int
  /// Names of the zones, in the order of creation.
  public private(set) var names: [String] = []

  /// What is kept of each element.
  private let words: ItemWords
  /// Accounts of the malloc types of the caller.
  private var types = RecordColumn<MallocTypeAccount>(capacity: 32)
  /// The bytes of the map, for the poison of checked mode.
  let diagnostic: ZonePoison?
  /// Accounts, in memory of their own: stored properties of a class cost an exclusivity check at each access.
  let state: UnsafeMutablePointer<State>

  /// An allocator without zones.
  ///
  /// The metadata region is address space for the whole map; its physical pages are taken at once here, the kernel
  /// takes them as chunks need them.
  ///
  /// - Parameters:
  ///   - map: zone_map, empty, below 2^22 pages.
  ///   - pointerSize: 4 or 8 bytes.
  ///   - backing: the bytes behind the map; given, free elements are poisoned and verified as with the boot argument
  ///     -zp.
  public init(map: WiredMap, pointerSize: Int, checkedBacking backing: BackingBytes? = nil) {
    let pages = map.space.capacityPages
    precondition(pages < 1 << 22, "ZoneMapAllocator: \(pages) pages")
    self.map = map
    self.pointerSize = pointerSize
    metadataPages = Self.metadataPages(mapPages: pages, pointerSize: pointerSize)
    diagnostic = backing.map { ZonePoison(backing: $0, pointerSize: pointerSize) }
    words = ItemWords(pages: pages)
    state = .allocate(capacity: 1)
    state.initialize(
      to: State(
        start: map.space.start.rawValue, zones: .allocate(capacity: Self.capacity), chunks: .zeroed(pages + 1) + 1,
        pages: .zeroed(max(1, pages)), types: types.base,
        zoneOfSize: .zeroed(Self.largestChunk * kernelPageSize / 8 + 1)))
    _ = map.allocate(pages: metadataPages, .wait)
  }

  deinit {
    (chunks - 1).deallocate()
    types.deallocate()
    state.pointee.zoneOfSize.deallocate()
    state.pointee.pages.deallocate()
    words.deallocate()
    zones.deallocate()
    state.deallocate()
  }

  /// struct zone of every zone, in the order of creation.
  @inline(__always)
  var zones: UnsafeMutablePointer<Zone> { state.pointee.zones }
  /// struct zone_page_metadata of every page.
  @inline(__always)
  var chunks: UnsafeMutablePointer<Chunk> { state.pointee.chunks }
  /// Pages from the first page of the chunk to this one (real_metadata_offset); 0 where there is no chunk.
  @inline(__always)
  func offset(ofPage page: Int) -> Int { Int(state.pointee.pages[page] & 0xFF) }

  /// Pages of the metadata of a map: two pointers and 8 bytes for each of its pages.
  public static func metadataPages(mapPages: Int, pointerSize: Int) -> Int {
    (mapPages * (2 * pointerSize + 8) + kernelPageSize - 1) / kernelPageSize
  }

  /// Element size of a zone: at least two pointers, a multiple of one, bytes.
  public static func elementSize(_ requested: Int, pointerSize: Int) -> Int {
    (max(requested, 2 * pointerSize) + pointerSize - 1) / pointerSize * pointerSize
  }

  /// Pages of a chunk: the fewest of one to eight with the least waste in whole percent (zinit).
  public static func chunkPages(elementSize: Int) -> Int {
    func waste(_ pages: Int) -> Int { pages * kernelPageSize % elementSize * 100 / (pages * kernelPageSize) }
    var best = 1
    for pages in 2...largestChunk where waste(pages) < waste(best) { best = pages }
    return best
  }

  /// zinit: creates a zone.
  ///
  /// - Parameters:
  ///   - name: as zprint shows it.
  ///   - requestedSize: size of an element, bytes, 1 to 32768.
  ///   - maximum: max_size, bytes; a zone grows beyond it.
  ///   - isCollectable: whether zone_gc() may take its chunks.
  /// - Returns: its index.
  public func create(_ name: String, size requestedSize: Int, maximum: Int, isCollectable: Bool = true) -> Int {
    let index = names.count
    precondition(index < Self.capacity - 1, "ZoneMapAllocator: too many zones")
    let size = Self.elementSize(requestedSize, pointerSize: pointerSize)
    let pages = Self.chunkPages(elementSize: size)
    let rounded = (maximum + kernelPageSize - 1) / kernelPageSize * kernelPageSize
    let column = wordColumn(elementSize: size)
    (zones + index).initialize(
      to: Zone(
        size: size, reciprocal: ((1 as UInt64) << 32 + UInt64(size) - 1) / UInt64(size), words: column.words,
        sizeBit: MallocTypeRecord.sizeBit(size), wordShift: UInt8(column.shift), isCollectable: isCollectable,
        chunkPages: Int32(pages), requestedSize: requestedSize, maximumBytes: max(rounded, pages * kernelPageSize)))
    names.append(name)
    state.pointee.zoneCount = names.count
    limitShortPaths()
    return index
  }

  /// The column of the words of elements: large ones have it in the records of chunks, so that a call finds both in one
  /// line of memory.
  private func wordColumn(elementSize size: Int) -> (words: UnsafeMutablePointer<UInt16>, shift: Int) {
    guard size * Chunk.ownWords >= kernelPageSize else { return words.column(itemSize: size) }
    let stride = MemoryLayout<Chunk>.stride
    let own = Chunk.ownWords * MemoryLayout<UInt16>.stride
    let first = UnsafeMutableRawPointer(chunks) + (stride - own)
    return (first.assumingMemoryBound(to: UInt16.self), (stride / MemoryLayout<UInt16>.stride).trailingZeroBitCount)
  }

  /// A malloc type more: its account has the next index.
  func appendType() {
    types.append(MallocTypeAccount())
    state.pointee.types = types.base
    state.pointee.typeCount = types.count
    limitShortPaths()
  }

  /// What the short paths serve changes with the zones, the malloc types, the due thread calls and the end of the kernel.
  func limitShortPaths() {
    let isOpen = diagnostic == nil && !state.pointee.isDead && state.pointee.pendingGrowths == 0
    state.pointee.fastZones = isOpen ? state.pointee.zoneCount : 0
    state.pointee.fastTypes = isOpen ? state.pointee.typeCount : 0
    state.pointee.fastBytes = isOpen ? UInt64(map.space.capacityPages * kernelPageSize) : 0
  }

  /// The address of the element that a word of a free list names; null at the end of the list.
  func address(ofWord word: UInt16, page: Int, size: Int) -> KernelAddress {
    word == ItemWords.end ? .null : address(ofElement: Int(word & ~ItemWords.free), page: page, size: size)
  }

  /// The words of the elements of a chunk.
  @inline(__always)
  func words(_ zone: UnsafeMutablePointer<Zone>, page: Int) -> UnsafeMutablePointer<UInt16> {
    zone.pointee.words + page &<< Int(zone.pointee.wordShift)
  }

  /// The address of an element of a chunk.
  @inline(__always)
  func address(ofElement number: Int, page: Int, size: Int) -> KernelAddress {
    KernelAddress(rawValue: map.space.start.rawValue &+ UInt64(truncatingIfNeeded: page << 12 &+ number &* size))
  }
}
