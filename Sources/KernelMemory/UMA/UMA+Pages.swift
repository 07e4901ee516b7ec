// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension UMA {
  /// kmem_malloc on kmem_map (sys/vm/vm_kern.c): what a waiting caller does without room is ``exhaustion``; another one
  /// gets nothing.
  ///
  /// A shortage of physical pages is another matter: a waiting caller waits for the page daemon, which may call
  /// ``reclaim()`` here.
  ///
  /// - Returns: the number of the first page, 0 where there is nothing to give or the kernel ended.
  func kmemMalloc(pages: Int, wait: WaitPolicy) -> Int {
    var first = map.allocate(pages: pages)
    if first < 0 {
      guard wait == .wait else { return 0 }
      first = allocateWithoutRoom(pages: pages)
      guard first >= 0 else { return 0 }
    }
    if let physical, !physical.take(pages) {
      guard wait == .wait else {
        map.free(page: first, pages: pages)
        return 0
      }
      guard physical.waitAndTake(pages) else {
        map.free(page: first, pages: pages)
        die(.stuck(reason: WiredMap.vmwait, requestBytes: pages * kernelPageSize))
        return 0
      }
    }
    return first &+ UMA.firstMapPage
  }

  /// kmem_free on kmem_map.
  func kmemFree(page: Int, pages: Int) {
    map.free(page: page &- UMA.firstMapPage, pages: pages)
    physical?.give(pages)
  }

  /// The pages of a new slab: startup_alloc, highest boot page first, while the keg may and there are any; else the
  /// direct map, or page_alloc.
  private func slabPages(_ keg: UnsafeMutablePointer<UMAKeg>, _ wait: WaitPolicy) -> Int {
    if keg.pointee.usesBootPages {
      let left = state.pointee.bootPagesLeft
      if left > 0 {
        state.pointee.bootPagesLeft = left - 1
        return left
      }
      keg.pointee.usesBootPages = false
    }
    if keg.pointee.isDirect, let directMap { return smallAlloc(directMap, wait) }
    return kmemMalloc(pages: keg.pointee.pagesPerSlab, wait: wait)
  }

  /// slab_zalloc: a new slab, on no list yet.
  ///
  /// - Returns: its page, 0 where there is nothing to give or the kernel ended. A panic leaves the header taken, as the
  ///   kernel does.
  func newSlab(_ zone: Int, _ wait: WaitPolicy) -> Int {
    let keg = kegs + zone
    var header: UMAOffset = 0
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
    let isBoot = page < UMA.firstMapPage
    (slabs + page).pointee = UMASlab(
      header: header, pages: UInt32(keg.pointee.pagesPerSlab), zone: UInt16(zone), freeCount: UInt16(items),
      firstFree: 0, kind: UMAPageKind.slab, isBoot: isBoot)
    let list = freeLists + page &* UMAConstants.freeListStride
    for index in 0..<items { list[index] = UInt8(truncatingIfNeeded: index &+ 1) }
    if keg.pointee.isMalloc {
      let sizeBit = zone &- state.pointee.firstMallocZone
      state.pointee.requested.begin(class: sizeBit, page: page, pages: keg.pointee.pagesPerSlab)
    }
    keg.pointee.pages &+= keg.pointee.pagesPerSlab
    keg.pointee.freeItems &+= items
    if isBoot { keg.pointee.bootPages &+= 1 }
    if checked { trashNewSlab(zone, page) }
    return page
  }

  /// Gives the pages of an empty slab back, its header first (the end of zone_drain).
  func destroySlab(_ zone: Int, _ page: Int) {
    let keg = kegs + zone
    if keg.pointee.flags.contains(.offPage) { freeToSlab(keg.pointee.headerZone, slabs[page].header) }
    slabs[page].kind = UMAPageKind.none
    if keg.pointee.isMalloc { state.pointee.requested.end(page: page, pages: keg.pointee.pagesPerSlab) }
    keg.pointee.pagesReturned &+= UInt64(keg.pointee.pagesPerSlab)
    if keg.pointee.isDirect, let directMap {
      smallFree(directMap, page: page)
    } else {
      kmemFree(page: page, pages: keg.pointee.pagesPerSlab)
    }
  }

  /// uma_large_malloc: whole pages, with a header from "UMA Slabs" and without any caching.
  func largeMalloc(_ size: Int, _ wait: WaitPolicy) -> UMAOffset {
    // No map has 2^40 bytes: larger requests fail all the same, with the bytes that fit in the kernel's number.
    let pages = (min(size, 1 << 40) + kernelPageSize - 1) / kernelPageSize
    let header = allocateFromSlab(InternalZone.slabs, wait)
    guard header != 0 else { return 0 }
    let page = kmemMalloc(pages: pages, wait: wait)
    guard page != 0 else {
      if !state.pointee.isDead { freeToSlab(InternalZone.slabs, header) }
      return 0
    }
    (slabs + page).pointee = UMASlab(
      header: header, pages: UInt32(pages), kind: UMAPageKind.largeMalloc, requested: UInt32(truncatingIfNeeded: size))
    state.pointee.largePages &+= pages
    return UMAOffset(page &* kernelPageSize)
  }

  /// uma_large_free: the pages first, then the header.
  func largeFree(_ page: Int) {
    let pages = Int(slabs[page].pages)
    slabs[page].kind = UMAPageKind.none
    state.pointee.largePages &-= pages
    kmemFree(page: page, pages: pages)
    freeToSlab(InternalZone.slabs, slabs[page].header)
  }

  /// Takes pages of the map into nobody's books: an injected fault.
  func loseAddressSpace(pages: Int) {
    guard pages > 0, !state.pointee.isDead else { return }
    if kmemMalloc(pages: pages, wait: .wait) != 0 { state.pointee.lostPages += pages }
  }
}
