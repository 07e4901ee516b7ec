// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// One line of `/proc/slabinfo`, version 2.1.
public struct SlabInfo: Equatable, Sendable {
  /// Name of the cache.
  public var name: String
  /// `active_objs`: all objects but the free ones of slabs on the node's partial list.
  ///
  /// Free objects of a processor's slab and of its partial list count as active.
  public var activeObjects: Int
  /// `num_objs`.
  public var objects: Int
  /// `objsize`: bytes from one object to the next.
  public var objectSize: Int
  /// `objperslab`.
  public var objectsPerSlab: Int
  /// `pagesperslab`.
  public var pagesPerSlab: Int
  /// `active_slabs` and `num_slabs`, which are the same number.
  public var slabs: Int
}

extension SLUB {
  /// get_slabinfo of every cache, in the order of creation; the file lists the newest first.
  public func slabInfo() -> [SlabInfo] {
    names.indices.map { index in
      let cache = caches[index]
      return SlabInfo(
        name: names[index], activeObjects: cache.totalObjects - cache.nodeFree, objects: cache.totalObjects,
        objectSize: cache.size, objectsPerSlab: cache.objects, pagesPerSlab: 1 << cache.order, slabs: cache.slabs)
    }
  }

  /// Statistics of one cache: what processors and their partial lists hold counts as per-CPU.
  public func statistics(_ index: Int) -> ZoneStatistics {
    let cache = caches[index]
    var row = ZoneStatistics(name: names[index], size: cache.size, isInMap: true)
    row.used = cache.live
    row.free = cache.totalObjects - cache.live
    row.requests = cache.allocations
    row.frees = cache.frees
    row.failures = cache.failures
    row.pages = cache.pages
    row.pagesReturned = cache.pagesReturned
    row.kegFree = cache.nodeFree
    row.cpuFree = cache.cpuFree
    return row
  }

  /// Slabs on the node's partial list of a cache.
  public func partialSlabs(_ index: Int) -> Int { caches[index].partialCount }

  /// Slabs on the partial list of a processor.
  public func partialSlabs(_ index: Int, processor: Int) -> Int {
    let first = state.pointee.processors.base[index * processors + processor].partial
    return first == Self.noPage ? 0 : Int(pages[Int(first)].slabs)
  }

  /// Every byte that the allocator holds of the linear map, by account.
  public func ledger() -> Ledger {
    var ledger = Ledger()
    for index in 0..<state.pointee.caches.count {
      let cache = caches + index
      let live = cache.pointee.live &* cache.pointee.size
      if cache.pointee.flags.contains(.bookkeeping) {
        ledger.bucketStructures &+= live
      } else {
        ledger.live &+= cache.pointee.requestedBytes
        ledger.rounding &+= live &- cache.pointee.requestedBytes
      }
      ledger.slabFree &+= cache.pointee.nodeFree &* cache.pointee.size
      ledger.cpuBuckets &+= cache.pointee.cpuFree &* cache.pointee.size
      ledger.slabOverhead &+= cache.pointee.waste
    }
    ledger.large = state.pointee.largePages &* kernelPageSize
    ledger.lost = state.pointee.lostPages &* kernelPageSize
    return ledger
  }
}
