// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension SLUB {
  /// kmem_cache_free() and kfree() of an object.
  ///
  /// - Parameters:
  ///   - address: the object.
  ///   - expected: the cache that the caller names; −1 for kfree(), which asks the slab.
  /// - Returns: the object's cache; −1 where ``State/freeError`` says what is wrong.
  @inline(__always)
  func free(_ address: KernelAddress, expected: Int) -> Int {
    let offset = Int(truncatingIfNeeded: address.rawValue &- startAddress)
    let page = offset >> 12
    guard UInt(bitPattern: page) < UInt(bitPattern: buddy.capacityPages), pages[page].kind == SLUBPageKind.slab else {
      return refuse(.notAllocated)
    }
    let cache = Int(pages[page].cache)
    guard expected < 0 || cache == expected else { return refuse(.wrongCache) }
    let head = Int(pages[page].head)
    let record = caches + cache
    let inSlab = offset &- head << 12
    let object = Int(
      truncatingIfNeeded: (UInt64(truncatingIfNeeded: inSlab) &* record.pointee.reciprocal) >> Self.reciprocalShift)
    guard object &* record.pointee.size == inSlab, object < Int(pages[head].objects) else {
      return refuse(.invalidPointer)
    }
    let cell = head << Self.cellShift &+ object
    let size = requested[cell]
    guard size != 0 else { return refuse(.alreadyFree) }
    requested[cell] = 0
    record.pointee.frees &+= 1
    record.pointee.requestedBytes &-= Int(size)
    let processor = processor(cache)
    if processor.pointee.slab == UInt32(truncatingIfNeeded: head) {
      nextObject[cell] = processor.pointee.freelist
      processor.pointee.freelist = UInt16(truncatingIfNeeded: object)
    } else {
      freeRemote(head, object, cache)
    }
    return cache
  }

  @inline(never)
  private func refuse(_ error: SLUBFreeError) -> Int {
    state.pointee.freeError = error
    return -1
  }

  /// __slab_free: the object goes to the slab's own list; a slab that was full goes to the processor's partial list, one
  /// that becomes empty while the node has enough goes back to the page allocator.
  @inline(never)
  private func freeRemote(_ page: Int, _ object: Int, _ cache: Int) {
    let slab = pages + page
    let record = caches + cache
    let wasFull = slab.pointee.freelist == Self.noObject
    nextObject[page << Self.cellShift &+ object] = slab.pointee.freelist
    slab.pointee.freelist = UInt16(truncatingIfNeeded: object)
    slab.pointee.inUse &-= 1
    let place = slab.pointee.place
    if place == SLUBPlace.cpu || place == SLUBPlace.cpuPartial { return }
    if place == SLUBPlace.full {
      assert(wasFull, "SLUB: slab \(page) has free objects and is on no list")
      if record.pointee.cpuPartialSlabs > 0 { return putCPUPartial(page, cache, drain: true) }
      // A slab of one object is empty by its first free.
      if slab.pointee.inUse == 0 && record.pointee.partialCount >= record.pointee.minimumPartial {
        return discard(page, cache)
      }
      return addPartial(page, record, atTail: true)
    }
    record.pointee.nodeFree &+= 1
    if slab.pointee.inUse == 0 && record.pointee.partialCount >= record.pointee.minimumPartial {
      removePartial(page, record)
      discard(page, cache)
    }
  }
}
