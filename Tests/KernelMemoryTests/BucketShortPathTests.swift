// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Testing

@testable import KernelMemory

/// The short path of the bucket malloc decides what the long path decides, and counts the same.
@Suite struct BucketShortPathTests {
  /// Two boots of one kernel: the second has no short path.
  private struct Pair {
    let short: any AllocatorModel
    let long: any AllocatorModel
    let buckets: BucketMalloc
  }

  private static func boot(_ kernel: String) throws -> Pair {
    switch kernel {
    case FreeBSD4.identifier:
      let (short, long) = (try bootFreeBSD4(), try bootFreeBSD4())
      long.buckets.endShortPath()
      return Pair(short: short, long: long, buckets: short.buckets)
    case OpenBSD39.identifier:
      let (short, long) = (try bootOpenBSD(), try bootOpenBSD())
      long.buckets.endShortPath()
      return Pair(short: short, long: long, buckets: short.buckets)
    default:
      let (short, long) = (try bootNetBSD(), try bootNetBSD())
      long.buckets.endShortPath()
      return Pair(short: short, long: long, buckets: short.buckets)
    }
  }

  private static let kernels = [FreeBSD4.identifier, OpenBSD39.identifier, NetBSD.identifier]

  private static func expectSame(_ pair: Pair, _ place: String) throws {
    try #require(pair.short.mallocTypeStatistics() == pair.long.mallocTypeStatistics(), "\(place)")
    try #require(pair.short.ledger() == pair.long.ledger(), "\(place)")
    try #require(pair.short.vmstatM() == pair.long.vmstatM(), "\(place)")
    try #require(pair.short.failure == pair.long.failure, "\(place)")
    try pair.short.checkInvariants()
    try pair.long.checkInvariants()
  }

  @Test("Short and long path give the same addresses, statistics and ledger", arguments: kernels, [1, 2] as [UInt64])
  func pathsAgree(kernel: String, seed: UInt64) throws {
    let pair = try Self.boot(kernel)
    var random = TestRandom(seed: seed)
    let types = ["temp", "devbuf", "mbuf"].map { name in
      let type = pair.short.mallocType(named: name)
      #expect(pair.long.mallocType(named: name) == type)
      return type
    }
    var live: [(address: KernelAddress, type: Int)] = []
    for event in 0..<20_000 {
      let place = "\(kernel), seed \(seed), event \(event)"
      // The number of live items swings between a few and more than the map has room for.
      let wanted = event % 4000 < 2000 ? 900 : 60
      if Int.random(in: 0..<2 * wanted, using: &random) >= live.count {
        let bits = Int.random(in: 0...14, using: &random)
        let size = Int.random(in: 0...(1 << bits), using: &random)
        let type = Int.random(in: 0..<types.count, using: &random)
        // As a replay does: the cache first, the whole call where it has nothing.
        var address = KernelAddress.null
        if !pair.short.mallocFromCache(size, types[type], &address) {
          try #require(address == .null, "\(place)")
          address = pair.short.malloc(size, types[type], .noWait)
        }
        try #require(pair.long.malloc(size, types[type], .noWait) == address, "\(place): \(size) bytes")
        if address != .null { live.append((address, type)) }
      } else if !live.isEmpty {
        let (address, type) = live.remove(at: Int.random(in: 0..<live.count, using: &random))
        // Now and then under a type that has something in use, too, but another one.
        let other = live.last?.type ?? type
        let freed = Int.random(in: 0..<50, using: &random) == 0 ? other : type
        if !pair.short.freeToCache(address, types[freed]) { pair.short.free(address, types[freed]) }
        pair.long.free(address, types[freed])
      }
      if pair.long.hasEnded { break }
      if event % 500 == 499 { try Self.expectSame(pair, place) }
    }
    // A second free ends both with the same words.
    if let item = live.last {
      for model in [pair.short, pair.long] {
        model.free(item.address, types[item.type])
        model.free(item.address, types[item.type])
      }
    }
    #expect(pair.short.failure == pair.long.failure)
    #expect(pair.short.mallocTypeStatistics() == pair.long.mallocTypeStatistics())
    #expect(pair.short.malloc(16, types[0], .wait) == .null, "the short path is closed")
  }

  @Test("Frees under a wrong type stop both at the same one", arguments: kernels)
  func wrongTypesEndBoth(kernel: String) throws {
    let pair = try Self.boot(kernel)
    for model in [pair.short, pair.long] {
      let (right, wrong) = (model.mallocType(named: "temp"), model.mallocType(named: "devbuf"))
      let items = (0..<8).map { _ in model.malloc(100, right, .wait) }
      for item in items[..<4] { model.free(item, right) }
      _ = model.malloc(100, wrong, .wait)
      for item in items[4...] { model.free(item, wrong) }
    }
    // NetBSD has ended at the second one.
    #expect((pair.short.failure != nil) == (kernel == NetBSD.identifier))
    #expect(pair.short.failure == pair.long.failure)
    #expect(pair.short.mallocTypeStatistics() == pair.long.mallocTypeStatistics())
  }

  @Test("The short path serves what needs no page and passes no maximum", arguments: kernels)
  func theShortPathServes(kernel: String) throws {
    let pair = try Self.boot(kernel)
    let type = pair.short.mallocType(named: "temp")
    let order = pair.buckets.order
    let state = pair.buckets.state
    var address = KernelAddress.null
    #expect(!BucketMalloc.take(state, 100, type.index, order, &address), "no page yet")
    let items = (0..<3).map { _ in pair.short.malloc(100, type, .wait) }
    #expect(!BucketMalloc.take(state, 100, type.index, order, &address), "a new maximum")
    #expect(BucketMalloc.give(state, items[0], type.index, order))
    #expect(!BucketMalloc.give(state, items[0], type.index, order), "a second free")
    #expect(!BucketMalloc.give(state, KernelAddress(rawValue: items[1].rawValue + 16), type.index, order), "unaligned")
    #expect(!BucketMalloc.give(state, .null, type.index, order), "null")
    #expect(!BucketMalloc.take(state, 0, type.index, order, &address), "no bytes count as one")
    #expect(!BucketMalloc.take(state, 8193, type.index, order, &address), "whole pages")
    #expect(!BucketMalloc.take(state, 100, type.index + 1, order, &address), "no such type")
    #expect(BucketMalloc.take(state, 100, type.index, order, &address) && address != .null)
    try pair.short.checkInvariants()
  }
}
