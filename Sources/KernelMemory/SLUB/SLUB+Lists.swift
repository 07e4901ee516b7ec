// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension SLUB {
  // MARK: The node's partial list

  /// add_partial.
  func addPartial(_ page: Int, _ record: UnsafeMutablePointer<SLUBCache>, atTail: Bool) {
    let slab = pages + page
    let index = UInt32(truncatingIfNeeded: page)
    slab.pointee.place = SLUBPlace.node
    slab.pointee.previous = Self.noPage
    slab.pointee.next = Self.noPage
    if record.pointee.partialHead == Self.noPage {
      record.pointee.partialHead = index
      record.pointee.partialTail = index
    } else if atTail {
      slab.pointee.previous = record.pointee.partialTail
      pages[Int(record.pointee.partialTail)].next = index
      record.pointee.partialTail = index
    } else {
      slab.pointee.next = record.pointee.partialHead
      pages[Int(record.pointee.partialHead)].previous = index
      record.pointee.partialHead = index
    }
    record.pointee.partialCount &+= 1
    record.pointee.nodeFree &+= Int(slab.pointee.objects &- slab.pointee.inUse)
  }

  /// remove_partial.
  func removePartial(_ page: Int, _ record: UnsafeMutablePointer<SLUBCache>) {
    let slab = pages + page
    let previous = slab.pointee.previous
    let next = slab.pointee.next
    if previous == Self.noPage { record.pointee.partialHead = next } else { pages[Int(previous)].next = next }
    if next == Self.noPage { record.pointee.partialTail = previous } else { pages[Int(next)].previous = previous }
    record.pointee.partialCount &-= 1
    record.pointee.nodeFree &-= Int(slab.pointee.objects &- slab.pointee.inUse)
    slab.pointee.place = SLUBPlace.full
  }

  // MARK: Processors' partial lists

  /// put_cpu_partial: to the head of the current processor's list, which is emptied to the node first where it is full
  /// and may be drained.
  func putCPUPartial(_ page: Int, _ cache: Int, drain: Bool) {
    let processor = processor(cache)
    var old = processor.pointee.partial
    var toNode = Self.noPage
    var length = 0
    if old != Self.noPage {
      length = Int(pages[Int(old)].slabs)
      if drain && length >= caches[cache].cpuPartialSlabs {
        toNode = old
        old = Self.noPage
        length = 0
      }
    }
    let slab = pages + page
    slab.pointee.place = SLUBPlace.cpuPartial
    slab.pointee.slabs = UInt16(truncatingIfNeeded: length + 1)
    slab.pointee.next = old
    processor.pointee.partial = UInt32(truncatingIfNeeded: page)
    if toNode != Self.noPage { putPartials(toNode, cache) }
  }

  /// __put_partials: a processor's list goes to the tail of the node's; empty slabs go back where the node has enough.
  private func putPartials(_ first: UInt32, _ cache: Int) {
    let record = caches + cache
    var next = first
    var discarded = Self.noPage
    while next != Self.noPage {
      let page = Int(next)
      next = pages[page].next
      if pages[page].inUse == 0 && record.pointee.partialCount >= record.pointee.minimumPartial {
        pages[page].place = SLUBPlace.full
        pages[page].next = discarded
        discarded = UInt32(truncatingIfNeeded: page)
      } else {
        addPartial(page, record, atTail: true)
      }
    }
    while discarded != Self.noPage {
      let page = Int(discarded)
      discarded = pages[page].next
      discard(page, cache)
    }
  }

  // MARK: Flush and shrink

  /// deactivate_slab: a processor lets its slab go; its own free list goes in front of the slab's.
  func deactivate(_ page: Int, freelist: UInt16, _ cache: Int) {
    let slab = pages + page
    let record = caches + cache
    // Objects that others freed: such a slab goes to the tail.
    let atTail = slab.pointee.freelist != Self.noObject
    if freelist != Self.noObject {
      var last = freelist
      var count: UInt16 = 1
      while nextObject[page << Self.cellShift &+ Int(last)] != Self.noObject {
        last = nextObject[page << Self.cellShift &+ Int(last)]
        count &+= 1
      }
      nextObject[page << Self.cellShift &+ Int(last)] = slab.pointee.freelist
      slab.pointee.freelist = freelist
      slab.pointee.inUse &-= count
    }
    slab.pointee.place = SLUBPlace.full
    if slab.pointee.inUse == 0 && record.pointee.partialCount >= record.pointee.minimumPartial {
      discard(page, cache)
    } else if slab.pointee.freelist != Self.noObject {
      addPartial(page, record, atTail: atTail)
    }
  }

  /// flush_all: every processor gives its slab and its partial list to the node.
  func flush(_ cache: Int) {
    for index in 0..<processors {
      let processor = state.pointee.processors.base + (cache * processors + index)
      let slab = processor.pointee.slab
      let list = processor.pointee.freelist
      let partial = processor.pointee.partial
      processor.pointee = SLUBProcessor()
      if slab != Self.noPage { deactivate(Int(slab), freelist: list, cache) }
      if partial != Self.noPage { putPartials(partial, cache) }
    }
  }

  /// kmem_cache_shrink(): all processors are flushed, every empty slab goes back, and of the rest those with at most 32
  /// free objects come first, the fullest foremost (__kmem_cache_do_shrink; recollection).
  func shrink(_ cache: Int) {
    flush(cache)
    let record = caches + cache
    let promoted = 32
    var byFree = [[Int]](repeating: [], count: promoted + 1)
    var empty: [Int] = []
    var next = record.pointee.partialHead
    while next != Self.noPage {
      let page = Int(next)
      next = pages[page].next
      let free = Int(pages[page].objects - pages[page].inUse)
      if pages[page].inUse == 0 {
        empty.append(page)
      } else if free <= promoted {
        byFree[free].append(page)
      }
    }
    for page in empty {
      removePartial(page, record)
      discard(page, cache)
    }
    for free in (1...promoted).reversed() {
      for page in byFree[free] { removePartial(page, record) }
      for page in byFree[free].reversed() { addPartial(page, record, atTail: false) }
    }
  }
}
