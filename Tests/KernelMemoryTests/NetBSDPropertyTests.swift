// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Testing

@testable import KernelMemory

@Suite("netbsd, properties")
struct NetBSDPropertyTests {
  private static let zones = ["VNODE", "NAMEI", "FFS inode", "S VFS Cache", "socket", "mbuf", "mbuf_cluster", "tcpcb"]

  @Test("The ledger and the physical pages explain the maps, with pools in either", arguments: [1, 2] as [UInt64])
  func theLedgerExplainsTheMap(seed: UInt64) throws {
    let physical = PhysicalPages(totalPages: 20_000)
    var tuning = NetBSD.Tuning()
    tuning.usesKernelMap = seed == 2
    let model = try bootNetBSD(mapPages: 2048, cpus: 3, pages: physical, tuning: tuning)
    physical.pageDaemon = { model.reclaim() }
    defer { physical.pageDaemon = nil }
    var load = try RandomLoad(model, seed: seed, zones: Self.zones)
    for event in 0..<12_000 {
      let place = "seed \(seed), event \(event)"
      load.step(cpus: 3)
      if event % 1000 == 999 { model.loseAddressSpace(pages: 1) }
      if load.oneIn(700) { model.reclaim() }
      model.advance(to: UInt64(event) * 10_000_000)
      try #require(model.failure == nil, "\(place)")
      let ledger = model.ledger()
      try #require(ledger.total == model.mapUsedBytes, "\(place): \(ledger)")
      try #require(
        physical.total - physical.free
          == (model.mapUsedBytes - model.lostBytes + model.kernelMapUsedBytes) / kernelPageSize, "\(place)")
      if event < 2000 || event % 64 == 0 { try model.checkInvariants() }
    }
    #expect(model.drainedPages > 0)
    load.finish()
    model.advance(to: 1_000_000_000_000)
    for _ in 0..<100 { model.reclaim() }
    model.advance(to: 2_000_000_000_000)
    for _ in 0..<100 { model.reclaim() }
    try model.checkInvariants()
    let ledger = model.ledger()
    #expect(ledger.live == 0 && ledger.rounding == 0 && ledger.large == 0)
    #expect(ledger.cpuBuckets == 0 && ledger.zoneBuckets == 0)
    #expect(ledger.lost == 12 * kernelPageSize)
    #expect(model.mallocTypeStatistics().allSatisfy { $0.inUse == 0 && $0.bytes == 0 })
  }

  @Test func aCorruptedCounterIsAViolation() throws {
    let model = try bootNetBSD()
    let vnode = try #require(model.zone(named: "VNODE"))
    model.zoneFree(vnode, model.zoneAlloc(vnode, .wait))
    model.caches.caches[model.pools.pools[vnode.index].cache].processorObjects += 1
    #expect(throws: InvariantViolation.self) { try model.checkInvariants() }
  }
}
