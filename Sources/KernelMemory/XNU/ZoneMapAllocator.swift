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
  /// The end of a free list of elements.
  static let endOfList = UInt16.max
  /// Elements that a page can hold: the stride of the element columns.
  static let slotShift = 9

  /// zone_map.
  public let map: WiredMap
  /// sizeof(vm_offset_t), bytes: 4 or 8.
  public let pointerSize: Int
  /// Pages of the metadata region, which lies at the start of zone_map.
  public let metadataPages: Int
  /// Names of the zones, in the order of creation.
  public private(set) var names: [String] = []

  let chunks: UnsafeMutablePointer<Chunk>
  /// Pages from the first page of the chunk to this one (real_metadata_offset).
  let offsets: UnsafeMutablePointer<UInt8>
  /// The element behind each free element; an element's slot is the first page of its chunk << 9 + its number.
  let links: UnsafeMutablePointer<UInt16>
  /// Requested size of a live element, 0 for a free one.
  let requested: UnsafeMutablePointer<UInt16>
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
    chunks = .allocate(capacity: max(1, pages))
    chunks.initialize(repeating: Chunk(), count: max(1, pages))
    offsets = .allocate(capacity: max(1, pages))
    offsets.initialize(repeating: 0, count: max(1, pages))
    links = .allocate(capacity: max(1, pages << Self.slotShift))
    requested = .allocate(capacity: max(1, pages << Self.slotShift))
    state = .allocate(capacity: 1)
    state.initialize(to: State(zones: .allocate(capacity: Self.capacity)))
    _ = map.allocate(pages: metadataPages, .wait)
  }

  deinit {
    chunks.deallocate()
    offsets.deallocate()
    links.deallocate()
    requested.deallocate()
    zones.deallocate()
    state.deallocate()
  }

  /// struct zone of every zone, in the order of creation.
  @inline(__always)
  var zones: UnsafeMutablePointer<Zone> { state.pointee.zones }

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
    (zones + index).initialize(
      to: Zone(
        size: size, requestedSize: requestedSize, chunkPages: pages,
        reciprocal: ((1 as UInt64) << 32 + UInt64(size) - 1) / UInt64(size),
        maximumBytes: max(rounded, pages * kernelPageSize), isCollectable: isCollectable))
    names.append(name)
    state.pointee.zoneCount = names.count
    return index
  }

  /// The address of an element of a chunk.
  @inline(__always)
  func address(ofElement number: Int, page: Int, size: Int) -> KernelAddress {
    KernelAddress(rawValue: map.space.start.rawValue &+ UInt64(truncatingIfNeeded: page << 12 &+ number &* size))
  }
}
