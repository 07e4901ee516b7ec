// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import KernelMemory
import KernelModel
import NFS4
import NFS4Server
import RunStore

/// Turns the state of an embedded server and its kernel into a sample; the caller holds the server's lock.
struct Sampler {
  let kernel: Kernel

  /// A sample of this moment.
  ///
  /// - Parameters:
  ///   - passes: passes finished.
  ///   - counters: what the server has counted.
  /// - Returns: clocks, map, ledger, malloc types and zones.
  func sample(passes: UInt64, counters: ServerCounters) -> Sample {
    Self.sample(
      of: kernel.heap.allocator,
      clocks: Self.clocks(passes: passes, nanoseconds: kernel.now, counters: counters, heap: kernel.heap.counters))
  }

  /// A sample of an allocator beside clocks that were read elsewhere.
  static func sample(of allocator: any AllocatorModel, clocks: ClockReadings) -> Sample {
    Sample(clocks: clocks, map: map(allocator), ledger: ledger(allocator.ledger()), caches: caches(allocator))
  }

  static func clocks(
    passes: UInt64, nanoseconds: UInt64, counters: ServerCounters, heap: KernelCounters
  ) -> ClockReadings {
    var clocks = ClockReadings()
    clocks.virtualSeconds = Double(nanoseconds) / 1e9
    clocks.passes = passes
    clocks.rpcs = counters.rpcs
    clocks.nfsOperations = NFSOperation.allCases.reduce(0) { $0 + counters.count(of: $1) }
    clocks.stateOperations = counters.stateOperations
    clocks.mallocCalls = heap.mallocCalls
    clocks.freeCalls = heap.freeCalls
    clocks.mallocBytes = heap.mallocBytes
    clocks.zoneAllocations = heap.zoneAllocations
    clocks.zoneFrees = heap.zoneFrees
    clocks.largeAllocations = heap.largeAllocations
    clocks.vnodeCreations = heap.vnodeCreations
    return clocks
  }

  static func map(_ allocator: any AllocatorModel) -> MapReading {
    var map = MapReading()
    map.usedBytes = allocator.mapUsedBytes
    map.highWaterBytes = allocator.mapHighWaterBytes
    map.largestFreeBytes = allocator.largestFreeBytes
    return map
  }

  static func ledger(_ ledger: Ledger) -> LedgerReading {
    var reading = LedgerReading()
    reading.live = ledger.live
    reading.rounding = ledger.rounding
    reading.slabFree = ledger.slabFree
    reading.cpuBuckets = ledger.cpuBuckets
    reading.zoneBuckets = ledger.zoneBuckets
    reading.slabOverhead = ledger.slabOverhead
    reading.bucketStructures = ledger.bucketStructures
    reading.large = ledger.large
    reading.lost = ledger.lost
    return reading
  }

  private static func caches(_ allocator: any AllocatorModel) -> [CacheReading] {
    let types = allocator.mallocTypeStatistics().filter { $0.requests > 0 }.map { type in
      CacheReading(
        kind: .malloc, name: type.name, inUse: type.inUse, bytes: type.bytes, free: 0, pages: 0,
        requests: type.requests)
    }
    let zones = allocator.zoneStatistics().filter { $0.pages > 0 || $0.requests > 0 }.map { zone in
      CacheReading(
        kind: .zone, name: zone.name, inUse: UInt64(clamping: zone.used),
        bytes: UInt64(clamping: zone.used * zone.size),
        free: UInt64(clamping: zone.free), pages: UInt64(clamping: zone.pages), requests: zone.requests)
    }
    return types + zones
  }
}
