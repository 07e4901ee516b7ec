// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Testing

@testable import KernelMemory

/// The texts were worked out by hand from the format strings of usr.bin/vmstat/vmstat.c and sys/vm/vm_zone.c.
@Suite("freebsd-4, vmstat")
struct FreeBSD4VMStatTests {
  @Test func theThreeTablesAndTheTotalsOfVmstatM() throws {
    let model = try bootFreeBSD4(mapPages: 2560)
    fillBuckets(model)
    let expected = """
      Memory statistics by bucket size
      Size   In Use   Free   Requests  HighWater  Couldfree
        32        1    127          1     640          0
       256        1     15          2      80          0
       32K        1      0          1       5          0

      Memory usage type by bucket size
      Size  Type(s)
        32  NFSD V4state
       256  NFSD V4state, temp
       32K  temp

      Memory statistics by type                          Type  Kern
              Type  InUse MemUse HighUse  Limit Requests Limit Limit Size(s)
       NFSD V4state     2     1K      1K  5120K        2    0     0  32,256
               temp     1    20K     21K  5120K        2    0     0  256,32K

      Memory Totals:  In Use    Free    Requests
                         21K      8K           4

      """
    #expect(model.vmstatM() == expected)
  }

  @Test func aRowOfAllNumbersHasTheSampleColumns() throws {
    // " 256     1840     64     903311      80          0", the sample row of the reference, has these column ends.
    let model = try bootFreeBSD4(mapPages: 2560)
    let type = model.mallocType(named: "vfscache")
    var items: [KernelAddress] = []
    for _ in 0..<1904 { items.append(model.malloc(256, type, .wait)) }
    for item in items.prefix(64) { model.free(item, type) }
    let row = try #require(model.vmstatM().split(separator: "\n").first { $0.hasPrefix(" 256") })
    #expect(row == " 256     1840     64       1904      80          0")
  }

  @Test func manyTypesWrapAtColumn79() throws {
    let model = try bootFreeBSD4()
    for index in (10..<30).reversed() { _ = model.malloc(16, model.mallocType(named: "type \(index)"), .wait) }
    let text = model.vmstatM()
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    let start = try #require(lines.firstIndex { $0.hasPrefix("Size  Type(s)") })
    // Eight columns, then nine a name: with the eighth name the count is 80 and vmstat wraps before it.
    #expect(
      lines[start + 1]
        == "  16  type 10, type 11, type 12, type 13, type 14, type 15, type 16,")
    #expect(
      lines[start + 2]
        == "\t  type 17, type 18, type 19, type 20, type 21, type 22, type 23,")
    #expect(lines[start + 3] == "\t  type 24, type 25, type 26, type 27, type 28, type 29")
    #expect(lines[start + 4] == "")
  }

  @Test func aListThatEndsAtColumn79WrapsHereAndNotOnOpenBSD() throws {
    let model = try bootFreeBSD4()
    // 8 + 7 × (2 + 7) + 2 + 6 = 79.
    let names = (10..<17).map { "type \($0)" } + ["type 9"]
    for name in names { _ = model.malloc(16, model.mallocType(named: name), .wait) }
    let order = Array(model.buckets.typeNames.indices)
    func wrapped(_ style: BucketVMStat) -> Bool { style.text(model.buckets, order: order).contains("\n\t  type 9\n") }
    #expect(wrapped(.freeBSD))
    #expect(!wrapped(.openBSD) && !wrapped(.netBSD))
  }

  @Test func aZoneNameIsCutToTwelveCharacters() throws {
    let model = try bootFreeBSD4()
    _ = try #require(model.makeZone(named: "A name of 21 letters.", size: 100, noFree: false))
    #expect(model.vmstatZ().contains("\nA name of 21:    128,        0,      0,      0,        0\n"))
  }

  @Test func blockedRequestsShowInTheTypeLimitColumn() throws {
    let model = try bootFreeBSD4()
    let type = model.mallocType(named: "temp")
    for _ in 0..<8 { _ = model.malloc(16 * kernelPageSize, type, .wait) }
    _ = model.malloc(16, type, .wait)
    let row = try #require(model.vmstatM().split(separator: "\n").first { $0.hasPrefix("         temp") })
    #expect(row == "         temp     8   512K    512K   512K        8    1     0  64K")
  }

  @Test func theZonesOfVmstatZ() throws {
    let model = try bootFreeBSD4()
    let namei = try #require(model.zone(named: "NAMEI"))
    let buffers = (0..<5).map { _ in model.zoneAlloc(namei, .wait) }
    model.zoneFree(namei, buffers[0])
    model.zoneFree(namei, buffers[1])
    _ = model.zoneAlloc(try #require(model.zone(named: "VM OBJECT")), .wait)
    let expected = """

      ITEM            SIZE     LIMIT    USED    FREE  REQUESTS

      tcpcb:           544,     1064,      0,      0,        0
      socket:          192,     1064,      0,      0,        0
      VNODE:           192,        0,      0,      0,        0
      NAMEI:          1024,        0,      3,     13,        5
      MAP ENTRY:        48,        0,      0,      0,        0
      VM OBJECT:        96,        0,      1,     41,        1



      """
    #expect(model.vmstatZ() == expected)
  }
}
