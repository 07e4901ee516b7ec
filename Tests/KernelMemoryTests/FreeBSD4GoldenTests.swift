// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Testing

@testable import KernelMemory

/// The original FreeBSD 4 malloc ran eight traces; the model has to agree in every field at every checkpoint.
@Suite("freebsd-4 against the original allocator")
struct FreeBSD4GoldenTests {
  @Test("m, n and f of a trace give the original's state at every checkpoint", arguments: oracleTraces)
  func aTraceGivesTheOriginalState(name: String) throws {
    let trace = try loadTrace(name)
    let expected = try loadExpected(name, "bsd4")
    var configuration = ModelConfiguration(physicalMemory: 512 << 20)
    configuration.mapBytes = expected.mapPages * kernelPageSize
    let model = try FreeBSD4(configuration)
    #expect(model.buckets.typeLimit == expected.typeLimitBytes)

    // The oracle lists types that a trace does not use too.
    for name in expected.checkpoints[0].types.keys.sorted() { _ = model.mallocType(named: name) }
    let types = trace.typeNames.map { model.mallocType(named: $0) }
    var addresses = [KernelAddress](repeating: .null, count: trace.largestID + 1)
    var typeOf = [Int](repeating: 0, count: trace.largestID + 1)
    var failures = 0
    var next = 0
    try compare(model, expected.checkpoints[next], failures, "\(name), start")
    next += 1
    var endedAt: Int?

    for (index, event) in trace.events.enumerated() {
      switch event.kind {
      case .time: model.advance(to: event.value)
      case .malloc:
        typeOf[event.id] = event.name
        addresses[event.id] = model.malloc(event.size, types[event.name], .wait)
      case .mallocNoWait:
        typeOf[event.id] = event.name
        addresses[event.id] = model.malloc(event.size, types[event.name], .noWait)
        if addresses[event.id] == .null { failures += 1 }
      case .free:
        if addresses[event.id] != .null { model.free(addresses[event.id], types[typeOf[event.id]]) }
        addresses[event.id] = .null
      case .checkpoint:
        try #require(next < expected.checkpoints.count)
        #expect(expected.checkpoints[next].event == index)
        try compare(model, expected.checkpoints[next], failures, "\(name), event \(index)")
        next += 1
      case .cpu, .zoneAlloc, .zoneFree, .reclaim: break
      }
      if model.failure != nil {
        endedAt = index
        break
      }
    }

    if let endedAt {
      try compare(model, expected.checkpoints[next], failures, "\(name), end at event \(endedAt)")
      next += 1
    }
    #expect(next == expected.checkpoints.count)
    #expect(endedAt == expected.outcome.event, "\(name): the event at which the run ends")
    switch (expected.outcome.result, model.failure) {
    case ("ok", nil): break
    case ("panic", .panic(let message, _)): #expect(message == expected.outcome.message)
    case ("stalled", .stuck(let reason, _)):
      // The oracle's text names the type; the model's reason names the same one.
      let quoted = (expected.outcome.message ?? "").split(separator: "\"").last.map(String.init) ?? ""
      #expect(reason.hasPrefix("sleeps on \"\(quoted)\": "), "\(reason)")
    default: Issue.record("\(name): expected \(expected.outcome.result), got \(String(describing: model.failure))")
    }
    if let pages = expected.outcome.mapPagesUsed { #expect(model.mapUsedBytes == pages * kernelPageSize) }
    if let pages = expected.outcome.largestFreeRunPages { #expect(model.largestFreeBytes == pages * kernelPageSize) }
    try model.checkInvariants()
  }

  private func compare(
    _ model: FreeBSD4, _ point: ExpectedRun.Checkpoint, _ failures: Int, _ place: String
  ) throws {
    #expect(model.mapUsedBytes == point.mapPagesUsed * kernelPageSize, "\(place)")
    #expect(model.largestFreeBytes == point.largestFreeRunPages * kernelPageSize, "\(place)")
    #expect(model.freeRangeCount == point.freeRuns, "\(place)")
    #expect(failures == point.nowaitFailures, "\(place)")
    #expect(model.noWaitFailures == UInt64(point.nowaitFailures), "\(place)")
    let buckets = try #require(point.buckets)
    #expect(buckets.count == 16)
    for row in model.bucketStatistics() {
      let expected = try #require(buckets[String(row.size)])
      #expect(row.used == expected.used, "\(place), size \(row.size)")
      #expect(row.free == expected.free, "\(place), size \(row.size)")
      #expect(row.couldFree == expected.couldFree, "\(place), size \(row.size)")
    }
    let rows = model.mallocTypeStatistics()
    for (name, expected) in point.types {
      let row = try #require(rows.first { $0.name == name }, "\(place), type \(name)")
      #expect(row.inUse == UInt64(expected.inUse), "\(place), type \(name)")
      #expect(row.bytes == UInt64(expected.bytes), "\(place), type \(name)")
    }
    try model.checkLedger()
  }
}
