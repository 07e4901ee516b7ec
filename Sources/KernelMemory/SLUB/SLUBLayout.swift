// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// How a SLUB cache lays objects out: no header in the slab, the order chosen by the number of objects and the waste.
///
/// Linux mm/slub.c, calculate_sizes and calculate_order as of 6.8; the results agree with `/proc/slabinfo` of Linux 6.18
/// on x86_64 for every cache of a running machine (measured).
public struct SLUBLayout: Equatable, Sendable {
  /// What a cache is created with.
  public struct Flags: OptionSet, Sendable {
    /// The bits.
    public let rawValue: UInt8
    /// A set of flags.
    public init(rawValue: UInt8) { self.rawValue = rawValue }
    /// SLAB_HWCACHE_ALIGN: aligned to a cache line, or to the power of two that lets several objects share one.
    public static let cacheLineAligned = Flags(rawValue: 1)
    /// A constructor: a free object keeps its contents, so that the list pointer lies behind it and nothing is poisoned.
    public static let constructed = Flags(rawValue: 2)
    /// A cache behind kmalloc().
    static let malloc = Flags(rawValue: 4)
    /// A cache of the allocator's own structures.
    static let bookkeeping = Flags(rawValue: 8)
  }

  /// What the kernel is booted with.
  public struct Tuning: Equatable, Sendable {
    /// Objects that a processor's partial list is meant to hold, by object size.
    public enum CPUPartial: Sendable {
      /// 120, 52, 24 or 6 objects (set_cpu_partial since 5.16).
      case current
      /// 30, 13, 6 or 2 objects (before 5.16).
      case older
      /// CONFIG_SLUB_CPU_PARTIAL off.
      case off
    }

    /// slab_max_order (slub_max_order), 0 to 10.
    public var maximumOrder = 3
    /// slab_min_objects (slub_min_objects); nil takes 4 × (fls(processors) + 1).
    public var minimumObjects: Int?
    /// The length of the per-CPU partial lists.
    public var cpuPartial = CPUPartial.current

    /// The defaults of a kernel without options.
    public init() {}
  }

  /// Cache line of x86, bytes.
  static let cacheLine = 64
  /// Largest object of a cache, bytes.
  public static let largestObject = 256 << 10

  /// Bytes that the creator asked for.
  public let objectSize: Int
  /// Bytes from one object to the next (`objsize` of `/proc/slabinfo`).
  public let size: Int
  /// Slabs are blocks of 2^order pages.
  public let order: Int
  /// Objects of such a slab.
  public let objects: Int
  /// Order that is tried where no block of ``order`` is free.
  public let minimumOrder: Int
  /// Objects of a slab of ``minimumOrder``.
  public let minimumOrderObjects: Int
  /// Objects wanted on a per-CPU partial list (`cpu_partial`).
  public let cpuPartialObjects: Int
  /// Slabs that a per-CPU partial list holds before it is emptied to the node.
  public let cpuPartialSlabs: Int
  /// Slabs that the node keeps although they are empty (`min_partial`).
  public let minimumPartial: Int

  /// Lays a cache out.
  ///
  /// - Parameters:
  ///   - objectSize: bytes, 1 to ``largestObject``.
  ///   - align: a power of two, 0 for the default.
  ///   - flags: how it is created.
  ///   - wordSize: bytes of a pointer.
  ///   - processors: processors that are present.
  ///   - tuning: boot options.
  public init(
    objectSize: Int, align: Int = 0, flags: Flags = [], wordSize: Int = 8, processors: Int, tuning: Tuning = Tuning()
  ) {
    self.objectSize = objectSize
    var alignment = max(align, wordSize)
    if flags.contains(.cacheLineAligned) {
      var line = Self.cacheLine
      while objectSize <= line / 2 { line /= 2 }
      alignment = max(alignment, line)
    }
    alignment = Self.roundUp(max(alignment, 8), wordSize)
    var size = Self.roundUp(objectSize, wordSize)
    if flags.contains(.constructed) { size += wordSize }
    size = Self.roundUp(size, alignment)
    self.size = size
    order = Self.order(ofSize: size, processors: processors, tuning: tuning)
    objects = Self.objects(order, size)
    minimumOrder = BuddyAllocator.order(ofBytes: size)
    minimumOrderObjects = Self.objects(minimumOrder, size)
    let wanted: (page: Int, kilobyte: Int, quarter: Int, small: Int)
    switch tuning.cpuPartial {
    case .current: wanted = (6, 24, 52, 120)
    case .older: wanted = (2, 6, 13, 30)
    case .off: wanted = (0, 0, 0, 0)
    }
    cpuPartialObjects =
      size >= kernelPageSize
      ? wanted.page : size >= 1024 ? wanted.kilobyte : size >= 256 ? wanted.quarter : wanted.small
    cpuPartialSlabs = (2 * cpuPartialObjects + objects - 1) / objects
    let logarithm = Int.bitWidth - 1 - size.leadingZeroBitCount
    minimumPartial = min(max(logarithm / 2, 5), 10)
  }

  /// The minimum of objects a slab: 4 × (fls(processors) + 1) (calculate_order).
  public static func minimumObjects(processors: Int) -> Int {
    4 * (Int.bitWidth - processors.leadingZeroBitCount + 1)
  }

  /// calculate_order: the smallest order that holds the wanted objects and wastes at most a sixteenth; then an eighth, a
  /// quarter, a half; then whatever fits.
  static func order(ofSize size: Int, processors: Int, tuning: Tuning) -> Int {
    let maximum = min(max(tuning.maximumOrder, 0), BuddyAllocator.largestOrder)
    let wanted = max(1, tuning.minimumObjects ?? minimumObjects(processors: processors))
    let smallest = BuddyAllocator.order(ofBytes: min(wanted, max(objects(maximum, size), 1)) * size)
    var fraction = 16
    while fraction > 1 {
      var order = smallest
      while order <= maximum {
        let bytes = kernelPageSize << order
        if bytes % size <= bytes / fraction { return order }
        order += 1
      }
      fraction /= 2
    }
    return BuddyAllocator.order(ofBytes: size)
  }

  /// Objects of a slab of an order.
  static func objects(_ order: Int, _ size: Int) -> Int { (kernelPageSize << order) / size }

  static func roundUp(_ value: Int, _ multiple: Int) -> Int { (value + multiple - 1) / multiple * multiple }
}
