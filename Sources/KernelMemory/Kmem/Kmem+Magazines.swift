// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension Kmem {
  // MARK: Processor layer

  /// kmem_cache_alloc(): from the loaded magazine, the previous one, a full one of the depot, or the slabs.
  ///
  /// - Returns: offset of the buffer in the heap; ``none`` with ``State/refusal`` set.
  @inline(__always)
  func take(_ cache: Int, _ wait: WaitPolicy) -> UInt32 {
    let processor = processor(cache)
    let rounds = processor.pointee.rounds
    guard rounds > 0 else { return takeSlow(cache, wait) }
    processor.pointee.rounds = rounds &- 1
    processor.pointee.allocations &+= 1
    return state.pointee.magazineRounds[Int(processor.pointee.loaded) &* Self.magazineStride &+ rounds &- 1]
  }

  @inline(never)
  private func takeSlow(_ cache: Int, _ wait: WaitPolicy) -> UInt32 {
    let processor = processor(cache)
    let record = caches + cache
    if processor.pointee.previousRounds > 0 {
      reload(processor, processor.pointee.previous, processor.pointee.previousRounds)
      return take(cache, wait)
    }
    if record.pointee.magazineSize > 0 {
      let full = depotTakeFull(cache)
      if full != Self.none {
        if processor.pointee.previous != Self.none { depotGiveEmpty(processor.pointee.previous, cache) }
        reload(processor, full, record.pointee.magazineSize)
        return take(cache, wait)
      }
    }
    return slabTake(cache, wait)
  }

  /// kmem_cache_free(): into the loaded magazine, the previous one, an empty one, or back to its slab.
  @inline(__always)
  func give(_ cache: Int, _ buffer: UInt32) {
    let processor = processor(cache)
    let rounds = processor.pointee.rounds
    guard UInt(bitPattern: rounds) < UInt(bitPattern: caches[cache].magazineSize) else {
      return giveSlow(cache, buffer)
    }
    state.pointee.magazineRounds[Int(processor.pointee.loaded) &* Self.magazineStride &+ rounds] = buffer
    processor.pointee.rounds = rounds &+ 1
    processor.pointee.frees &+= 1
  }

  @inline(never)
  private func giveSlow(_ cache: Int, _ buffer: UInt32) {
    while true {
      let processor = processor(cache)
      if UInt(bitPattern: processor.pointee.rounds) < UInt(bitPattern: caches[cache].magazineSize) {
        return give(cache, buffer)
      }
      if processor.pointee.previousRounds == 0 {
        reload(processor, processor.pointee.previous, 0)
        continue
      }
      guard caches[cache].magazineSize > 0, loadEmpty(cache) else { break }
    }
    slabGive(cache, buffer)
  }

  /// kmem_cpucache_magazine_alloc: an empty magazine of the depot is loaded, or a new one goes to the depot for the next
  /// try.
  private func loadEmpty(_ cache: Int) -> Bool {
    let empty = depotTakeEmpty(cache)
    if empty != Self.none {
      let processor = processor(cache)
      if processor.pointee.previous != Self.none {
        depotGiveFull(processor.pointee.previous, cache)
      }
      reload(processor, empty, 0)
      return true
    }
    let type = caches[cache].magazineType
    let buffer = take(Self.magazineCaches + type, .noWait)
    guard buffer != Self.none else { return false }
    caches[Self.magazineCaches + type].live &+= 1
    depotGiveEmpty(newMagazine(buffer), cache)
    return true
  }

  /// kmem_cpu_reload.
  @inline(__always)
  private func reload(_ processor: UnsafeMutablePointer<KmemProcessor>, _ magazine: UInt32, _ rounds: Int) {
    processor.pointee.previous = processor.pointee.loaded
    processor.pointee.previousRounds = processor.pointee.rounds
    processor.pointee.loaded = magazine
    processor.pointee.rounds = rounds
  }

  // MARK: Depot

  /// kmem_depot_alloc of the list of full magazines.
  func depotTakeFull(_ cache: Int) -> UInt32 {
    contend(cache)
    return caches[cache].full.pop(state.pointee.magazineLinks)
  }

  /// kmem_depot_alloc of the list of empty magazines.
  func depotTakeEmpty(_ cache: Int) -> UInt32 {
    contend(cache)
    return caches[cache].empty.pop(state.pointee.magazineLinks)
  }

  /// kmem_depot_free to the list of full magazines.
  private func depotGiveFull(_ magazine: UInt32, _ cache: Int) {
    caches[cache].full.push(magazine, state.pointee.magazineLinks)
  }

  /// kmem_depot_free to the list of empty magazines.
  private func depotGiveEmpty(_ magazine: UInt32, _ cache: Int) {
    caches[cache].empty.push(magazine, state.pointee.magazineLinks)
  }

  /// A configured share of the calls finds the lock of the depot taken.
  private func contend(_ cache: Int) {
    guard tuning.depotContention > 0 else { return }
    state.pointee.contentionDebt += min(tuning.depotContention, 1)
    if state.pointee.contentionDebt >= 1 {
      state.pointee.contentionDebt -= 1
      caches[cache].contention &+= 1
    }
  }

  // MARK: Magazines

  /// A record for a magazine that lies in the buffer.
  private func newMagazine(_ buffer: UInt32) -> UInt32 {
    if state.pointee.freeMagazine != Self.none {
      let magazine = state.pointee.freeMagazine
      state.pointee.freeMagazine = state.pointee.magazineLinks[Int(magazine)]
      state.pointee.magazineAddresses[Int(magazine)] = buffer
      return magazine
    }
    let index = state.pointee.magazineCount
    if index == state.pointee.magazineCapacity { growMagazines() }
    state.pointee.magazineAddresses[index] = buffer
    state.pointee.magazineCount = index + 1
    return UInt32(truncatingIfNeeded: index)
  }

  private func growMagazines() {
    let old = state.pointee.magazineCapacity
    func larger(_ column: UnsafeMutablePointer<UInt32>, stride: Int) -> UnsafeMutablePointer<UInt32> {
      let more = UnsafeMutablePointer<UInt32>.allocate(capacity: 2 * old * stride)
      more.update(from: column, count: old * stride)
      column.deallocate()
      return more
    }
    state.pointee.magazineAddresses = larger(state.pointee.magazineAddresses, stride: 1)
    state.pointee.magazineLinks = larger(state.pointee.magazineLinks, stride: 1)
    state.pointee.magazineRounds = larger(state.pointee.magazineRounds, stride: Self.magazineStride)
    state.pointee.magazineCapacity = 2 * old
  }

  /// kmem_magazine_destroy: its rounds go to their slabs, the magazine itself to its cache.
  func destroyMagazine(_ magazine: UInt32, rounds: Int, _ cache: Int) {
    let type = caches[cache].magazineType
    for round in 0..<max(rounds, 0) {
      let buffer = state.pointee.magazineRounds[Int(magazine) * Self.magazineStride + round]
      if let diagnostic, !caches[cache].flags.contains(.metadata),
        let found = diagnostic.verifyPattern(address(buffer), count: caches[cache].layout.chunkSize)
      {
        report(found, buffer, cache)
        continue
      }
      slabGive(cache, buffer)
    }
    let buffer = state.pointee.magazineAddresses[Int(magazine)]
    state.pointee.magazineLinks[Int(magazine)] = state.pointee.freeMagazine
    state.pointee.freeMagazine = magazine
    caches[Self.magazineCaches + type].live &-= 1
    give(Self.magazineCaches + type, buffer)
  }

  /// kmem_cache_magazine_enable.
  func enableMagazines(_ cache: Int) {
    let rounds = KmemMagazineType.all[caches[cache].magazineType].rounds
    caches[cache].magazineSize = rounds
    caches[cache].roundsOfType = rounds
  }

  /// kmem_cache_magazine_purge: every magazine of the cache is emptied into the slabs, and the layer is off.
  func purgeMagazines(_ cache: Int) {
    caches[cache].magazineSize = 0
    for index in 0..<processors {
      let processor = state.pointee.processors.base + (cache * processors + index)
      let old = processor.pointee
      processor.pointee.loaded = Self.none
      processor.pointee.previous = Self.none
      processor.pointee.rounds = -1
      processor.pointee.previousRounds = -1
      if old.loaded != Self.none { destroyMagazine(old.loaded, rounds: old.rounds, cache) }
      if old.previous != Self.none { destroyMagazine(old.previous, rounds: old.previousRounds, cache) }
    }
    zeroWorkingSet(cache)
    reapDepot(cache)
  }
}

extension KmemMagazineList {
  @inline(__always)
  fileprivate mutating func push(_ magazine: UInt32, _ links: UnsafeMutablePointer<UInt32>) {
    links[Int(magazine)] = head
    head = magazine
    total &+= 1
  }

  @inline(__always)
  fileprivate mutating func pop(_ links: UnsafeMutablePointer<UInt32>) -> UInt32 {
    let magazine = head
    guard magazine != Kmem.none else { return Kmem.none }
    head = links[Int(magazine)]
    total &-= 1
    if total < minimum { minimum = total }
    allocations &+= 1
    return magazine
  }
}
