// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Testing

@testable import KernelMemory

/// The texts of vmstat of each era, column by column (reference page "kernel-allocators", chapter 20).
@Suite struct UMAKernelVMStatTests {
  private func lines(_ text: String) -> [Substring] { text.split(separator: "\n", omittingEmptySubsequences: false) }

  @Test func fivePrintsTheMostBytesThatATypeHad() throws {
    let model = try UMAKernelCase(type: FreeBSD54.self, architecture: .i386).boot()
    let temp = model.mallocType(named: "temp")
    let state = model.mallocType(named: "NFSD V4state")
    let held = (0..<41).map { _ in model.malloc(64, temp, .wait) }
    for address in held.dropFirst() { model.free(address, temp) }
    _ = model.malloc(16, temp, .wait)
    model.free(model.malloc(20_000, state, .wait), state)
    #expect(
      model.vmstatM() == """

                Type  InUse MemUse HighUse Requests  Size(s)
         NFSD V4state     0     0K     20K        1
                 temp     2     1K      3K       42  16,64

        """)
    #expect(model.mallocTypeStatistics()[temp.index].highUse == 41 * 64)
  }

  @Test func fiveCountsACallThatGotNothing() throws {
    let model = try UMAKernelCase(type: FreeBSD54.self, architecture: .i386).boot(pages: 256)
    let type = model.mallocType(named: "temp")
    model.loseAddressSpace(pages: model.largestFreeBytes / 4096)
    #expect(model.malloc(2048, type, .noWait) == .null)
    #expect(model.malloc(9000, type, .noWait) == .null)
    #expect(model.mallocTypeStatistics()[type.index].requests == 0)
    #expect(lines(model.vmstatM()).contains("         temp     0     0K      0K        2  2048"))
  }

  @Test func fivePrintsZonesAsItsSysctlDoes() throws {
    let model = try UMAKernelCase(type: FreeBSD54.self, architecture: .i386).boot()
    let zone = try #require(model.zone(named: "NAMEI"))
    model.setLimit(of: zone, items: 400)
    let held = (0..<3).map { _ in model.zoneAlloc(zone, .wait) }
    model.zoneFree(zone, held[0])
    _ = try #require(model.makeZone(named: "a name that is too wide", size: 24, noFree: false))
    let lines = lines(model.vmstatZ())
    #expect(lines[0].isEmpty)
    #expect(lines[1] == "ITEM            SIZE     LIMIT     USED    FREE  REQUESTS")
    #expect(lines[2].isEmpty)
    #expect(lines.contains("NAMEI:          1024,      400,      2,      6,        3"))
    #expect(lines.contains("UMA RCntSlab:    104,        0,      0,      0,        0"))
    #expect(lines.contains("a name that :     24,        0,      0,      0,        0"))
    #expect(lines.contains("Mbuf:            256,        0,      0,      0,        0"))
    #expect(lines.contains("MbufClust:      2048,        0,      0,      0,        0"))
  }

  @Test func nineCountsFailuresAndSleeps() throws {
    let model = try UMAKernelCase(type: FreeBSD9.self, architecture: .i386).boot()
    let zone = try #require(model.zone(named: "NAMEI"))
    model.setLimit(of: zone, items: 8)
    let held = (0..<8).map { _ in model.zoneAlloc(zone, .noWait) }
    for _ in 0..<5 { #expect(model.zoneAlloc(zone, .noWait) == .null) }
    model.zoneFree(zone, held[0])
    let lines = lines(model.vmstatZ())
    #expect(lines[0] == "ITEM                   SIZE  LIMIT     USED     FREE      REQ FAIL SLEEP")
    #expect(lines[1].isEmpty)
    #expect(lines.contains("NAMEI:                 1024,      8,       7,       1,       8,   5,   0"))
    #expect(lines.contains("mbuf_cluster:          2048,      0,       0,       0,       0,   0,   0"))
    #expect(lines.suffix(2) == ["", ""], "a blank line at the end")
    _ = model.zoneAlloc(zone, .wait)
    #expect(model.zoneAlloc(zone, .wait) == .null)
    #expect(
      self.lines(model.vmstatZ()).contains("NAMEI:                 1024,      8,       8,       0,       9,   5,   1"))
  }

  @Test("Types of 6 to 9 are printed alike", arguments: UMAKernelCase.all)
  func typesOf6To9ArePrintedAlike(kernel: UMAKernelCase) throws {
    guard kernel.type != FreeBSD54.self else { return }
    let model = try kernel.boot()
    let temp = model.mallocType(named: "temp")
    for _ in 0..<41 { _ = model.malloc(16, temp, .wait) }
    model.free(model.malloc(60, temp, .wait), temp)
    _ = model.malloc(9000, model.mallocType(named: "NFSD V4state"), .wait)
    #expect(
      model.vmstatM() == """
                 Type InUse MemUse HighUse Requests  Size(s)
         NFSD V4state     1    12K       -        1  
                 temp    41     1K       -       42  16,64

        """)
  }

  @Test func sevenPrintsZonesAsSixDoes() throws {
    let six = try UMAKernelCase(type: FreeBSD6.self, architecture: .i386).boot()
    let seven = try UMAKernelCase(type: FreeBSD7.self, architecture: .i386).boot()
    #expect(six.vmstatZ() == seven.vmstatZ())
  }

  @Test("Each fact sheet says how sure its facts are", arguments: UMAKernelCase.i386)
  func eachFactSheetSaysHowSureItsFactsAre(kernel: UMAKernelCase) {
    let sheet = kernel.type.factSheet
    #expect(sheet.facts.count > 12)
    #expect(Set(sheet.facts.map(\.name)).count == sheet.facts.count)
    for confidence in [Confidence.source, .computed, .inferred, .recollection] {
      #expect(sheet.facts.contains { $0.confidence == confidence }, "\(kernel.type.identifier): \(confidence)")
    }
  }
}
