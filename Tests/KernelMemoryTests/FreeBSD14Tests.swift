// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Testing

@testable import KernelMemory

/// Working sets, the soft limit, the two arenas and what FreeBSD 14 prints.
@Suite struct FreeBSD14Tests {
  private let interval: UInt64 = 20_000_000_000

  /// Allocates and frees so many items of 256 bytes.
  private func swing(_ model: FreeBSD14, _ count: Int) {
    let type = model.mallocType(named: "temp")
    let held = (0..<count).map { _ in model.malloc(256, type, .wait) }
    for item in held { model.free(item, type) }
  }

  private func zone(_ model: FreeBSD14, _ name: String) throws -> VMemUMA.Zone {
    model.uma.zones[try #require(model.uma.zoneIndex(named: name))]
  }

  @Test func theWorkingSetFollowsTheSwing() throws {
    let model = try smallFreeBSD14()
    swing(model, 610)
    let first = try zone(model, "malloc-256")
    #expect(first.bucketItems > 400)
    let delta = first.intervalMaximum - first.intervalMinimum
    model.advance(to: interval)
    #expect(try zone(model, "malloc-256").workingSet == 4 * delta / 5)
    #expect(try zone(model, "malloc-256").intervalMaximum == first.bucketItems)
    #expect(try zone(model, "malloc-256").intervalMinimum == first.bucketItems)
    // The second swing takes every bucket out and puts it back.
    swing(model, 610)
    let second = try zone(model, "malloc-256")
    #expect(second.intervalMinimum < first.bucketItems)
    let expected = (4 * (second.intervalMaximum - second.intervalMinimum) + second.workingSet) / 5
    model.advance(to: 2 * interval)
    #expect(try zone(model, "malloc-256").workingSet == expected)
    // Without any use the estimate is a fifth at each mark, and so however far the clock goes at once.
    model.advance(to: 4 * interval)
    #expect(try zone(model, "malloc-256").workingSet == expected / 5 / 5)
    model.advance(to: 5000 * interval)
    #expect(try zone(model, "malloc-256").workingSet == 0)
    try model.checkInvariants()
  }

  @Test func aTrimSparesTheWorkingSet() throws {
    let model = try smallFreeBSD14()
    swing(model, 1220)
    let items = try zone(model, "malloc-256").bucketItems
    // In the first interval everything counts as working set.
    model.reclaim(.trim)
    #expect(try zone(model, "malloc-256").bucketItems == items)
    model.advance(to: interval)
    swing(model, 305)
    model.advance(to: 2 * interval)
    let estimate = try zone(model, "malloc-256").workingSet
    #expect(estimate > 0 && estimate < items)
    swing(model, 305)
    let before = try zone(model, "malloc-256")
    model.reclaim(.trim)
    let after = try zone(model, "malloc-256")
    let target = max(before.workingSet, before.bucketItems - before.intervalMinimum)
    #expect(after.bucketItems <= target && after.bucketItems > target - 61)
    model.reclaim(.drain)
    #expect(try zone(model, "malloc-256").bucketItems == 0)
    #expect(try model.row("malloc-256").cpuFree > 0)
    model.reclaim(.drainCPU)
    #expect(try model.row("malloc-256").pages == 0)
    try model.checkInvariants()
  }

  @Test func theColdEndIsTrimmedFirst() throws {
    let model = try smallFreeBSD14()
    swing(model, 610)
    let zone = try zone(model, "malloc-256")
    let warm = zone.firstBucket
    let cold = zone.lastBucket
    #expect(warm != cold)
    model.advance(to: interval)
    model.advance(to: 30 * interval)
    let index = try #require(model.uma.zoneIndex(named: "malloc-256"))
    model.uma.zones[index].workingSet = zone.bucketItems - 1
    model.uma.reclaimBuckets(index, trimming: true)
    #expect(model.uma.zones[index].firstBucket == warm)
    #expect(model.uma.zones[index].bucketCount == zone.bucketCount - 1)
    // A bucket of a per-CPU cache that is drained goes to the cold end.
    let cached = try #require(model.uma.caches[index].alloc)
    model.uma.caches[index].alloc = nil
    model.uma.pushBucket(index, cached, isWarm: false)
    #expect(model.uma.zones[index].lastBucket == cached)
    #expect(model.uma.zones[index].firstBucket == warm)
  }

  @Test func thePageDaemonTrimsAndDrainsWherePagesAreShort() throws {
    let pages = PhysicalPages(totalPages: 4000)
    let model = try smallFreeBSD14(physical: pages)
    swing(model, 610)
    model.reclaim()
    #expect(try zone(model, "malloc-256").bucketItems > 0)
    #expect(try model.row("malloc-256").cpuFree > 0)
    #expect(pages.take(pages.free - pages.freeMinimum + 1))
    model.reclaim()
    #expect(try model.row("malloc-256").pages == 0)
    try model.checkInvariants()
  }

  @Test func theSoftLimitWakesTheWorkerAndRefusesNothing() throws {
    let model = try smallFreeBSD14(pages: 512)
    let type = model.mallocType(named: "temp")
    #expect(model.softLimitBytes == 512 * 4096)
    var held: [KernelAddress] = []
    while model.mapUsedBytes <= model.softLimitBytes + 4096 { held.append(model.malloc(4096, type, .wait)) }
    for item in held { model.free(item, type) }
    #expect(model.reclaimWorkerRuns == 0, "the worker has not had its turn")
    let used = model.mapUsedBytes
    _ = model.malloc(200, type, .wait)
    #expect(model.reclaimWorkerRuns == 1)
    #expect(model.mapUsedBytes < used - 300 * 4096, "the caches, too, were drained")
    // Live memory above the limit is not refused; the worker runs once a second and not more.
    held = (0..<2000).map { _ in model.malloc(4096, type, .wait) }
    #expect(!held.contains(.null))
    #expect(model.mapUsedBytes > 4 * model.softLimitBytes - 512 * 4096)
    #expect(model.reclaimWorkerRuns == 1)
    model.advance(to: 999_999_999)
    #expect(model.reclaimWorkerRuns == 1)
    model.advance(to: 1_000_000_000)
    #expect(model.reclaimWorkerRuns == 2)
    model.advance(to: 5_000_000_000)
    #expect(model.reclaimWorkerRuns == 2, "nothing was allocated meanwhile")
    #expect(model.failure == nil)
    try model.checkInvariants()
  }

  @Test func theDomainImportsSuperpagesAndKeepsThem() throws {
    let model = try smallFreeBSD14()
    let type = model.mallocType(named: "temp")
    #expect(model.uma.arena.size == 1024)
    let item = model.malloc(9 << 20, type, .wait)
    #expect(model.uma.arena.size == 1024 + 3072, "9 MiB in pieces of 4")
    #expect(model.kernelArena.inUse == 4096)
    model.free(item, type)
    #expect(model.uma.arena.size == 4096)
    #expect(model.largestFreeBytes > 600 << 20)
    let amd64 = try smallFreeBSD14(architecture: .amd64)
    _ = amd64.malloc(9 << 20, amd64.mallocType(named: "temp"), .wait)
    #expect(amd64.uma.arena.size % 512 == 0)
    #expect(amd64.uma.arena.size / 512 == 5)
    try model.checkInvariants()
    try amd64.checkInvariants()
  }

  @Test func aFullArenaIsWaitedFor() throws {
    let model = try smallFreeBSD14()
    let type = model.mallocType(named: "temp")
    #expect(model.malloc(800 << 20, type, .noWait) == .null)
    #expect(model.failure == nil)
    model.loseAddressSpace(pages: model.largestFreeBytes / 4096)
    #expect(model.malloc(8 << 20, type, .wait) == .null)
    #expect(
      model.failure
        == .stuck(reason: "kernel arena: no 8388608 bytes after the reclaim worker ran", requestBytes: 8 << 20))
    try model.checkInvariants()
  }

  @Test func aLimitCountsItemsAndThoseInCaches() throws {
    let model = try smallFreeBSD14(cpus: 2)
    let zone = try #require(model.zone(named: "NAMEI"))
    model.setLimit(of: zone, items: 10)
    #expect(try model.row("NAMEI").limit == 10)
    let held = (0..<9).map { _ in model.zoneAlloc(zone, .noWait) }
    #expect(!held.contains(.null))
    // The tenth item lies in the first processor's bucket.
    model.currentCPU = 1
    #expect(model.zoneAlloc(zone, .noWait) == .null)
    #expect(try model.row("NAMEI").failures == 1)
    model.currentCPU = 0
    #expect(model.zoneAlloc(zone, .noWait) != .null)
    #expect(model.zoneAlloc(zone, .wait) == .null)
    #expect(model.failure == .stuck(reason: "zonelimit", requestBytes: 1024))
    try model.checkInvariants()
  }

  @Test("All that UMA holds is in the accounts", arguments: Architecture.allCases)
  func allThatUMAHoldsIsInTheAccounts(architecture: Architecture) throws {
    let model = try smallFreeBSD14(architecture: architecture)
    let type = model.mallocType(named: "temp")
    for size in [16, 300, 5000, 70_000] { _ = model.malloc(size, type, .wait) }
    #expect(model.ledger().total == model.mapUsedBytes)
    #expect(model.ledger().live == 16 + 300 + 5000)
    #expect(model.ledger().large == 18 * 4096)
    #expect(model.mapUsedBytes <= model.mapCapacityBytes)
    #expect((model.directMapBytes > 0) == (architecture == .amd64))
    #expect(try model.row("malloc-16").isInMap)
    #expect(try model.row("UMA Slabs 0").used > 0)
    try model.checkInvariants()
  }

  @Test func vmstatHasTheColumnsOf14() throws {
    let model = try smallFreeBSD14()
    let temp = model.mallocType(named: "temp")
    for _ in 0..<41 { _ = model.malloc(16, temp, .wait) }
    _ = model.malloc(65_536, temp, .wait)
    #expect(
      model.vmstatM() == """
                 Type InUse MemUse Requests  Size(s)
                 temp    42    65K       42  16,65536

        """)
    let zone = try #require(model.zone(named: "NAMEI"))
    _ = model.zoneAlloc(zone, .wait)
    let lines = model.vmstatZ().split(separator: "\n", omittingEmptySubsequences: false)
    #expect(lines[0] == "ITEM                   SIZE  LIMIT     USED     FREE      REQ FAILSLEEP XDOM")
    #expect(lines.contains("NAMEI:                 1024,      0,       1,      15,       1,   0,   0,   0"))
    #expect(lines.contains("malloc-65536:         65536,      0,       1,       0,       1,   0,   0,   0"))
    #expect(lines.count == model.zoneStatistics().count + 2)
  }

  @Test func theFactSheetSaysWhatTheModelIs() {
    #expect(FreeBSD14.identifier == "freebsd-14")
    #expect(FreeBSD14.factSheet.facts.count > 20)
    #expect(FreeBSD14.factSheet.facts.contains { $0.confidence == .inferred })
  }
}
