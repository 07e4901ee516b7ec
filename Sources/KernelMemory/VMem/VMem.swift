// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// An arena of address space with boundary tags: vmem(9).
///
/// Every span that the arena was given is a row of segments, free or busy; a free segment merges with free neighbours of
/// its span as soon as it is freed. Free segments are listed by size: up to ``exactOrders`` quanta each size has a list
/// of its own, larger ones share a list with all sizes of the same power of two. Lists are last in, first out. The
/// decisions are those of FreeBSD 10 and later (sys/kern/subr_vmem.c), which NetBSD's of the same name shares; Bonwick
/// and Adams, "Magazines and Vmem", USENIX 2001, describes the original.
///
/// All arenas here lie in one range of addresses and count in quanta from its start: an arena that imports its spans
/// from another one counts as that one does. Boundary tags are not charged to anybody.
public final class VMem {
  /// Which free segment serves a request.
  public enum Strategy: Sendable {
    /// The first segment that is large enough in the list of the smallest sizes that has one (M_BESTFIT).
    case bestFit
    /// The head of the first list all of whose segments are large enough, and else as ``bestFit`` (M_FIRSTFIT).
    case firstFit
    /// The head of the first list all of whose segments are large enough, and nothing else (VM_INSTANTFIT, and the
    /// default of illumos).
    case instantFit
  }

  /// Up to this many quanta each size has a list of its own (VMEM_OPTVALUE).
  public static let exactOrders = 32
  /// Lists: the exact ones, and one for each power of two that fits in 31 bits.
  static let orderCount = 64

  /// Name, for statistics and the words of a sleeper.
  public let name: String
  /// Address of quantum 0.
  public let start: KernelAddress
  /// Length of the range of addresses, quanta.
  public let capacity: Int
  /// Binary logarithm of the quantum in bytes.
  public let quantumShift: Int
  /// Where spans come from when a request finds nothing; nil for an arena of fixed size.
  public let source: VMem?
  /// Imports are a multiple of this many quanta, and aligned to it.
  public let importQuantum: Int
  /// Whether an imported span goes back to ``source`` once it is wholly free.
  public let releasesSpans: Bool

  let state: UnsafeMutablePointer<State>
  /// Heads of the lists of free segments, by order; 0 for an empty list.
  let heads: UnsafeMutablePointer<Int32>
  /// The tag of the busy segment that begins at a quantum, 0 for none.
  let busy: UnsafeMutablePointer<Int32>

  enum Kind: UInt8 {
    case unused
    case span
    case free
    case busy
  }

  /// One boundary tag; tag 0 stands for "none", and for both ends of the row of segments.
  struct Tag {
    var first: Int32 = 0
    var size: Int32 = 0
    var nextSegment: Int32 = 0
    var previousSegment: Int32 = 0
    /// Neighbours on a list of free segments; of unused tags the next unused one.
    var nextFree: Int32 = 0
    var previousFree: Int32 = 0
    var kind = Kind.unused
    /// Of a span: it came from ``VMem/source``.
    var isImported = false
  }

  struct State {
    var tags: UnsafeMutablePointer<Tag>
    var tagCapacity: Int
    var tagCount = 1
    var unusedTag: Int32 = 0
    /// Bit n stands for a list of order n with a segment on it.
    var nonEmpty: UInt64 = 0
    var size = 0
    var inUse = 0
    var highWater = 0
    var imports = 0
    var releases = 0
  }

  /// An arena without spans over a range of addresses, with spans from another arena on demand where there is one.
  ///
  /// - Parameters:
  ///   - name: name of the arena.
  ///   - start: address of quantum 0; that of `source` where there is one.
  ///   - capacity: length of the range, 1 to 2^30 quanta.
  ///   - quantumShift: binary logarithm of the quantum in bytes.
  ///   - source: the arena to import from, over the same range.
  ///   - importQuantum: unit and alignment of imports, quanta.
  ///   - releasesSpans: whether wholly free imported spans go back.
  public init(
    name: String, start: KernelAddress, capacity: Int, quantumShift: Int = 12, source: VMem? = nil,
    importQuantum: Int = 1, releasesSpans: Bool = false
  ) {
    precondition(capacity > 0 && capacity <= 1 << 30, "VMem: a range of \(capacity) quanta")
    precondition(importQuantum > 0, "VMem: imports of \(importQuantum) quanta")
    precondition(
      source.map { $0.start == start && $0.capacity == capacity && $0.quantumShift == quantumShift } ?? true,
      "VMem: \(name) and its source differ in their range")
    self.name = name
    self.start = start
    self.capacity = capacity
    self.quantumShift = quantumShift
    self.source = source
    self.importQuantum = importQuantum
    self.releasesSpans = releasesSpans
    state = .allocate(capacity: 1)
    let tags = UnsafeMutablePointer<Tag>.allocate(capacity: 1024)
    tags.initialize(to: Tag())
    state.initialize(to: State(tags: tags, tagCapacity: 1024))
    heads = .allocate(capacity: Self.orderCount)
    heads.initialize(repeating: 0, count: Self.orderCount)
    busy = .allocate(capacity: capacity)
    busy.initialize(repeating: 0, count: capacity)
  }

  deinit {
    state.pointee.tags.deallocate()
    state.deallocate()
    heads.deallocate()
    busy.deallocate()
  }

  /// Quanta of all spans.
  public var size: Int { state.pointee.size }
  /// Quanta of busy segments.
  public var inUse: Int { state.pointee.inUse }
  /// The most that ``inUse`` ever was.
  public var highWater: Int { state.pointee.highWater }
  /// Spans that were imported so far.
  public var importCount: Int { state.pointee.imports }
  /// Spans that went back to the source so far.
  public var releaseCount: Int { state.pointee.releases }

  /// The largest free segment, quanta; what the source has free does not count.
  public var largestFree: Int {
    guard state.pointee.nonEmpty != 0 else { return 0 }
    let order = 63 &- state.pointee.nonEmpty.leadingZeroBitCount
    var largest: Int32 = 0
    var tag = heads[order]
    while tag != 0 {
      let segment = state.pointee.tags[Int(tag)]
      largest = max(largest, segment.size)
      tag = segment.nextFree
    }
    return Int(largest)
  }

  /// Number of free segments.
  public func freeSegmentCount() -> Int {
    var count = 0
    for order in 0..<Self.orderCount {
      var tag = heads[order]
      while tag != 0 {
        count += 1
        tag = state.pointee.tags[Int(tag)].nextFree
      }
    }
    return count
  }

  /// Address of a quantum.
  @inline(__always)
  public func address(of quantum: Int) -> KernelAddress {
    KernelAddress(rawValue: start.rawValue &+ UInt64(truncatingIfNeeded: quantum) &<< UInt64(quantumShift))
  }

  /// The list on which a free segment of this many quanta is kept (SIZE2ORDER).
  @inline(__always)
  static func order(ofSize size: Int) -> Int {
    size <= exactOrders ? size &- 1 : 57 &+ 32 &- size.leadingZeroBitCount
  }
}
