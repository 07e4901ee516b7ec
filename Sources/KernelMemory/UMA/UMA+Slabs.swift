// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension UMA {
  /// uma_zalloc_internal: one item from the slab layer.
  ///
  /// - Returns: its offset, 0 where there is nothing to give or the kernel ended.
  func allocateFromSlab(_ zone: Int, _ wait: WaitPolicy) -> UMAOffset {
    let page = slabWithFreeItem(zone, wait)
    guard page != 0 else {
      if !state.pointee.isDead { zones[zone].failures &+= 1 }
      return 0
    }
    state.pointee.zoneCounts[zone].allocations &+= 1
    return takeItem(zone, page)
  }

  /// uma_zone_slab: a slab with a free item, on the list of partly used ones: the head of that list, else of the free
  /// list, else a new one.
  ///
  /// - Returns: its page; 0 where there is nothing to give or the kernel ended.
  func slabWithFreeItem(_ zone: Int, _ wait: WaitPolicy) -> Int {
    let keg = kegs + zone
    if keg.pointee.freeItems == 0 {
      if keg.pointee.maximumPages != 0, keg.pointee.pages >= keg.pointee.maximumPages {
        keg.pointee.isFull = true
        if wait == .wait {
          zones[zone].sleeps &+= 1
          die(.stuck(reason: "zonelimit", requestBytes: keg.pointee.size))
        }
        return 0
      }
      let page = newSlab(zone, wait)
      if page != 0 {
        insert(zone, page, .part)
        return page
      }
      // The page daemon may have put items back while a waiting caller slept.
      guard keg.pointee.freeItems != 0, !state.pointee.isDead else { return 0 }
    }
    let part = head(zone, UMASlabList.part.rawValue).pointee
    if part != 0 { return Int(part) }
    let page = Int(head(zone, UMASlabList.free.rawValue).pointee)
    guard page != 0 else { return 0 }
    remove(zone, page)
    insert(zone, page, .part)
    return page
  }

  /// uma_slab_alloc: the item freed last; a slab without free items goes to the head of the full list.
  @inline(__always)
  func takeItem(_ zone: Int, _ page: Int) -> UMAOffset {
    let keg = kegs + zone
    let slab = slabs + page
    let index = Int(slab.pointee.firstFree)
    slab.pointee.firstFree = freeLists[page &* UMAConstants.freeListStride &+ index]
    slab.pointee.freeCount &-= 1
    keg.pointee.freeItems &-= 1
    if slab.pointee.freeCount == 0 {
      remove(zone, page)
      insert(zone, page, .full)
    }
    return UMAOffset(truncatingIfNeeded: page &* kernelPageSize &+ index &* keg.pointee.stride)
  }

  /// uma_zfree_internal without the statistics of the caches: an item goes back to its slab.
  ///
  /// The last live item moves the slab to the head of the free list, the first free one to the head of the partly used
  /// ones.
  func returnItem(_ zone: Int, _ item: UMAOffset) {
    let keg = kegs + zone
    let page = Int(item) / kernelPageSize
    let slab = slabs + page
    if Int(slab.pointee.freeCount) &+ 1 == keg.pointee.itemsPerSlab {
      remove(zone, page)
      insert(zone, page, .free)
    } else if slab.pointee.freeCount == 0 {
      remove(zone, page)
      insert(zone, page, .part)
    }
    let index = (Int(item) & (kernelPageSize &- 1)) / keg.pointee.stride
    freeLists[page &* UMAConstants.freeListStride &+ index] = slab.pointee.firstFree
    slab.pointee.firstFree = UInt8(truncatingIfNeeded: index)
    slab.pointee.freeCount &+= 1
    keg.pointee.freeItems &+= 1
    if keg.pointee.isFull, keg.pointee.pages < keg.pointee.maximumPages { keg.pointee.isFull = false }
  }

  /// uma_zfree_internal with its count of frees.
  func freeToSlab(_ zone: Int, _ item: UMAOffset) {
    state.pointee.zoneCounts[zone].frees &+= 1
    returnItem(zone, item)
  }

  /// LIST_INSERT_HEAD.
  @inline(__always)
  func insert(_ zone: Int, _ page: Int, _ list: UMASlabList) {
    let slab = slabs + page
    let head = head(zone, list.rawValue)
    let next = head.pointee
    slab.pointee.list = UInt8(list.rawValue)
    slab.pointee.previous = 0
    slab.pointee.next = next
    if next != 0 { slabs[Int(next)].previous = Int32(truncatingIfNeeded: page) }
    head.pointee = Int32(truncatingIfNeeded: page)
  }

  /// LIST_REMOVE.
  @inline(__always)
  func remove(_ zone: Int, _ page: Int) {
    let slab = slabs + page
    let next = slab.pointee.next
    let previous = slab.pointee.previous
    if next != 0 { slabs[Int(next)].previous = previous }
    if previous != 0 {
      slabs[Int(previous)].next = next
    } else {
      head(zone, Int(slab.pointee.list)).pointee = next
    }
  }

  /// The head of a list of a keg: a page number, 0 for an empty list.
  @inline(__always)
  func head(_ zone: Int, _ list: Int) -> UnsafeMutablePointer<Int32> { listHeads + (zone &* 4 &+ list) }
}
