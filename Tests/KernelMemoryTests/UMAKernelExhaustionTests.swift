// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Testing

@testable import KernelMemory

/// A map without room, kernel by kernel (reference page "kernel-allocators", chapters 6, 7 and 17).
@Suite struct UMAKernelExhaustionTests {
  /// Fills the map with single pages and gives them all back, into buckets.
  private func fillAndFree(_ model: any AnyUMAKernel) -> MallocType {
    let type = model.mallocType(named: "temp")
    var held: [KernelAddress] = []
    while true {
      let address = model.malloc(4096, type, .noWait)
      if address == .null { break }
      held.append(address)
    }
    for address in held { model.free(address, type) }
    return type
  }

  /// Holds two-page mallocs until there is no room for one more.
  private func fillWithLarge(_ model: any AnyUMAKernel) -> (type: MallocType, held: [KernelAddress]) {
    let type = model.mallocType(named: "temp")
    var held: [KernelAddress] = []
    while true {
      let address = model.malloc(8192, type, .noWait)
      if address == .null { break }
      held.append(address)
    }
    return (type, held)
  }

  private func expectPanic(_ model: any AnyUMAKernel, bytes: Int, _ kernel: UMAKernelCase) {
    let used = model.mapUsedBytes
    #expect(
      model.failure
        == .panic(message: "kmem_malloc(\(bytes)): kmem_map too small: \(used) total allocated", requestBytes: bytes),
      "\(kernel.testDescription)")
  }

  @Test("What buckets hold is given back by 7 and 9, and not by 5.4 and 6", arguments: UMAKernelCase.i386)
  func whatBucketsHoldIsGivenBack(kernel: UMAKernelCase) throws {
    let model = try kernel.boot(pages: 256)
    let type = fillAndFree(model)
    #expect(model.largestFreeBytes == 0)
    #expect(model.malloc(8192, type, .noWait) == .null)
    #expect(model.mapReclaims == 0, "a caller that does not wait reclaims nothing")
    #expect(model.failure == nil)
    let address = model.malloc(8192, type, .wait)
    if kernel.type == FreeBSD54.self || kernel.type == FreeBSD6.self {
      #expect(address == .null)
      #expect(model.mapReclaims == 0)
      expectPanic(model, bytes: 8192, kernel)
    } else {
      #expect(address != .null)
      #expect(model.mapReclaims == 1)
      #expect(model.failure == nil)
      #expect(try model.zoneRow("4096").pagesReturned > 100)
    }
    #expect(model.sleptNanoseconds == 0, "the first round found room")
    try model.checkInvariants()
    #expect(model.ledger().total == model.mapUsedBytes)
  }

  @Test("Nothing to give back ends in the same words", arguments: UMAKernelCase.all)
  func nothingToGiveBackEndsInTheSameWords(kernel: UMAKernelCase) throws {
    let model = try kernel.boot(pages: 256)
    let (type, held) = fillWithLarge(model)
    #expect(held.count > 100)
    #expect(model.malloc(8192, type, .wait) == .null)
    expectPanic(model, bytes: 8192, kernel)
    let rounds = kernel.type == FreeBSD9.self ? 8 : kernel.type == FreeBSD7.self ? 1 : 0
    #expect(model.mapReclaims == rounds)
    #expect(model.sleptNanoseconds == (rounds == 8 ? 9_000_000_000 : 0))
    try model.checkInvariants()
    // Nothing moves any more.
    let ledger = model.ledger()
    model.free(held[0], type)
    model.reclaim()
    model.loseAddressSpace(pages: 1)
    #expect(model.malloc(16, type, .wait) == .null)
    #expect(model.ledger() == ledger)
    #expect(ledger.total == model.mapUsedBytes)
  }

  @Test("Each round raises the event before it reclaims", arguments: UMAKernelCase.i386)
  func eachRoundRaisesTheEvent(kernel: UMAKernelCase) throws {
    let model = try kernel.boot(pages: 256)
    let (type, _) = fillWithLarge(model)
    var reclaimsAtEvent: [Int] = []
    var sleeps: [UInt64] = []
    model.lowMemoryHandler = { [unowned model] in reclaimsAtEvent.append(model.mapReclaims) }
    model.sleepHandler = { sleeps.append($0) }
    #expect(model.malloc(8192, type, .wait) == .null)
    if kernel.type == FreeBSD9.self {
      #expect(reclaimsAtEvent == Array(0..<8))
      #expect(sleeps == (1...8).map { 250_000_000 * $0 })
    } else {
      #expect(reclaimsAtEvent == (kernel.type == FreeBSD7.self ? [0] : []))
      #expect(sleeps.isEmpty)
    }
  }

  @Test func whatOthersFreeDuringTheThirdSleepSavesACallerOf9() throws {
    let model = try UMAKernelCase(type: FreeBSD9.self, architecture: .i386).boot(pages: 256, { $0.cpus = 2 })
    let (type, held) = fillWithLarge(model)
    model.sleepHandler = { [unowned model] nanoseconds in
      guard nanoseconds == 750_000_000 else { return }
      model.currentCPU = 1
      for address in held.prefix(3) { model.free(address, type) }
    }
    #expect(model.malloc(20_000, type, .wait) != .null)
    #expect(model.failure == nil)
    #expect(model.mapReclaims == 4)
    #expect(model.sleptNanoseconds == 1_500_000_000)
    #expect(model.currentCPU == 0, "the caller goes on where it was")
    try model.checkInvariants()
  }

  @Test func aHandlerOf7GivesBackWhatItHolds() throws {
    let model = try UMAKernelCase(type: FreeBSD7.self, architecture: .i386).boot(pages: 256)
    let (type, held) = fillWithLarge(model)
    model.lowMemoryHandler = { [unowned model] in model.free(held[5], type) }
    #expect(model.malloc(8192, type, .wait) == held[5])
    #expect(model.failure == nil)
    try model.checkInvariants()
  }

  @Test("A handler that finds no room ends the kernel once", arguments: [UMAKernelCase.i386[2], UMAKernelCase.i386[3]])
  func aHandlerThatFindsNoRoomEndsTheKernelOnce(kernel: UMAKernelCase) throws {
    let model = try kernel.boot(pages: 256)
    let (type, _) = fillWithLarge(model)
    var calls = 0
    model.lowMemoryHandler = { [unowned model] in
      calls += 1
      #expect(model.malloc(12_288, type, .wait) == .null)
    }
    #expect(model.malloc(8192, type, .wait) == .null)
    #expect(calls == 1)
    expectPanic(model, bytes: 12_288, kernel)
    try model.checkInvariants()
  }

  @Test("A fill that reclaims from its own zone goes on", arguments: [UMAKernelCase.i386[2], UMAKernelCase.i386[3]])
  func aFillThatReclaimsFromItsOwnZoneGoesOn(kernel: UMAKernelCase) throws {
    let model = try kernel.boot(pages: 256)
    let type = model.mallocType(named: "temp")
    let zone = try #require(model.zone(named: "NAMEI"))
    var paths: [KernelAddress] = []
    while true {
      let path = model.zoneAlloc(zone, .noWait)
      if path == .null { break }
      paths.append(path)
    }
    for path in paths { model.zoneFree(zone, path) }
    var held: [KernelAddress] = []
    for _ in 0..<100 { held.append(model.malloc(2048, type, .wait)) }
    #expect(!held.contains(.null))
    #expect(model.mapReclaims == 1)
    try model.checkInvariants()
  }

  @Test("Lost address space goes through the same rounds", arguments: UMAKernelCase.i386)
  func lostAddressSpaceGoesThroughTheSameRounds(kernel: UMAKernelCase) throws {
    let model = try kernel.boot(pages: 256)
    _ = fillAndFree(model)
    model.loseAddressSpace(pages: 100)
    if kernel.type == FreeBSD54.self || kernel.type == FreeBSD6.self {
      #expect(model.failure != nil)
    } else {
      #expect(model.failure == nil)
      #expect(model.ledger().lost == 100 * 4096)
    }
    try model.checkInvariants()
  }

  @Test("A zone at its limit sleeps for ever", arguments: UMAKernelCase.all)
  func aZoneAtItsLimitSleepsForEver(kernel: UMAKernelCase) throws {
    let model = try kernel.boot()
    let zone = try #require(model.zone(named: "NAMEI"))
    model.setLimit(of: zone, items: 10)
    for _ in 0..<12 { #expect(model.zoneAlloc(zone, .noWait) != .null) }
    #expect(model.zoneAlloc(zone, .noWait) == .null)
    #expect(model.failure == nil)
    #expect(model.zoneAlloc(zone, .wait) == .null)
    #expect(model.failure == .stuck(reason: "zonelimit", requestBytes: 1024))
    #expect(model.mapReclaims == 0)
    #expect(model.uma.zones[zone.index].sleeps == 1)
  }

  @Test("Physical pages that never come are another matter", arguments: UMAKernelCase.all)
  func physicalPagesThatNeverComeAreAnotherMatter(kernel: UMAKernelCase) throws {
    let pages = PhysicalPages(totalPages: 4000)
    let model = try kernel.boot { $0.pages = pages }
    let type = model.mallocType(named: "temp")
    #expect(pages.take(pages.free - 3))
    var scans = 0
    pages.pageDaemon = { scans += 1 }
    #expect(model.malloc(40_960, type, .noWait) == .null)
    #expect(scans == 0)
    #expect(model.malloc(40_960, type, .wait) == .null)
    #expect(scans == 1)
    #expect(model.mapReclaims == 0, "the map had room")
    #expect(model.failure == .stuck(reason: WiredMap.vmwait, requestBytes: 40_960))
  }
}
