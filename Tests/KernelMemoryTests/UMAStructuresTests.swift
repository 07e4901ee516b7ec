// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Testing

@testable import KernelMemory

/// Sizes and slabs on 64 bits and in 9.x; those of i386 6.x are in ``UMASlabLayoutTests``.
@Suite struct UMAStructuresTests {
  struct Row: CustomTestStringConvertible, Sendable {
    var name: String
    var size: Int
    var items: Int
    var pages = 1
    var isOffPage = false
    var mask = 7
    var flags: UMAZoneFlags = []

    var testDescription: String { name }
  }

  /// (4096 − 56) / (size + 8) in the page; 4096 / size where that wastes a tenth of it.
  static let amd64 = [
    Row(name: "16", size: 16, items: 168, flags: .malloc), Row(name: "32", size: 32, items: 101, flags: .malloc),
    Row(name: "64", size: 64, items: 56, flags: .malloc), Row(name: "128", size: 128, items: 29, flags: .malloc),
    Row(name: "256", size: 256, items: 15, flags: .malloc), Row(name: "512", size: 512, items: 7, flags: .malloc),
    Row(name: "1024", size: 1024, items: 4, isOffPage: true, flags: .malloc),
    Row(name: "2048", size: 2048, items: 2, isOffPage: true, flags: .malloc),
    Row(name: "4096", size: 4096, items: 1, isOffPage: true, flags: .malloc),
    Row(name: "VNODE", size: 496, items: 8), Row(name: "VM OBJECT", size: 224, items: 17),
    Row(name: "mbuf", size: 256, items: 15, mask: 255),
    Row(name: "mbuf_cluster", size: 2048, items: 2, isOffPage: true, flags: .refcount),
    Row(name: "UMA Slabs", size: 128, items: 29, flags: .internal),
    Row(name: "UMA Slabs of 9", size: 568, items: 7, flags: .internal),
    Row(name: "128 Bucket", size: 1048, items: 3, flags: .internal),
    Row(name: "mt_zone of 9", size: 4112, items: 1, pages: 2, isOffPage: true, flags: .malloc),
  ]

  @Test("A slab of amd64 holds what 64-bit headers leave", arguments: amd64)
  func aSlabOfAMD64HoldsWhatHeadersLeave(row: Row) {
    let layout = UMASlabLayout(size: row.size, alignmentMask: row.mask, flags: row.flags, structures: .amd64)
    #expect(layout.itemsPerSlab == row.items)
    #expect(layout.pagesPerSlab == row.pages)
    #expect(layout.flags.contains(.offPage) == row.isOffPage)
  }

  @Test("The free list of every size fits its stride", arguments: [UMAStructures.amd64, .i386Of9, .amd64Of9])
  func theFreeListOfEverySizeFitsItsStride(structures: UMAStructures) {
    for size in 1...4096 {
      for flags: UMAZoneFlags in [[], .refcount] {
        let layout = UMASlabLayout(
          size: size, alignmentMask: structures.pointerAlignmentMask, flags: flags, structures: structures)
        #expect(layout.itemsPerSlab <= UMAConstants.freeListStride)
        #expect(layout.overheadBytes >= 0)
        guard layout.flags.contains(.offPage) else { continue }
        #expect(layout.itemsPerSlab <= structures.offPageItems, "an off-page header has no room for \(size)")
      }
    }
  }

  @Test func theAllocatorsOwnZonesHaveTheKernelsSizes() throws {
    typealias Sizes = [String: Int]
    let expected: [(UMAKernelCase, Sizes)] = [
      (
        UMAKernelCase(type: FreeBSD6.self, architecture: .amd64),
        [
          "UMA Kegs": 240, "UMA Zones": 184, "UMA Slabs": 128, "UMA RCntSlabs": 128, "UMA Hash": 256,
          "16 Bucket": 152, "32 Bucket": 280, "64 Bucket": 536, "128 Bucket": 1048, "mt_zone": 1024,
        ]
      ),
      (
        UMAKernelCase(type: FreeBSD9.self, architecture: .i386),
        [
          "UMA Kegs": 128, "UMA Zones": 152, "UMA Slabs": 284, "UMA RCntSlabs": 544, "UMA Hash": 128,
          "16 Bucket": 76, "128 Bucket": 524, "mt_zone": 2060, "VNODE": 284, "VM OBJECT": 148, "S VFS Cache": 72,
        ]
      ),
      (
        UMAKernelCase(type: FreeBSD9.self, architecture: .amd64),
        [
          "UMA Kegs": 208, "UMA Zones": 512, "UMA Slabs": 568, "UMA RCntSlabs": 568, "UMA Hash": 256,
          "16 Bucket": 152, "128 Bucket": 1048, "VNODE": 504, "VM OBJECT": 232, "MAP ENTRY": 120, "FFS inode": 168,
          "socket": 680, "S VFS Cache": 108, "L VFS Cache": 328,
        ]
      ),
    ]
    for (kernel, sizes) in expected {
      let model = try kernel.boot()
      for (name, size) in sizes.sorted(by: { $0.key < $1.key }) {
        #expect(try model.zoneRow(name).size == size, "\(kernel.testDescription), \(name)")
      }
    }
  }

  @Test func fiveHasNoZoneForTheStatisticsOfTypes() throws {
    for kernel in UMAKernelCase.all where kernel.type == FreeBSD54.self {
      let model = try kernel.boot()
      #expect(!model.zoneStatistics().contains { $0.name == "mt_zone" })
      #expect(model.mapUsedBytes == 0)
      let before = model.zoneStatistics().map(\.used)
      _ = model.mallocType(named: "a new type")
      #expect(model.zoneStatistics().map(\.used) == before)
    }
  }
}
