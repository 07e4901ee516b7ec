// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// DragonFly's slab allocator: malloc(9) from zones of chunks, each owned by one processor.
///
/// DragonFly sys/kern/kern_slaballoc.c. A zone is 32 to 128 KiB of kernel_map at a multiple of its size; its header
/// lies at its start. A free of another processor's chunk travels to the owner as a message. Free zones stay with their
/// processor, and the next malloc() that may sleep gives all above two back to the map: memory returns in normal
/// operation.
///
/// Free lists, requested sizes and zone headers lie in columns beside the map. What a refused request means is for the
/// model to say: ``malloc(_:_:_:)`` returns null and ``refusal`` tells why.
public final class SlabAllocator {
  /// ZONE_RELS_THRESH: free zones that a processor keeps.
  public static let releaseThreshold = 2
  /// sizeof(SLZone) on i386, bytes: thirteen words and 32 list heads (computed from a recollected structure).
  public static let headerBytes = 180
  /// MAXCPUFIFO: messages that a processor's queue holds; a sender that finds it full waits until the owner has taken
  /// them (recollection of the number).
  public static let messageCapacity = 16
  /// No zone.
  static let none: Int32 = -1
  /// Mark in the word of a chunk whose free is on its way.
  static let inTransit: UInt16 = 0x8000

  /// The map that zones and large allocations come from: kernel_map.
  public let map: WiredMap
  /// ZoneSize, bytes.
  public let zoneSize: Int
  /// ZoneLimit: requests from this size on are whole pages, bytes.
  public let zoneLimit: Int
  /// Limit of every type, bytes at the chunk size.
  public let typeLimit: Int
  /// Number of processors.
  public let cpus: Int
  /// Names of the types, in the order of registration.
  public private(set) var typeNames: [String] = []

  /// Pages of a zone as a power of two.
  let zoneShift: Int
  let processors: UnsafeMutablePointer<Processor>
  /// ZoneAry of every processor: the zones of a class that have a free chunk.
  let classHeads: UnsafeMutablePointer<Int32>
  let messages: UnsafeMutablePointer<Message>
  let chunkOfClass: UnsafeMutablePointer<Int32>
  /// ku_pagecnt: pages of the large allocation that begins at this page, else 0.
  let largePages: UnsafeMutablePointer<UInt32>
  /// What is kept of each chunk.
  let words: ItemWords
  /// The bytes of the map, for the patterns of checked mode.
  let diagnostic: SlabDiagnostic?
  /// Accounts, in memory of their own: stored properties of a class cost an exclusivity check at each access.
  let state: UnsafeMutablePointer<State>
  /// struct malloc_type of every type, in the order of registration.
  private var types = RecordColumn<MallocTypeAccount>(capacity: 32)
  private var typeIndices: [String: Int] = [:]

  /// An allocator without zones.
  ///
  /// - Parameters:
  ///   - map: where zones come from, below 2^22 pages; its start is a multiple of the zone size.
  ///   - zoneSize: a power of two, 32 to 128 KiB.
  ///   - cpus: processors, 1 to 255.
  ///   - typeLimit: the limit of every type, bytes.
  ///   - backing: the bytes behind the map; given, freed chunks are filled with 0xdeadc0de and their link is verified.
  public init(map: WiredMap, zoneSize: Int, cpus: Int, typeLimit: Int, checkedBacking backing: BackingBytes? = nil) {
    let pages = map.space.capacityPages
    precondition(
      pages < 1 << 22 && zoneSize & (zoneSize - 1) == 0, "SlabAllocator: \(pages) pages, zones of \(zoneSize)")
    precondition(map.space.start.rawValue % UInt64(zoneSize) == 0, "SlabAllocator: the map starts between zones")
    self.map = map
    self.zoneSize = zoneSize
    self.cpus = cpus
    self.typeLimit = typeLimit
    zoneLimit = min(zoneSize / 4, SlabClasses.largestLimit)
    zoneShift = (zoneSize / kernelPageSize).trailingZeroBitCount
    diagnostic = backing.map { SlabDiagnostic(backing: $0) }
    let places = pages >> zoneShift + 1
    let zones = UnsafeMutablePointer<Zone>.allocate(capacity: places + 1)
    zones.initialize(repeating: Zone(), count: places + 1)
    processors = .allocate(capacity: cpus)
    processors.initialize(repeating: Processor(), count: cpus)
    classHeads = .allocate(capacity: cpus * SlabClasses.count)
    classHeads.initialize(repeating: Self.none, count: cpus * SlabClasses.count)
    messages = .allocate(capacity: cpus * Self.messageCapacity)
    messages.initialize(repeating: Message(block: 0, number: 0, type: 0), count: cpus * Self.messageCapacity)
    let classOfSize = UnsafeMutablePointer<UInt8>.allocate(capacity: SlabClasses.largestLimit / 8 + 1)
    chunkOfClass = .allocate(capacity: SlabClasses.count)
    chunkOfClass.initialize(repeating: 0, count: SlabClasses.count)
    for units in 0...SlabClasses.largestLimit / 8 {
      let found = SlabClasses.of(min(units * 8, SlabClasses.largestLimit - 1))
      classOfSize[units] = UInt8(found.index)
      chunkOfClass[found.index] = Int32(found.chunk)
    }
    largePages = .allocate(capacity: max(1, pages))
    largePages.initialize(repeating: 0, count: max(1, pages))
    words = ItemWords(pages: pages)
    state = .allocate(capacity: 1)
    state.initialize(
      to: State(
        fastBytes: UInt64(pages * kernelPageSize), start: map.space.start.rawValue, types: types.base,
        zoneLimit: zoneLimit, heads: classHeads, zones: zones + 1, pageHeads: .allocate(capacity: max(1, pages)),
        classOfSize: classOfSize, zoneShift: zoneShift))
  }

  deinit {
    (zones - 1).deallocate()
    processors.deallocate()
    classHeads.deallocate()
    messages.deallocate()
    state.pointee.classOfSize.deallocate()
    chunkOfClass.deallocate()
    state.pointee.pageHeads.deallocate()
    largePages.deallocate()
    words.deallocate()
    types.deallocate()
    state.deallocate()
  }

  /// One header for every place that a zone can have.
  @inline(__always)
  var zones: UnsafeMutablePointer<Zone> { state.pointee.zones }
  /// z_PageAry: the free chunks that begin in a page of a zone.
  @inline(__always)
  var pageHeads: UnsafeMutablePointer<UInt16> { state.pointee.pageHeads }

  /// The processor on which the following calls run.
  public var currentCPU: Int {
    get { state.pointee.cpu }
    set {
      state.pointee.cpu = min(max(newValue, 0), cpus - 1)
      state.pointee.heads = classHeads + state.pointee.cpu * SlabClasses.count
      limitShortPaths()
    }
  }

  /// The index of a type; a new name is registered.
  public func register(_ name: String) -> Int {
    if let known = typeIndices[name] { return known }
    let index = types.append(MallocTypeAccount(limit: typeLimit))
    state.pointee.types = types.base
    state.pointee.typeCount = types.count
    typeNames.append(name)
    typeIndices[name] = index
    limitShortPaths()
    return index
  }

  /// What the short paths serve changes with the malloc types, the processor, its free zones, the frees on their way and the
  /// end of the kernel.
  func limitShortPaths() {
    let isOpen =
      diagnostic == nil && !state.pointee.isDead && state.pointee.transitCount == 0
      && processors[state.pointee.cpu].freeZoneCount <= Self.releaseThreshold
    state.pointee.fastTypes = isOpen ? state.pointee.typeCount : 0
  }

  /// The address of a chunk of a zone.
  @inline(__always)
  func address(ofChunk number: Int, _ block: Int) -> KernelAddress {
    let zone = zones + block
    return KernelAddress(rawValue: zone.pointee.start &+ UInt64(truncatingIfNeeded: number &* Int(zone.pointee.chunk)))
  }

  /// The address of the chunk that a word of a free list names; null at the end of the list.
  func address(ofWord word: UInt16, _ block: Int) -> KernelAddress {
    word == ItemWords.end ? .null : address(ofChunk: Int(word & ~ItemWords.free), block)
  }
}
