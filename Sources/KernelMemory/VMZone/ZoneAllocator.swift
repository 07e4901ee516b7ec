// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// vm_zone: zones of equal items, each a single LIFO free list that grows by groups of pages and never shrinks.
///
/// FreeBSD sys/vm/vm_zone.c (zinit, zalloc, zfree, _zget) of 2001, the same algorithm as 4.x; DragonFly kept it. The
/// list links lie in a column beside the map, one cell for every 16 bytes, so that the items may have any size that is
/// a multiple of 16 bytes.
public final class ZoneAllocator {
  /// ZONE_ROUNDING: item sizes are rounded up to a multiple of it, bytes.
  public static let rounding = 32
  /// Items start at multiples of this many bytes.
  static let granuleShift = 4
  static let granulesPerPage = kernelPageSize >> granuleShift
  /// A cell that is not the start of an item.
  static let notAnItem: UInt32 = .max - 2
  /// The cell of an item in use.
  static let inUse: UInt32 = .max - 1
  /// The end of a free list.
  static let endOfList: UInt32 = .max
  /// Owner of a page that no zone has.
  static let noZone: UInt16 = .max

  /// Where the pages of a zone come from.
  public enum Growth: Equatable, Sendable {
    /// So many pages at a time from the map, without limit.
    case pages(Int)
    /// ZONE_INTERRUPT: address space for so many items is reserved at creation and filled with a page at a time.
    case reserved(items: Int)
    /// One page at a time while the zone has fewer than so many items.
    case limited(items: Int)
  }

  /// Why the last request got nothing.
  public enum Refusal: Sendable {
    /// It was served.
    case none
    /// The zone has as many items as it may.
    case limit
    /// The map has no room for the growth.
    case mapFull
    /// The second map (``fallback``) had to serve the growth and has no room.
    case fallbackFull
    /// Physical pages are short and the caller may not sleep.
    case noPages
    /// Physical pages are short for ever.
    case pagesNeverCome
  }

  /// struct vm_zone.
  struct Zone {
    var size: Int
    var requestedSize: Int
    var growth: Growth
    var head = ZoneAllocator.endOfList
    var freeCount = 0
    var total = 0
    var freeMinimum: Int
    var requests: UInt64 = 0
    var frees: UInt64 = 0
    var failures: UInt64 = 0
    /// Pages with bytes behind them.
    var pages = 0
    /// First page of the reservation, −1 without one.
    var reservedPage = -1
    /// Pages of the reservation.
    var reservedPages = 0
    /// Items in use that lie in the second map.
    var fallbackUsed = 0
    /// Items that lie in the second map.
    var fallbackTotal = 0
    /// Pages in the second map.
    var fallbackPages = 0
  }

  /// The allocator's own variables.
  struct State {
    var refusal = Refusal.none
    var kernPages = 0
    var kmemPages = 0
    var reservedBytes = 0
    var zones = RecordColumn<Zone>(capacity: 16)
    /// Shares of growths since the last one that went to the second map.
    var fallbackDebt = 0.0
    /// No page of the first map from here on has an owner.
    var ownedEnd = 0
    /// The same for the second map.
    var fallbackOwnedEnd = 0
  }

  /// The map that zones grow in: kernel_map.
  public let map: WiredMap
  /// The map that serves a growth while the first one is locked: kmem_map; nil without one.
  public let fallback: WiredMap?
  /// Share of growths that find the first map locked, 0 to 1 (vm_zone.c, 4.x: lockstatus(&kernel_map->lock)); the
  /// growths are picked evenly, without randomness.
  public let fallbackShare: Double
  /// Names of the zones, in the order of creation.
  public private(set) var names: [String] = []
  /// One cell a granule of the first map.
  let links: UnsafeMutablePointer<UInt32>
  /// Zone of each page of the first map.
  let owners: UnsafeMutablePointer<UInt16>
  /// The same for the second map; empty where no growth can go there.
  let fallbackLinks: UnsafeMutablePointer<UInt32>
  let fallbackOwners: UnsafeMutablePointer<UInt16>
  /// Pages of the second map that the columns cover.
  let fallbackPages: Int
  /// Cells of the first map; a link from there on stands for a cell of the second one.
  let cells: Int
  /// The bytes of the maps, for the free marks of checked mode.
  let diagnostic: ZoneDiagnostic?
  /// Variables, in memory of their own: stored properties of a class cost an exclusivity check at each access.
  let state: UnsafeMutablePointer<State>

  /// An allocator without zones.
  ///
  /// - Parameters:
  ///   - map: the map that zones grow in.
  ///   - fallback: the map that serves a share of the growths.
  ///   - fallbackShare: that share, 0 to 1.
  ///   - backing: the bytes behind the maps; given, free items carry a mark that is verified at reuse as INVARIANTS
  ///     does.
  public init(
    map: WiredMap, fallback: WiredMap? = nil, fallbackShare: Double = 0, checkedBacking backing: BackingBytes? = nil
  ) {
    let share = fallback == nil ? 0 : min(max(fallbackShare, 0), 1)
    self.map = map
    self.fallback = fallback
    self.fallbackShare = share
    diagnostic = backing.map { ZoneDiagnostic(backing: $0) }
    let pages = map.space.capacityPages
    fallbackPages = share > 0 ? fallback?.space.capacityPages ?? 0 : 0
    precondition(pages + fallbackPages < 1 << 23, "ZoneAllocator: \(pages) + \(fallbackPages) pages")
    cells = pages * Self.granulesPerPage
    links = .allocate(capacity: max(1, cells))
    owners = .allocate(capacity: max(1, pages))
    owners.initialize(repeating: Self.noZone, count: max(1, pages))
    fallbackLinks = .allocate(capacity: max(1, fallbackPages * Self.granulesPerPage))
    fallbackOwners = .allocate(capacity: max(1, fallbackPages))
    fallbackOwners.initialize(repeating: Self.noZone, count: max(1, fallbackPages))
    state = .allocate(capacity: 1)
    state.initialize(to: State())
  }

  deinit {
    state.pointee.zones.deallocate()
    state.deallocate()
    links.deallocate()
    owners.deallocate()
    fallbackLinks.deallocate()
    fallbackOwners.deallocate()
  }

  /// zinit: creates a zone.
  ///
  /// - Parameters:
  ///   - name: as `vmstat -z` shows it.
  ///   - requestedSize: size of an item, bytes, at least 16.
  ///   - growth: where its pages come from; a reservation without room in the map leaves the zone without items.
  ///   - rounding: the size is rounded up to a multiple of it, 32 by default; zones that zbootinit() starts are not
  ///     rounded.
  ///   - freeMinimum: the zone grows when it has no more free items than this; nil takes zfreemin: the items of a page,
  ///     at least 1.
  /// - Returns: its index.
  public func create(
    _ name: String, size requestedSize: Int, growth: Growth, rounding: Int = rounding, freeMinimum: Int? = nil
  ) -> Int {
    let size = (max(requestedSize, 16) + rounding - 1) / rounding * rounding
    precondition(size % (1 << Self.granuleShift) == 0, "ZoneAllocator: item size \(size)")
    let index = names.count
    precondition(index < Int(Self.noZone), "ZoneAllocator: too many zones")
    var zone = Zone(
      size: size, requestedSize: requestedSize, growth: growth,
      freeMinimum: freeMinimum ?? max(1, kernelPageSize / size))
    if case .reserved(let items) = growth {
      let pages = (size * items + kernelPageSize - 1) / kernelPageSize
      zone.reservedPage = map.space.allocate(pages: pages)
      zone.reservedPages = zone.reservedPage < 0 ? 0 : pages
      state.pointee.reservedBytes += zone.reservedPages * kernelPageSize
    }
    state.pointee.zones.append(zone)
    names.append(name)
    return index
  }

  /// The cell of an address, −1 where no item can lie there.
  @inline(__always)
  func cell(of address: KernelAddress) -> Int {
    if map.space.contains(address) {
      let offset = Int(truncatingIfNeeded: address.rawValue &- map.space.start.rawValue)
      return offset & 15 == 0 ? offset >> Self.granuleShift : -1
    }
    guard fallbackPages > 0, let fallback, fallback.space.contains(address) else { return -1 }
    let offset = Int(truncatingIfNeeded: address.rawValue &- fallback.space.start.rawValue)
    return offset & 15 == 0 ? cells &+ offset >> Self.granuleShift : -1
  }

  /// The address of a cell.
  @inline(__always)
  func address(ofCell cell: Int) -> KernelAddress {
    if cell < cells {
      return KernelAddress(rawValue: map.space.start.rawValue &+ UInt64(truncatingIfNeeded: cell << Self.granuleShift))
    }
    let start = fallback?.space.start.rawValue ?? 0
    return KernelAddress(rawValue: start &+ UInt64(truncatingIfNeeded: (cell &- cells) << Self.granuleShift))
  }

  /// What a cell holds.
  @inline(__always)
  func link(_ cell: Int) -> UInt32 { cell < cells ? links[cell] : fallbackLinks[cell &- cells] }

  /// Sets what a cell holds.
  @inline(__always)
  func setLink(_ cell: Int, _ value: UInt32) {
    if cell < cells { links[cell] = value } else { fallbackLinks[cell &- cells] = value }
  }

  /// The zone of the page of a cell.
  @inline(__always)
  func owner(_ cell: Int) -> UInt16 {
    cell < cells ? owners[cell >> 8] : fallbackOwners[(cell &- cells) >> 8]
  }
}
