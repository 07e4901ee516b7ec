// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// The McKusick-Karels malloc(9): power-of-two size classes, one free list a class, a limit for each type.
///
/// FreeBSD 4 sys/kern/kern_malloc.c; OpenBSD 3.9 and NetBSD before 6 have the same allocator with another list order
/// and another limit. Requests up to 8 KiB come from free lists whose pages never go back to the map; larger ones are
/// whole pages, given back at free. Nothing is kept in the pages themselves: page records lie in columns beside
/// the map, list links and requested sizes in one of each class.
///
/// What a refused request means is for the model to say: ``malloc(_:_:_:)`` returns null and ``refusal`` tells why.
public final class BucketMalloc {
  /// Where a freed item goes.
  public enum FreeListOrder: Sendable {
    /// To the head: FreeBSD.
    case lifo
    /// To the tail: OpenBSD, NetBSD, FreeBSD with OLD_MALLOC_MEMORY_POLICY.
    case fifo
  }

  /// Why the last request got nothing.
  public enum Refusal: Sendable {
    /// It was served.
    case none
    /// The type holds its limit: a caller that may sleep does so until another one frees.
    case typeLimit
    /// The map has no room.
    case mapFull
    /// Physical pages are short and the caller may not sleep.
    case noPages
    /// Physical pages are short for ever.
    case pagesNeverCome
    /// More pages than the 16-bit page count of a page record holds.
    case tooLarge
  }

  /// Why a free was refused: what a kernel with DIAGNOSTIC says.
  public enum FreeError: Sendable {
    /// It was done.
    case none
    /// No allocation can lie there.
    case outOfRange
    /// The address is not the start of an item.
    case unaligned
    /// The item lies on its free list already.
    case multipleFree
  }

  /// Size classes: 16 << 0 … 16 << 15.
  static let classCount = 16
  /// MINBUCKET on i386.
  static let minimumShift = 4
  /// MAXALLOCSAVE: the largest request that comes from a free list, bytes.
  public static let largestListed = 2 * kernelPageSize
  /// Class of ``largestListed``.
  static let largestListedClass = 9
  /// The most pages of one allocation.
  static let largestPageCount = 65535
  /// What ``State/units`` says of a page without an allocation of its own: a class behind the last one.
  static let noClass = UInt8(unit(of: classCount))

  /// The map that pages come from.
  public let map: WiredMap
  /// List order of the system.
  public let order: FreeListOrder
  /// Limit of every type, bytes at the rounded size.
  public let typeLimit: Int
  /// Names of the types, in the order of registration.
  public private(set) var typeNames: [String] = []

  /// The bytes of the map, for the trash patterns of checked mode.
  let diagnostic: BucketDiagnostic?
  /// Accounts, in memory of their own: stored properties of a class cost an exclusivity check at each access.
  let state: UnsafeMutablePointer<State>
  /// Calls are served by ``take(_:_:_:_:)`` and ``give(_:_:_:_:needsUse:)`` where they can be.
  private var usesShortPath: Bool
  private var typeIndices: [String: Int] = [:]

  /// An allocator with empty lists.
  ///
  /// - Parameters:
  ///   - map: where pages come from, below 2^23 − 1 pages.
  ///   - order: where a freed item goes.
  ///   - typeLimit: the limit of every type, bytes.
  ///   - backing: the bytes behind the map; given, freed items are filled with a pattern and verified at reuse as
  ///     DIAGNOSTIC does.
  ///   - trash: what they are filled with.
  public init(
    map: WiredMap, order: FreeListOrder, typeLimit: Int, checkedBacking backing: BackingBytes? = nil,
    trash: BucketTrash = .freeBSD
  ) {
    let pages = map.space.capacityPages
    // The numbers of the smallest items have 31 bits; page 0 lies below the map.
    precondition(pages + 1 < 1 << 23, "BucketMalloc: \(pages) pages")
    self.map = map
    self.order = order
    self.typeLimit = typeLimit
    diagnostic = backing.map { BucketDiagnostic(backing: $0, style: trash) }
    usesShortPath = backing == nil
    state = State.allocate(origin: map.space.start.rawValue &- UInt64(kernelPageSize), pages: pages + 1)
  }

  deinit { State.deallocate(state) }

  /// The index of a type; a new name is registered.
  public func register(_ name: String) -> Int {
    if let known = typeIndices[name] { return known }
    let index = state.pointee.types.append()
    if usesShortPath { state.pointee.fastTypes = index + 1 }
    typeNames.append(name)
    typeIndices[name] = index
    return index
  }

  /// BUCKETINDX: the class of a request, 0 for 16 bytes; all above 256 KiB share the last one.
  @inline(__always)
  static func sizeClass(of size: Int) -> Int {
    guard size > 1 << minimumShift else { return 0 }
    let bits = Int.bitWidth &- (size &- 1).leadingZeroBitCount
    return min(bits &- minimumShift, classCount &- 1)
  }

  /// How many bytes the counter of a class lies behind that of the first one (``TypeColumn``).
  ///
  /// Its bucket lies eight times as far behind the first one. The columns of pages and sizes hold this unit, so that neither
  /// address needs a shift.
  @inline(__always)
  static func unit(of sizeClass: Int) -> Int { sizeClass &* 8 }

  /// A class, the one behind the last included: that of pages without an allocation of their own.
  @inline(__always)
  func bucket(_ sizeClass: Int) -> UnsafeMutablePointer<Bucket> { State.bucket(state, Self.unit(of: sizeClass)) }

  /// From now on every call is served by the long path.
  func endShortPath() {
    usesShortPath = false
    state.pointee.fastTypes = 0
  }

  /// The kernel has ended: every call is served by the long path, which says so.
  func end() {
    state.pointee.hasEnded = true
    endShortPath()
  }
}
