// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Testing

@testable import KernelMemory

/// The texts of vmstat, column by column (reference page "kernel-allocators", chapter 20).
@Suite struct FreeBSD6VmstatTests {
  @Test func vmstatMPrintsTheTypesInUse() throws {
    let model = try smallFreeBSD6()
    let temp = model.mallocType(named: "temp")
    let state = model.mallocType(named: "NFSD V4state")
    let wide = model.mallocType(named: "a name that is too wide")
    for _ in 0..<41 { _ = model.malloc(16, temp, .wait) }
    model.free(model.malloc(60, temp, .wait), temp)
    _ = model.malloc(9000, state, .wait)
    _ = model.malloc(4096, wide, .wait)
    _ = model.malloc(1000, wide, .wait)
    #expect(
      model.vmstatM() == """
                 Type InUse MemUse HighUse Requests  Size(s)
         NFSD V4state     1    12K       -        1  
                 temp    41     1K       -       42  16,64
        a name that is too wide     2     5K       -        2  1024,4096

        """)
  }

  @Test func vmstatZPrintsEveryZone() throws {
    let model = try smallFreeBSD6()
    let zone = try #require(model.zone(named: "NAMEI"))
    model.setLimit(of: zone, items: 400)
    let held = (0..<3).map { _ in model.zoneAlloc(zone, .wait) }
    model.zoneFree(zone, held[0])
    let lines = model.vmstatZ().split(separator: "\n", omittingEmptySubsequences: false)
    #expect(lines[0] == "ITEM            SIZE     LIMIT     USED    FREE  REQUESTS")
    #expect(lines[1].isEmpty)
    #expect(lines[2] == "UMA Kegs:        140,        0,      29,     19,       29")
    #expect(lines.contains("NAMEI:          1024,      400,       2,      6,        3"))
    #expect(lines.contains("L VFS Cache:     291,        0,       0,      0,        0"))
    #expect(lines.contains("4096:           4096,        0,       0,      0,        0"))
    #expect(lines.count == 30 + 3)
    #expect(lines.last?.isEmpty == true)
  }

  @Test func aFailedRequestCountsItsSizeAndNothingElse() throws {
    let model = try smallFreeBSD6(pages: 256)
    let type = model.mallocType(named: "temp")
    model.loseAddressSpace(pages: model.largestFreeBytes / 4096)
    #expect(model.malloc(2048, type, .noWait) == .null)
    let row = model.mallocTypeStatistics()[type.index]
    #expect(row.requests == 0)
    #expect(row.bytes == 0)
    #expect(row.sizes == 1 << 7)
    #expect(row.highUse == nil)
  }

  @Test func theFactSheetSaysWhatTheModelIs() {
    #expect(FreeBSD6.identifier == "freebsd-6")
    #expect(FreeBSD6.factSheet.facts.count > 10)
    #expect(FreeBSD6.factSheet.facts.contains { $0.confidence == .inferred })
    #expect(AllocatorRegistry.model(named: "freebsd-6") == FreeBSD6.self)
  }
}
