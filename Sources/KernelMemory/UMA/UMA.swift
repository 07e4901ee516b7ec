// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// UMA, the slab allocator of FreeBSD 5 to 9, with malloc(9) on top of it, over one kernel map.
///
/// Decisions are those of FreeBSD HEAD of early 2006 (sys/vm/uma_core.c 1.136, sys/kern/kern_malloc.c 1.153), the
/// stand-in for 5.4 to 6.2: no working-set trimming, one-way growth of bucket sizes, pages given back in ``reclaim()``
/// alone. That runs on a shortage of physical pages, and for want of room in the map where the kernel's
/// ``UMAExhaustion`` says so. A model owns one instance and says which zones exist. Locks and critical sections have no
/// counterpart: there is one thread, and the processor changes between calls.
///
/// All state lies in columns of plain memory: slabs by page number, free lists by page number, caches by processor and
/// zone. The boot pages lie just below the map, so that one page number serves both; page 0 is nobody's and stands for
/// "none".
final class UMA {
  /// The address of offset 0, a page below the first boot page.
  let base: UInt64
  /// Page number of the map's first page.
  static let firstMapPage = UMAConstants.bootPageRoom + 1
  /// Page number of the first page of the direct map, which lies behind the map.
  let firstDirectPage: Int

  let map: AddressMap
  /// The direct map: nil where all slabs come from the map (i386).
  let directMap: AddressMap?
  let structures: UMAStructures
  let exhaustion: UMAExhaustion
  let cpus: Int
  /// Where physical pages come from; nil for always enough.
  let physical: PhysicalPages?
  /// Trash patterns and verification.
  let checked: Bool
  let backing: BackingBytes?

  let state: UnsafeMutablePointer<UMAState>
  let slabs: UnsafeMutablePointer<UMASlab>
  /// us_freelist: the next free index after each item, ``UMAConstants/freeListStride`` bytes a page.
  ///
  /// In checked mode a live item has 255.
  let freeLists: UnsafeMutablePointer<UInt8>
  let kegs: UnsafeMutablePointer<UMAKeg>
  /// Heads of the slab lists, four places a keg: page numbers, 0 for an empty list.
  let listHeads: UnsafeMutablePointer<Int32>
  let zones: UnsafeMutablePointer<UMAZone>
  let caches: UnsafeMutablePointer<UMACache>
  /// The malloc type of a live or freed item, by 16-byte unit; in checked mode alone.
  let typeColumn: UnsafeMutablePointer<UInt16>?
  private(set) var zoneNames: [String] = []
  private(set) var typeNames: [String] = []
  private var typeCapacity = 64
  var failure: KernelFailure?
  var hooks = UMAHooks()
  var bucketPools: [UMABucketPool]

  /// Zones that the allocator itself needs, by index.
  enum InternalZone {
    static let kegs = 0
    static let zones = 1
    static let slabs = 2
    static let refcountedSlabs = 3
    static let hash = 4
    static let firstBucket = 5
  }

  /// Lays out the boot pages, an empty map of `mapPages` pages from `mapStart` on and, where `directPages` is not 0, an
  /// empty direct map behind it; no zone exists yet.
  init(
    mapStart: KernelAddress, mapPages: Int, cpus: Int, physical: PhysicalPages? = nil, checked: Bool = false,
    backing: BackingBytes? = nil, structures: UMAStructures = .i386, exhaustion: UMAExhaustion = .panicAtOnce,
    directPages: Int = 0
  ) {
    self.cpus = cpus
    self.structures = structures
    self.exhaustion = exhaustion
    self.physical = physical
    self.checked = checked
    self.backing = backing
    base = mapStart.rawValue - UInt64(UMA.firstMapPage * kernelPageSize)
    map = AddressMap(start: mapStart, pages: mapPages)
    firstDirectPage = UMA.firstMapPage + mapPages
    let directStart = mapStart.rawValue + UInt64(mapPages * kernelPageSize)
    directMap = directPages > 0 ? AddressMap(start: KernelAddress(rawValue: directStart), pages: directPages) : nil
    // An offset that corrupted free lists make up may lie up to 255 strides behind its page: the columns reach that
    // far.
    let pages = UMA.firstMapPage + mapPages + directPages + 256
    slabs = .allocate(capacity: pages)
    slabs.initialize(repeating: UMASlab(), count: pages)
    // Not initialised: set up with each slab, and never touched for pages without one.
    freeLists = .allocate(capacity: pages * UMAConstants.freeListStride)
    typeColumn = checked ? .allocate(capacity: pages * (kernelPageSize / 16)) : nil
    kegs = .allocate(capacity: UMAConstants.zoneCapacity)
    listHeads = .allocate(capacity: UMAConstants.zoneCapacity * 4)
    listHeads.initialize(repeating: 0, count: UMAConstants.zoneCapacity * 4)
    zones = .allocate(capacity: UMAConstants.zoneCapacity)
    caches = .allocate(capacity: UMAConstants.zoneCapacity * cpus)
    caches.initialize(repeating: UMACache(), count: UMAConstants.zoneCapacity * cpus)
    state = .allocate(capacity: 1)
    state.initialize(
      to: UMAState(
        base: base, endOffset: UInt64((firstDirectPage + directPages) * kernelPageSize), caches: caches,
        mallocCaches: caches, zoneCounts: .zeroed(UMAConstants.zoneCapacity),
        counts: .zeroed(typeCapacity * UMA.countsPerType),
        sizeClasses: .zeroed(kernelPageSize / 16),
        requested: RequestedSizes(pages: pages, classes: UMA.mallocZones),
        types: .allocate(capacity: typeCapacity)))
    state.pointee.bootPagesLeft = structures.bootPages
    bucketPools = UMAConstants.bucketEntries.map { UMABucketPool(entries: $0) }
  }

  deinit {
    state.pointee.types.deallocate()
    state.pointee.zoneCounts.deallocate()
    state.pointee.counts.deallocate()
    state.pointee.sizeClasses.deallocate()
    state.pointee.requested.deallocate()
    state.deallocate()
    slabs.deallocate()
    freeLists.deallocate()
    typeColumn?.deallocate()
    kegs.deallocate()
    listHeads.deallocate()
    zones.deallocate()
    caches.deallocate()
    for pool in bucketPools { pool.deallocate() }
  }

  /// The address of an offset; null stays null.
  @inline(__always)
  func address(_ offset: UMAOffset) -> KernelAddress {
    offset == 0 ? .null : KernelAddress(rawValue: base &+ UInt64(offset))
  }

  /// The processor of the following calls.
  @inline(__always)
  var currentCPU: Int {
    get { state.pointee.cpu }
    set {
      guard newValue >= 0, newValue < cpus else { return }
      state.pointee.cpu = newValue
      state.pointee.caches = caches + newValue &* UMAConstants.zoneCapacity
      state.pointee.mallocCaches = state.pointee.caches + state.pointee.firstMallocZone
    }
  }

  /// The kernel ends here; the state stays as it is.
  func die(_ reason: KernelFailure) {
    guard failure == nil else { return }
    failure = reason
    state.pointee.isDead = true
    setFastPath()
  }

  /// The short path serves what exists, unless every call has to be verified.
  func setFastPath() {
    let isOpen = !checked && !state.pointee.isDead
    state.pointee.fastTypes = isOpen && !state.pointee.hasMallocLimit ? state.pointee.typeCount : 0
    state.pointee.fastZones = isOpen ? state.pointee.zoneCount : 0
  }

  /// Statistics by malloc type.
  @inline(__always)
  var types: UnsafeMutablePointer<UMAMallocType> { state.pointee.types }

  func appendZoneName(_ name: String) { zoneNames.append(name) }

  /// Index of a zone by name.
  func zoneIndex(named name: String) -> Int? { zoneNames.firstIndex(of: name) }

  /// Makes room for one more malloc type and gives its index.
  func appendType(named name: String) -> Int {
    let index = state.pointee.typeCount
    if index == typeCapacity {
      let larger = UnsafeMutablePointer<UMAMallocType>.allocate(capacity: typeCapacity * 2)
      larger.moveInitialize(from: types, count: index)
      types.deallocate()
      state.pointee.types = larger
      let counts = UnsafeMutablePointer<CallCounts>.zeroed(typeCapacity * 2 * UMA.countsPerType)
      counts.update(from: state.pointee.counts, count: typeCapacity * UMA.countsPerType)
      state.pointee.counts.deallocate()
      state.pointee.counts = counts
      typeCapacity *= 2
    }
    (types + index).initialize(to: UMAMallocType())
    typeNames.append(name)
    state.pointee.typeCount = index + 1
    setFastPath()
    return index
  }
}
