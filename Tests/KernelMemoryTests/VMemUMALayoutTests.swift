// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Testing

@testable import KernelMemory

/// Slab layouts and bucket sizes of FreeBSD 11 and 14.
@Suite struct VMemUMALayoutTests {
  struct Row: Sendable {
    var size: Int
    var items: Int
    var pages = 1
    var isOffPage = false
  }

  static let i386Of11 = [
    Row(size: 16, items: 252), Row(size: 32, items: 126), Row(size: 64, items: 63), Row(size: 128, items: 31),
    Row(size: 256, items: 15), Row(size: 512, items: 8, isOffPage: true), Row(size: 1024, items: 4, isOffPage: true),
    Row(size: 2048, items: 2, isOffPage: true), Row(size: 4096, items: 1, isOffPage: true),
    Row(size: 8192, items: 1, pages: 2, isOffPage: true), Row(size: 65_536, items: 1, pages: 16, isOffPage: true),
    Row(size: 9216, items: 1, pages: 3), Row(size: 4040, items: 1),
    Row(size: 4041, items: 1, isOffPage: true), Row(size: 268, items: 15),
  ]

  static let amd64Of11 = [
    Row(size: 16, items: 251), Row(size: 32, items: 125), Row(size: 64, items: 62), Row(size: 128, items: 31),
    Row(size: 256, items: 15), Row(size: 512, items: 8, isOffPage: true), Row(size: 472, items: 8),
    Row(size: 16_400, items: 1, pages: 5), Row(size: 4096, items: 1, isOffPage: true),
    Row(size: 32_768, items: 1, pages: 8, isOffPage: true),
  ]

  static let amd64Of14 = [
    // 24 bytes of header and a bit for each of at most 256 items.
    Row(size: 16, items: 252), Row(size: 32, items: 126), Row(size: 64, items: 63), Row(size: 128, items: 31),
    Row(size: 256, items: 15), Row(size: 512, items: 8, isOffPage: true), Row(size: 448, items: 9),
    Row(size: 1024, items: 4, isOffPage: true), Row(size: 4096, items: 1, isOffPage: true),
    Row(size: 16_384, items: 1, pages: 4, isOffPage: true), Row(size: 4064, items: 1),
  ]

  private func check(_ row: Row, _ policy: VMemUMA.Policy) {
    let layout = VMemUMA.Layout(size: row.size, alignmentMask: 0, flags: .malloc, policy: policy)
    #expect(layout.itemsPerSlab == row.items, "\(row.size): \(layout)")
    #expect(layout.pagesPerSlab == row.pages, "\(row.size): \(layout)")
    #expect(layout.flags.contains(.offPage) == row.isOffPage, "\(row.size): \(layout)")
    #expect(!layout.flags.contains(.hash))
  }

  @Test("FreeBSD 11 on i386 lays items out", arguments: i386Of11)
  func elevenOnI386(row: Row) { check(row, FreeBSD11.policy(.i386, largestMallocZone: 65_536)) }

  @Test("FreeBSD 11 on amd64 lays items out", arguments: amd64Of11)
  func elevenOnAMD64(row: Row) { check(row, FreeBSD11.policy(.amd64, largestMallocZone: 65_536)) }

  @Test("FreeBSD 14 on amd64 lays items out", arguments: amd64Of14)
  func fourteenOnAMD64(row: Row) {
    check(row, FreeBSD14.policy(.amd64, largestMallocZone: 65_536, softLimitBytes: 1 << 30))
  }

  @Test func offPageSlabsOfOtherZonesNeedAHash() {
    let policy = FreeBSD11.policy(.i386, largestMallocZone: 65_536)
    #expect(VMemUMA.Layout(size: 1024, alignmentMask: 3, flags: [], policy: policy).flags == [.offPage, .hash])
    #expect(VMemUMA.Layout(size: 256, alignmentMask: 3, flags: [], policy: policy).flags == [])
    #expect(VMemUMA.Layout(size: 1024, alignmentMask: 3, flags: .internal, policy: policy).itemsPerSlab == 3)
    let later = FreeBSD14.policy(.i386, largestMallocZone: 65_536, softLimitBytes: 1 << 30)
    #expect(VMemUMA.Layout(size: 1024, alignmentMask: 3, flags: [], policy: later).flags == .offPage)
  }

  @Test(
    "A zone starts with buckets for the size of its items",
    arguments: [
      (16, 253), (64, 253), (65, 125), (128, 125), (129, 61), (256, 61), (257, 29), (512, 29), (513, 13), (1024, 13),
      (1025, 9), (1536, 9), (1537, 5), (2048, 5), (2049, 3), (3072, 3), (3073, 1), (4096, 1), (8192, 1), (65_536, 1),
    ])
  func aZoneStartsWithBucketsForItsItems(size: Int, entries: Int) {
    #expect(VMemUMA.bucketSize(forItem: size) == entries)
  }

  @Test(
    "The smallest bucket that holds so many items",
    arguments: [
      (1, 0), (2, 1), (3, 1), (4, 2), (5, 2), (6, 3), (9, 3), (10, 4), (13, 4), (14, 5), (29, 5), (30, 6), (61, 6),
      (62, 7), (125, 7), (126, 8), (253, 8), (254, 8),
    ])
  func theSmallestBucketThatHolds(entries: Int, zone: Int) {
    #expect(VMemUMA.bucketZone(forEntries: entries) == zone)
  }
}
