// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Testing

@testable import KernelMemory

/// A vmem arena: strategies, merging, imports, and a simple arena of arrays that decides the same.
@Suite struct VMemTests {
  private func arena(_ quanta: Int) -> VMem {
    let arena = VMem(name: "test", start: KernelAddress(rawValue: 0xC100_0000), capacity: quanta)
    arena.addSpan(first: 0, quanta: quanta)
    return arena
  }

  /// Takes everything in pieces of these lengths, and frees the pieces with these indices, in this order.
  private func arena(pieces: [Int], freeing indices: [Int]) throws -> VMem {
    let arena = arena(pieces.reduce(0, +))
    let firsts = pieces.map { arena.allocate($0, .bestFit) }
    #expect(!firsts.contains(-1))
    for index in indices { arena.free(firsts[index], quanta: pieces[index]) }
    try arena.checkInvariants()
    return arena
  }

  @Test(
    "A segment of so many quanta is on this list",
    arguments: zip([1, 2, 31, 32, 33, 63, 64, 127, 128, 1 << 20], [0, 1, 30, 31, 31, 31, 32, 32, 33, 46]))
  func aSegmentIsOnTheListOfItsSize(size: Int, order: Int) {
    #expect(VMem.order(ofSize: size) == order)
  }

  @Test func requestsAreCutFromTheLowEnd() throws {
    let arena = arena(100)
    #expect(arena.allocate(3, .bestFit) == 0)
    #expect(arena.allocate(1, .bestFit) == 3)
    #expect(arena.address(of: 3) == KernelAddress(rawValue: 0xC100_3000))
    #expect(arena.inUse == 4)
    #expect(arena.highWater == 4)
    #expect(arena.largestFree == 96)
    #expect(arena.allocate(97, .bestFit) == -1)
    #expect(arena.allocate(0, .bestFit) == -1)
    #expect(arena.allocate(96, .bestFit) == 4)
    #expect(arena.largestFree == 0)
    try arena.checkInvariants()
  }

  @Test func freeSegmentsMergeOnBothSides() throws {
    let arena = try arena(pieces: [2, 3, 4, 5], freeing: [0, 2])
    #expect(arena.freeSegmentCount() == 2)
    arena.free(2, quanta: 3)
    #expect(arena.freeSegmentCount() == 1)
    #expect(arena.largestFree == 9)
    arena.free(9, quanta: 5)
    #expect(arena.freeSegmentCount() == 1)
    #expect(arena.largestFree == 14)
    #expect(arena.inUse == 0)
    #expect(arena.highWater == 14)
    try arena.checkInvariants()
  }

  @Test func bestFitTakesTheSmallestExactSize() throws {
    // Free: 6, 3 and 9 quanta.
    let arena = try arena(pieces: [6, 1, 3, 1, 9, 1], freeing: [0, 2, 4])
    #expect(arena.allocate(3, .bestFit) == 7)
    #expect(arena.allocate(3, .bestFit) == 0)
    #expect(arena.allocate(7, .bestFit) == 11)
  }

  @Test func bestFitSearchesALongListFromItsHead() throws {
    // Free: 40, 60 and 50 quanta, all on one list; the head is what was freed last.
    let arena = try arena(pieces: [40, 1, 60, 1, 50, 1], freeing: [0, 2, 4])
    #expect(VMem.order(ofSize: 40) == VMem.order(ofSize: 60))
    #expect(arena.allocate(45, .bestFit) == 102, "the head, although another one lies lower")
    #expect(arena.allocate(45, .bestFit) == 41, "the head of the rest is too short")
    #expect(arena.allocate(45, .bestFit) == -1)
  }

  @Test func firstFitLooksAtHeadsAndThenAsBestFit() throws {
    // Free: 40 quanta, and 70 on the list above.
    let arena = try arena(pieces: [40, 1, 70, 1], freeing: [0, 2])
    #expect(arena.allocate(35, .firstFit) == 41, "a list all of whose segments are large enough comes first")
    #expect(arena.allocate(35, .firstFit) == 76, "what is left of it is on the shorter list, and its head")
    #expect(arena.allocate(36, .firstFit) == 0, "the second try takes any that fits")
  }

  @Test func instantFitTakesNoSegmentThatMightBeTooShort() throws {
    let arena = try arena(pieces: [40, 1, 70, 1], freeing: [0, 2])
    #expect(arena.allocate(35, .instantFit) == 41)
    #expect(arena.allocate(35, .instantFit) == -1, "two segments would do, in a list that may hold shorter ones")
    #expect(arena.allocate(32, .instantFit) == 76, "a power of two knows its list")
    #expect(arena.allocate(8, .instantFit) == 0)
  }

  @Test func anAlignedRequestLeavesBothEndsFree() throws {
    let arena = arena(64)
    #expect(arena.allocate(1, .bestFit) == 0)
    #expect(arena.allocate(8, .bestFit, alignment: 16) == 16)
    #expect(arena.freeSegmentCount() == 2)
    #expect(arena.largestFree == 40)
    try arena.checkInvariants()
    arena.free(16, quanta: 8)
    #expect(arena.freeSegmentCount() == 1)
    try arena.checkInvariants()
  }

  @Test func spansDoNotMerge() throws {
    let arena = VMem(name: "test", start: .null, capacity: 100)
    arena.addSpan(first: 10, quanta: 20)
    arena.addSpan(first: 30, quanta: 20)
    #expect(arena.size == 40)
    #expect(arena.allocate(21, .bestFit) == -1)
    #expect(arena.allocate(20, .bestFit) == 30, "the span that came last is the head of its list")
    #expect(arena.allocate(20, .bestFit) == 10)
    arena.free(10, quanta: 20)
    arena.free(30, quanta: 20)
    #expect(arena.freeSegmentCount() == 2)
    try arena.checkInvariants()
  }

  @Test func anArenaImportsWhatItDoesNotHave() throws {
    let source = arena(256)
    _ = source.allocate(5, .bestFit)
    let arena = VMem(
      name: "domain", start: source.start, capacity: 256, source: source, importQuantum: 64, releasesSpans: false)
    #expect(arena.allocate(3, .bestFit) == 64, "imports are aligned")
    #expect(arena.size == 64)
    #expect(source.inUse == 69)
    #expect(arena.allocate(62, .bestFit) == 128, "what is left of the first piece is too short")
    #expect(arena.allocate(70, .instantFit) == -1, "two pieces in a row are nowhere left")
    #expect(arena.importCount == 2)
    arena.free(64, quanta: 3)
    arena.free(128, quanta: 62)
    #expect(arena.size == 128, "imports are kept")
    try arena.checkInvariants()
    try source.checkInvariants()
  }

  @Test func anImportServesTheRequestThatItWasMadeFor() throws {
    let source = arena(512)
    let arena = VMem(name: "domain", start: source.start, capacity: 512, source: source, importQuantum: 4)
    #expect(arena.allocate(33, .instantFit) == 0)
    #expect(arena.size == 36)
    #expect(arena.allocate(16, .bestFit, alignment: 16) % 16 == 0)
    try arena.checkInvariants()
  }

  @Test func anEmptyImportGoesBackWhereThatIsWanted() throws {
    let source = arena(256)
    let arena = VMem(
      name: "heap", start: source.start, capacity: 256, source: source, importQuantum: 16, releasesSpans: true)
    arena.addSpan(first: 240, quanta: 0 + 8)
    let firsts = (0..<8).map { _ in arena.allocate(5, .bestFit) }
    #expect(!firsts.contains(-1))
    for first in firsts { arena.free(first, quanta: 5) }
    #expect(arena.size == 8, "the span that was not imported stays")
    #expect(arena.releaseCount == arena.importCount)
    #expect(source.inUse == 0)
    try arena.checkInvariants()
    try source.checkInvariants()
  }

  @Test func quantumCachesTakeSlabsOfTheArena() throws {
    let arena = arena(256)
    let caches = VMemQuantumCaches(arena: arena, maximum: 8)
    #expect(caches.slabQuanta == 32)
    let first = (0..<10).map { _ in caches.allocate(3, .instantFit) }
    #expect(first == (0..<10).map { $0 * 3 })
    #expect(arena.inUse == 32)
    #expect(caches.allocate(3, .instantFit) == 32, "ten items a slab")
    #expect(caches.allocate(8, .instantFit) == 64)
    #expect(caches.allocate(9, .instantFit) == 96, "longer requests go to the arena")
    #expect(caches.freeQuanta == 96 - 33 - 8)
    try caches.checkInvariants()
    caches.free(first[4], quanta: 3)
    #expect(caches.allocate(3, .instantFit) == first[4], "the slab that was partly freed last")
    for quantum in first { caches.free(quantum, quanta: 3) }
    #expect(caches.slabCount == 2, "a wholly free slab goes back at once")
    #expect(arena.inUse == 64 + 9)
    try caches.checkInvariants()
  }

  @Test func quantumCachesOfAFullArenaGiveWhatTheyHave() throws {
    let arena = arena(40)
    let caches = VMemQuantumCaches(arena: arena, maximum: 8)
    #expect(caches.allocate(1, .bestFit) == 0)
    #expect(caches.allocate(2, .bestFit) == -1)
    #expect(caches.allocate(9, .bestFit) == -1)
    for quantum in 1..<32 { #expect(caches.allocate(1, .bestFit) == quantum) }
    #expect(caches.allocate(1, .bestFit) == -1)
    try caches.checkInvariants()
  }

  @Test("Quantum caches never give a quantum twice", arguments: [1, 2] as [UInt64])
  func quantumCachesNeverGiveAQuantumTwice(seed: UInt64) throws {
    var random = TestRandom(seed: seed)
    let arena = arena(1500)
    let caches = VMemQuantumCaches(arena: arena, maximum: 16)
    var taken = Set<Int>()
    var held: [(first: Int, quanta: Int)] = []
    for event in 0..<5000 {
      if random.below(100) < (event / 500 % 2 == 0 ? 60 : 40) || held.isEmpty {
        let quanta = 1 + random.below(20)
        let first = caches.allocate(quanta, .instantFit)
        guard first >= 0 else { continue }
        try #require(taken.isDisjoint(with: first..<first + quanta), "seed \(seed), event \(event)")
        taken.formUnion(first..<first + quanta)
        held.append((first, quanta))
      } else {
        let segment = held.remove(at: random.below(held.count))
        taken.subtract(segment.first..<segment.first + segment.quanta)
        caches.free(segment.first, quanta: segment.quanta)
      }
      try #require(arena.inUse - caches.freeQuanta == taken.count, "seed \(seed), event \(event)")
      if event % 16 == 0 { try caches.checkInvariants() }
    }
    for segment in held { caches.free(segment.first, quanta: segment.quanta) }
    #expect(arena.inUse == 0 && arena.freeSegmentCount() == 1)
  }

  @Test("Random calls decide as an arena of arrays does", arguments: [1, 2, 3, 4] as [UInt64])
  func randomCallsDecideAsAnArenaOfArraysDoes(seed: UInt64) throws {
    var random = TestRandom(seed: seed)
    let capacity = 700
    let arena = VMem(name: "test", start: .null, capacity: capacity)
    var simple = SimpleArena()
    for (first, quanta) in [(0, 300), (310, 200), (520, 180)] {
      arena.addSpan(first: first, quanta: quanta)
      simple.add(first, quanta)
    }
    var held: [(first: Int, quanta: Int)] = []
    for event in 0..<6000 {
      if random.below(100) < (event / 500 % 2 == 0 ? 60 : 40) {
        let quanta = 1 + random.below(random.below(4) == 0 ? 90 : 12)
        let strategy = [VMem.Strategy.bestFit, .firstFit, .instantFit][random.below(3)]
        let alignment = random.below(5) == 0 ? 1 << random.below(5) : 1
        let first = arena.allocate(quanta, strategy, alignment: alignment)
        let expected = simple.allocate(quanta, strategy, alignment)
        try #require(first == expected, "seed \(seed), event \(event): \(quanta) quanta, \(strategy), by \(alignment)")
        if first >= 0 { held.append((first, quanta)) }
      } else if !held.isEmpty {
        let segment = held.remove(at: random.below(held.count))
        arena.free(segment.first, quanta: segment.quanta)
        simple.free(segment.first, segment.quanta)
      }
      try #require(arena.largestFree == simple.largestFree, "seed \(seed), event \(event)")
      try #require(arena.inUse == held.reduce(0) { $0 + $1.quanta }, "seed \(seed), event \(event)")
      if event < 1000 || event % 64 == 0 { try arena.checkInvariants() }
    }
  }
}

/// An arena as arrays: every list is an array of segments, the head first.
private struct SimpleArena {
  private struct Segment: Equatable {
    var first: Int
    var quanta: Int
    var span: Int
  }

  private var lists = [[Segment]](repeating: [], count: 64)
  private var spans: [Range<Int>] = []

  var largestFree: Int { lists.joined().map(\.quanta).max() ?? 0 }

  mutating func add(_ first: Int, _ quanta: Int) {
    spans.append(first..<first + quanta)
    put(Segment(first: first, quanta: quanta, span: spans.count - 1))
  }

  /// Sizes 1 to 31 have lists of their own; then 32 to 63, 64 to 127 and so on share one.
  private static func list(_ quanta: Int) -> Int {
    if quanta < 32 { return quanta - 1 }
    var list = 31
    var most = 63
    while quanta > most {
      list += 1
      most = most * 2 + 1
    }
    return list
  }

  private mutating func put(_ segment: Segment) { lists[Self.list(segment.quanta)].insert(segment, at: 0) }

  mutating func allocate(_ quanta: Int, _ strategy: VMem.Strategy, _ alignment: Int) -> Int {
    if strategy != .bestFit {
      var list = Self.list(quanta)
      if quanta > 32, quanta.nonzeroBitCount != 1 { list += 1 }
      for list in list..<64 {
        if let head = lists[list].first, let first = take(head, quanta, alignment) { return first }
      }
      if strategy == .instantFit { return -1 }
    }
    for list in Self.list(quanta)..<64 {
      for segment in lists[list] {
        if let first = take(segment, quanta, alignment) { return first }
      }
    }
    return -1
  }

  private mutating func take(_ segment: Segment, _ quanta: Int, _ alignment: Int) -> Int? {
    let first = (segment.first + alignment - 1) / alignment * alignment
    let end = segment.first + segment.quanta
    guard first + quanta <= end else { return nil }
    lists[Self.list(segment.quanta)].removeAll { $0 == segment }
    if first > segment.first {
      put(Segment(first: segment.first, quanta: first - segment.first, span: segment.span))
    }
    if first + quanta < end {
      put(Segment(first: first + quanta, quanta: end - first - quanta, span: segment.span))
    }
    return first
  }

  mutating func free(_ first: Int, _ quanta: Int) {
    let span = spans.firstIndex { $0.contains(first) } ?? -1
    var merged = Segment(first: first, quanta: quanta, span: span)
    for list in lists.indices {
      for segment in lists[list] where segment.span == span {
        guard segment.first + segment.quanta == first || segment.first == first + quanta else { continue }
        lists[list].removeAll { $0 == segment }
        merged.first = min(merged.first, segment.first)
        merged.quanta += segment.quanta
      }
    }
    put(merged)
  }
}
