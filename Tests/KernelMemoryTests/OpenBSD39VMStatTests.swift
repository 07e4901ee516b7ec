// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Testing

@testable import KernelMemory

/// The texts were worked out by hand from the format strings of usr.bin/vmstat/vmstat.c.
@Suite("openbsd-3.9, vmstat")
struct OpenBSD39VMStatTests {
  @Test func bucketsTypesTotalsAndPools() throws {
    let model = try bootOpenBSD(mapPages: 2560)
    fillBuckets(model)
    try fillPools(model)
    // 30 headers, 1 vnode and 100 buffers are 103,516 bytes; pools and page cache hold the 512 pages of boot.
    let expected = """
      Memory statistics by bucket size
          Size   In Use   Free   Requests  HighWater  Couldfree
            32        1    127          1     640          0
           256        1     15          2      80          0
         32768        1      0          1       5          0

      Memory usage type by bucket size
          Size  Type(s)
            32  NFSD V4state
           256  temp, NFSD V4state
         32768  temp

      Memory statistics by type                           Type  Kern
                Type InUse MemUse HighUse  Limit Requests Limit Limit Size(s)
                temp     1    20K     21K  6144K        2    0     0  256,32768
        NFSD V4state     2     1K      1K  6144K        2    0     0  32,256

      Memory Totals:  In Use    Free    Requests
                         21K      8K           4
      Memory resource pool statistics
      Name        Size Requests Fail Releases Pgreq Pgrel Npage Hiwat Minpg Maxpg Idle
      phpool        32       30    0        0     1     0     1     1     0     8    0
      vnodes       156        2    0        1     1     0     1     1     0     8    0
      namei       1024      100    0        0    25     0    25    25     0     8    0

      In use 101K, total allocated 2048K; utilization 4.9%

      """
    #expect(model.vmstatM() == expected)
    #expect(model.vmstatZ().isEmpty)
  }

  @Test func withoutAllocationsTheKernelGathersNothing() throws {
    let text = try bootOpenBSD().vmstatM()
    #expect(text.hasPrefix("Kmem statistics are not being gathered by the kernel.\nMemory resource pool statistics\n"))
  }

  @Test func aWideNameTakesFromThePaddingOfTheColumnsBehind() throws {
    let model = try bootOpenBSD()
    let zone = try #require(model.makeZone(named: "a very long name", size: 12, noFree: false))
    _ = model.zoneAlloc(zone, .wait)
    let line = "a very long name 12     1    0        0     1     0     1     1     0     8    0\n"
    #expect(model.vmstatM().contains(line))
  }

  @Test func typesWrapBeforeColumnEighty() throws {
    let model = try bootOpenBSD()
    let names = (0..<8).map { "type number \($0)" }
    for name in names { _ = model.malloc(16, model.mallocType(named: name), .wait) }
    // 8 + 5 × 15 = 83 with the fifth name: it goes to the next line, behind a tab and two blanks.
    let line =
      "      16  type number 0, type number 1, type number 2, type number 3,\n\t  type number 4, type number 5,"
      + " type number 6, type number 7\n"
    #expect(model.vmstatM().contains(line))
  }

  @Test(
    "One decimal, rounded as printf does",
    arguments: [
      (869, 1000, "86.9"), (1, 3, "33.3"), (2, 3, "66.7"), (1, 8, "12.5"), (1, 400, "0.2"), (3, 400, "0.8"),
      (69, 80, "86.2"), (71, 80, "88.8"), (0, 5, "0.0"), (5, 5, "100.0"), (1, 2000, "0.1"), (0, 0, "nan"),
      (1999, 2000, "100.0"), (3, 2000, "0.1"),
    ])
  func oneDecimal(part: Int, whole: Int, text: String) {
    #expect(PoolVMStat.percent(part, whole) == text)
  }
}
