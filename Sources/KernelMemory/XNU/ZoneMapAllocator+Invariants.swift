// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension ZoneMapAllocator {
  private struct Sums {
    var used = 0
    var free = 0
    var pages = 0
    var live = 0
    var intermediate = 0
    var allFree = 0
    var allFreePages = 0
  }

  /// Checks chunks, queues, lists and accounts against each other.
  ///
  /// - Throws: the first violation, with its values.
  public func checkInvariants() throws(InvariantViolation) {
    var sums = [Sums](repeating: Sums(), count: names.count)
    var page = 0
    while page < min(state.pointee.recordEnd, map.space.capacityPages) {
      guard chunks[page].state != .absent else {
        page += 1
        continue
      }
      try checkChunk(page, &sums)
      page += Int(chunks[page].pages)
    }
    var live = 0
    var elements = 0
    var pages = 0
    for (index, name) in names.enumerated() {
      let zone = zones[index]
      let sum = sums[index]
      guard sum.used == zone.used, sum.free == zone.free, sum.pages == zone.pages,
        sum.allFreePages == zone.allFreePages, (sum.used + sum.free) * zone.size == zone.currentBytes
      else {
        throw InvariantViolation(
          "zone \(name): chunks hold \(sum.used) used, \(sum.free) free on \(sum.pages) pages, \(sum.allFreePages)"
            + " all free; counted \(zone.used), \(zone.free), \(zone.pages), \(zone.allFreePages),"
            + " \(zone.currentBytes) bytes")
      }
      guard zone.requests >= zone.frees, zone.requests - zone.frees == UInt64(zone.used) else {
        throw InvariantViolation("zone \(name): \(zone.requests) requests, \(zone.frees) frees, \(zone.used) in use")
      }
      try checkQueue(zone.intermediate, .intermediate, index, sum.intermediate)
      try checkQueue(zone.allFree, .allFree, index, sum.allFree)
      live += sum.live
      elements += zone.currentBytes
      pages += zone.pages
    }
    let now = state.pointee
    guard live == now.bytesAskedFor - now.bytesGivenBack, elements == now.elementBytes, pages == now.usedPages else {
      throw InvariantViolation(
        "zone_map: elements hold \(live) of \(elements) bytes on \(pages) pages; the accounts say"
          + " \(now.bytesAskedFor) - \(now.bytesGivenBack), \(now.elementBytes), \(now.usedPages)")
    }
  }

  private func checkChunk(_ page: Int, _ sums: inout [Sums]) throws(InvariantViolation) {
    let chunk = chunks[page]
    let index = Int(chunk.zone)
    let name = "zone \(names[index]), chunk at page \(page)"
    let pages = Int(chunk.pages)
    guard pages > 0, page + pages <= map.space.capacityPages, map.space.isUsed(page: page, pages: pages),
      Int(chunk.elements) == pages * kernelPageSize / zones[index].size
    else { throw InvariantViolation("\(name): \(pages) pages, \(chunk.elements) elements") }
    for offset in 0..<pages where Int(state.pointee.pages[page + offset]) != (index + 1) << 8 | offset {
      throw InvariantViolation("\(name): the word of page \(offset) is \(state.pointee.pages[page + offset])")
    }
    var free = 0
    let words = words(zones + index, page: page)
    for number in 0..<Int(chunk.elements) {
      let word = words[number]
      if word >= ItemWords.free {
        free += 1
        continue
      }
      guard word > 0, Int(word) <= zones[index].size else {
        throw InvariantViolation("\(name): element \(number) holds \(word)")
      }
      sums[index].live += Int(word)
    }
    var length = 0
    var next = chunk.head
    while next != ItemWords.end {
      let number = Int(next & ~ItemWords.free)
      guard next >= ItemWords.free, number < Int(chunk.elements), words[number] >= ItemWords.free, length < free else {
        throw InvariantViolation("\(name): element \(number) on the free list")
      }
      length += 1
      next = words[number]
    }
    guard free == chunk.free, length == free else {
      throw InvariantViolation("\(name): \(free) free elements, \(length) listed, \(chunk.free) counted")
    }
    let expected: ChunkState = free == 0 ? .allUsed : free == chunk.elements ? .allFree : .intermediate
    guard chunk.state == expected else { throw InvariantViolation("\(name): \(free) free, but \(chunk.state)") }
    sums[index].used += Int(chunk.elements) - free
    sums[index].free += free
    sums[index].pages += pages
    if expected == .intermediate { sums[index].intermediate += 1 }
    if expected == .allFree {
      sums[index].allFree += 1
      sums[index].allFreePages += pages
    }
  }

  private func checkQueue(
    _ queue: Queue, _ kind: ChunkState, _ index: Int, _ expected: Int
  ) throws(InvariantViolation) {
    var length = 0
    var previous = Self.none
    var next = queue.head
    while next != Self.none {
      let chunk = chunks[Int(next)]
      guard chunk.state == kind, Int(chunk.zone) == index, length < expected,
        previous == Self.none || chunk.previous == previous
      else {
        throw InvariantViolation("zone \(names[index]): chunk at page \(next) in the queue \(kind)")
      }
      length += 1
      previous = next
      next = chunk.next
    }
    guard length == expected, previous == Self.none || queue.tail == previous else {
      throw InvariantViolation("zone \(names[index]): \(length) chunks in the queue \(kind), expected \(expected)")
    }
  }
}
