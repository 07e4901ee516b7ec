// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import KernelMemory

/// Plays a recording of a Linux kernel on `linux-slub` and compares the slabs of each cache with `/proc/slabinfo`.
///
/// A free of an object that the recording did not see allocated takes a random old object of the cache (see
/// ``KmemWarmStart``); one by kfree() names no cache, is not in the recording, and is only counted. An address that is
/// allocated while the recording still has it in use was freed unseen (kmem_cache_free_bulk(), with which kfree_rcu()
/// frees its batches, passes no event; recollection): the model frees it then.
public struct KmemReplay {
  private let trace: KmemTrace
  private let file: String
  private let seed: UInt64
  private let model: LinuxSLUB
  private var caches: [Cache] = []
  private var addresses: [KernelAddress]
  private var owners: [Int32]
  private var unplacedFrees = 0

  private struct Cache {
    let zone: ZoneID
    var old: KmemWarmStart
    var result: KmemReplayOutcome.Cache
  }

  /// Puts what there was at the start into a model.
  ///
  /// - Parameters:
  ///   - trace: the recording.
  ///   - file: the name that errors give.
  ///   - seed: of the choice of slabs for old objects, which the recording does not know.
  /// - Throws: ``TraceError`` where the objects at the start do not fit into the model's memory.
  public init(_ trace: KmemTrace, file: String, seed: UInt64 = 1) throws(TraceError) {
    self.trace = trace
    self.file = file
    self.seed = seed
    var configuration = ModelConfiguration(physicalMemory: LinuxSLUB.memorySizes.upperBound)
    configuration.architecture = .amd64
    configuration.cpus = trace.processors
    do { model = try LinuxSLUB(configuration) } catch {
      throw TraceError(file: file, line: nil, problem: "\(error)")
    }
    addresses = Array(repeating: .null, count: trace.pointerCount)
    owners = Array(repeating: 0, count: trace.pointerCount)
    for (number, recorded) in trace.caches.enumerated() {
      guard let before = recorded.before, let after = recorded.after, let shrunk = recorded.shrunk else { continue }
      // A name of its own: the model has caches of many of these names, with objects of its own start.
      let zone = model.makeCache(named: "kmem \(recorded.name)", size: recorded.objectSize)
      let layout = model.slub.slabInfo()[zone.index]
      let old = KmemWarmStart(
        before, on: model, zone: zone, objectsPerSlab: layout.objectsPerSlab, seed: seed &+ UInt64(number))
      try checkMemory()
      var result = KmemReplayOutcome.Cache(
        name: recorded.name, pagesPerSlab: recorded.pagesPerSlab, hasSheaves: (recorded.sheafCapacity ?? 0) > 0,
        isLaidOutAlike: layout.objectsPerSlab == recorded.objectsPerSlab
          && layout.pagesPerSlab == recorded.pagesPerSlab,
        slabsBefore: before.slabs, slabsAfter: after.slabs, slabsShrunk: shrunk.slabs)
      result.modelBefore = model.slub.slabInfo()[zone.index].slabs
      caches.append(Cache(zone: zone, old: old, result: result))
    }
  }

  /// Plays all events.
  ///
  /// - Throws: ``TraceError`` where the model's memory does not suffice.
  public mutating func run() throws(TraceError) -> KmemReplayOutcome {
    for (index, event) in trace.events.enumerated() {
      if index == trace.eventsBeforeAfter { readAfter() }
      if index == trace.eventsBeforeShrunk { readShrunk() }
      play(event)
    }
    if trace.events.count == trace.eventsBeforeAfter { readAfter() }
    if trace.events.count == trace.eventsBeforeShrunk { readShrunk() }
    try checkMemory()
    do { try model.checkInvariants() } catch {
      throw TraceError(file: file, line: nil, problem: "the model broke an invariant: \(error)")
    }
    return KmemReplayOutcome(
      trace: trace, caches: caches.map(\.result).filter { $0.allocations + $0.frees > 0 || $0.growth != 0 },
      unplacedFrees: unplacedFrees)
  }

  private mutating func play(_ event: KmemTrace.Event) {
    model.currentCPU = Int(event.cpu)
    let pointer = Int(event.pointer)
    let cache = Int(event.cache)
    switch event.kind {
    case .allocate:
      if addresses[pointer] != .null {
        caches[Int(owners[pointer])].result.lateFrees += 1
        release(pointer)
      }
      addresses[pointer] = model.zoneAlloc(caches[cache].zone, .wait)
      owners[pointer] = event.cache
      caches[cache].result.allocations += 1
    case .free where addresses[pointer] == .null:
      caches[cache].result.frees += 1
      guard let address = caches[cache].old.takeAny() else {
        unplacedFrees += 1
        return
      }
      caches[cache].result.oldFrees += 1
      model.zoneFree(caches[cache].zone, address)
    case .free, .kfree:
      guard addresses[pointer] != .null else {
        unplacedFrees += 1
        return
      }
      caches[Int(owners[pointer])].result.frees += 1
      release(pointer)
    }
  }

  /// Frees the object that the model has for an address.
  private mutating func release(_ pointer: Int) {
    model.zoneFree(caches[Int(owners[pointer])].zone, addresses[pointer])
    addresses[pointer] = .null
  }

  private mutating func readAfter() {
    let rows = model.slub.slabInfo()
    for index in caches.indices { caches[index].result.modelAfter = rows[caches[index].zone.index].slabs }
  }

  private mutating func readShrunk() {
    for cache in caches { model.shrink(cache.zone) }
    let rows = model.slub.slabInfo()
    for index in caches.indices {
      let row = rows[caches[index].zone.index]
      caches[index].result.modelShrunk = row.slabs
      // With no processor holding anything, the active objects are those in use, here and there.
      guard let shrunk = trace.caches[index].shrunk else { continue }
      caches[index].result.unseenFrees = row.activeObjects - shrunk.active
    }
  }

  private func checkMemory() throws(TraceError) {
    guard model.failure == nil else {
      throw TraceError(
        file: file, line: nil,
        problem: "the slabs need more than the \(model.mapCapacityBytes >> 20) MiB of the model: record with --caches")
    }
  }
}
