// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension SLUB {
  /// What the pages say about one cache.
  private struct Found {
    var slabs = 0
    var objects = 0
    var pages = 0
    var live = 0
    var requested = 0
    var nodeSlabs = 0
    var nodeFree = 0
    var listed = 0
  }

  /// Checks pages, slabs, lists and counters against each other.
  ///
  /// - Throws: the first violation, with its values.
  public func checkInvariants() throws(InvariantViolation) {
    var found = [Found](repeating: Found(), count: state.pointee.caches.count)
    var largePages = 0
    var slabPages = 0
    var page = 0
    while page < state.pointee.pageEnd {
      switch pages[page].kind {
      case SLUBPageKind.slab:
        let head = Int(pages[page].head)
        guard head == page else { throw InvariantViolation("slub: page \(page) belongs to slab \(head)") }
        try checkSlab(page, &found[Int(pages[page].cache)])
        slabPages += 1 << Int(pages[page].order)
        page += 1 << Int(pages[page].order)
      case SLUBPageKind.large:
        guard !buddy.isInFreeBlock(page) else {
          throw InvariantViolation("slub: the large allocation at page \(page) lies in free pages")
        }
        largePages += 1 << Int(pages[page].order)
        page += 1 << Int(pages[page].order)
      default: page += 1
      }
    }
    for index in found.indices { try checkCache(index, found[index]) }
    guard largePages == state.pointee.largePages else {
      throw InvariantViolation("slub: large allocations of \(largePages) pages, counted \(state.pointee.largePages)")
    }
    guard slabPages + largePages + state.pointee.lostPages == buddy.usedPages else {
      throw InvariantViolation(
        "slub: \(slabPages) pages of slabs, \(largePages) large, \(state.pointee.lostPages) lost;"
          + " \(buddy.usedPages) in use")
    }
    try buddy.checkInvariants()
  }

  private func checkSlab(_ page: Int, _ found: inout Found) throws(InvariantViolation) {
    let slab = pages[page]
    let name = names[Int(slab.cache)]
    guard !buddy.isInFreeBlock(page) else { throw InvariantViolation("\(name): slab \(page) lies in free pages") }
    for index in page..<page + 1 << Int(slab.order) {
      guard Int(pages[index].head) == page, pages[index].kind == SLUBPageKind.slab else {
        throw InvariantViolation("\(name): page \(index) is not of the slab at \(page)")
      }
    }
    let free = try listLength(page, slab.freelist, limit: Int(slab.objects))
    var live = 0
    for cell in page << Self.cellShift..<page << Self.cellShift + Int(slab.objects) where requested[cell] != 0 {
      live += 1
      found.requested += Int(requested[cell])
    }
    guard free == Int(slab.objects) - Int(slab.inUse) else {
      throw InvariantViolation(
        "\(name): slab \(page) lists \(free) free objects, \(slab.inUse) of \(slab.objects) used")
    }
    switch slab.place {
    case SLUBPlace.full:
      guard free == 0, live == Int(slab.objects) else {
        throw InvariantViolation("\(name): slab \(page) on no list has \(live) of \(slab.objects) objects in use")
      }
    case SLUBPlace.node:
      found.nodeSlabs += 1
      found.nodeFree += free
      guard free > 0, live == Int(slab.inUse) else {
        throw InvariantViolation("\(name): partial slab \(page) has \(live) live objects, \(slab.inUse) counted")
      }
    case SLUBPlace.cpuPartial:
      guard free > 0, live == Int(slab.inUse) else {
        throw InvariantViolation("\(name): slab \(page) of a processor's list has \(live) live, \(slab.inUse) counted")
      }
    default: break
    }
    found.slabs += 1
    found.objects += Int(slab.objects)
    found.pages += 1 << Int(slab.order)
    found.live += live
  }

  private func checkCache(_ index: Int, _ found: Found) throws(InvariantViolation) {
    let cache = caches[index]
    let name = names[index]
    guard found.slabs == cache.slabs, found.objects == cache.totalObjects, found.pages == cache.pages else {
      throw InvariantViolation(
        "\(name): \(found.slabs) slabs, \(found.objects) objects, \(found.pages) pages; counted"
          + " \(cache.slabs), \(cache.totalObjects), \(cache.pages)")
    }
    guard cache.allocations >= cache.frees, found.live == cache.live, found.requested == cache.requestedBytes else {
      throw InvariantViolation(
        "\(name): \(found.live) objects of \(found.requested) bytes live, counted \(cache.live) of"
          + " \(cache.requestedBytes)")
    }
    guard found.nodeSlabs == cache.partialCount, found.nodeFree == cache.nodeFree else {
      throw InvariantViolation(
        "\(name): \(found.nodeSlabs) partial slabs with \(found.nodeFree) free objects, counted"
          + " \(cache.partialCount), \(cache.nodeFree)")
    }
    var length = 0
    var page = cache.partialHead
    var previous = Self.noPage
    while page != Self.noPage {
      let slab = pages[Int(page)]
      guard slab.place == SLUBPlace.node, Int(slab.cache) == index, slab.previous == previous,
        length < cache.partialCount
      else { throw InvariantViolation("\(name): slab \(page) is wrong on the node's list") }
      length += 1
      previous = page
      page = slab.next
    }
    guard length == cache.partialCount, cache.partialTail == previous else {
      throw InvariantViolation("\(name): \(length) slabs on the node's list, counted \(cache.partialCount)")
    }
    try checkProcessors(index)
  }

  private func checkProcessors(_ index: Int) throws(InvariantViolation) {
    let name = names[index]
    for number in 0..<processors {
      let processor = state.pointee.processors.base[index * processors + number]
      if processor.slab == Self.noPage {
        guard processor.freelist == Self.noObject else {
          throw InvariantViolation("\(name): processor \(number) has free objects and no slab")
        }
      } else {
        let page = Int(processor.slab)
        guard pages[page].place == SLUBPlace.cpu, Int(pages[page].cache) == index else {
          throw InvariantViolation("\(name): the slab \(page) of processor \(number) is not frozen")
        }
        let own = try listLength(page, processor.freelist, limit: Int(pages[page].objects))
        let live = (0..<Int(pages[page].objects)).count { requested[page << Self.cellShift + $0] != 0 }
        guard own + live == Int(pages[page].inUse) else {
          throw InvariantViolation(
            "\(name): slab \(page) has \(live) live and \(own) of processor \(number), counted \(pages[page].inUse)")
        }
      }
      var page = processor.partial
      var expected = page == Self.noPage ? 0 : Int(pages[Int(page)].slabs)
      while page != Self.noPage {
        let slab = pages[Int(page)]
        guard slab.place == SLUBPlace.cpuPartial, Int(slab.cache) == index, Int(slab.slabs) == expected else {
          throw InvariantViolation("\(name): slab \(page) is wrong on the list of processor \(number)")
        }
        expected -= 1
        page = slab.next
      }
    }
  }

  /// Objects of a free list, each of them not in use.
  private func listLength(_ page: Int, _ first: UInt16, limit: Int) throws(InvariantViolation) -> Int {
    var length = 0
    var object = first
    while object != Self.noObject {
      let cell = page << Self.cellShift + Int(object)
      guard Int(object) < limit, requested[cell] == 0, length < limit else {
        throw InvariantViolation("slub: object \(object) of slab \(page) is wrong on a free list")
      }
      length += 1
      object = nextObject[cell]
    }
    return length
  }
}
