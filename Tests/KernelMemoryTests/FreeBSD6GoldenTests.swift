// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Testing

@testable import KernelMemory

/// What the original sources of UMA and malloc(9) did with the oracle's traces, to the page, at every checkpoint.
@Suite struct FreeBSD6GoldenTests {
  static let runs =
    oracleTraces.map { ($0, "uma6") } + [
      ("12-leak-zone", "uma6-boot"), ("18-reclaim-regrow", "uma6-boot"),
    ]

  @Test("A trace gives the state of the original code at every checkpoint", arguments: runs)
  func aTraceGivesTheStateOfTheOriginalCode(name: String, variant: String) throws {
    let trace = try loadTrace(name)
    let expected = try loadExpected(name, variant)
    try play(trace, expected, variant: variant, backing: nil)
  }

  @Test("Checked mode decides as the unchecked one", arguments: ["06-nfs-pass-2cpu", "21-panic-fragment"])
  func checkedModeDecidesAsTheUncheckedOne(name: String) throws {
    let trace = try loadTrace(name)
    let expected = try loadExpected(name, "uma6")
    let bytes = UnsafeMutableRawPointer.allocate(byteCount: expected.mapPages * kernelPageSize, alignment: 16)
    defer { bytes.deallocate() }
    let backing = BackingBytes(base: bytes, start: FreeBSD6.mapStart, count: expected.mapPages * kernelPageSize)
    try play(trace, expected, variant: "uma6", backing: backing)
  }

  private func play(_ trace: LoadedTrace, _ expected: ExpectedRun, variant: String, backing: BackingBytes?) throws {
    var configuration = ModelConfiguration(physicalMemory: 512 << 20)
    configuration.mapBytes = expected.mapPages * kernelPageSize
    configuration.backing = backing
    configuration.checked = backing != nil
    configuration.cpus = try #require(expected.cpus)
    configuration.bootPages = variant == "uma6-boot" ? .available : .discarded
    let model = try FreeBSD6(configuration)
    #expect(model.uma.state.pointee.bootPagesLeft == expected.bootPagesLeftAtStart)

    var replay = TraceReplay(model, trace)
    var checkpoints = expected.checkpoints.makeIterator()
    try compare(model, checkpoints.next(), nulls: 0, event: -1)
    var died: Int?
    for (index, event) in trace.events.enumerated() {
      if event.kind == .checkpoint {
        try compare(model, checkpoints.next(), nulls: replay.nulls, event: index)
        try model.checkInvariants()
      } else {
        replay.play(event)
        if model.failure != nil {
          died = index
          break
        }
      }
    }
    if let died {
      try compare(model, checkpoints.next(), nulls: 0, event: died)
      try model.checkInvariants()
      #expect(expected.outcome.result == "panic")
      #expect(expected.outcome.event == died)
      let request = trace.events[died].size
      #expect(
        model.failure
          == .panic(
            message: try #require(expected.outcome.message),
            requestBytes: (request + kernelPageSize - 1) / kernelPageSize * kernelPageSize))
    } else {
      #expect(expected.outcome.result == "ok")
    }
    #expect(checkpoints.next() == nil)
    #expect(model.mapUsedBytes == expected.outcome.mapPagesUsed.map { $0 * kernelPageSize })
    #expect(model.largestFreeBytes == expected.outcome.largestFreeRunPages.map { $0 * kernelPageSize })
    #expect(model.uma.map.freeRunCount() == expected.outcome.freeRuns)
  }

  private func compare(_ model: FreeBSD6, _ checkpoint: ExpectedRun.Checkpoint?, nulls: Int, event: Int) throws {
    let expected = try #require(checkpoint)
    let place = Comment(rawValue: "event \(event)")
    #expect(expected.event == event)
    #expect(model.mapUsedBytes == expected.mapPagesUsed * kernelPageSize, place)
    #expect(model.largestFreeBytes == expected.largestFreeRunPages * kernelPageSize, place)
    #expect(model.uma.map.freeRunCount() == expected.freeRuns, place)
    #expect(model.uma.state.pointee.largePages == expected.largeMallocPages, place)
    #expect(nulls == expected.nowaitFailures, place)

    let rows = model.zoneStatistics()
    let zones = try #require(expected.zones)
    #expect(Set(rows.map(\.name)) == Set(zones.keys), place)
    for row in rows {
      let given = ExpectedRun.Zone(
        used: row.used, free: row.free, pages: row.pages, bootPages: row.bootPages, kegFree: row.kegFree,
        cpuFree: row.cpuFree, fullBuckets: row.fullBuckets, emptyBuckets: row.emptyBuckets,
        bucketCount: row.bucketCount)
      #expect(zones[row.name] == given, "zone \(row.name), event \(event)")
    }
    let types = model.mallocTypeStatistics()
    for (name, type) in expected.types.sorted(by: { $0.key < $1.key }) {
      let row = try #require(types.first { $0.name == name })
      #expect(
        type == ExpectedRun.MallocType(inUse: Int(row.inUse), bytes: Int(row.bytes)), "type \(name), event \(event)")
    }
    #expect(types.count == 15)
    #expect(model.ledger().total == model.mapUsedBytes, place)
  }
}
