// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Testing

@testable import KernelMemory

/// The text was worked out by hand from the format strings of usr.bin/vmstat/vmstat.c.
@Suite("netbsd, vmstat")
struct NetBSDVMStatTests {
  @Test func bucketsTypesTotalsAndPools() throws {
    let model = try bootNetBSD(mapPages: 2560)
    fillBuckets(model)
    try fillPools(model)
    // 1 group, 30 headers, 100 buffers and 2 vnodes, one of them in a group: 104,040 bytes on 33 pages.
    let expected = """
      Memory statistics by bucket size
          Size   In Use   Free   Requests  HighWater  Couldfree
            32        1    127          1     640          0
           256        1     15          2      80          0
         32768        1      0          1       5          0

      Memory usage type by bucket size
          Size  Type(s)
            32  NFSD V4state
           256  NFSD V4state, temp
         32768  temp

      Memory statistics by type                        Type  Kern
               Type  InUse MemUse HighUse  Limit Requests Limit Limit Size(s)
        NFSD V4state     2     1K      1K  6144K        2    0     0  32,256
                temp     1    20K     21K  6144K        2    0     0  256,32768

      Memory totals:  In Use    Free    Requests
                         21K      8K           4

      Memory resource pool statistics
      Name        Size Requests Fail Releases Pgreq Pgrel Npage Hiwat Minpg Maxpg Idle
      pcgnormal    128        1    0        0     1     0     1     1     0   inf    0
      phpool-0      36       30    0        0     1     0     1     1     0   inf    0
      pnbufpl     1024      100    0        0    25     0    25    25     0   inf    0
      vnodepl      216        2    0        0     1     0     1     1     0   inf    0

      In use 101K, total allocated 132K; utilization 76.5%


      """
    #expect(model.vmstatM() == expected)
    #expect(model.vmstatZ().isEmpty)
  }

  @Test func withoutAllocationsTheKernelGathersNothing() throws {
    let text = try bootNetBSD().vmstatM()
    let start = "vmstat: Kmem statistics are not being gathered by the kernel.\nMemory resource pool statistics\n"
    #expect(text.hasPrefix(start))
  }
}
