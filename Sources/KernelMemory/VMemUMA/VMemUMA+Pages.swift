// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension VMemUMA {
  /// kmem_malloc: address space from the arena, then physical pages.
  ///
  /// A waiting caller that finds no address space wakes the reclaim worker and sleeps on the arena until a segment is
  /// freed (FreeBSD 11 sys/kern/subr_vmem.c vmem_xalloc, sys/vm/vm_kern.c kmem_reclaim). Here the worker runs once, in
  /// the caller's place, because nobody else runs; what it did not free then never comes.
  ///
  /// - Returns: the number of the first page, 0 where there is nothing to give or the kernel ended.
  func arenaPages(_ pages: Int, _ wait: WaitPolicy) -> Int {
    var first = arena.allocate(pages, .bestFit)
    if first < 0 {
      guard wait == .wait else {
        state.pointee.arenaFailures &+= 1
        if policy.arenaWakesWorker { state.pointee.reclaimNeeded = true }
        return 0
      }
      reclaimAsWorker()
      first = arena.allocate(pages, .bestFit)
      guard first >= 0 else {
        let bytes = pages * kernelPageSize
        die(
          .stuck(reason: "\(policy.arenaChannel): no \(bytes) bytes after the reclaim worker ran", requestBytes: bytes))
        return 0
      }
    }
    guard wire(pages, wait) else {
      arena.free(first, quanta: pages)
      return 0
    }
    account(pages)
    return first &+ firstArenaPage
  }

  /// kmem_free.
  func freeArenaPages(_ page: Int, _ pages: Int) {
    arena.free(page &- firstArenaPage, quanta: pages)
    physical?.give(pages)
    account(-pages)
  }

  /// uma_small_alloc: a physical page, at its address in the direct map; the lowest one that is free.
  ///
  /// - Returns: the number of the page, 0 where there is nothing to give or the kernel ended.
  private func directPage(_ map: AddressMap, _ wait: WaitPolicy) -> Int {
    var first = map.allocate(pages: 1)
    if first < 0 {
      guard wait == .wait else { return 0 }
      reclaim(.drainCPU)
      first = map.allocate(pages: 1)
      guard first >= 0 else {
        die(.stuck(reason: WiredMap.vmwait, requestBytes: kernelPageSize))
        return 0
      }
    }
    guard wire(1, wait) else {
      map.free(page: first, pages: 1)
      return 0
    }
    if policy.countsDirectMap { account(1) }
    return first &+ firstDirectPage
  }

  private func freeDirectPage(_ page: Int) {
    directMap?.free(page: page &- firstDirectPage, pages: 1)
    physical?.give(1)
    if policy.countsDirectMap { account(-1) }
  }

  /// Takes physical pages, as kmem_back does: a waiting caller waits for the page daemon.
  private func wire(_ pages: Int, _ wait: WaitPolicy) -> Bool {
    guard let physical, !physical.take(pages) else { return true }
    guard wait == .wait else { return false }
    if physical.waitAndTake(pages) { return true }
    die(.stuck(reason: WiredMap.vmwait, requestBytes: pages * kernelPageSize))
    return false
  }

  /// uma_total_inc and uma_total_dec: who takes pages while the total is above the soft limit wakes the reclaim worker.
  @inline(__always)
  private func account(_ pages: Int) {
    let used = state.pointee.usedPages &+ pages
    state.pointee.usedPages = used
    if used > state.pointee.highWaterPages { state.pointee.highWaterPages = used }
    if pages > 0, let limit = policy.softLimitBytes,
      (used &- pages &- state.pointee.lostPages) &* kernelPageSize > limit
    {
      state.pointee.reclaimNeeded = true
    }
  }

  /// The pages of a new slab: boot pages, highest first, while the keg may and there are any; else what the keg takes.
  private func slabPages(_ keg: UnsafeMutablePointer<Keg>, _ wait: WaitPolicy) -> Int {
    if keg.pointee.usesBootPages {
      let left = state.pointee.bootPagesLeft
      if left > 0 {
        state.pointee.bootPagesLeft = left - 1
        return left
      }
      keg.pointee.usesBootPages = false
    }
    if keg.pointee.isDirect, let directMap { return directPage(directMap, wait) }
    return arenaPages(keg.pointee.pagesPerSlab, wait)
  }

  /// keg_alloc_slab: a new slab, on no list yet.
  ///
  /// - Returns: its page, 0 where there is nothing to give or the kernel ended.
  func newSlab(_ index: Int, _ wait: WaitPolicy) -> Int {
    let keg = kegs + index
    var header: Offset = 0
    if keg.pointee.flags.contains(.offPage) {
      header = allocateFromSlab(keg.pointee.headerZone, wait)
      if header == 0 { return 0 }
    }
    let page = slabPages(keg, wait)
    guard page != 0 else {
      if header != 0, !state.pointee.isDead { freeToSlab(keg.pointee.headerZone, header) }
      return 0
    }
    let items = keg.pointee.itemsPerSlab
    let isBoot = page < firstArenaPage
    (slabs + page).initialize(
      to: Slab(
        header: header, pages: UInt32(keg.pointee.pagesPerSlab), zone: UInt16(index), freeCount: UInt16(items),
        kind: .slab, isBoot: isBoot))
    let words = freeBits + page &* 4
    for word in 0..<4 {
      let bits = min(64, max(0, items &- word &* 64))
      words[word] = bits == 0 ? 0 : UInt64.max >> UInt64(64 &- bits)
    }
    // The class is that of the first page alone: a slab of several pages has one item, and no item begins in the others.
    if keg.pointee.isMalloc {
      state.pointee.requested.begin(class: index &- state.pointee.firstMallocZone, page: page, pages: 1)
    }
    keg.pointee.pages &+= keg.pointee.pagesPerSlab
    keg.pointee.freeItems &+= items
    if isBoot { keg.pointee.bootPages &+= 1 }
    if checked { trashNewSlab(index, page) }
    return page
  }

  /// keg_free_slab: gives the pages of an empty slab back, its header first.
  func destroySlab(_ index: Int, _ page: Int) {
    let keg = kegs + index
    let pages = keg.pointee.pagesPerSlab
    if keg.pointee.flags.contains(.offPage) { freeToSlab(keg.pointee.headerZone, slabs[page].header) }
    slabs[page].kind = .none
    if keg.pointee.isMalloc { state.pointee.requested.end(page: page, pages: 1) }
    keg.pointee.pagesReturned &+= UInt64(pages)
    if page >= firstDirectPage { freeDirectPage(page) } else { freeArenaPages(page, pages) }
  }

  /// uma_large_malloc: whole pages, without any caching; with a slab header where the kernel takes one.
  func largeMalloc(_ size: Int, _ wait: WaitPolicy) -> Offset {
    // No arena has 2^40 bytes: larger requests fail all the same, with the bytes that fit in the kernel's number.
    let pages = (min(size, 1 << 40) + kernelPageSize - 1) / kernelPageSize
    var header: Offset = 0
    if policy.largeMallocHasHeader {
      header = allocateFromSlab(headerZones[0], wait)
      guard header != 0 else { return 0 }
    }
    let page = arenaPages(pages, wait)
    guard page != 0 else {
      if header != 0, !state.pointee.isDead { freeToSlab(headerZones[0], header) }
      return 0
    }
    (slabs + page).initialize(
      to: Slab(
        header: header, pages: UInt32(pages), requested: UInt32(truncatingIfNeeded: size), kind: .largeMalloc))
    state.pointee.largePages &+= pages
    return Offset(page &* kernelPageSize)
  }

  /// uma_large_free: the pages first, then the header.
  func largeFree(_ page: Int) {
    let slab = slabs[page]
    slabs[page].kind = .none
    state.pointee.largePages &-= Int(slab.pages)
    freeArenaPages(page, Int(slab.pages))
    if slab.header != 0 { freeToSlab(headerZones[0], slab.header) }
  }

  /// Takes pages of the arena into nobody's books: an injected fault.
  func loseAddressSpace(pages: Int) {
    guard pages > 0, !state.pointee.isDead else { return }
    if arenaPages(pages, .wait) != 0 { state.pointee.lostPages += pages }
  }
}
