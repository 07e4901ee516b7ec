// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// The McKusick-Karels malloc(9): power-of-two size classes, one free list a class, a limit for each type.
///
/// FreeBSD 4 sys/kern/kern_malloc.c; OpenBSD 3.9 and NetBSD before 6 have the same allocator with another list order
/// and another limit. Requests up to 8 KiB come from free lists whose pages never go back to the map; larger ones are
/// whole pages, given back at free. Nothing is kept in the pages themselves: page records, list links and requested
/// sizes lie in columns beside the map.
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
  /// Items that a page can hold: the stride of the item columns.
  static let slotShift = 8
  /// The class of a page without an allocation of its own.
  static let noClass: UInt8 = 255
  /// The end of a free list.
  static let endOfList = UInt32.max

  /// struct kmembuckets.
  struct Bucket {
    var head = BucketMalloc.endOfList
    var tail = BucketMalloc.endOfList
    var total = 0
    var totalFree = 0
    var calls: UInt64 = 0
    var couldFree = 0
    var itemsPerRefill = 1
    var highWater = 5
  }

  /// struct kmemusage: 4 bytes a page.
  struct PageRecord {
    var sizeClass: UInt8
    /// Free items of a listed class, pages of a large allocation.
    var count: UInt16
  }

  /// The allocator's own variables.
  struct State {
    var refusal = Refusal.none
    var freeError = FreeError.none
    var noWaitFailures: UInt64 = 0
    var liveBytes = 0
    var liveRoundedBytes = 0
    var largeBytes = 0
    /// No page from here on ever had a record.
    var recordEnd = 0
    var types = RecordColumn<MallocTypeRecord>(capacity: 32)
  }

  /// The map that pages come from.
  public let map: WiredMap
  /// List order of the system.
  public let order: FreeListOrder
  /// Limit of every type, bytes at the rounded size.
  public let typeLimit: Int
  /// Names of the types, in the order of registration.
  public private(set) var typeNames: [String] = []

  let buckets: UnsafeMutablePointer<Bucket>
  let records: UnsafeMutablePointer<PageRecord>
  /// The item behind each free item; an item's index is its page << 8 | its number in the page.
  ///
  /// Only the pages of listed classes are ever touched.
  let links: UnsafeMutablePointer<UInt32>
  /// Requested size of a live item, 0 for a free one.
  let requested: UnsafeMutablePointer<UInt16>
  /// The bytes of the map, for the trash patterns of checked mode.
  let diagnostic: BucketDiagnostic?
  /// Accounts, in memory of their own: stored properties of a class cost an exclusivity check at each access.
  let state: UnsafeMutablePointer<State>
  private var typeIndices: [String: Int] = [:]

  /// An allocator with empty lists.
  ///
  /// - Parameters:
  ///   - map: where pages come from, below 2^24 pages.
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
    precondition(pages < 1 << 24, "BucketMalloc: \(pages) pages")
    self.map = map
    self.order = order
    self.typeLimit = typeLimit
    diagnostic = backing.map { BucketDiagnostic(backing: $0, style: trash) }
    buckets = .allocate(capacity: Self.classCount)
    buckets.initialize(repeating: Bucket(), count: Self.classCount)
    for index in 0..<Self.classCount {
      let items = max(1, kernelPageSize >> (index + Self.minimumShift))
      buckets[index].itemsPerRefill = items
      buckets[index].highWater = 5 * items
    }
    records = .allocate(capacity: max(1, pages))
    records.initialize(repeating: PageRecord(sizeClass: Self.noClass, count: 0), count: max(1, pages))
    links = .allocate(capacity: max(1, pages << Self.slotShift))
    requested = .allocate(capacity: max(1, pages << Self.slotShift))
    state = .allocate(capacity: 1)
    state.initialize(to: State())
  }

  deinit {
    buckets.deallocate()
    records.deallocate()
    links.deallocate()
    requested.deallocate()
    state.pointee.types.deallocate()
    state.deallocate()
  }

  /// The index of a type; a new name is registered.
  public func register(_ name: String) -> Int {
    if let known = typeIndices[name] { return known }
    let index = state.pointee.types.append(MallocTypeRecord())
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

  /// The address of an item.
  @inline(__always)
  func address(ofItem item: UInt32, sizeClass: Int) -> KernelAddress {
    let slot = UInt64(item & 255) << UInt64(truncatingIfNeeded: sizeClass &+ Self.minimumShift)
    return KernelAddress(rawValue: map.space.start.rawValue &+ UInt64(item >> 8) << 12 &+ slot)
  }
}
