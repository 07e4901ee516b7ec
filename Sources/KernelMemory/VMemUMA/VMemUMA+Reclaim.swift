// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension VMemUMA {
  /// How much a reclaim gives back.
  enum ReclaimStrength {
    /// UMA_RECLAIM_TRIM: buckets above the working set, and wholly free slabs.
    case trim
    /// UMA_RECLAIM_DRAIN: every bucket of the zones' caches, and wholly free slabs.
    case drain
    /// UMA_RECLAIM_DRAIN_CPU, kmem_danger before: the per-CPU caches, too.
    case drainCPU
  }

  /// uma_reclaim_locked: every zone, newest first; then once more the zones of headers and buckets, which got items
  /// back meanwhile.
  func reclaim(_ strength: ReclaimStrength) {
    guard !state.pointee.isDead else { return }
    enableBuckets()
    drainZones(trimming: strength == .trim)
    if strength == .drainCPU {
      drainCaches()
      drainZones(trimming: false)
    }
    for zone in headerZones { drain(zone, trimming: false) }
    for size in Self.bucketZones.indices { drain(firstBucketZone + size, trimming: false) }
  }

  /// What the page daemon calls: everything where free pages are below v_free_min, else the policy's gentler form.
  func reclaimForPageDaemon() {
    state.pointee.daemonRuns &+= 1
    if let physical, physical.free < physical.freeMinimum {
      reclaim(.drainCPU)
    } else {
      reclaim(policy.hasWorkingSet ? .trim : .drain)
    }
  }

  /// The reclaim worker, woken by the soft limit: everything, and not more than once a second.
  @inline(__always)
  func runWorkerIfDue() {
    if state.pointee.reclaimNeeded { runWorker() }
  }

  @inline(never)
  private func runWorker() {
    guard state.pointee.clock >= state.pointee.nextWorker, !state.pointee.isDead else { return }
    state.pointee.nextWorker = state.pointee.clock.addingReportingOverflow(Self.workerInterval).partialValue
    reclaimAsWorker()
  }

  /// One turn of uma_reclaim_worker: the event vm_lowmem, then everything.
  ///
  /// A handler of the event that finds the arena full is served by this turn, not by one of its own.
  func reclaimAsWorker() {
    guard !state.pointee.isWorkerRunning else { return }
    state.pointee.isWorkerRunning = true
    defer { state.pointee.isWorkerRunning = false }
    state.pointee.workerRuns &+= 1
    hooks.lowMemory?()
    reclaim(.drainCPU)
    state.pointee.reclaimNeeded = false
  }

  /// bucket_enable: no buckets while free physical pages are below v_free_min.
  func enableBuckets() {
    if let physical {
      state.pointee.bucketsDisabled = physical.free < physical.freeMinimum
    } else {
      state.pointee.bucketsDisabled = false
    }
  }

  private func drainZones(trimming: Bool) {
    for zone in stride(from: state.pointee.zoneCount - 1, through: 0, by: -1) { drain(zone, trimming: trimming) }
  }

  /// zone_drain or zone_trim: the zone's buckets, then its wholly free slabs; zones that keep their slabs lose their
  /// buckets all the same.
  private func drain(_ index: Int, trimming: Bool) {
    reclaimBuckets(index, trimming: trimming)
    let keg = kegs + index
    guard !keg.pointee.flags.contains(.noFree), keg.pointee.freeItems != 0 else { return }
    // Slabs leave the list from its head and are given back in the opposite order.
    var chain: Int32 = 0
    var page = head(index, SlabList.free.rawValue).pointee
    while page != 0 {
      let next = slabs[Int(page)].next
      if !slabs[Int(page)].isBoot {
        remove(index, Int(page))
        keg.pointee.pages &-= keg.pointee.pagesPerSlab
        keg.pointee.freeItems &-= keg.pointee.itemsPerSlab
        slabs[Int(page)].next = chain
        chain = page
      }
      page = next
    }
    while chain != 0 {
      let next = slabs[Int(chain)].next
      destroySlab(index, Int(chain))
      chain = next
    }
  }

  /// cache_drain_safe: first the wanted sizes shrink by half of what they grew, then the worker visits each processor
  /// and takes both buckets of every zone out: those with items go to the cold end of the zone's cache.
  private func drainCaches() {
    let count = state.pointee.zoneCount
    for index in 0..<count where !kegs[index].flags.contains(.internal) {
      zones[index].bucketSize = (zones[index].minimumBucketSize + zones[index].bucketSize) / 2
    }
    let cpu = currentCPU
    defer { currentCPU = cpu }
    for visited in 0..<cpus {
      currentCPU = visited
      for index in stride(from: count - 1, through: 0, by: -1) where !kegs[index].flags.contains(.internal) {
        let cache = state.pointee.caches + index
        let buckets = (cache.pointee.alloc, cache.pointee.free)
        cache.pointee.alloc = nil
        cache.pointee.free = nil
        retire(index, buckets.0)
        retire(index, buckets.1)
      }
    }
  }

  private func retire(_ index: Int, _ bucket: UnsafeMutablePointer<Bucket>?) {
    guard let bucket else { return }
    if bucket.pointee.count > 0 {
      pushBucket(index, bucket, isWarm: false)
    } else {
      freeBucket(index, bucket, inBucketZone: false)
    }
  }

  // MARK: Time

  /// The virtual clock: the callout for every mark of 20 s that has passed, on processor 0, and the reclaim worker.
  func advance(to nanoseconds: UInt64) {
    while state.pointee.nextCallout <= nanoseconds {
      let next = state.pointee.nextCallout.addingReportingOverflow(Self.calloutInterval)
      state.pointee.nextCallout = next.overflow ? .max : next.partialValue
      // A callout that changed nothing changes nothing at the following marks either: nobody ran in between.
      if next.overflow || !runCallout() {
        let behind = nanoseconds - nanoseconds % Self.calloutInterval
        let mark = behind.addingReportingOverflow(Self.calloutInterval)
        state.pointee.nextCallout = mark.overflow ? .max : mark.partialValue
        break
      }
    }
    if nanoseconds > state.pointee.clock { state.pointee.clock = nanoseconds }
    runWorkerIfDue()
  }

  /// uma_timeout: looks at the physical pages, expands hashes, closes an interval of the working sets.
  ///
  /// - Returns: false where nothing changed.
  private func runCallout() -> Bool {
    guard !state.pointee.isDead else { return false }
    let cpu = currentCPU
    currentCPU = 0
    defer { currentCPU = cpu }
    enableBuckets()
    var changed = false
    for index in stride(from: state.pointee.zoneCount - 1, through: 0, by: -1) {
      if expandHash(index) { changed = true }
      if policy.hasWorkingSet, updateWorkingSet(index) { changed = true }
    }
    return changed
  }

  /// keg_timeout: doubles the slab hash once there are as many slabs as entries, from malloc and without waiting.
  private func expandHash(_ index: Int) -> Bool {
    let keg = kegs + index
    let entries = keg.pointee.hashEntries
    guard entries != 0, keg.pointee.slabs >= entries else { return false }
    let hash = mallocHash(bytes: entries * 2 * policy.pointerBytes)
    guard hash != 0 else { return true }
    let old = keg.pointee.hashOffset
    keg.pointee.hashEntries = entries * 2
    keg.pointee.hashOffset = hash
    if entries == Self.initialHashEntries {
      freeToSlab(hashZone, old)
    } else {
      freeHash(old, bytes: entries * policy.pointerBytes)
    }
    return true
  }
}
