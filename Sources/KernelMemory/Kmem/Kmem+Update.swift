// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension Kmem {
  /// The clock: kmem_update runs at every mark of 15 s that has passed.
  func advance(to nanoseconds: UInt64) {
    while state.pointee.nextUpdate <= nanoseconds {
      state.pointee.now = state.pointee.nextUpdate
      state.pointee.nextUpdate &+= Self.interval
      update()
      if tuning.reapsAtUpdate {
        state.pointee.nextReap = 0
        reap()
      }
    }
    state.pointee.now = max(state.pointee.now, nanoseconds)
  }

  /// kmem_cache_update of every cache: hash tables, the working set of the depot, larger magazines where its lock is
  /// contended.
  func update() {
    // A sleeper inside of an update would start another.
    guard !state.pointee.isUpdating else { return }
    state.pointee.isUpdating = true
    state.pointee.updates &+= 1
    for cache in 0..<state.pointee.caches.count {
      let record = caches + cache
      let needsRescale = needsRescale(record)
      record.pointee.full.updateWorkingSet()
      record.pointee.empty.updateWorkingSet()
      let type = KmemMagazineType.all[record.pointee.magazineType]
      let needsResize =
        record.pointee.layout.chunkSize < type.maximumBuffer
        && record.pointee.contention &- record.pointee.contentionBefore > Self.depotContention
      record.pointee.contentionBefore = record.pointee.contention
      if needsRescale { rescaleHash(cache) }
      if needsResize { resizeMagazines(cache) }
    }
    state.pointee.isUpdating = false
  }

  /// kmem_reap: magazines outside of the working set are emptied into the slabs.
  ///
  /// The VM system calls it on a shortage of memory, a sleeper on a full heap too; within 15 s of the last one it does
  /// nothing.
  func reap() {
    guard state.pointee.now >= state.pointee.nextReap else { return }
    state.pointee.nextReap = state.pointee.now &+ Self.interval
    state.pointee.reaps &+= 1
    for cache in 0..<state.pointee.caches.count {
      caches[cache].reaps &+= 1
      reapDepot(cache)
    }
  }

  /// kmem_depot_ws_reap.
  func reapDepot(_ cache: Int) {
    var count = min(caches[cache].full.reapLimit, caches[cache].full.minimum)
    while count > 0 {
      let magazine = depotTakeFull(cache)
      guard magazine != Self.none else { break }
      destroyMagazine(magazine, rounds: caches[cache].roundsOfType, cache)
      count -= 1
    }
    count = min(caches[cache].empty.reapLimit, caches[cache].empty.minimum)
    while count > 0 {
      let magazine = depotTakeEmpty(cache)
      guard magazine != Self.none else { break }
      destroyMagazine(magazine, rounds: 0, cache)
      count -= 1
    }
  }

  /// kmem_depot_ws_zero: everything may be reaped.
  func zeroWorkingSet(_ cache: Int) {
    caches[cache].full.zeroWorkingSet()
    caches[cache].empty.zeroWorkingSet()
  }

  /// kmem_cache_reap_soon: the whole depot of a cache goes back.
  func reapAll(_ cache: Int) {
    zeroWorkingSet(cache)
    reapDepot(cache)
  }

  /// kmem_cache_magazine_resize: to the next type; magazines only grow.
  private func resizeMagazines(_ cache: Int) {
    guard caches[cache].magazineType + 1 < KmemMagazineType.all.count else { return }
    purgeMagazines(cache)
    caches[cache].magazineType += 1
    // No further resize at the next update: the kernel adds INT_MAX to the mark and compares as int.
    caches[cache].contentionBefore = caches[cache].contention + Int(Int32.max)
    enableMagazines(cache)
  }

  private func needsRescale(_ record: UnsafeMutablePointer<KmemCache>) -> Bool {
    guard record.pointee.layout.isHashed, record.pointee.hashSize > 0 else { return false }
    let mask = record.pointee.hashSize - 1
    return record.pointee.total > mask << 1 || (record.pointee.total < mask >> 1 && mask > Self.smallestHash)
  }

  /// kmem_hash_rescale.
  private func rescaleHash(_ cache: Int) {
    let old = caches[cache].hashSize
    let value = 3 * caches[cache].total + 4
    let highBit = Int.bitWidth - value.leadingZeroBitCount
    let new = max(Self.smallestHash, 1 << (highBit - 2))
    guard old >> 1 > new || new > old << 1 else { return }
    guard resizeHash(from: old, to: new) else { return }
    caches[cache].hashSize = new
    caches[cache].rescales &+= 1
  }
}

extension KmemMagazineList {
  /// kmem_depot_ws_update of one list.
  fileprivate mutating func updateWorkingSet() {
    reapLimit = minimum
    minimum = total
  }

  fileprivate mutating func zeroWorkingSet() {
    reapLimit = total
    minimum = total
  }
}
