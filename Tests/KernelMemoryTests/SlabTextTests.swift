// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Testing

@testable import KernelMemory

@Suite("Texts of slabinfo, buddyinfo and kmastat")
struct SlabTextTests {
  @Test func slabinfoIsThatOfVersionTwoPointOne() throws {
    let model = try bootLinux()
    let zone = model.makeCache(named: "unit", size: 1024)
    let items = (0..<80).map { _ in model.zoneAlloc(zone, .wait) }
    for slab in 0..<4 { model.zoneFree(zone, items[16 * slab]) }
    let lines = model.vmstatM().split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    #expect(lines[0] == "slabinfo - version: 2.1")
    #expect(
      lines[1]
        == "# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab>"
        + " : tunables <limit> <batchcount> <sharedfactor> : slabdata <active_slabs> <num_slabs> <sharedavail>")
    // Four free objects, three of them in slabs of the node: that of the processor's list counts as active.
    #expect(
      lines[2]
        == "unit                  77     80   1024   16    4 : tunables    0    0    0 : slabdata      5      5      0")
    #expect(
      lines.contains(
        "ext4_inode_cache       0      0   1128   14    4 : tunables    0    0    0 : slabdata      0      0      0"))
    #expect(lines.last == "" && lines.count == model.zoneStatistics().count + 3)
  }

  @Test func buddyinfoCountsFreeBlocks() throws {
    let model = try bootLinux(mapPages: 2048)
    let free = (0...10).map { model.buddy.freeBlocks(order: $0) }
    let text = model.vmstatZ()
    #expect(text.hasPrefix("Node 0, zone    DMA32 "))
    #expect(text.split(separator: " ").dropFirst(4).compactMap { Int($0) } == free)
    #expect(text.hasSuffix("      1 \n"))
  }

  @Test func kmastatShowsCachesTotalsAndArenas() throws {
    let model = try bootIllumos()
    let type = model.mallocType(named: "temp")
    let items = (0..<100).map { _ in model.malloc(60, type, .wait) }
    for item in items.prefix(40) { model.free(item, type) }
    let lines = model.vmstatM().split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    #expect(lines[0] == "cache                        buf    buf    buf    memory     alloc alloc")
    #expect(lines[1] == "name                        size in use  total    in use   succeed  fail")
    #expect(lines[2] == "------------------------- ------ ------ ------ --------- --------- -----")
    // Two pages of 62 buffers; 40 of the 100 lie in magazines or went back.
    #expect(
      lines.contains("kmem_alloc_64                 64     60    124      8192       100     0"), "\(model.vmstatM())")
    #expect(lines.contains { $0.hasPrefix("kmem_magazine_15             128      ") })
    #expect(lines.contains { $0.hasPrefix("Total [kmem_default]                          ") })
    let arenas = model.vmstatZ().split(separator: "\n").map(String.init)
    #expect(arenas[0] == "vmem                         memory     memory    memory")
    #expect(
      arenas.contains {
        $0.hasPrefix("heap") && $0.split(separator: " ")[1] == "\(model.mapUsedBytes)"
          && $0.split(separator: " ")[2] == "\(model.mapCapacityBytes)"
      })
  }
}
