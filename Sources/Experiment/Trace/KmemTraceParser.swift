// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// Reads recordings of `scripts/record-kmem-trace`.
struct KmemTraceParser {
  private var scanner: TraceScanner
  private var trace = KmemTrace()
  private var isMachineKnown = false
  private var marks = 0
  private var flagSets = 0
  private var objects = 0
  private var names: Set<String> = []

  static func outcome(of bytes: UnsafeRawBufferPointer, file: String) -> Result<KmemTrace, TraceError> {
    var parser = KmemTraceParser(scanner: TraceScanner(file: file, bytes: bytes))
    do throws(TraceError) { return .success(try parser.parse()) } catch { return .failure(error) }
  }

  private init(scanner: TraceScanner) { self.scanner = scanner }

  private mutating func parse() throws(TraceError) -> KmemTrace {
    try scanner.header(KmemTrace.header)
    while !scanner.isAtEnd {
      let word = try scanner.word()
      if word == "end" {
        try end()
        return trace
      }
      try line(word)
      try scanner.endOfLine()
    }
    throw scanner.error("the file ends without an 'end' line: it is not complete")
  }

  private mutating func line(_ word: String) throws(TraceError) {
    switch word {
    case "a", "m": try allocation()
    case "f": try free(.free)
    case "k": try free(.kfree)
    case "g":
      guard try scanner.number("a set of flags") == flagSets else { throw scanner.error("expected flags \(flagSets)") }
      flagSets += 1
      _ = try scanner.name("GFP flags")
    case "mark": try mark()
    case "kernel": trace.kernelRelease = try scanner.name("a kernel release")
    case "machine": try machine()
    case "lists":
      let state = try scanner.name("'shrunk' or 'kept'")
      guard state == "shrunk" || state == "kept" else {
        throw scanner.error("lists '\(state)': expected shrunk or kept")
      }
      trace.startsShrunk = state == "shrunk"
    case "load": trace.load = try scanner.rest("a command")
    case "cache": try cache()
    case "before", "after", "shrunk": try reading(word)
    default:
      throw scanner.error(
        "unknown line '\(word)': expected one of a m f k g mark kernel machine lists load cache before after shrunk end"
      )
    }
  }

  // MARK: Head

  private mutating func machine() throws(TraceError) {
    let name = try scanner.name("a machine")
    guard name == "x86_64" else { throw scanner.error("machine '\(name)': expected x86_64, which the model is of") }
    _ = try scanner.number("page size", in: 4096...4096)
    trace.processors = try scanner.number("processors", in: 1...16)
    isMachineKnown = true
  }

  private mutating func cache() throws(TraceError) {
    let number = try scanner.number("a cache")
    guard number == trace.caches.count else { throw scanner.error("cache \(number): expected \(trace.caches.count)") }
    guard trace.caches.count < KmemTrace.cacheLimit else {
      throw scanner.error("more than \(KmemTrace.cacheLimit) caches")
    }
    let name = try scanner.name("a cache's name")
    guard names.insert(name).inserted else { throw scanner.error("cache '\(name)' stands there twice") }
    trace.caches.append(
      KmemTrace.Cache(
        name: name, objectSize: try scanner.number("object size", in: 1...256 << 10),
        objectsPerSlab: try scanner.number("objects per slab", in: 1...32767),
        pagesPerSlab: try scanner.number("pages per slab", in: 1...1024),
        cpuPartial: try scanner.optionalNumber("cpu_partial", in: 0...1 << 20),
        minimumPartial: try scanner.optionalNumber("min_partial", in: 0...1 << 20),
        sheafCapacity: try scanner.optionalNumber("sheaf_capacity", in: 0...1 << 20)))
  }

  private mutating func reading(_ word: String) throws(TraceError) {
    let cache = try cacheNumber()
    let active = try scanner.number("active objects", in: 0...KmemTrace.objectLimit)
    let count = try scanner.number("objects", in: 0...KmemTrace.objectLimit)
    let slabs = try scanner.number("slabs", in: 0...KmemTrace.slabLimit)
    // The columns are read one after the other in the kernel; what is in use never exceeds what there is.
    var row = KmemTrace.Reading(active: min(active, count), objects: count, slabs: slabs)
    switch word {
    case "before":
      row.partial = try scanner.optionalNumber("partial slabs", in: 0...KmemTrace.slabLimit)
      objects += max(count, slabs * trace.caches[cache].objectsPerSlab)
      guard objects <= KmemTrace.objectLimit else {
        throw scanner.error("more than \(KmemTrace.objectLimit) objects at the start: record with --caches")
      }
      trace.caches[cache].before = row
    case "after": trace.caches[cache].after = row
    default: trace.caches[cache].shrunk = row
    }
  }

  // MARK: Events

  private mutating func allocation() throws(TraceError) {
    let cpu = try cpu()
    let cache = try cacheNumber()
    let pointer = try pointer()
    _ = try scanner.number("requested bytes")
    _ = try scanner.number("allocated bytes")
    _ = try scanner.number("flags", in: 0...max(flagSets - 1, 0))
    append(.allocate, cpu, cache, pointer)
  }

  private mutating func free(_ kind: KmemTrace.Event.Kind) throws(TraceError) {
    let cpu = try cpu()
    let cache = kind == .free ? try cacheNumber() : 0
    append(kind, cpu, cache, try pointer())
  }

  private mutating func append(_ kind: KmemTrace.Event.Kind, _ cpu: Int, _ cache: Int, _ pointer: Int) {
    trace.events.append(
      .init(
        kind: kind, cpu: UInt16(truncatingIfNeeded: cpu), cache: Int32(truncatingIfNeeded: cache),
        pointer: Int32(truncatingIfNeeded: pointer)))
  }

  private mutating func cpu() throws(TraceError) -> Int {
    guard isMachineKnown else { throw scanner.error("an event before the 'machine' line") }
    let elapsed = try scanner.number("microseconds")
    trace.microseconds = trace.microseconds.addingReportingOverflow(elapsed).partialValue
    return try scanner.number("processor", in: 0...trace.processors - 1)
  }

  private mutating func cacheNumber() throws(TraceError) -> Int {
    let number = try scanner.number("a cache")
    guard number < trace.caches.count else { throw scanner.error("cache \(number) has no 'cache' line") }
    return Int(number)
  }

  private mutating func pointer() throws(TraceError) -> Int {
    let number = try scanner.number("an address", in: 1...KmemTrace.pointerLimit)
    guard number <= trace.pointerCount + 1 else {
      throw scanner.error(
        "address \(number): expected at most \(trace.pointerCount + 1), they are numbered without gaps")
    }
    trace.pointerCount = max(trace.pointerCount, number)
    return number - 1
  }

  private mutating func mark() throws(TraceError) {
    let name = try scanner.name("a mark")
    let expected = marks == 0 ? "after" : "shrunk"
    guard name == expected, marks < 2 else { throw scanner.error("mark '\(name)': expected after, then shrunk") }
    marks += 1
    if marks == 1 { trace.eventsBeforeAfter = trace.events.count }
    trace.eventsBeforeShrunk = trace.events.count
  }

  private mutating func end() throws(TraceError) {
    trace.largeAllocations = try scanner.number("large allocations", in: 0...Int.max)
    trace.unknownFrees = try scanner.number("unknown frees", in: 0...Int.max)
    trace.unlistedAllocations = try scanner.number("unlisted allocations", in: 0...Int.max)
    guard marks == 2 else { throw scanner.error("the marks 'after' and 'shrunk' are not both there") }
    guard isMachineKnown else { throw scanner.error("the 'machine' line is missing") }
    for cache in trace.caches where cache.before == nil || cache.after == nil || cache.shrunk == nil {
      throw scanner.error("cache '\(cache.name)': expected a before, an after and a shrunk line")
    }
    try scanner.endOfLine()
    guard scanner.isAtEnd else { throw scanner.error("expected nothing behind the 'end' line") }
  }
}

extension KmemTrace {
  /// Reads a recording from a file.
  ///
  /// - Throws: ``TraceError`` that names file and line.
  public static func load(_ path: String) throws(TraceError) -> KmemTrace {
    try TraceScanner.read(path) { bytes in KmemTraceParser.outcome(of: bytes, file: path) }
  }

  /// Reads a recording from text.
  ///
  /// - Throws: ``TraceError``, with `file` for its name.
  public static func parse(_ text: String, file: String) throws(TraceError) -> KmemTrace {
    let copy = Array(text.utf8)
    return try copy.withUnsafeBytes { bytes in KmemTraceParser.outcome(of: bytes, file: file) }.get()
  }

  /// Whether the first line of a file says that it is such a recording; false for a file that cannot be read.
  public static func isRecording(_ path: String) -> Bool {
    do throws(TraceError) {
      return try TraceScanner.read(path) { bytes in .success(bytes.prefix(header.utf8.count).elementsEqual(header.utf8))
      }
    } catch {
      return false
    }
  }
}
