// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// Who takes free items back, and on which shortage (sys/kern/subr_pool.c, pool_drain and pool_reclaim).
extension NetBSD {
  /// The page daemon's part: pools in turn, until one gave pages back or all were asked.
  ///
  /// pool_drain() moves the groups of every processor to the global lists first, then gives the objects of those back
  /// to the pool and frees empty pages (the cross-call of 5: recollection). Pools without pages are skipped.
  ///
  /// - Returns: the number of pages freed.
  @discardableResult
  func drainInTurn(idleFor age: UInt64) -> Int {
    for _ in 0..<pools.count {
      let index = nextToDrain
      nextToDrain = (index + 1) % pools.count
      guard pools.pools[index].pages > 0 else { continue }
      if pools.pools[index].cache >= 0 { caches.transfer(pools.pools[index].cache) }
      let freed = reclaim(index, idleFor: age)
      if freed > 0 { return freed }
    }
    return 0
  }

  /// pool_reclaim(): the objects of the cache's global lists, then empty pages.
  private func reclaim(_ index: Int, idleFor age: UInt64) -> Int {
    if pools.pools[index].cache >= 0 { caches.invalidate(pools.pools[index].cache) }
    let freed = pools.reclaim(index, idleFor: age)
    drainedPages &+= UInt64(freed)
    return freed
  }

  /// What a caller that may wait causes when its page source has nothing; false where it would wait for ever.
  ///
  /// Without address space the pools of that map are reclaimed in turn (vmk_reclaim_callback; recollection), the groups
  /// of processors left alone. The caller is woken every second to look again, so that pages too young to be taken are
  /// taken after ten seconds, which ``waitedNanoseconds`` counts. Without physical pages the page daemon goes on.
  func relieve(source: Int, code: Int) -> Bool {
    guard !isRelieving else { return false }
    isRelieving = true
    defer { isRelieving = false }
    if code == WiredMap.noSpace {
      if relieveMap(source, idleFor: Self.inactiveTime) > 0 { return true }
      waitedNanoseconds &+= Self.inactiveTime
      return relieveMap(source, idleFor: 0) > 0
    }
    waitedNanoseconds &+= Self.inactiveTime
    return drainInTurn(idleFor: 0) > 0
  }

  private func relieveMap(_ source: Int, idleFor age: UInt64) -> Int {
    for _ in 0..<pools.count {
      let index = nextToRelieve
      nextToRelieve = (index + 1) % pools.count
      guard pools.pools[index].source == source, pools.pools[index].pages > 0 else { continue }
      let freed = reclaim(index, idleFor: age)
      if freed > 0 { return freed }
    }
    return 0
  }
}
