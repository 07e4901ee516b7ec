// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension Kmem {
  /// kmem_slab_alloc: from the first partial slab, the one with the most buffers in use, or from a new slab.
  func slabTake(_ cache: Int, _ wait: WaitPolicy) -> UInt32 {
    let record = caches + cache
    if let page = firstPartial(record) { return takeFromSlab(page, cache) }
    let page = createSlab(cache, wait)
    guard page >= 0 else {
      caches[cache].failures &+= 1
      return Self.none
    }
    // Another slab may have become partial while this caller waited; the new one is used all the same.
    return takeFromSlab(page, cache)
  }

  /// kmem_slab_alloc_impl.
  private func takeFromSlab(_ page: Int, _ cache: Int) -> UInt32 {
    let record = caches + cache
    let slab = pages + page
    let buffer = slab.pointee.free
    slab.pointee.free = nextFree[Int(buffer) >> Self.cellShift]
    if slab.pointee.free == Self.none {
      if slab.pointee.isPartial { removePartial(page, record) }
      record.pointee.completeSlabs &+= 1
      slab.pointee.inUse &+= 1
    } else {
      // More in use: a slab that is in the tree stays the first one of it.
      slab.pointee.inUse &+= 1
      if !slab.pointee.isPartial { insertPartial(page, record) }
    }
    record.pointee.slabAllocations &+= 1
    record.pointee.inSlabs &-= 1
    return buffer
  }

  /// kmem_slab_free: an empty slab goes back to the heap at once.
  func slabGive(_ cache: Int, _ buffer: UInt32) {
    let record = caches + cache
    let page = Int(pages[Int(buffer) >> 12].head)
    let slab = pages + page
    record.pointee.slabFrees &+= 1
    record.pointee.inSlabs &+= 1
    nextFree[Int(buffer) >> Self.cellShift] = slab.pointee.free
    let wasComplete = slab.pointee.free == Self.none
    let before = weight(page, record)
    if slab.pointee.inUse == 1 {
      if slab.pointee.isPartial { removePartial(page, record) } else { record.pointee.completeSlabs &-= 1 }
      slab.pointee.inUse = 0
      slab.pointee.free = buffer
      record.pointee.total &-= Int(slab.pointee.chunks)
      record.pointee.inSlabs &-= Int(slab.pointee.chunks)
      record.pointee.slabsDestroyed &+= 1
      destroySlab(page, cache)
    } else if wasComplete {
      slab.pointee.free = buffer
      slab.pointee.inUse &-= 1
      record.pointee.completeSlabs &-= 1
      insertPartial(page, record)
    } else {
      slab.pointee.free = buffer
      slab.pointee.inUse &-= 1
      guard weight(page, record) != before else { return }
      slab.pointee.inUse &+= 1
      removePartial(page, record)
      slab.pointee.inUse &-= 1
      insertPartial(page, record)
    }
  }

  /// kmem_slab_create: pages of the heap, a color, the structures and a free list with the last buffer first.
  ///
  /// - Returns: the first page, or −1.
  private func createSlab(_ cache: Int, _ wait: WaitPolicy) -> Int {
    let layout = caches[cache].layout
    var color = caches[cache].color + layout.align
    if color > layout.maximumColor { color = 0 }
    caches[cache].color = color
    let page = takePages(layout.slabPages, wait)
    guard page >= 0 else { return -1 }
    let start = UInt32(truncatingIfNeeded: page * kernelPageSize)
    let chunks = layout.chunks(color: color, wordSize: wordSize)
    var structure = start + UInt32(kernelPageSize - KmemLayout.slabStructure(wordSize: wordSize))
    if layout.isHashed {
      structure = takeStructures(chunks, wait)
      guard structure != Self.none else {
        givePages(page, layout.slabPages)
        return -1
      }
    }
    let base = start + UInt32(truncatingIfNeeded: color)
    pages[page] = KmemPage(
      head: UInt32(truncatingIfNeeded: page), cache: UInt16(truncatingIfNeeded: cache), kind: KmemPageKind.slab,
      chunks: UInt32(truncatingIfNeeded: chunks), base: base, structure: structure)
    for index in page + 1..<page + layout.slabPages {
      pages[index].head = UInt32(truncatingIfNeeded: page)
      pages[index].cache = UInt16(truncatingIfNeeded: cache)
      pages[index].kind = KmemPageKind.slab
    }
    // Every cell of the slab, so that no address inside of a buffer looks like the start of one.
    (requested + (page << (12 - Self.cellShift))).update(
      repeating: 0, count: layout.slabPages << (12 - Self.cellShift))
    var list = Self.none
    for chunk in 0..<chunks {
      let buffer = base + UInt32(truncatingIfNeeded: chunk * layout.chunkSize)
      nextFree[Int(buffer) >> Self.cellShift] = list
      list = buffer
      if let diagnostic, !caches[cache].flags.contains(.metadata) {
        diagnostic.fill(address(buffer), count: layout.chunkSize)
      }
    }
    pages[page].free = list
    let record = caches + cache
    record.pointee.pages &+= layout.slabPages
    record.pointee.slabsCreated &+= 1
    record.pointee.total &+= chunks
    record.pointee.inSlabs &+= chunks
    record.pointee.most = max(record.pointee.most, record.pointee.total)
    return page
  }

  /// The kmem_slab_t and kmem_bufctl_t of a hashed slab.
  ///
  /// - Returns: where the kmem_slab_t lies; ``none``, with everything given back, where one of them is not to be had.
  private func takeStructures(_ chunks: Int, _ wait: WaitPolicy) -> UInt32 {
    let structure = take(Self.slabCache, wait)
    guard structure != Self.none else { return Self.none }
    var list = Self.none
    for taken in 0..<chunks {
      let control = take(Self.bufferControlCache, wait)
      guard control != Self.none else {
        caches[Self.bufferControlCache].live &+= taken
        caches[Self.slabCache].live &+= 1
        giveStructures(structure, list)
        return Self.none
      }
      nextFree[Int(control) >> Self.cellShift] = list
      list = control
    }
    caches[Self.slabCache].live &+= 1
    caches[Self.bufferControlCache].live &+= chunks
    nextFree[Int(structure) >> Self.cellShift] = list
    return structure
  }

  private func giveStructures(_ structure: UInt32, _ controls: UInt32) {
    var control = controls
    while control != Self.none {
      let next = nextFree[Int(control) >> Self.cellShift]
      caches[Self.bufferControlCache].live &-= 1
      give(Self.bufferControlCache, control)
      control = next
    }
    caches[Self.slabCache].live &-= 1
    give(Self.slabCache, structure)
  }

  /// kmem_slab_destroy.
  private func destroySlab(_ page: Int, _ cache: Int) {
    let layout = caches[cache].layout
    let structure = pages[page].structure
    for index in page..<page + layout.slabPages { pages[index].kind = KmemPageKind.none }
    caches[cache].pages &-= layout.slabPages
    caches[cache].pagesReturned &+= UInt64(layout.slabPages)
    if layout.isHashed { giveStructures(structure, nextFree[Int(structure) >> Self.cellShift]) }
    givePages(page, layout.slabPages)
  }
}
