// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Testing

@testable import KernelMemory

/// What exists after boot, what is made later, and what the callout does.
@Suite struct FreeBSD6BootTests {
  @Test("Start-up takes boot pages by the number of processors", arguments: [(1, 6), (2, 7), (4, 7), (16, 9)])
  func startUpTakesBootPages(cpus: Int, pages: Int) throws {
    let model = try smallFreeBSD6(cpus: cpus, boot: .available)
    let boot = model.zoneStatistics().reduce(0) { $0 + $1.bootPages }
    #expect(boot == pages)
    #expect(model.uma.state.pointee.bootPagesLeft == 48 - pages)
    // The highest page goes first, to the first keg, and the next one to the first zone.
    #expect(Int(model.uma.slabs[48].zone) == UMA.InternalZone.kegs)
    #expect(Int(model.uma.slabs[47].zone) == UMA.InternalZone.zones)
    #expect(model.uma.slabs[48 - pages].kind == UMAPageKind.none)
    #expect(model.mapUsedBytes == 5 * 4096, "mt_zone alone has taken pages of the map")
    try model.checkInvariants()
  }

  @Test func zonesOutsideOfTheOriginalRunsAreMadeWhenAskedFor() throws {
    let model = try smallFreeBSD6()
    let before = model.zoneStatistics()
    #expect(before.count == 30)
    let zones = try model.row("UMA Zones").used
    let inpcb = try #require(model.zone(named: "inpcb"))
    #expect(inpcb.index == 30)
    #expect(model.zone(named: "inpcb") == inpcb)
    #expect(try model.row("UMA Zones").used == zones + 1)
    #expect(try model.row("inpcb").size == 180)
    #expect(model.source(of: .tcpcb, nameLength: 0) == .zone(ZoneID(index: 31)))
    #expect(model.source(of: .file, nameLength: 0) == .zone(ZoneID(index: 32)))
    #expect(model.zoneStatistics().map(\.size).suffix(3) == [180, 464, 72])
    // The 31st item of "UMA Zones" does not fit the boot page any more, and boot pages are gone.
    #expect(try model.row("UMA Zones").pages == 2)
    #expect(try model.row("UMA Zones").bootPages == 1)
    try model.checkInvariants()
  }

  @Test func theAllocatorsOwnZonesAreNobodysToUse() throws {
    let model = try smallFreeBSD6()
    for name in ["UMA Slabs", "16 Bucket", "256", "UMA Kegs", "no such zone"] {
      #expect(model.zone(named: name) == nil)
    }
    #expect(model.zone(named: "VNODE") != nil)
  }

  @Test func everyKernelObjectHasASource() throws {
    let model = try smallFreeBSD6()
    for object in KernelObject.allCases {
      switch model.source(of: object, nameLength: 10) {
      case .zone(let zone): #expect(model.zoneAlloc(zone, .wait) != .null)
      case .malloc(let type, let size):
        #expect(object == .credential)
        #expect(model.malloc(size, type, .wait) != .null)
        #expect(try model.row("128").used == 1)
      case .embedded: Issue.record("\(object) has no source")
      }
    }
    let short = model.zone(named: "S VFS Cache").map { ObjectSource.zone($0) }
    let long = model.zone(named: "L VFS Cache").map { ObjectSource.zone($0) }
    #expect(model.source(of: .nameCacheEntry, nameLength: 32) == short)
    #expect(model.source(of: .nameCacheEntry, nameLength: 33) == long)
    try model.checkInvariants()
  }

  @Test func eachNewMallocTypeTakesAnItemOfItsZone() throws {
    let model = try smallFreeBSD6()
    #expect(try model.row("mt_zone").used == 15)
    let known = model.mallocType(named: "temp")
    #expect(try model.row("mt_zone").used == 15)
    for index in 0..<100 {
      let type = model.mallocType(named: "type \(index)")
      #expect(type.index == 15 + index)
    }
    #expect(try model.row("mt_zone").used == 115)
    #expect(model.mallocTypeStatistics().count == 115)
    _ = model.malloc(64, known, .wait)
    #expect(model.mallocTypeStatistics()[known.index].requests == 1)
    try model.checkInvariants()
  }

  @Test func theCalloutDoublesTheHashOfAZoneWithAsManySlabs() throws {
    let model = try smallFreeBSD6(pages: 8192)
    let zone = try #require(model.zone(named: "NAMEI"))
    for _ in 0..<(32 * 4) { _ = model.zoneAlloc(zone, .wait) }
    #expect(model.uma.kegs[zone.index].slabs >= 32)
    model.advance(to: 19_999_999_999)
    #expect(model.uma.kegs[zone.index].hashEntries == 32)
    let hashes = try model.row("UMA Hash").used
    model.advance(to: 20_000_000_000)
    #expect(model.uma.kegs[zone.index].hashEntries == 64)
    #expect(try model.row("UMA Hash").used == hashes - 1)
    let type = try #require(model.mallocTypeStatistics().first { $0.name == "UMAHash" })
    #expect(type.bytes == 256)
    #expect(model.ledger().live == 128 * 1024, "a hash is the allocator's own")
    // One mark doubles once; a clock that jumps runs every mark: 2,032 slabs want 2,048 entries, which are two pages.
    for _ in 0..<8000 { _ = model.zoneAlloc(zone, .wait) }
    model.advance(to: 200_000_000_000)
    #expect(model.uma.kegs[zone.index].hashEntries == 2048)
    #expect(model.uma.state.pointee.hashLargePages == 2)
    #expect(model.ledger().large == 0)
    try model.checkInvariants()
    // A clock at its end neither overflows nor takes a year to come to.
    model.advance(to: .max)
    #expect(model.uma.kegs[zone.index].hashEntries == 2048)
  }

  @Test func aHashThatFindsNoRoomIsTriedAtEveryMark() throws {
    let model = try smallFreeBSD6(pages: 256)
    let zone = try #require(model.zone(named: "NAMEI"))
    for _ in 0..<(32 * 4) { _ = model.zoneAlloc(zone, .wait) }
    model.loseAddressSpace(pages: model.largestFreeBytes / 4096)
    model.advance(to: 65_000_000_000)
    #expect(model.uma.kegs[zone.index].hashEntries == 32)
    #expect(try model.row("256").failures == 3)
    #expect(model.failure == nil)
  }

  @Test("Stationary churn reaches a plateau", arguments: [("256", 256, 14...16), ("4096", 4096, 215...231)])
  func stationaryChurnReachesAPlateau(zone: String, size: Int, pages: ClosedRange<Int>) throws {
    let model = try smallFreeBSD6()
    let type = model.mallocType(named: "temp")
    var random = TestRandom(seed: 257)
    var live: [KernelAddress] = []
    var rising = true
    for _ in 0..<40_000 {
      if live.count <= 50 { rising = true }
      if live.count >= 200 { rising = false }
      if random.below(100) < (rising ? 60 : 40) {
        live.append(model.malloc(size, type, .wait))
      } else if !live.isEmpty {
        model.free(live.remove(at: random.below(live.count)), type)
      }
    }
    let row = try model.row(zone)
    #expect(pages.contains(row.pages), "\(row.pages) pages, wanted bucket \(row.bucketCount)")
    for _ in 0..<5_000 {
      live.append(model.malloc(size, type, .wait))
      model.free(live.remove(at: random.below(live.count)), type)
    }
    #expect(try model.row(zone).pages == row.pages, "no growth from churn alone")
  }
}
