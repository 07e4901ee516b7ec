// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Testing

@testable import KernelMemory

/// Full arenas, limits, short memory, and what is printed.
@Suite struct FreeBSD11ExhaustionTests {
  @Test func aWaitingCallerWakesTheReclaimWorkerAndGoesOn() throws {
    let model = try smallFreeBSD11(pages: 512)
    let type = model.mallocType(named: "temp")
    // Freed items of another zone fill the arena, some in the caches of this processor.
    var held: [KernelAddress] = []
    while model.largestFreeBytes >= 20 * 4096 { held.append(model.malloc(2048, type, .wait)) }
    for item in held { model.free(item, type) }
    #expect(model.reclaimWorkerRuns == 0)
    #expect(model.malloc(200 * 4096, type, .wait) != .null)
    #expect(model.reclaimWorkerRuns == 1)
    #expect(try model.row("2048").pages == 0, "the worker reaches the caches")
    #expect(model.failure == nil)
    try model.checkInvariants()
  }

  @Test func whoDoesNotWaitWakesTheWorkerForOthers() throws {
    let model = try smallFreeBSD11(pages: 512)
    let type = model.mallocType(named: "temp")
    let held = (0..<60).map { _ in model.malloc(4096, type, .wait) }
    for item in held { model.free(item, type) }
    #expect(model.malloc(600 * 4096, type, .noWait) == .null)
    #expect(try model.row("4096").pages > 50)
    model.advance(to: 1)
    #expect(model.reclaimWorkerRuns == 1)
    #expect(try model.row("4096").pages == 0)
    #expect(model.malloc(600 * 4096, type, .noWait) == .null)
    model.advance(to: 1_000_000_000)
    #expect(model.reclaimWorkerRuns == 1, "once a second")
    model.advance(to: 1_000_000_001)
    #expect(model.reclaimWorkerRuns == 2)
  }

  @Test func theWorkerRaisesLowMemoryFirst() throws {
    let model = try smallFreeBSD11(pages: 512)
    let type = model.mallocType(named: "temp")
    var held: [KernelAddress] = []
    while model.largestFreeBytes >= 20 * 4096 { held.append(model.malloc(4096, type, .wait)) }
    var events = 0
    model.lowMemoryHandler = { [unowned model] in
      events += 1
      for item in held { model.free(item, type) }
    }
    #expect(model.malloc(300 * 4096, type, .wait) != .null)
    #expect(events == 1)
    model.lowMemoryHandler = nil
    try model.checkInvariants()
  }

  @Test func aWaitingCallerThatNothingHelpsSleepsForEver() throws {
    let model = try smallFreeBSD11(pages: 512)
    let type = model.mallocType(named: "temp")
    var held: [KernelAddress] = []
    while model.failure == nil { held.append(model.malloc(8000, type, .wait)) }
    #expect(held.last == KernelAddress.null)
    #expect(
      model.failure
        == .stuck(reason: "kmem arena: no 8192 bytes after the reclaim worker ran", requestBytes: 8192))
    #expect(model.largestFreeBytes < 8192)
    try model.checkInvariants()
    let ledger = model.ledger()
    #expect(ledger.total == model.mapUsedBytes)
    model.free(held[0], type)
    model.reclaim()
    model.advance(to: 100_000_000_000)
    model.loseAddressSpace(pages: 1)
    #expect(model.malloc(16, type, .wait) == .null)
    #expect(model.ledger() == ledger, "nothing moves any more")
  }

  @Test func aFragmentedArenaIsFullForALargeRequest() throws {
    let model = try smallFreeBSD11(pages: 512)
    let type = model.mallocType(named: "temp")
    var held: [KernelAddress] = []
    while model.largestFreeBytes >= 17 * 4096 { held.append(model.malloc(17 * 4096, type, .wait)) }
    for index in stride(from: 0, to: held.count, by: 2) { model.free(held[index], type) }
    #expect(model.mapCapacityBytes - model.mapUsedBytes > 100 * 4096)
    #expect(model.malloc(40 * 4096, type, .wait) == .null)
    #expect(
      model.failure
        == .stuck(reason: "kmem arena: no 163840 bytes after the reclaim worker ran", requestBytes: 163_840))
  }

  @Test func aZoneAtItsLimitSleepsOnTheKeg() throws {
    let model = try smallFreeBSD11()
    let zone = try #require(model.zone(named: "NAMEI"))
    model.setLimit(of: zone, items: 10)
    #expect(try model.row("NAMEI").limit == 12, "rounded up to slabs of four")
    let held = (0..<12).map { _ in model.zoneAlloc(zone, .noWait) }
    #expect(!held.contains(.null))
    #expect(model.zoneAlloc(zone, .noWait) == .null)
    #expect(try model.row("NAMEI").failures == 1)
    // While the zone is full, frees go to the slabs.
    model.zoneFree(zone, held[3])
    #expect(try model.row("NAMEI").kegFree == 1)
    #expect(model.zoneAlloc(zone, .wait) == held[3])
    #expect(model.zoneAlloc(zone, .wait) == .null)
    #expect(model.failure == .stuck(reason: "keglimit", requestBytes: 1024))
    #expect(model.vmstatZ().contains("NAMEI:                 1024,     12,      12,       0,      13,   1,   1\n"))
    try model.checkInvariants()
  }

  @Test("Without physical pages a waiting caller waits for the page daemon", arguments: Architecture.allCases)
  func withoutPhysicalPagesACallerWaits(architecture: Architecture) throws {
    let pages = PhysicalPages(totalPages: 4000)
    let model = try smallFreeBSD11(architecture: architecture, physical: pages)
    let type = model.mallocType(named: "temp")
    let held = (0..<400).map { _ in model.malloc(2048, type, .wait) }
    for item in held { model.free(item, type) }
    #expect(pages.take(pages.free - 3))
    #expect(model.malloc(200_000, type, .noWait) == .null)
    var scans = 0
    pages.pageDaemon = { [unowned model] in
      scans += 1
      model.reclaim()
    }
    #expect(model.malloc(200_000, type, .wait) != .null)
    #expect(scans == 1)
    try model.checkInvariants()
    pages.pageDaemon = nil
    #expect(pages.take(pages.free))
    #expect(model.malloc(200_000, type, .wait) == .null)
    #expect(model.failure == .stuck(reason: WiredMap.vmwait, requestBytes: 200_704))
    try model.checkInvariants()
  }

  @Test func theDirectMapEndsWithTheMachine() throws {
    var configuration = ModelConfiguration(physicalMemory: 16 << 20)
    configuration.architecture = .amd64
    configuration.mapBytes = 16 << 20
    let model = try FreeBSD11(configuration)
    let type = model.mallocType(named: "temp")
    while model.malloc(4096, type, .noWait) != .null {}
    #expect(model.directMapBytes == VMemKernelSizing(physicalMemory: 16 << 20, architecture: .amd64).pages * 4096)
    #expect(model.failure == nil)
    // What the caches still hold serves waiting callers first.
    while model.malloc(4096, type, .wait) != .null {}
    #expect(model.failure == .stuck(reason: WiredMap.vmwait, requestBytes: 4096))
    #expect(try model.row("64").cpuFree == 0)
    try model.checkInvariants()
  }

  @Test func everyPageIsAPhysicalPage() throws {
    let pages = PhysicalPages(totalPages: 4000)
    let model = try smallFreeBSD11(architecture: .amd64, physical: pages)
    let type = model.mallocType(named: "temp")
    func held() -> Int { (model.mapUsedBytes + model.directMapBytes) / 4096 }
    let items = (0..<60).map { model.malloc(1000 + $0 * 1000, type, .wait) }
    #expect(pages.total - pages.free == held())
    for item in items { model.free(item, type) }
    model.uma.reclaim(.drainCPU)
    #expect(pages.total - pages.free == held())
  }

  @Test func bucketsAreDisabledWhilePhysicalPagesAreShort() throws {
    let pages = PhysicalPages(totalPages: 4000)
    let model = try smallFreeBSD11(physical: pages)
    let type = model.mallocType(named: "temp")
    #expect(pages.take(pages.free - pages.freeMinimum + 1))
    model.advance(to: 20_000_000_000)
    let item = model.malloc(300, type, .wait)
    #expect(try model.row("512").cpuFree == 0)
    model.free(item, type)
    #expect(try model.row("512").kegFree == 8)
    pages.give(500)
    model.advance(to: 40_000_000_000)
    _ = model.malloc(300, type, .wait)
    #expect(try model.row("512").cpuFree == 28)
    try model.checkInvariants()
  }

  @Test func lostAddressSpaceIsInItsOwnAccount() throws {
    let model = try smallFreeBSD11(pages: 512)
    let before = model.mapUsedBytes
    model.loseAddressSpace(pages: 7)
    #expect(model.mapUsedBytes == before + 7 * 4096)
    #expect(model.ledger().lost == 7 * 4096)
    try model.checkInvariants()
    model.loseAddressSpace(pages: 600)
    #expect(
      model.failure
        == .stuck(reason: "kmem arena: no 2457600 bytes after the reclaim worker ran", requestBytes: 2_457_600))
  }

  @Test func aFreeOfWhatMallocNeverGaveEndsTheKernel() throws {
    for address in [0xC000_0000, 0xC100_0000 + 400 * 4096, 0xF000_0000] as [UInt64] {
      let model = try smallFreeBSD11(pages: 512)
      model.free(KernelAddress(rawValue: address), model.mallocType(named: "temp"))
      let text = "0x" + String(address, radix: 16)
      #expect(
        model.failure == .panic(message: "free: address \(text)(\(text)) has not been allocated.", requestBytes: 0))
    }
    let model = try smallFreeBSD11(pages: 512)
    model.free(.null, model.mallocType(named: "temp"))
    #expect(model.failure == nil, "free(NULL) does nothing")
  }

  @Test func hugeRequestsFailAsAnyOther() throws {
    let model = try smallFreeBSD11(pages: 512)
    let type = model.mallocType(named: "temp")
    #expect(model.malloc(.max, type, .noWait) == .null)
    #expect(model.malloc(-1, type, .noWait) == .null)
    #expect(model.malloc(0, type, .noWait) != .null)
    #expect(model.failure == nil)
    #expect(model.malloc(.max, type, .wait) == .null)
    #expect(model.failure != nil)
  }

  @Test func vmstatMPrintsTheTypesInUse() throws {
    let model = try smallFreeBSD11()
    let temp = model.mallocType(named: "temp")
    let state = model.mallocType(named: "NFSD V4state")
    for _ in 0..<41 { _ = model.malloc(16, temp, .wait) }
    model.free(model.malloc(60, temp, .wait), temp)
    _ = model.malloc(9000, state, .wait)
    _ = model.malloc(70_000, state, .wait)
    #expect(
      model.vmstatM() == """
                 Type InUse MemUse HighUse Requests  Size(s)
         NFSD V4state     2    88K       -        2  16384
                 temp    41     1K       -       42  16,64

        """)
  }

  @Test func vmstatZPrintsEveryZone() throws {
    let model = try smallFreeBSD11()
    let zone = try #require(model.zone(named: "NAMEI"))
    model.setLimit(of: zone, items: 400)
    let held = (0..<3).map { _ in model.zoneAlloc(zone, .wait) }
    model.zoneFree(zone, held[0])
    let lines = model.vmstatZ().split(separator: "\n", omittingEmptySubsequences: false)
    #expect(lines[0] == "ITEM                   SIZE  LIMIT     USED     FREE      REQ FAIL SLEEP")
    #expect(lines[1].isEmpty)
    #expect(lines.contains("NAMEI:                 1024,    400,       2,      14,       3,   0,   0"))
    #expect(lines.contains("65536:                65536,      0,       0,       0,       0,   0,   0"))
    #expect(lines.contains("128 Bucket:             512,      0,       0,       0,       0,   0,   0"))
    #expect(lines.count == model.zoneStatistics().count + 3)
    #expect(lines.last?.isEmpty == true)
  }

  @Test func theFactSheetSaysWhatTheModelIs() {
    #expect(FreeBSD11.identifier == "freebsd-11")
    #expect(FreeBSD11.factSheet.facts.count > 15)
    #expect(FreeBSD11.factSheet.facts.contains { $0.confidence == .recollection })
  }
}
