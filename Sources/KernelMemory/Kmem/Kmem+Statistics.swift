// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension Kmem {
  /// Allocations of a cache so far, as kmem_cache_kstat_update adds them up.
  ///
  /// A full magazine that goes from the depot to a processor counts in the kernel's sum as an allocation of its own,
  /// which is kept here.
  func allocations(_ cache: Int) -> UInt64 {
    var sum = caches[cache].slabAllocations &+ caches[cache].full.allocations
    for index in 0..<processors { sum &+= state.pointee.processors.base[cache * processors + index].allocations }
    return sum
  }

  /// Frees of a cache so far, in the same way.
  func frees(_ cache: Int) -> UInt64 {
    var sum = caches[cache].slabFrees &+ caches[cache].empty.allocations
    for index in 0..<processors { sum &+= state.pointee.processors.base[cache * processors + index].frees }
    return sum
  }

  /// Statistics of one cache; requests and frees are those of callers.
  public func statistics(_ index: Int) -> ZoneStatistics {
    let cache = caches[index]
    var row = ZoneStatistics(name: names[index], size: cache.bufferSize, isInMap: true)
    row.used = cache.live
    row.free = cache.total - cache.live
    // Every request ends with a processor's magazine or with a slab.
    row.requests = cache.slabAllocations
    for number in 0..<processors {
      row.requests &+= state.pointee.processors.base[index * processors + number].allocations
    }
    row.frees = row.requests &- UInt64(cache.live)
    row.failures = cache.failures
    row.pages = cache.pages
    row.pagesReturned = cache.pagesReturned
    row.kegFree = cache.inSlabs
    row.cpuFree = cache.inProcessors
    row.fullBuckets = cache.full.total
    row.emptyBuckets = cache.empty.total
    row.bucketCount = cache.magazineSize
    return row
  }

  /// Every byte that the allocator holds of the heap, by account.
  public func ledger() -> Ledger {
    var ledger = Ledger()
    for index in 0..<state.pointee.caches.count {
      let cache = caches + index
      let bytes = cache.pointee.pages &* kernelPageSize
      if cache.pointee.flags.contains(.metadata) {
        ledger.bucketStructures &+= bytes
        continue
      }
      let chunk = cache.pointee.layout.chunkSize
      ledger.live &+= cache.pointee.requestedBytes
      ledger.rounding &+= cache.pointee.live &* chunk &- cache.pointee.requestedBytes
      ledger.slabFree &+= cache.pointee.inSlabs &* chunk
      ledger.cpuBuckets &+= cache.pointee.inProcessors &* chunk
      ledger.zoneBuckets &+= cache.pointee.inDepot &* chunk
      ledger.slabOverhead &+= bytes &- cache.pointee.total &* chunk
    }
    ledger.bucketStructures &+= state.pointee.hashPages &* kernelPageSize
    ledger.large = state.pointee.oversizePages &* kernelPageSize
    ledger.lost = state.pointee.lostPages &* kernelPageSize
    return ledger
  }
}
