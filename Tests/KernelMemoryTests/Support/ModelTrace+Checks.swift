// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Testing

@testable import KernelMemory

/// What is looked at between the events.
extension ModelTrace {
  func checkAccounts() throws {
    let used = model.mapUsedBytes
    let ledger = model.ledger()
    guard ledger.total == used, ledger.lost >= lostPages * kernelPageSize, model.mapHighWaterBytes >= used,
      used <= model.mapCapacityBytes || model is FreeBSD14
    else {
      throw InvariantViolation(
        "\(name), event \(outcome.events): \(ledger), \(used) bytes used, high water \(model.mapHighWaterBytes),"
          + " capacity \(model.mapCapacityBytes), \(lostPages) pages lost")
    }
  }

  mutating func checkEverything() throws {
    do {
      try model.checkInvariants()
    } catch {
      throw InvariantViolation("\(name), event \(outcome.events): \(error)")
    }
    let ledger = model.ledger()
    let accounts = [
      ledger.live, ledger.rounding, ledger.slabFree, ledger.cpuBuckets, ledger.zoneBuckets, ledger.slabOverhead,
      ledger.bucketStructures, ledger.large,
    ]
    try #require(accounts.allSatisfy { $0 >= 0 }, "\(name), event \(outcome.events): \(ledger)")
    let types = model.mallocTypeStatistics()
    for (index, type) in self.types.enumerated() {
      let row = types[type.index]
      // DragonFly counts a call before it looks at the limit (ks_calls), and a free when the owning CPU has its message.
      let isLate = model is DragonFly
      guard isLate ? row.inUse >= liveOfType[index] : row.inUse == liveOfType[index],
        isLate ? row.requests - row.frees >= row.inUse : row.requests - row.frees == row.inUse,
        row.requests >= requestsOfType[index]
      else {
        throw InvariantViolation(
          "\(name), event \(outcome.events): \(row), \(liveOfType[index]) live, \(requestsOfType[index]) requests")
      }
    }
    for (row, last) in zip(types, lastTypes)
    where row.requests < last.requests || row.frees < last.frees || row.limitBlocks < last.limitBlocks
      || row.mapBlocks < last.mapBlocks || row.sizes & last.sizes != last.sizes
      || (row.highUse ?? 0) < (last.highUse ?? 0)
    {
      throw InvariantViolation("\(name), event \(outcome.events): counters went back from \(last) to \(row)")
    }
    lastTypes = types
    let zones = model.zoneStatistics()
    for (row, last) in zip(zones, lastZones)
    where row.requests < last.requests || row.frees < last.frees || row.failures < last.failures
      || row.pagesReturned < last.pagesReturned
    {
      throw InvariantViolation("\(name), event \(outcome.events): counters went back from \(last) to \(row)")
    }
    lastZones = zones
    var held = Array(repeating: 0, count: zones.count)
    for item in live { if let zone = item.zone { held[zone.index] += 1 } }
    for zone in self.zones {
      let row = zones[zone.index]
      // On illumos and Linux some of these objects come from the caches of malloc.
      let isShared = row.name.hasPrefix("kmem_alloc_") || row.name.hasPrefix("kmalloc-")
      guard isShared ? row.used >= held[zone.index] : row.used == held[zone.index], row.free >= 0,
        row.requests - row.frees == UInt64(row.used)
      else {
        throw InvariantViolation("\(name), event \(outcome.events): \(row), \(held[zone.index]) live")
      }
    }
  }

  /// A dead kernel answers null to everything and changes no more.
  mutating func checkDead() throws {
    let used = model.mapUsedBytes
    let failure = model.failure
    if let item = live.last, item.zone == nil { model.free(item.address, types[item.type]) }
    if let item = live.last, let zone = item.zone { model.zoneFree(zone, item.address) }
    #expect(model.malloc(100, types[0], .wait) == .null && model.malloc(20_000, types[0], .noWait) == .null, "\(name)")
    #expect(zones.allSatisfy { model.zoneAlloc($0, .wait) == .null }, "\(name)")
    model.loseAddressSpace(pages: 1)
    model.reclaim()
    model.advance(to: clock + 100_000_000_000)
    #expect(model.failure == failure && model.mapUsedBytes == used, "\(name): \(String(describing: failure))")
    try checkAccounts()
    try checkEverything()
  }

  /// Everything is given back: nothing is live.
  mutating func finish() throws {
    while let item = live.popLast() { release(item) }
    try checkEverything()
    let ledger = model.ledger()
    #expect(model.failure == nil, "\(name)")
    #expect(ledger.live == 0 && ledger.rounding == 0 && ledger.large == 0, "\(name): \(ledger)")
  }
}
