// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Testing

@testable import KernelMemory

@Suite("openbsd-3.9, properties")
struct OpenBSD39PropertyTests {
  private static let zones = ["VNODE", "NAMEI", "FFS inode", "S VFS Cache", "socket", "mbuf", "mbuf_cluster"]

  @Test(
    "The ledger and the physical pages explain the maps",
    arguments: [(1, .i386), (2, .amd64)] as [(UInt64, Architecture)])
  func theLedgerExplainsTheMap(seed: UInt64, architecture: Architecture) throws {
    let physical = PhysicalPages(totalPages: 20_000)
    let model = try bootOpenBSD(mapPages: 2048, architecture: architecture, pages: physical)
    physical.pageDaemon = { model.reclaim() }
    defer { physical.pageDaemon = nil }
    var load = try RandomLoad(model, seed: seed, zones: Self.zones)
    for event in 0..<12_000 {
      let place = "seed \(seed), event \(event)"
      load.step(cpus: 1)
      if event % 1000 == 999 { model.loseAddressSpace(pages: 1) }
      if load.oneIn(2000) { model.reclaim() }
      try #require(model.failure == nil, "\(place)")
      let ledger = model.ledger()
      try #require(ledger.total == model.mapUsedBytes, "\(place): \(ledger)")
      try #require(ledger.live == load.listedBytes, "\(place)")
      try #require(
        physical.total - physical.free
          == (model.mapUsedBytes - model.lostBytes + model.kernelMapUsedBytes) / kernelPageSize, "\(place)")
      if event < 2000 || event % 64 == 0 { try model.checkInvariants() }
    }
    load.finish()
    try model.checkInvariants()
    let ledger = model.ledger()
    #expect(ledger.live == 0 && ledger.rounding == 0 && ledger.large == 0)
    #expect(ledger.lost == 12 * kernelPageSize)
    #expect(model.mallocTypeStatistics().allSatisfy { $0.inUse == 0 && $0.bytes == 0 })
    #expect(model.zoneStatistics().dropFirst().allSatisfy { $0.used == 0 })
  }

  @Test func aCorruptedCounterIsAViolation() throws {
    let model = try bootOpenBSD()
    _ = model.malloc(100, model.mallocType(named: "temp"), .wait)
    model.buckets.bucket(3).pointee.total += 1
    #expect(throws: InvariantViolation.self) { try model.checkInvariants() }
  }
}
