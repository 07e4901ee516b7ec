// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// Reads text traces, byte by byte: IDs are checked here, so that a replay need not look anything up.
struct TextTraceParser {
  private var scanner: TraceScanner
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
    try TraceScanner.read(path) { bytes in outcome(of: bytes, file: path) }
  }

  /// Reads a trace from bytes: the result carries its error, since buffers are not lent to closures that throw a type.
  static func outcome(of bytes: UnsafeRawBufferPointer, file: String) -> Result<TextTrace, TraceError> {
    var parser = TextTraceParser(file: file, bytes: bytes)
    do throws(TraceError) { return .success(try parser.parse()) } catch { return .failure(error) }
  }

  private init(file: String, bytes: UnsafeRawBufferPointer) {
    scanner = TraceScanner(file: file, bytes: bytes)
  }

  private mutating func parse() throws(TraceError) -> TextTrace {
    try scanner.header(TextTrace.header)
    while !scanner.isAtEnd {
      let event = try event()
      trace.events.append(event)
      try scanner.endOfLine()
    }
    trace.slotCount = allocations.count
    return trace
  }

  private mutating func event() throws(TraceError) -> TraceEvent {
    switch scanner.letter() {
    case UInt8(ascii: "t"):
      let time = try scanner.number("nanoseconds")
      guard time >= clock else { throw scanner.error("the clock goes back from \(clock) to \(time)") }
      clock = time
      return make(.time, value: time)
    case UInt8(ascii: "c"): return make(.cpu, value: try scanner.number("a processor"))
    case UInt8(ascii: "m"): return try malloc(.malloc)
    case UInt8(ascii: "n"): return try malloc(.mallocNoWait)
    case UInt8(ascii: "z"):
      let slot = try newAllocation(isZone: true)
      let zone = try scanner.name("a zone")
      return make(.zoneAlloc, name: index(of: zone, in: &zones, &trace.zoneNames), slot: slot)
    case UInt8(ascii: "f"): return make(.free, slot: try endedAllocation(isZone: false))
    case UInt8(ascii: "x"): return make(.zoneFree, slot: try endedAllocation(isZone: true))
    case UInt8(ascii: "o"):
      _ = try scanner.name("an operation")
      return make(.operation)
    case UInt8(ascii: "p"): return make(.pass)
    case UInt8(ascii: "r"): return make(.reclaim)
    default: throw scanner.error("unknown event: expected one of t c m n f z x o p r")
    }
  }

  private mutating func malloc(_ kind: TraceEvent.Kind) throws(TraceError) -> TraceEvent {
    let slot = try newAllocation(isZone: false)
    let size = try scanner.number("a size")
    guard (1...TextTrace.sizeLimit).contains(size) else {
      throw scanner.error("size \(size): expected 1 to \(TextTrace.sizeLimit) bytes")
    }
    let type = try scanner.name("a malloc type")
    return make(kind, name: index(of: type, in: &types, &trace.typeNames), slot: slot, value: size)
  }

  private func make(
    _ kind: TraceEvent.Kind, name: Int32 = 0, slot: Int32 = 0, value: UInt64 = 0
  ) -> TraceEvent {
    TraceEvent(kind: kind, name: name, slot: slot, value: value)
  }

  private mutating func newAllocation(isZone: Bool) throws(TraceError) -> Int32 {
    let id = try scanner.number("an ID")
    guard allocations[id] == nil else { throw scanner.error("ID \(id) was used before: IDs are never used again") }
    guard let slot = Int32(exactly: allocations.count) else {
      throw scanner.error("more than \(Int32.max) allocations")
    }
    allocations[id] = (slot, isZone, true)
    return slot
  }

  private mutating func endedAllocation(isZone: Bool) throws(TraceError) -> Int32 {
    let id = try scanner.number("an ID")
    guard let entry = allocations[id] else { throw scanner.error("ID \(id) was never allocated") }
    guard entry.isZone == isZone else {
      throw scanner.error(isZone ? "ID \(id) is a malloc: expected f" : "ID \(id) is of a zone: expected x")
    }
    guard entry.lives else { throw scanner.error("ID \(id) was freed before") }
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
