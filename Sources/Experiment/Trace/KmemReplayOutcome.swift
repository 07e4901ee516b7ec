// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// Slabs of a kernel and of the model of it, over the interval of a recording.
public struct KmemReplayOutcome: Sendable {
  /// One cache.
  public struct Cache: Equatable, Sendable {
    /// Name.
    public let name: String
    /// Pages of a slab in the kernel.
    public let pagesPerSlab: Int
    /// It has sheaves, which the model does not know.
    public let hasSheaves: Bool
    /// The model's slabs have as many pages and objects as the kernel's.
    public let isLaidOutAlike: Bool
    /// The kernel's slabs at the start.
    public let slabsBefore: Int
    /// The kernel's slabs at the end.
    public let slabsAfter: Int
    /// The kernel's slabs behind the shrink.
    public let slabsShrunk: Int
    /// The model's slabs at the start.
    public internal(set) var modelBefore = 0
    /// The model's slabs at the end.
    public internal(set) var modelAfter = 0
    /// The model's slabs behind the shrink.
    public internal(set) var modelShrunk = 0
    /// Allocations played.
    public internal(set) var allocations = 0
    /// Frees played, those of old objects included.
    public internal(set) var frees = 0
    /// Frees of objects that are older than the recording: the model freed one of a random slab.
    public internal(set) var oldFrees = 0
    /// Frees that no event told, found when the address was allocated again.
    public internal(set) var lateFrees = 0
    /// Objects that the model still has in use behind the shrink and the kernel has not; negative: allocations that no
    /// event told.
    public internal(set) var unseenFrees = 0

    /// Slabs that the kernel gained.
    public var growth: Int { slabsAfter - slabsBefore }
    /// Slabs that the model gained.
    public var modelGrowth: Int { modelAfter - modelBefore }
    /// The model's growth less the kernel's, slabs.
    public var error: Int { modelGrowth - growth }
    /// ``error`` in parts of the kernel's slabs at the end; nil where it has none.
    public var relativeError: Double? { slabsAfter > 0 ? Double(error) / Double(slabsAfter) : nil }
  }

  /// Sums over caches.
  public struct Totals: Equatable, Sendable {
    /// Caches.
    public var caches = 0
    /// The kernel's slabs at the start.
    public var slabsBefore = 0
    /// The kernel's slabs at the end.
    public var slabsAfter = 0
    /// Slabs that the kernel gained.
    public var growth = 0
    /// Slabs that the model gained.
    public var modelGrowth = 0
    /// Sum of the errors' absolute values, slabs.
    public var absoluteError = 0
    /// Pages that the kernel gained.
    public var pageGrowth = 0
    /// Pages that the model gained, at the kernel's pages a slab.
    public var modelPageGrowth = 0
  }

  /// The recording.
  public let trace: KmemTrace
  /// Caches with events or growth, the largest growth first, then by name.
  public let caches: [Cache]
  /// Frees of objects of which the model had none.
  public let unplacedFrees: Int

  init(trace: KmemTrace, caches: [Cache], unplacedFrees: Int) {
    self.trace = trace
    self.unplacedFrees = unplacedFrees
    self.caches = caches.sorted { left, right in
      let (first, second) = (
        max(abs(left.growth), abs(left.modelGrowth)), max(abs(right.growth), abs(right.modelGrowth))
      )
      return first != second ? first > second : left.name < right.name
    }
  }

  /// Sums over the caches that the model is of: those without sheaves.
  public var totals: Totals { Self.sum(caches.filter { !$0.hasSheaves }) }

  /// Sums over the caches with sheaves.
  public var sheafTotals: Totals { Self.sum(caches.filter(\.hasSheaves)) }

  private static func sum(_ caches: [Cache]) -> Totals {
    caches.reduce(into: Totals()) { totals, cache in
      totals.caches += 1
      totals.slabsBefore += cache.slabsBefore
      totals.slabsAfter += cache.slabsAfter
      totals.growth += cache.growth
      totals.modelGrowth += cache.modelGrowth
      totals.absoluteError += abs(cache.error)
      totals.pageGrowth += cache.growth * cache.pagesPerSlab
      totals.modelPageGrowth += cache.modelGrowth * cache.pagesPerSlab
    }
  }
}
