// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Foundation

/// Why a trace cannot be played: one line that names file and line.
public struct TraceError: Error, Equatable, CustomStringConvertible, Sendable {
  /// Path of the file.
  public let file: String
  /// Line from 1; nil where the whole file is meant.
  public let line: Int?
  /// What is wrong and what was expected.
  public let problem: String

  /// `FILE:LINE: PROBLEM`.
  public var description: String {
    if let line { "\(file):\(line): \(problem)" } else { "\(file): \(problem)" }
  }
}

/// Reads text traces, byte by byte: IDs are checked here, so that a replay need not look anything up.
struct TextTraceParser {
  private let file: String
  private let bytes: UnsafeRawBufferPointer
  private var cursor = 0
  private var line = 1
  private var trace = TextTrace()
  private var types: [String: Int32] = [:]
  private var zones: [String: Int32] = [:]
  /// Every ID that was ever allocated: its slot, whether it is a zone's, and whether it still lives.
  private var allocations: [UInt64: (slot: Int32, isZone: Bool, lives: Bool)] = [:]
  private var clock: UInt64 = 0

  /// Reads a trace from a file.
  ///
  /// - Throws: ``TraceError`` that names file and line.
  static func load(_ path: String) throws(TraceError) -> TextTrace {
    let data: Data
    do { data = try Data(contentsOf: URL(fileURLWithPath: path), options: .mappedIfSafe) } catch {
      throw TraceError(file: path, line: nil, problem: "cannot be read: no such file, or no permission")
    }
    return try data.withUnsafeBytes { bytes in outcome(of: bytes, file: path) }.get()
  }

  /// Reads a trace from bytes: the result carries its error, since buffers are not lent to closures that throw a type.
  static func outcome(of bytes: UnsafeRawBufferPointer, file: String) -> Result<TextTrace, TraceError> {
    var parser = TextTraceParser(file: file, bytes: bytes)
    do throws(TraceError) { return .success(try parser.parse()) } catch { return .failure(error) }
  }

  private init(file: String, bytes: UnsafeRawBufferPointer) {
    self.file = file
    self.bytes = bytes
  }

  private mutating func parse() throws(TraceError) -> TextTrace {
    let header = Array(TextTrace.header.utf8)
    guard bytes.count >= header.count, bytes.prefix(header.count).elementsEqual(header) else {
      throw error("expected the first line '\(TextTrace.header)'")
    }
    cursor = header.count
    try endOfLine()
    while cursor < bytes.count {
      let event = try event()
      trace.events.append(event)
      try endOfLine()
    }
    trace.slotCount = allocations.count
    return trace
  }

  private mutating func event() throws(TraceError) -> TraceEvent {
    let letter = bytes[cursor]
    cursor += 1
    switch letter {
    case UInt8(ascii: "t"):
      let time = try number("nanoseconds")
      guard time >= clock else { throw error("the clock goes back from \(clock) to \(time)") }
      clock = time
      return make(.time, value: time)
    case UInt8(ascii: "c"): return make(.cpu, value: try number("a processor"))
    case UInt8(ascii: "m"): return try malloc(.malloc)
    case UInt8(ascii: "n"): return try malloc(.mallocNoWait)
    case UInt8(ascii: "z"):
      let slot = try newAllocation(isZone: true)
      let zone = try name("a zone")
      return make(.zoneAlloc, name: index(of: zone, in: &zones, &trace.zoneNames), slot: slot)
    case UInt8(ascii: "f"): return make(.free, slot: try endedAllocation(isZone: false))
    case UInt8(ascii: "x"): return make(.zoneFree, slot: try endedAllocation(isZone: true))
    case UInt8(ascii: "o"):
      _ = try name("an operation")
      return make(.operation)
    case UInt8(ascii: "p"): return make(.pass)
    case UInt8(ascii: "r"): return make(.reclaim)
    default: throw error("unknown event: expected one of t c m n f z x o p r")
    }
  }

  private mutating func malloc(_ kind: TraceEvent.Kind) throws(TraceError) -> TraceEvent {
    let slot = try newAllocation(isZone: false)
    let size = try number("a size")
    guard (1...TextTrace.sizeLimit).contains(size) else {
      throw error("size \(size): expected 1 to \(TextTrace.sizeLimit) bytes")
    }
    let type = try name("a malloc type")
    return make(kind, name: index(of: type, in: &types, &trace.typeNames), slot: slot, value: size)
  }

  private func make(
    _ kind: TraceEvent.Kind, name: Int32 = 0, slot: Int32 = 0, value: UInt64 = 0
  ) -> TraceEvent {
    TraceEvent(kind: kind, name: name, slot: slot, value: value)
  }

  private mutating func newAllocation(isZone: Bool) throws(TraceError) -> Int32 {
    let id = try number("an ID")
    guard allocations[id] == nil else { throw error("ID \(id) was used before: IDs are never used again") }
    guard let slot = Int32(exactly: allocations.count) else { throw error("more than \(Int32.max) allocations") }
    allocations[id] = (slot, isZone, true)
    return slot
  }

  private mutating func endedAllocation(isZone: Bool) throws(TraceError) -> Int32 {
    let id = try number("an ID")
    guard let entry = allocations[id] else { throw error("ID \(id) was never allocated") }
    guard entry.isZone == isZone else {
      throw error(isZone ? "ID \(id) is a malloc: expected f" : "ID \(id) is of a zone: expected x")
    }
    guard entry.lives else { throw error("ID \(id) was freed before") }
    allocations[id]?.lives = false
    return entry.slot
  }

  private func index(of name: String, in table: inout [String: Int32], _ names: inout [String]) -> Int32 {
    if let known = table[name] { return known }
    let index = Int32(names.count)
    names.append(name)
    table[name] = index
    return index
  }

  private mutating func blank() throws(TraceError) {
    guard cursor < bytes.count, bytes[cursor] == UInt8(ascii: " ") else { throw error("expected one blank") }
    cursor += 1
  }

  private mutating func number(_ what: String) throws(TraceError) -> UInt64 {
    try blank()
    var value: UInt64 = 0
    let start = cursor
    while cursor < bytes.count, bytes[cursor] >= 48, bytes[cursor] <= 57 {
      let (product, tooLarge) = value.multipliedReportingOverflow(by: 10)
      let (sum, overflow) = product.addingReportingOverflow(UInt64(bytes[cursor] - 48))
      guard !tooLarge, !overflow else { throw error("\(what) does not fit in 64 bits") }
      value = sum
      cursor += 1
    }
    guard cursor > start else { throw error("expected \(what)") }
    return value
  }

  private mutating func name(_ what: String) throws(TraceError) -> String {
    try blank()
    let quoted = cursor < bytes.count && bytes[cursor] == UInt8(ascii: "\"")
    if quoted { cursor += 1 }
    let start = cursor
    while cursor < bytes.count, bytes[cursor] != UInt8(ascii: "\n") {
      let byte = bytes[cursor]
      if quoted ? byte == UInt8(ascii: "\"") : byte == UInt8(ascii: " ") { break }
      cursor += 1
    }
    let length = cursor - start
    guard (1...TextTrace.nameLimit).contains(length) else {
      throw error("expected \(what) of 1 to \(TextTrace.nameLimit) bytes")
    }
    guard let text = String(validating: bytes[start..<cursor], as: UTF8.self) else {
      throw error("a name is not UTF-8")
    }
    if quoted {
      guard cursor < bytes.count, bytes[cursor] == UInt8(ascii: "\"") else { throw error("a quote is not closed") }
      cursor += 1
    }
    return text
  }

  private mutating func endOfLine() throws(TraceError) {
    guard cursor < bytes.count else { return }
    guard bytes[cursor] == UInt8(ascii: "\n") else { throw error("expected the end of the line") }
    cursor += 1
    line += 1
  }

  private func error(_ problem: String) -> TraceError { TraceError(file: file, line: line, problem: problem) }
}

extension TextTrace {
  /// Reads a trace from a file.
  ///
  /// - Throws: ``TraceError`` that names file and line.
  public static func load(_ path: String) throws(TraceError) -> TextTrace { try TextTraceParser.load(path) }

  /// Reads a trace from text.
  ///
  /// - Parameters:
  ///   - text: the trace.
  ///   - file: the name that errors give.
  /// - Returns: the trace.
  /// - Throws: ``TraceError``.
  public static func parse(_ text: String, file: String) throws(TraceError) -> TextTrace {
    let copy = Array(text.utf8)
    return try copy.withUnsafeBytes { bytes in TextTraceParser.outcome(of: bytes, file: file) }.get()
  }
}
