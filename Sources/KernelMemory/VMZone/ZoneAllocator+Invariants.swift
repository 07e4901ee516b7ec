// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension ZoneAllocator {
  /// Checks every list against the cells, the page owners and the counters.
  ///
  /// - Throws: the first violation, with its values.
  public func checkInvariants() throws(InvariantViolation) {
    for index in names.indices { try checkZone(index) }
  }

  private func checkZone(_ index: Int) throws(InvariantViolation) {
    let zone = zones[index]
    let name = names[index]
    var length = 0
    var inFallback = 0
    var next = zone.head
    while next != Self.endOfList {
      let cell = Int(next)
      guard cell < cells + fallbackPages * Self.granulesPerPage, Int(owner(cell)) == index else {
        throw InvariantViolation("zone \(name): cell \(cell) of the free list is not of the zone")
      }
      length += 1
      if cell >= cells { inFallback += 1 }
      guard length <= zone.total else { throw InvariantViolation("zone \(name): the free list has a loop") }
      next = link(cell)
    }
    guard length == zone.freeCount else {
      throw InvariantViolation("zone \(name): \(length) items on the free list, \(zone.freeCount) counted")
    }
    guard inFallback == zone.fallbackTotal - zone.fallbackUsed else {
      throw InvariantViolation(
        "zone \(name): \(inFallback) free items in the second map, expected"
          + " \(zone.fallbackTotal) - \(zone.fallbackUsed)")
    }

    var items = 0
    var used = 0
    var pages = 0
    func count(_ cell: Int) {
      pages += 1
      for granule in cell..<cell + Self.granulesPerPage where link(granule) != Self.notAnItem {
        items += 1
        if link(granule) == Self.inUse { used += 1 }
      }
    }
    for page in 0..<state.pointee.ownedEnd where Int(owners[page]) == index { count(page * Self.granulesPerPage) }
    for page in 0..<state.pointee.fallbackOwnedEnd where Int(fallbackOwners[page]) == index {
      count(cells + page * Self.granulesPerPage)
    }
    guard items == zone.total, pages == zone.pages, used == zone.total - zone.freeCount else {
      throw InvariantViolation(
        "zone \(name): \(items) items, \(used) used on \(pages) pages; the counters say"
          + " \(zone.total), \(zone.total - zone.freeCount), \(zone.pages)")
    }
    guard zone.requests >= zone.frees, zone.requests - zone.frees == UInt64(used) else {
      throw InvariantViolation("zone \(name): \(zone.requests) requests, \(zone.frees) frees, \(used) in use")
    }
  }
}
