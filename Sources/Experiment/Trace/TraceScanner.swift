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

/// Walks over the lines of a trace, fields parted by one blank, and knows the line for errors.
struct TraceScanner {
  private let file: String
  private let bytes: UnsafeRawBufferPointer
  private var cursor = 0
  private var line = 1

  init(file: String, bytes: UnsafeRawBufferPointer) {
    self.file = file
    self.bytes = bytes
  }

  /// Lends the bytes of a file to a parser: its result carries the error, since buffers are not lent to closures that
  /// throw a type.
  ///
  /// - Throws: the parser's error, or one for a file that cannot be read.
  static func read<Trace>(
    _ path: String, _ parse: (UnsafeRawBufferPointer) -> Result<Trace, TraceError>
  ) throws(TraceError) -> Trace {
    let data: Data
    do { data = try Data(contentsOf: URL(fileURLWithPath: path), options: .mappedIfSafe) } catch {
      throw TraceError(file: path, line: nil, problem: "cannot be read: no such file, or no permission")
    }
    return try data.withUnsafeBytes { bytes in parse(bytes) }.get()
  }

  /// All bytes are read.
  var isAtEnd: Bool { cursor >= bytes.count }

  /// The first line, its end included.
  mutating func header(_ text: String) throws(TraceError) {
    let header = Array(text.utf8)
    guard bytes.count >= header.count, bytes.prefix(header.count).elementsEqual(header) else {
      throw error("expected the first line '\(text)'")
    }
    cursor = header.count
    try endOfLine()
  }

  /// The byte that stands first in a line; not at the end.
  mutating func letter() -> UInt8 {
    cursor += 1
    return bytes[cursor - 1]
  }

  /// The bytes up to the next blank or the end of the line.
  mutating func word() throws(TraceError) -> String {
    let start = cursor
    while cursor < bytes.count, bytes[cursor] != UInt8(ascii: " "), bytes[cursor] != UInt8(ascii: "\n") { cursor += 1 }
    return try text(from: start, what: "a word")
  }

  /// The rest of the line behind one blank.
  mutating func rest(_ what: String) throws(TraceError) -> String {
    try blank()
    let start = cursor
    while cursor < bytes.count, bytes[cursor] != UInt8(ascii: "\n") { cursor += 1 }
    return try text(from: start, what: what)
  }

  /// A number of a range.
  mutating func number(_ what: String, in range: ClosedRange<Int>) throws(TraceError) -> Int {
    let value = try number(what)
    guard let number = Int(exactly: value), range.contains(number) else {
      throw error("\(what) \(value): expected \(range.lowerBound) to \(range.upperBound)")
    }
    return number
  }

  /// A number, or `-` for one that is not known.
  mutating func optionalNumber(_ what: String, in range: ClosedRange<Int>) throws(TraceError) -> Int? {
    guard cursor + 1 < bytes.count, bytes[cursor + 1] == UInt8(ascii: "-") else { return try number(what, in: range) }
    try blank()
    cursor += 1
    return nil
  }

  mutating func blank() throws(TraceError) {
    guard cursor < bytes.count, bytes[cursor] == UInt8(ascii: " ") else { throw error("expected one blank") }
    cursor += 1
  }

  mutating func number(_ what: String) throws(TraceError) -> UInt64 {
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

  mutating func name(_ what: String) throws(TraceError) -> String {
    try blank()
    let quoted = cursor < bytes.count && bytes[cursor] == UInt8(ascii: "\"")
    if quoted { cursor += 1 }
    let start = cursor
    while cursor < bytes.count, bytes[cursor] != UInt8(ascii: "\n") {
      let byte = bytes[cursor]
      if quoted ? byte == UInt8(ascii: "\"") : byte == UInt8(ascii: " ") { break }
      cursor += 1
    }
    let text = try text(from: start, what: what)
    if quoted {
      guard cursor < bytes.count, bytes[cursor] == UInt8(ascii: "\"") else { throw error("a quote is not closed") }
      cursor += 1
    }
    return text
  }

  private func text(from start: Int, what: String) throws(TraceError) -> String {
    guard (1...TextTrace.nameLimit).contains(cursor - start) else {
      throw error("expected \(what) of 1 to \(TextTrace.nameLimit) bytes")
    }
    guard let text = String(validating: bytes[start..<cursor], as: UTF8.self) else {
      throw error("a name is not UTF-8")
    }
    return text
  }

  mutating func endOfLine() throws(TraceError) {
    guard cursor < bytes.count else { return }
    guard bytes[cursor] == UInt8(ascii: "\n") else { throw error("expected the end of the line") }
    cursor += 1
    line += 1
  }

  func error(_ problem: String) -> TraceError { TraceError(file: file, line: line, problem: problem) }
}
