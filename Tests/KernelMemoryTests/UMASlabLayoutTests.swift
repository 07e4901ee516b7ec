// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Testing

@testable import KernelMemory

/// Items per slab, against the tables of the reference page "kernel-allocators", sections 5.4 and 5.5.
@Suite struct UMASlabLayoutTests {
  struct Row: CustomTestStringConvertible, Sendable {
    var name: String
    var size: Int
    var items: Int
    var pages = 1
    var isOffPage = false
    var hasHash = false
    var mask = 3
    var flags: UInt16 = 0

    var testDescription: String { name }
  }

  static let malloc = UMAZoneFlags.malloc.rawValue
  static let internalZone = UMAZoneFlags.internal.rawValue
  static let table = [
    Row(name: "16", size: 16, items: 203, flags: malloc), Row(name: "32", size: 32, items: 113, flags: malloc),
    Row(name: "64", size: 64, items: 59, flags: malloc), Row(name: "128", size: 128, items: 30, flags: malloc),
    Row(name: "256", size: 256, items: 15, flags: malloc),
    Row(name: "512", size: 512, items: 8, isOffPage: true, flags: malloc),
    Row(name: "1024", size: 1024, items: 4, isOffPage: true, flags: malloc),
    Row(name: "2048", size: 2048, items: 2, isOffPage: true, flags: malloc),
    Row(name: "4096", size: 4096, items: 1, isOffPage: true, flags: malloc),
    Row(name: "VNODE", size: 272, items: 14, flags: UMAZoneFlags.noFree.rawValue),
    Row(name: "VM OBJECT", size: 132, items: 29), Row(name: "FFS1 dinode", size: 128, items: 30),
    Row(name: "FFS2 dinode", size: 256, items: 15), Row(name: "S VFS Cache", size: 68, items: 56),
    Row(name: "L VFS Cache", size: 291, items: 13),
    Row(name: "NAMEI", size: 1024, items: 4, isOffPage: true, hasHash: true),
    Row(name: "mbuf", size: 256, items: 15, mask: 255),
    Row(
      name: "mbuf_cluster", size: 2048, items: 2, isOffPage: true, hasHash: true,
      flags: UMAZoneFlags.refcount.rawValue),
    Row(name: "Files", size: 72, items: 53), Row(name: "socket", size: 356, items: 11),
    Row(name: "inpcb", size: 180, items: 22), Row(name: "tcpcb", size: 464, items: 8),
    Row(name: "tcptw", size: 48, items: 78), Row(name: "tcpreass", size: 20, items: 169),
    Row(name: "syncache", size: 100, items: 39), Row(name: "PIPE", size: 408, items: 9),
    Row(name: "VMSPACE", size: 264, items: 15), Row(name: "PROC", size: 564, items: 7),
    Row(name: "THREAD", size: 400, items: 10, mask: 15),
    Row(name: "16 Bucket", size: 76, items: 50, flags: internalZone),
    Row(name: "32 Bucket", size: 140, items: 28, flags: internalZone),
    Row(name: "64 Bucket", size: 268, items: 14, flags: internalZone),
    Row(name: "128 Bucket", size: 524, items: 7, flags: internalZone),
    Row(name: "UMA Slabs", size: 64, items: 59, flags: internalZone),
    Row(name: "UMA RCntSlabs", size: 104, items: 37, flags: internalZone),
    Row(name: "VNODE of HEAD 2006", size: 260, items: 15), Row(name: "VM OBJECT of HEAD 2006", size: 120, items: 32),
    Row(name: "socket of HEAD 2006", size: 332, items: 12), Row(name: "inpcb of HEAD 2006", size: 168, items: 23),
    Row(name: "jumbo 9216", size: 9216, items: 1, pages: 3, isOffPage: true, hasHash: true),
    Row(name: "jumbo 16384", size: 16384, items: 1, pages: 4, isOffPage: true, hasHash: true),
    Row(name: "UMA Zones, 1 CPU", size: 120, items: 30, mask: 31, flags: internalZone),
    Row(name: "UMA Zones, 4 CPUs", size: 192, items: 20, mask: 31, flags: internalZone),
  ]

  @Test("A slab holds as many items as in the kernel", arguments: table)
  func aSlabHoldsAsManyItemsAsInTheKernel(row: Row) {
    let layout = UMASlabLayout(size: row.size, alignmentMask: row.mask, flags: UMAZoneFlags(rawValue: row.flags))
    #expect(layout.itemsPerSlab == row.items)
    #expect(layout.pagesPerSlab == row.pages)
    #expect(layout.flags.contains(.offPage) == row.isOffPage)
    #expect(layout.flags.contains(.hash) == row.hasHash)
  }

  @Test func theSmallestItemTakesSixteenBytes() {
    let layout = UMASlabLayout(size: 1, alignmentMask: 3, flags: [])
    #expect(layout.itemStride == 16)
    #expect(layout.itemsPerSlab == 203)
  }

  @Test func theFreeListOfEverySizeFitsItsStride() {
    for size in 1...4096 {
      let layout = UMASlabLayout(size: size, alignmentMask: 3, flags: [])
      #expect(layout.itemsPerSlab <= UMAConstants.freeListStride)
      #expect(layout.overheadBytes >= 0)
      #expect(layout.itemStride >= size)
    }
  }

  @Test func aLongNameEntryIsRoundedToItsAlignment() {
    #expect(UMASlabLayout(size: 291, alignmentMask: 3, flags: []).itemStride == 292)
  }
}
