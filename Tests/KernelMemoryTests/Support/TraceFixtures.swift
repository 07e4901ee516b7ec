// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Foundation

/// Why a fixture could not be read.
enum FixtureError: Error, CustomStringConvertible {
  case missing(String)
  case decompression(String, status: Int32)
  case header(String)
  case line(String, number: Int)

  var description: String {
    switch self {
    case .missing(let file): "no fixture \(file)"
    case .decompression(let file, let status): "gzip ended with status \(status) on \(file)"
    case .header(let file): "\(file) does not begin with the trace header"
    case .line(let file, let number): "\(file), line \(number): not a trace event"
    }
  }
}

/// The eight traces of the allocator oracle, by name.
let oracleTraces = [
  "01-churn-mixed-1cpu", "06-nfs-pass-2cpu", "09-peaks-malloc", "12-leak-zone", "14-large-vs-small",
  "16-prodcons-2cpu", "18-reclaim-regrow", "21-panic-fragment",
]

/// What one line of a trace asks for.
enum TraceEventKind: UInt8 {
  case time, cpu, malloc, mallocNoWait, free, zoneAlloc, zoneFree, checkpoint, reclaim
}

/// One line of a trace.
struct TraceEvent {
  var kind: TraceEventKind
  /// Identifier of the allocation, 0 where the event has none.
  var id = 0
  /// Bytes, of `malloc` and `mallocNoWait`.
  var size = 0
  /// Index into ``LoadedTrace/typeNames`` (malloc) or ``LoadedTrace/zoneNames`` (zoneAlloc).
  var name = 0
  /// Nanoseconds of `time`, number of `cpu`.
  var value: UInt64 = 0
}

/// A trace, parsed.
struct LoadedTrace {
  var name: String
  var events: [TraceEvent] = []
  var typeNames: [String] = []
  var zoneNames: [String] = []
  /// The largest identifier of an allocation.
  var largestID = 0
}

/// Reads a file of the fixtures, decompressed.
func gunzippedFixture(_ path: String) throws -> [UInt8] {
  guard let root = Bundle.module.resourceURL else { throw FixtureError.missing(path) }
  let file = root.appendingPathComponent("Fixtures/allocator-traces/\(path)")
  guard FileManager.default.isReadableFile(atPath: file.path) else { throw FixtureError.missing(file.path) }
  let process = Process()
  process.executableURL = URL(fileURLWithPath: "/bin/gzip")
  process.arguments = ["-dc", file.path]
  let output = Pipe()
  process.standardOutput = output
  try process.run()
  let data = output.fileHandleForReading.readDataToEndOfFile()
  process.waitUntilExit()
  guard process.terminationStatus == 0 else {
    throw FixtureError.decompression(path, status: process.terminationStatus)
  }
  return [UInt8](data)
}

/// Reads and parses one of the oracle's traces.
func loadTrace(_ name: String) throws -> LoadedTrace {
  var parser = TraceParser(name: name)
  return try gunzippedFixture("traces/\(name).trace.gz").withUnsafeBufferPointer { try parser.parse($0) }
}

/// Reads what the original code did with a trace; `model` is `uma6`, `uma6-boot` or `bsd4`.
func loadExpected(_ name: String, _ model: String) throws -> ExpectedRun {
  let bytes = try gunzippedFixture("expected/\(name).\(model).json.gz")
  return try JSONDecoder().decode(ExpectedRun.self, from: Data(bytes))
}

/// What the original code did with a trace.
struct ExpectedRun: Decodable {
  struct Outcome: Decodable {
    var result: String
    var message: String?
    var event: Int?
    var mapPagesUsed: Int?
    var largestFreeRunPages: Int?
    var freeRuns: Int?
  }
  struct Zone: Decodable, Equatable {
    var used, free, pages, bootPages, kegFree, cpuFree, fullBuckets, emptyBuckets, bucketCount: Int
  }
  struct Bucket: Decodable, Equatable {
    var used, free, couldFree: Int
  }
  struct MallocType: Decodable, Equatable {
    var inUse, bytes: Int
  }
  struct Checkpoint: Decodable {
    var event: Int
    var timeNs: UInt64
    var mapPagesUsed, largestFreeRunPages, freeRuns, nowaitFailures: Int
    var largeMallocPages: Int?
    var zones: [String: Zone]?
    var buckets: [String: Bucket]?
    var types: [String: MallocType]
  }

  var mapPages: Int
  var cpus: Int?
  var typeLimitBytes: Int?
  var bootPagesLeftAtStart: Int?
  var checkpoints: [Checkpoint]
  var outcome: Outcome
}

/// Parses a trace from its bytes by hand: the tests run it in debug builds, where splitting strings takes seconds.
struct TraceParser {
  private var trace: LoadedTrace
  private var line = 1
  private var at = 0

  init(name: String) { trace = LoadedTrace(name: name) }

  mutating func parse(_ text: UnsafeBufferPointer<UInt8>) throws -> LoadedTrace {
    let header = Array("# nfschurn-trace 1\n".utf8)
    guard text.count > header.count, text.prefix(header.count).elementsEqual(header) else {
      throw FixtureError.header(trace.name)
    }
    at = header.count
    trace.events.reserveCapacity(text.count / 8)
    while at < text.count {
      line += 1
      let letter = text[at]
      at += 1
      var event: TraceEvent
      switch letter {
      case UInt8(ascii: "t"):
        event = TraceEvent(kind: .time)
        event.value = try UInt64(number(text))
      case UInt8(ascii: "c"):
        event = TraceEvent(kind: .cpu)
        event.value = try UInt64(number(text))
      case UInt8(ascii: "m"), UInt8(ascii: "n"):
        event = TraceEvent(kind: letter == UInt8(ascii: "m") ? .malloc : .mallocNoWait)
        event.id = try number(text)
        event.size = try number(text)
        event.name = try nameIndex(text, in: \.typeNames)
      case UInt8(ascii: "f"):
        event = TraceEvent(kind: .free)
        event.id = try number(text)
      case UInt8(ascii: "z"):
        event = TraceEvent(kind: .zoneAlloc)
        event.id = try number(text)
        event.name = try nameIndex(text, in: \.zoneNames)
      case UInt8(ascii: "x"):
        event = TraceEvent(kind: .zoneFree)
        event.id = try number(text)
      case UInt8(ascii: "p"): event = TraceEvent(kind: .checkpoint)
      case UInt8(ascii: "r"): event = TraceEvent(kind: .reclaim)
      default: throw FixtureError.line(trace.name, number: line)
      }
      guard at < text.count, text[at] == UInt8(ascii: "\n") else { throw FixtureError.line(trace.name, number: line) }
      at += 1
      if event.id > trace.largestID { trace.largestID = event.id }
      trace.events.append(event)
    }
    return trace
  }

  private mutating func number(_ text: UnsafeBufferPointer<UInt8>) throws -> Int {
    guard at < text.count, text[at] == UInt8(ascii: " ") else { throw FixtureError.line(trace.name, number: line) }
    at += 1
    let start = at
    var value = 0
    while at < text.count, at - start < 18, text[at] >= 0x30, text[at] <= 0x39 {
      value = value &* 10 &+ Int(text[at] &- 0x30)
      at &+= 1
    }
    guard at > start else { throw FixtureError.line(trace.name, number: line) }
    return value
  }

  /// Reads the rest of the line as a name, with or without quotes.
  private mutating func nameIndex(
    _ text: UnsafeBufferPointer<UInt8>, in names: WritableKeyPath<LoadedTrace, [String]>
  ) throws -> Int {
    guard at < text.count, text[at] == UInt8(ascii: " ") else { throw FixtureError.line(trace.name, number: line) }
    at += 1
    var start = at
    while at < text.count, text[at] != UInt8(ascii: "\n") { at &+= 1 }
    var end = at
    if end - start >= 2, text[start] == UInt8(ascii: "\""), text[end - 1] == UInt8(ascii: "\"") {
      start += 1
      end -= 1
    }
    let name = UnsafeBufferPointer(rebasing: text[start..<end])
    let known = trace[keyPath: names]
    for index in known.indices where known[index].utf8.elementsEqual(name) { return index }
    trace[keyPath: names].append(String(decoding: name, as: UTF8.self))
    return known.count
  }
}
