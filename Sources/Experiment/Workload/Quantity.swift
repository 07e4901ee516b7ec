// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// Sizes and durations as options and workload files write them.
public enum Quantity {
  /// Why a quantity cannot be read.
  public enum ParseError: Error, Equatable, CustomStringConvertible, Sendable {
    /// No number in front, or an unknown unit behind it.
    case malformed(String, expected: String)
    /// More than fits in 63 bits.
    case tooLarge(String)

    /// One line that names the text and what was expected.
    public var description: String {
      switch self {
      case .malformed(let text, let expected): "'\(text)': expected \(expected)"
      case .tooLarge(let text): "'\(text)' is too large"
      }
    }
  }

  private static let sizeUnits: [(String, UInt64)] = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("", 1)]
  private static let durationUnits: [(String, UInt64)] = [
    ("us", 1000), ("ms", 1_000_000), ("s", 1_000_000_000), ("m", 60_000_000_000), ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
  ]

  /// Reads a size in bytes: `512MiB`, `16KiB`, `1GiB`, or a number of bytes.
  public static func bytes(_ text: String) throws(ParseError) -> Int {
    try parse(text, units: sizeUnits, expected: "a size such as 512MiB (units KiB, MiB, GiB)")
  }

  /// Reads a duration in nanoseconds: `350us`, `15s`, `14d`; 0 needs no unit.
  public static func nanoseconds(_ text: String) throws(ParseError) -> UInt64 {
    if text == "0" { return 0 }
    return UInt64(
      try parse(text, units: durationUnits, expected: "a duration such as 15s (units us, ms, s, m, h, d)"))
  }

  private static func parse(
    _ text: String, units: [(String, UInt64)], expected: String
  ) throws(ParseError) -> Int {
    let digits = text.prefix { $0.isASCII && $0.isNumber }
    let unit = text.dropFirst(digits.count)
    guard !digits.isEmpty, let factor = units.first(where: { $0.0 == unit })?.1 else {
      throw .malformed(text, expected: expected)
    }
    guard let number = UInt64(digits) else { throw .tooLarge(text) }
    let (product, overflow) = number.multipliedReportingOverflow(by: factor)
    guard !overflow, let value = Int(exactly: product) else { throw .tooLarge(text) }
    return value
  }
}
