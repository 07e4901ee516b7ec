// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Testing

@testable import KernelMemory

@Suite("xnu, properties")
struct XNUPropertyTests {
  private static let zones = ["VNODE", "VM OBJECT", "NAMEI", "socket", "FFS inode", "mbuf"]

  @Test("The ledger explains the map while collections give pages back", arguments: [Architecture.i386, .amd64])
  func theLedgerExplainsTheMap(architecture: Architecture) throws {
    let model = try bootXNU(mapPages: 16384, architecture: architecture, pages: PhysicalPages(totalPages: 40_000))
    try runRandomCalls(
      model, seed: architecture == .i386 ? 1 : 2, events: 20_000, cpus: 1, zoneNames: Self.zones, largest: 40_000)
    #expect(model.zones.collections > 0 && model.zoneStatistics().contains { $0.pagesReturned > 0 })
  }

  @Test func aCorruptedCounterIsAViolation() throws {
    let model = try bootXNU()
    let item = model.malloc(100, model.mallocType(named: "temp"), .wait)
    let last = model.zones.map.space.page(of: item)
    let page = last - model.zones.offset(ofPage: last)
    model.zones.chunks[page].free -= 1
    #expect(throws: InvariantViolation.self) { try model.checkInvariants() }
    model.zones.chunks[page].free += 1
    try model.checkInvariants()
    model.zones.state.pointee.bytesAskedFor += 1
    #expect(throws: InvariantViolation.self) { try model.checkInvariants() }
  }
}
