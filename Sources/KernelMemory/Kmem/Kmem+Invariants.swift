// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension Kmem {
  /// What the pages say about one cache.
  private struct Found {
    var pages = 0
    var total = 0
    var inSlabs = 0
    var live = 0
    var requested = 0
    var partial = 0
    var complete = 0
  }

  /// Checks pages, slabs, trees, magazines and counters against each other.
  ///
  /// - Throws: the first violation, with its values.
  public func checkInvariants() throws(InvariantViolation) {
    var found = [Found](repeating: Found(), count: state.pointee.caches.count)
    var oversize = 0
    var slabPages = 0
    var page = 0
    while page < state.pointee.pageEnd {
      switch pages[page].kind {
      case KmemPageKind.slab:
        let cache = Int(pages[page].cache)
        try checkSlab(page, cache, &found[cache])
        slabPages += caches[cache].layout.slabPages
        page += caches[cache].layout.slabPages
      case KmemPageKind.oversize:
        guard heap.space.isUsed(page: page, pages: Int(pages[page].chunks)) else {
          throw InvariantViolation("kmem: the oversize allocation at page \(page) lies in free pages")
        }
        oversize += Int(pages[page].chunks)
        page += Int(pages[page].chunks)
      default: page += 1
      }
    }
    for index in found.indices { try checkCache(index, found[index]) }
    guard oversize == state.pointee.oversizePages else {
      throw InvariantViolation("kmem: \(oversize) oversize pages, counted \(state.pointee.oversizePages)")
    }
    let sum = slabPages + oversize + state.pointee.lostPages + state.pointee.hashPages
    guard sum == heap.space.usedPages else {
      throw InvariantViolation("kmem: \(sum) pages accounted, \(heap.space.usedPages) of the heap in use")
    }
    try checkMagazines()
    try heap.space.checkInvariants(name: "heap")
  }

  private func checkSlab(_ page: Int, _ cache: Int, _ found: inout Found) throws(InvariantViolation) {
    let slab = pages[page]
    let layout = caches[cache].layout
    for index in page..<page + layout.slabPages {
      guard Int(pages[index].head) == page, pages[index].kind == KmemPageKind.slab else {
        throw InvariantViolation("\(names[cache]): page \(index) is not of the slab at \(page)")
      }
    }
    guard heap.space.isUsed(page: page, pages: layout.slabPages) else {
      throw InvariantViolation("\(names[cache]): slab \(page) lies in free pages")
    }
    var free = 0
    var buffer = slab.free
    while buffer != Self.none {
      guard buffer >= slab.base, (buffer - slab.base) % UInt32(layout.chunkSize) == 0, free < Int(slab.chunks),
        requested[Int(buffer) >> Self.cellShift] == 0
      else { throw InvariantViolation("\(names[cache]): buffer \(buffer) of slab \(page) is wrong on its free list") }
      free += 1
      buffer = nextFree[Int(buffer) >> Self.cellShift]
    }
    guard free + Int(slab.inUse) == Int(slab.chunks), slab.inUse > 0, slab.isPartial == (free > 0) else {
      throw InvariantViolation(
        "\(names[cache]): slab \(page) lists \(free) of \(slab.chunks) buffers, \(slab.inUse) in use")
    }
    for chunk in 0..<Int(slab.chunks) {
      let size = requested[(Int(slab.base) + chunk * layout.chunkSize) >> Self.cellShift]
      if size != 0 {
        found.live += 1
        found.requested += Int(size)
      }
    }
    found.pages += layout.slabPages
    found.total += Int(slab.chunks)
    found.inSlabs += free
    if slab.isPartial { found.partial += 1 } else { found.complete += 1 }
  }

  private func checkCache(_ index: Int, _ found: Found) throws(InvariantViolation) {
    let cache = caches[index]
    let name = names[index]
    guard found.pages == cache.pages, found.total == cache.total, found.inSlabs == cache.inSlabs else {
      throw InvariantViolation(
        "\(name): \(found.pages) pages, \(found.total) buffers, \(found.inSlabs) free in slabs; counted"
          + " \(cache.pages), \(cache.total), \(cache.inSlabs)")
    }
    guard found.partial == cache.partialSlabs, found.complete == cache.completeSlabs,
      UInt64(found.partial + found.complete) == cache.slabsCreated &- cache.slabsDestroyed
    else {
      throw InvariantViolation(
        "\(name): \(found.partial) partial and \(found.complete) complete slabs, counted \(cache.partialSlabs),"
          + " \(cache.completeSlabs)")
    }
    if !cache.flags.contains(.metadata) {
      guard found.live == cache.live, found.requested == cache.requestedBytes else {
        throw InvariantViolation(
          "\(name): \(found.live) buffers of \(found.requested) bytes live, counted \(cache.live) of"
            + " \(cache.requestedBytes)")
      }
    }
    var order: [Int] = []
    collect(cache.partialRoot, index, into: &order)
    guard order.count == cache.partialSlabs else {
      throw InvariantViolation("\(name): \(order.count) slabs in the tree, counted \(cache.partialSlabs)")
    }
    for (first, second) in zip(order, order.dropFirst()) {
      let left = weight(first, caches + index)
      let right = weight(second, caches + index)
      guard left < right || (left == right && pages[first].structure < pages[second].structure) else {
        throw InvariantViolation("\(name): slabs \(first) and \(second) are in the wrong order")
      }
    }
  }

  private func collect(_ root: UInt32, _ cache: Int, into order: inout [Int]) {
    var stack: [UInt32] = []
    var node = root
    while node != Self.none || !stack.isEmpty {
      while node != Self.none {
        stack.append(node)
        node = pages[Int(node)].left
      }
      let page = stack.removeLast()
      order.append(Int(page))
      node = pages[Int(page)].right
    }
  }

  /// Every magazine is where one cache has it, its rounds are buffers of that cache, and each lies in one magazine.
  private func checkMagazines() throws(InvariantViolation) {
    var magazines = [Int](repeating: 0, count: KmemMagazineType.all.count)
    for index in 0..<state.pointee.caches.count {
      let cache = caches[index]
      var rounds: [UInt32] = []
      var inProcessors = 0
      func add(_ magazine: UInt32, _ count: Int) {
        magazines[cache.magazineType] += 1
        for round in 0..<count {
          rounds.append(state.pointee.magazineRounds[Int(magazine) * Self.magazineStride + round])
        }
      }
      for number in 0..<processors {
        let processor = state.pointee.processors.base[index * processors + number]
        for (magazine, count) in [
          (processor.loaded, processor.rounds), (processor.previous, processor.previousRounds),
        ] where magazine != Self.none {
          guard count >= 0, count <= cache.magazineSize else {
            throw InvariantViolation("\(names[index]): a magazine of \(count) rounds, size \(cache.magazineSize)")
          }
          add(magazine, count)
          inProcessors += count
        }
      }
      for (list, count) in [(cache.full, cache.roundsOfType), (cache.empty, 0)] {
        var length = 0
        var magazine = list.head
        while magazine != Self.none {
          add(magazine, count)
          length += 1
          guard length <= list.total else { break }
          magazine = state.pointee.magazineLinks[Int(magazine)]
        }
        guard length == list.total, list.minimum <= list.total else {
          throw InvariantViolation("\(names[index]): \(length) magazines in the depot, counted \(list.total)")
        }
      }
      guard inProcessors == cache.inProcessors else {
        throw InvariantViolation(
          "\(names[index]): \(inProcessors) buffers with processors, counted \(cache.inProcessors)")
      }
      rounds.sort()
      for (first, second) in zip(rounds, rounds.dropFirst()) where first == second {
        throw InvariantViolation("\(names[index]): buffer \(first) lies in two magazines")
      }
      for buffer in rounds {
        let page = pages[Int(buffer) >> 12]
        guard page.kind == KmemPageKind.slab, Int(page.cache) == index, requested[Int(buffer) >> Self.cellShift] == 0
        else { throw InvariantViolation("\(names[index]): buffer \(buffer) of a magazine is not one of the cache") }
      }
    }
    for (type, count) in magazines.enumerated() where caches[Self.magazineCaches + type].live != count {
      throw InvariantViolation(
        "\(names[type]): \(count) magazines in use, counted \(caches[Self.magazineCaches + type].live)")
    }
  }
}
