// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// UMA of FreeBSD 10 and later, with malloc(9) on top of it, over vmem arenas and the direct map.
///
/// What it shares with the UMA of FreeBSD 5 to 9 is the shape: slabs, and two buckets for each zone and processor. New
/// are buckets of nine sizes chosen by the size of the item, a wanted size that grows where the zone's lock is contended
/// and not at a miss, frees that go to the alloc bucket first, emptied buckets that are given back at once, drains that
/// reach the per-CPU caches, and free items as bits of which the lowest is taken. ``Policy`` says in what FreeBSD 11 and
/// 14 differ. Decisions are those of FreeBSD HEAD of December 2015 and December 2019 (sys/vm/uma_core.c); there is one
/// memory domain.
///
/// All state lies in columns of plain memory. Pages are numbered from the first boot page on: boot pages, the arena,
/// the direct map; page 0 is nobody's and stands for "none".
final class VMemUMA {
  let policy: Policy
  /// The address of offset 0, a page below the first boot page.
  let base: UInt64
  /// Page numbers of the arena's and of the direct map's first page, and of the page after the last.
  let firstArenaPage: Int
  let firstDirectPage: Int
  let endPage: Int
  let arena: VMem
  let directMap: AddressMap?
  let cpus: Int
  /// Where physical pages come from; nil for always enough.
  let physical: PhysicalPages?
  /// Trash patterns and verification.
  let checked: Bool
  let backing: BackingBytes?

  let state: UnsafeMutablePointer<State>
  let slabs: UnsafeMutablePointer<Slab>
  /// us_free: a bit for each free item, four words a page.
  let freeBits: UnsafeMutablePointer<UInt64>
  /// us_debugfree: a bit for each item that is handed out, four words a page; in checked mode alone.
  let liveBits: UnsafeMutablePointer<UInt64>?
  let kegs: UnsafeMutablePointer<Keg>
  /// Heads of the slab lists, four places a keg: page numbers, 0 for an empty list.
  let listHeads: UnsafeMutablePointer<Int32>
  let zones: UnsafeMutablePointer<Zone>
  let caches: UnsafeMutablePointer<Cache>
  /// The malloc type of a live or freed item, by 16-byte unit; in checked mode alone.
  let typeColumn: UnsafeMutablePointer<UInt16>?

  private(set) var zoneNames: [String] = []
  private(set) var typeNames: [String] = []
  private var typeCapacity = 64
  var failure: KernelFailure?
  let hooks = Hooks()
  var bucketPools: [UMABucketPool]
  /// Zones of off-page headers, "UMA Hash", and the first zone of buckets, by index.
  var headerZones: [Int] = []
  var hashZone = 0
  var firstBucketZone = 0

  /// Lays out boot pages below `arena`, which begins at `arena.start`, and a direct map of `directPages` behind it; no
  /// zone exists yet.
  init(
    policy: Policy, arena: VMem, directPages: Int, cpus: Int, physical: PhysicalPages? = nil, checked: Bool = false,
    backing: BackingBytes? = nil
  ) {
    self.policy = policy
    self.arena = arena
    self.cpus = cpus
    self.physical = physical
    self.checked = checked
    self.backing = backing
    firstArenaPage = policy.bootPages + 1
    firstDirectPage = firstArenaPage + arena.capacity
    endPage = firstDirectPage + directPages
    base = arena.start.rawValue - UInt64(firstArenaPage * kernelPageSize)
    directMap = directPages > 0 ? AddressMap(start: arena.address(of: arena.capacity), pages: directPages) : nil
    slabs = .allocate(capacity: endPage)
    slabs.initialize(repeating: Slab(), count: endPage)
    // Not initialised: set up with each slab, and never touched for pages without one.
    freeBits = .allocate(capacity: endPage * 4)
    liveBits = checked ? .allocate(capacity: endPage * 4) : nil
    typeColumn = checked ? .allocate(capacity: endPage * (kernelPageSize / 16)) : nil
    kegs = .allocate(capacity: Self.zoneCapacity)
    listHeads = .allocate(capacity: Self.zoneCapacity * 4)
    listHeads.initialize(repeating: 0, count: Self.zoneCapacity * 4)
    zones = .allocate(capacity: Self.zoneCapacity)
    caches = .allocate(capacity: Self.zoneCapacity * cpus)
    caches.initialize(repeating: Cache(), count: Self.zoneCapacity * cpus)
    state = .allocate(capacity: 1)
    state.initialize(
      to: State(
        base: base, endOffset: UInt64(endPage * kernelPageSize), largestMallocZone: UInt(policy.largestMallocZone),
        sizeClasses: .zeroed(policy.largestMallocZone / 16), caches: caches, mallocCaches: caches,
        zoneCounts: .zeroed(Self.zoneCapacity),
        counts: .zeroed((typeCapacity + 1) * Self.countsPerRow),
        requested: RequestedSizes(pages: endPage, classes: Self.sizeClassCount(policy)),
        types: .allocate(capacity: typeCapacity)))
    state.pointee.bootPagesLeft = policy.bootPages
    bucketPools = Self.bucketZones.indices.map { UMABucketPool(entries: Self.entries(ofBucketZone: $0)) }
  }

  deinit {
    state.pointee.types.deallocate()
    state.pointee.zoneCounts.deallocate()
    state.pointee.counts.deallocate()
    state.pointee.sizeClasses.deallocate()
    state.pointee.requested.deallocate()
    state.deallocate()
    slabs.deallocate()
    freeBits.deallocate()
    liveBits?.deallocate()
    typeColumn?.deallocate()
    kegs.deallocate()
    listHeads.deallocate()
    zones.deallocate()
    caches.deallocate()
    for pool in bucketPools { pool.deallocate() }
  }

  /// The address of an offset; null stays null.
  @inline(__always)
  func address(_ offset: Offset) -> KernelAddress {
    offset == 0 ? .null : KernelAddress(rawValue: base &+ UInt64(offset))
  }

  /// The processor of the following calls; a number out of range changes nothing.
  @inline(__always)
  var currentCPU: Int {
    get { state.pointee.cpu }
    set {
      guard newValue >= 0, newValue < cpus else { return }
      state.pointee.cpu = newValue
      state.pointee.caches = caches + newValue &* Self.zoneCapacity
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

  /// The short path serves what exists, unless every call has to be verified or may meet a limit of malloc.
  func setFastPath() {
    let isOpen = !checked && !state.pointee.isDead
    state.pointee.fastTypes = isOpen && !state.pointee.hasMallocLimit ? state.pointee.typeCount : 0
    state.pointee.fastZones = isOpen ? state.pointee.zoneCount : 0
  }

  /// What the kernel around the allocator is called for.
  final class Hooks {
    /// The handlers of the event vm_lowmem.
    var lowMemory: (() -> Void)?
  }

  /// Statistics by malloc type.
  @inline(__always)
  var types: UnsafeMutablePointer<TypeRecord> { state.pointee.types }

  func appendZoneName(_ name: String) { zoneNames.append(name) }

  /// Index of a zone by name.
  func zoneIndex(named name: String) -> Int? { zoneNames.firstIndex(of: name) }

  /// Makes room for one more malloc type and gives its index.
  func appendType(named name: String) -> Int {
    let index = state.pointee.typeCount
    if index == typeCapacity {
      let larger = UnsafeMutablePointer<TypeRecord>.allocate(capacity: typeCapacity * 2)
      larger.moveInitialize(from: types, count: index)
      types.deallocate()
      state.pointee.types = larger
      let counts = UnsafeMutablePointer<CallCounts>.zeroed((typeCapacity * 2 + 1) * Self.countsPerRow)
      counts.update(from: state.pointee.counts, count: (typeCapacity + 1) * Self.countsPerRow)
      state.pointee.counts.deallocate()
      state.pointee.counts = counts
      typeCapacity *= 2
    }
    (types + index).initialize(to: TypeRecord())
    typeNames.append(name)
    state.pointee.typeCount = index + 1
    setFastPath()
    return index
  }
}
