// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension SlabAllocator {
  private struct Sums {
    var live = 0
    var liveChunks = 0
    var transit = 0
    var transitCount = 0
    var capacity = 0
    var zones = 0
    var items = 0
  }

  /// Checks lists, headers, chunks, messages and accounts against each other.
  ///
  /// - Throws: the first violation, with its values.
  public func checkInvariants() throws(InvariantViolation) {
    var sums = Sums()
    for block in 0...(state.pointee.recordEnd >> zoneShift) where zones[block].isLive {
      try checkZone(block, &sums)
    }
    let now = state.pointee
    guard sums.live == now.bytesAskedFor - now.bytesGivenBack, sums.capacity == now.capacityBytes,
      sums.zones == now.liveZones
    else {
      throw InvariantViolation(
        "slab: \(sums.zones) zones hold \(sums.live) of \(sums.capacity) bytes; the accounts say \(now.liveZones),"
          + " \(now.bytesAskedFor) - \(now.bytesGivenBack), \(now.capacityBytes)")
    }
    var queued = 0
    for cpu in 0..<cpus { queued += processors[cpu].messages }
    guard sums.transit == now.transitBytes, sums.transitCount == now.transitCount, queued == now.transitCount else {
      throw InvariantViolation(
        "slab: \(sums.transitCount) frees of \(sums.transit) bytes are on their way, queues hold \(queued), the"
          + " accounts say \(now.transitCount), \(now.transitBytes)")
    }
    var listed = 0
    var retired = 0
    for cpu in 0..<cpus {
      for index in 0..<SlabClasses.count { listed += try checkList(cpu, index) }
      retired += try checkFreeZones(cpu)
    }
    guard retired == now.freeZones else {
      throw InvariantViolation("slab: \(retired) free zones listed, \(now.freeZones) counted")
    }
    let withFree = (0...(state.pointee.recordEnd >> zoneShift)).reduce(0) {
      $0 + (zones[$1].isLive && zones[$1].free > 0 ? 1 : 0)
    }
    guard listed == withFree else {
      throw InvariantViolation("slab: \(listed) zones on class lists, \(withFree) have a free chunk")
    }
    var large = 0
    var largeCount = 0
    for page in 0..<min(state.pointee.recordEnd, map.space.capacityPages) where largePages[page] != 0 {
      guard map.space.isUsed(page: page, pages: Int(largePages[page])) else {
        throw InvariantViolation("slab: the large allocation at page \(page) lies in free pages")
      }
      large += Int(largePages[page]) * kernelPageSize
      largeCount += 1
    }
    guard large == now.largeBytes else {
      throw InvariantViolation("slab: large allocations of \(large) bytes, the account says \(now.largeBytes)")
    }
    try checkTypes(bytes: sums.liveChunks + sums.transit + large, items: sums.items + largeCount)
  }

  private func checkTypes(bytes: Int, items: Int) throws(InvariantViolation) {
    var held = 0
    var inUse = 0
    var calls: UInt64 = 0
    var frees: UInt64 = 0
    for (index, name) in typeNames.enumerated() {
      let type = record(ofType: index)
      held += type.bytes
      inUse += type.inUse
      calls &+= type.calls
      frees &+= type.frees
      guard type.highUse >= type.bytes else {
        throw InvariantViolation(
          "slab: type \"\(name)\" holds \(type.bytes), high use \(type.highUse), \(type.calls) calls,"
            + " \(type.frees) frees")
      }
    }
    // Of all types together: a free under another type than the call's leaves one with more frees than calls.
    guard calls >= frees else { throw InvariantViolation("slab: \(calls) calls, \(frees) frees") }
    guard held == bytes, inUse == items else {
      throw InvariantViolation("slab: types hold \(held) bytes in \(inUse), zones and pages say \(bytes), \(items)")
    }
  }

  private func checkZone(_ block: Int, _ sums: inout Sums) throws(InvariantViolation) {
    let zone = zones[block]
    let name = "slab zone \(block) of \(zone.chunk)"
    guard map.space.isUsed(page: block << zoneShift, pages: 1 << zoneShift) else {
      throw InvariantViolation("\(name): its pages are not all used in the map")
    }
    var free = Int(zone.chunks - zone.fresh)
    guard let words = zone.words else { throw InvariantViolation("\(name): it has no words") }
    for slot in 0..<Int(zone.chunks) {
      if words[slot] >= ItemWords.free { continue }
      let asked = Int(words[slot])
      let isInTransit = asked & Int(Self.inTransit) != 0
      guard slot < zone.fresh, isInTransit || asked > 0 && asked <= zone.chunk else {
        throw InvariantViolation("\(name): chunk \(slot) holds \(asked) bytes, \(zone.fresh) were ever used")
      }
      sums.items += 1
      if isInTransit {
        sums.transit += Int(zone.chunk)
        sums.transitCount += 1
      } else {
        sums.live += asked
        sums.liveChunks += Int(zone.chunk)
      }
    }
    for page in 0..<1 << zoneShift {
      var next = pageHeads[block << zoneShift + page]
      guard (next == ItemWords.end) == (zone.freePages >> UInt32((block << zoneShift + page) & 31) & 1 == 0) else {
        throw InvariantViolation(
          "\(name): the list of page \(page) begins with \(next), the mask is \(String(zone.freePages, radix: 2))")
      }
      while next != ItemWords.end {
        let number = Int(next & ~ItemWords.free)
        guard next >= ItemWords.free, number < zone.fresh, words[number] >= ItemWords.free,
          (Int(zone.base) + number * Int(zone.chunk)) >> 12 == page
        else { throw InvariantViolation("\(name): chunk \(number) on the list of page \(page)") }
        free += 1
        guard free <= zone.chunks else { throw InvariantViolation("\(name): the list of page \(page) has a loop") }
        next = words[number]
      }
    }
    guard free == zone.free else { throw InvariantViolation("\(name): \(free) free chunks, \(zone.free) counted") }
    sums.capacity += Int(zone.chunks) * Int(zone.chunk)
    sums.zones += 1
  }

  private func checkList(_ cpu: Int, _ index: Int) throws(InvariantViolation) -> Int {
    var length = 0
    var previous = Self.none
    var next = classHeads[cpu * SlabClasses.count + index]
    while next != Self.none {
      let zone = zones[Int(next)]
      guard zone.isLive, zone.free > 0, Int(zone.cpu) == cpu, Int(zone.classIndex) == index,
        previous == Self.none || zone.previous == previous
      else { throw InvariantViolation("slab: zone \(next) on the list of class \(index) of processor \(cpu)") }
      length += 1
      guard length <= state.pointee.liveZones else { throw InvariantViolation("slab: class \(index) has a loop") }
      previous = next
      next = zone.next
    }
    return length
  }

  private func checkFreeZones(_ cpu: Int) throws(InvariantViolation) -> Int {
    var length = 0
    var next = processors[cpu].freeZones
    while next != Self.none {
      guard !zones[Int(next)].isLive, map.space.isUsed(page: Int(next) << zoneShift, pages: 1 << zoneShift) else {
        throw InvariantViolation("slab: zone \(next) on the free zones of processor \(cpu)")
      }
      length += 1
      guard length <= state.pointee.freeZones else { throw InvariantViolation("slab: free zones have a loop") }
      next = zones[Int(next)].next
    }
    guard length == processors[cpu].freeZoneCount else {
      throw InvariantViolation(
        "slab: \(length) free zones of processor \(cpu), \(processors[cpu].freeZoneCount) counted")
    }
    return length
  }
}
