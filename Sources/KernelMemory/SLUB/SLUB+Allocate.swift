// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension SLUB {
  /// kmem_cache_alloc() and the cached part of kmalloc(): the first object of the processor's own free list.
  ///
  /// - Parameters:
  ///   - cache: its index.
  ///   - size: bytes that the caller asked for, at least 1.
  ///   - wait: whether reclaim may run.
  /// - Returns: null where there is nothing to give; ``State/refusal`` says why.
  @inline(__always)
  func allocate(_ cache: Int, requested size: Int, _ wait: WaitPolicy) -> KernelAddress {
    let processor = processor(cache)
    if processor.pointee.freelist == Self.noObject && !refill(cache, wait) { return .null }
    let record = caches + cache
    // A refill that waits may have moved nothing, but it may have filled the list of the same processor.
    let current = self.processor(cache)
    let object = Int(current.pointee.freelist)
    let page = Int(current.pointee.slab)
    let cell = page << Self.cellShift &+ object
    current.pointee.freelist = nextObject[cell]
    requested[cell] = UInt32(truncatingIfNeeded: size)
    record.pointee.allocations &+= 1
    record.pointee.requestedBytes &+= size
    return address(page: page, object: object, size: record.pointee.size)
  }

  /// ___slab_alloc: finds a free list for the current processor.
  ///
  /// First what others freed into the processor's own slab, then a slab of its partial list, then one of the node's,
  /// with more of them for the partial list, and at last a new slab.
  @inline(never)
  func refill(_ cache: Int, _ wait: WaitPolicy) -> Bool {
    let processor = processor(cache)
    let record = caches + cache
    let own = processor.pointee.slab
    if own != Self.noPage {
      let slab = pages + Int(own)
      if slab.pointee.freelist != Self.noObject {
        load(own, processor)
        return true
      }
      slab.pointee.place = SLUBPlace.full
      processor.pointee.slab = Self.noPage
    }
    if processor.pointee.partial != Self.noPage {
      let slab = processor.pointee.partial
      processor.pointee.partial = pages[Int(slab)].next
      load(slab, processor)
      return true
    }
    if record.pointee.partialHead != Self.noPage {
      load(takePartial(cache), processor)
      return true
    }
    return refillFromNewSlab(cache, wait)
  }

  /// freeze_slab and get_freelist: the processor takes the whole free list of a slab over.
  private func load(_ page: UInt32, _ processor: UnsafeMutablePointer<SLUBProcessor>) {
    let slab = pages + Int(page)
    processor.pointee.slab = page
    processor.pointee.freelist = slab.pointee.freelist
    slab.pointee.freelist = Self.noObject
    slab.pointee.inUse = slab.pointee.objects
    slab.pointee.place = SLUBPlace.cpu
  }

  /// get_partial_node: the node's first slab, and further ones for the processor's list while half of what it may hold
  /// is not exceeded.
  private func takePartial(_ cache: Int) -> UInt32 {
    let record = caches + cache
    let first = record.pointee.partialHead
    removePartial(Int(first), record)
    let limit = record.pointee.cpuPartialSlabs
    guard limit > 0 else { return first }
    var taken = 0
    while record.pointee.partialHead != Self.noPage {
      let slab = record.pointee.partialHead
      removePartial(Int(slab), record)
      putCPUPartial(Int(slab), cache, drain: false)
      taken &+= 1
      if taken > limit / 2 { break }
    }
    return first
  }

  private func refillFromNewSlab(_ cache: Int, _ wait: WaitPolicy) -> Bool {
    let page = newSlab(cache, wait)
    guard page >= 0 else {
      caches[cache].failures &+= 1
      return false
    }
    // Reclaim may have run meanwhile and given this processor another slab: that one is put away, as in the kernel.
    let processor = processor(cache)
    if processor.pointee.slab != Self.noPage {
      let own = Int(processor.pointee.slab)
      let list = processor.pointee.freelist
      processor.pointee.slab = Self.noPage
      processor.pointee.freelist = Self.noObject
      deactivate(own, freelist: list, cache)
    }
    load(UInt32(truncatingIfNeeded: page), processor)
    return true
  }

  /// allocate_slab: a block of the cache's order, or of the smallest that holds an object.
  private func newSlab(_ cache: Int, _ wait: WaitPolicy) -> Int {
    let record = caches + cache
    var order = record.pointee.order
    var objects = record.pointee.objects
    let smallest = record.pointee.minimumOrder
    // The wanted order is tried without reclaim where there is a smaller one to fall back to.
    var page = takePages(order: order, order > smallest ? .noWait : wait)
    if page < 0 && order > smallest {
      order = smallest
      objects = record.pointee.minimumOrderObjects
      page = takePages(order: order, wait)
      if page >= 0 { record.pointee.orderFallbacks &+= 1 }
    }
    guard page >= 0 else { return -1 }
    let count = 1 << order
    for index in page..<page + count {
      pages[index].head = UInt32(truncatingIfNeeded: page)
      pages[index].kind = SLUBPageKind.slab
      pages[index].cache = UInt16(truncatingIfNeeded: cache)
    }
    let slab = pages + page
    slab.pointee.freelist = 0
    slab.pointee.inUse = 0
    slab.pointee.objects = UInt16(truncatingIfNeeded: objects)
    slab.pointee.order = UInt8(truncatingIfNeeded: order)
    let first = page << Self.cellShift
    for object in 0..<objects {
      nextObject[first + object] = UInt16(truncatingIfNeeded: object + 1)
      requested[first + object] = 0
    }
    nextObject[first + objects - 1] = Self.noObject
    record.pointee.slabs &+= 1
    record.pointee.totalObjects &+= objects
    record.pointee.pages &+= count
    if let diagnostic, !record.pointee.flags.contains(.constructed) {
      for object in 0..<objects {
        diagnostic.poison(
          address(page: page, object: object, size: record.pointee.size), count: record.pointee.objectSize)
      }
    }
    return page
  }

  /// discard_slab: the pages go back at once.
  func discard(_ page: Int, _ cache: Int) {
    let record = caches + cache
    let order = Int(pages[page].order)
    record.pointee.slabs &-= 1
    record.pointee.totalObjects &-= Int(pages[page].objects)
    record.pointee.pages &-= 1 << order
    record.pointee.pagesReturned &+= 1 << UInt64(order)
    for index in page..<page + 1 << order { pages[index].kind = SLUBPageKind.none }
    givePages(page, order: order)
  }
}
