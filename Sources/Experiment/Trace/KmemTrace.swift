// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// A recording of a Linux kernel's slab allocator, as `scripts/record-kmem-trace` makes it.
///
/// The events kmem:kmem_cache_alloc, kmem_cache_free, kmalloc and kfree of one interval, and `/proc/slabinfo` at its
/// start, at its end, and behind a shrink of all caches. The format is described in docs/linux-slub-reality-check.md.
public struct KmemTrace: Sendable {
  /// First line of every recording.
  public static let header = "# nfschurn-kmem-trace 1"
  /// The most caches.
  public static let cacheLimit = 4000
  /// The most objects that lie in slabs when the recording starts, all caches together.
  public static let objectLimit = 1 << 25
  /// The most slabs of a cache.
  public static let slabLimit = 1 << 24
  /// The most different addresses of objects.
  public static let pointerLimit = 1 << 26

  /// A row of `/proc/slabinfo`.
  public struct Reading: Equatable, Sendable {
    /// `active_objs`: objects in use, and those that processors hold free.
    public var active: Int
    /// `num_objs`.
    public var objects: Int
    /// `num_slabs`.
    public var slabs: Int
    /// Slabs on the node's partial list (`partial` under /sys/kernel/slab); nil where the file does not say.
    public var partial: Int?
  }

  /// A cache.
  public struct Cache: Sendable {
    /// Name, as `/proc/slabinfo` has it.
    public let name: String
    /// Bytes from one object to the next.
    public let objectSize: Int
    /// Objects of a slab.
    public let objectsPerSlab: Int
    /// Pages of a slab.
    public let pagesPerSlab: Int
    /// Free objects that a processor's partial list may hold (`cpu_partial`).
    public let cpuPartial: Int?
    /// Empty slabs that the node keeps (`min_partial`).
    public let minimumPartial: Int?
    /// Objects of a sheaf; above 0 the cache has sheaves (6.18 and later).
    public let sheafCapacity: Int?
    /// At the start.
    public internal(set) var before: Reading?
    /// At the end.
    public internal(set) var after: Reading?
    /// Behind the shrink that follows the end.
    public internal(set) var shrunk: Reading?
  }

  /// One event.
  public struct Event: Equatable, Sendable {
    /// What happened.
    public enum Kind: UInt8, Sendable {
      /// kmem_cache_alloc or kmalloc.
      case allocate
      /// kmem_cache_free, which names its cache.
      case free
      /// kfree, which does not.
      case kfree
    }

    /// What happened.
    public let kind: Kind
    /// The processor.
    public let cpu: UInt16
    /// Number of the cache; 0 for kfree.
    public let cache: Int32
    /// Number of the address, from 0 without gaps in the order of appearance.
    public let pointer: Int32
  }

  /// `uname -r`.
  public internal(set) var kernelRelease = ""
  /// Processors that the machine may have.
  public internal(set) var processors = 1
  /// All caches were shrunk at the start, so that processors held nothing free and `active` are objects in use.
  public internal(set) var startsShrunk = false
  /// What ran.
  public internal(set) var load = ""
  /// Caches by number.
  public internal(set) var caches: [Cache] = []
  /// Events in the order of the kernel's clock.
  public internal(set) var events: [Event] = []
  /// Different addresses of objects.
  public internal(set) var pointerCount = 0
  /// Events before the reading at the end.
  public internal(set) var eventsBeforeAfter = 0
  /// Events before the reading behind the shrink.
  public internal(set) var eventsBeforeShrunk = 0
  /// Microseconds from the first event to the last.
  public internal(set) var microseconds: UInt64 = 0
  /// kmalloc() of more than two pages, which no slab serves: they are not recorded.
  public internal(set) var largeAllocations = 0
  /// kfree() of an address whose allocation was not recorded: its cache cannot be told.
  public internal(set) var unknownFrees = 0
  /// Allocations from caches that `/proc/slabinfo` does not list.
  public internal(set) var unlistedAllocations = 0
}
