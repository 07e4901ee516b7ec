// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension VMemUMA {
  /// zone_alloc_item: one item from the slab layer.
  ///
  /// - Returns: its offset, 0 where there is nothing to give or the kernel ended.
  func allocateFromSlab(_ index: Int, _ wait: WaitPolicy) -> Offset {
    let zone = zones + index
    if zone.pointee.maximumItems != 0, kegs[index].itemsOut >= zone.pointee.maximumItems {
      meetLimit(index, wait)
      if wait == .noWait { zone.pointee.failures &+= 1 }
      return 0
    }
    let page = slabWithFreeItem(index, wait)
    guard page != 0 else {
      if !state.pointee.isDead { zone.pointee.failures &+= 1 }
      return 0
    }
    state.pointee.zoneCounts[index].allocations &+= 1
    return takeItem(index, page)
  }

  /// keg_fetch_slab: a slab with a free item, on the list of partly used ones: the head of that list, else of the free
  /// list, else a new one.
  ///
  /// - Returns: its page; 0 where there is nothing to give or the kernel ended.
  func slabWithFreeItem(_ index: Int, _ wait: WaitPolicy) -> Int {
    let keg = kegs + index
    if keg.pointee.freeItems == 0 {
      if keg.pointee.maximumPages != 0, keg.pointee.pages >= keg.pointee.maximumPages {
        keg.pointee.isFull = true
        meetLimit(index, wait)
        return 0
      }
      let page = newSlab(index, wait)
      if page != 0 {
        insert(index, page, .part)
        return page
      }
      // A drain in the meantime may have put items back.
      guard keg.pointee.freeItems != 0, !state.pointee.isDead else { return 0 }
    }
    let part = head(index, SlabList.part.rawValue).pointee
    if part != 0 { return Int(part) }
    let page = Int(head(index, SlabList.free.rawValue).pointee)
    guard page != 0 else { return 0 }
    remove(index, page)
    insert(index, page, .part)
    return page
  }

  /// A zone is at its limit: a waiting caller sleeps, and nobody is there to wake it.
  private func meetLimit(_ index: Int, _ wait: WaitPolicy) {
    guard wait == .wait else { return }
    zones[index].sleeps &+= 1
    die(.stuck(reason: policy.limitChannel, requestBytes: kegs[index].size))
  }

  /// slab_alloc_item: the free item with the lowest index; a slab without free items goes to the head of the full list.
  @inline(__always)
  func takeItem(_ index: Int, _ page: Int) -> Offset {
    let keg = kegs + index
    let slab = slabs + page
    var words = freeBits + page &* 4
    var item = 0
    while words.pointee == 0 {
      words += 1
      item &+= 64
    }
    item &+= words.pointee.trailingZeroBitCount
    words.pointee &= words.pointee &- 1
    slab.pointee.freeCount &-= 1
    keg.pointee.freeItems &-= 1
    if slab.pointee.freeCount == 0 {
      remove(index, page)
      insert(index, page, .full)
    }
    return Offset(truncatingIfNeeded: page &* kernelPageSize &+ item &* keg.pointee.stride)
  }

  /// slab_free_item: an item goes back to its slab.
  ///
  /// The last live item moves the slab to the head of the free list, the first free one to the head of the partly used
  /// ones.
  func returnItem(_ index: Int, _ item: Offset) {
    let keg = kegs + index
    let page = Int(item) / kernelPageSize
    let slab = slabs + page
    if Int(slab.pointee.freeCount) &+ 1 == keg.pointee.itemsPerSlab {
      remove(index, page)
      insert(index, page, .free)
    } else if slab.pointee.freeCount == 0 {
      remove(index, page)
      insert(index, page, .part)
    }
    let place = (Int(item) & (kernelPageSize &- 1)) / keg.pointee.stride
    freeBits[page &* 4 &+ place >> 6] |= 1 &<< UInt64(truncatingIfNeeded: place & 63)
    slab.pointee.freeCount &+= 1
    keg.pointee.freeItems &+= 1
    if keg.pointee.isFull, keg.pointee.pages < keg.pointee.maximumPages { keg.pointee.isFull = false }
  }

  /// zone_free_item with its count of frees.
  func freeToSlab(_ index: Int, _ item: Offset) {
    state.pointee.zoneCounts[index].frees &+= 1
    returnItem(index, item)
  }

  /// LIST_INSERT_HEAD.
  @inline(__always)
  func insert(_ index: Int, _ page: Int, _ list: SlabList) {
    let slab = slabs + page
    let head = head(index, list.rawValue)
    let next = head.pointee
    slab.pointee.list = UInt8(truncatingIfNeeded: list.rawValue)
    slab.pointee.previous = 0
    slab.pointee.next = next
    if next != 0 { slabs[Int(next)].previous = Int32(truncatingIfNeeded: page) }
    head.pointee = Int32(truncatingIfNeeded: page)
  }

  /// LIST_REMOVE.
  @inline(__always)
  func remove(_ index: Int, _ page: Int) {
    let slab = slabs + page
    let next = slab.pointee.next
    let previous = slab.pointee.previous
    if next != 0 { slabs[Int(next)].previous = previous }
    if previous != 0 {
      slabs[Int(previous)].next = next
    } else {
      head(index, Int(slab.pointee.list)).pointee = next
    }
  }

  /// The head of a list of a keg: a page number, 0 for an empty list.
  @inline(__always)
  func head(_ index: Int, _ list: Int) -> UnsafeMutablePointer<Int32> { listHeads + (index &* 4 &+ list) }
}
