// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// nfstime4: seconds since 1970 and nanoseconds.
@frozen
public struct NFSTime: Equatable, Sendable, Comparable {
  /// Seconds since the beginning of 1970, UTC.
  public var seconds: Int64
  /// Nanoseconds, 0 to 999,999,999.
  public var nanoseconds: UInt32

  /// Puts a time together.
  @inlinable
  public init(seconds: Int64, nanoseconds: UInt32) {
    self.seconds = seconds
    self.nanoseconds = nanoseconds
  }

  /// A time of `nanoseconds` since the beginning of 1970.
  @inlinable
  public init(nanosecondsSince1970 nanoseconds: UInt64) {
    seconds = Int64(nanoseconds / 1_000_000_000)
    self.nanoseconds = UInt32(nanoseconds % 1_000_000_000)
  }

  /// Earlier in time.
  @inlinable
  public static func < (left: NFSTime, right: NFSTime) -> Bool {
    (left.seconds, left.nanoseconds) < (right.seconds, right.nanoseconds)
  }
}

extension XDRReader {
  /// Reads an nfstime4; nanoseconds of a second or more are an error.
  @inlinable
  public mutating func time() throws(XDRError) -> NFSTime {
    let seconds = Int64(bitPattern: try uint64())
    let nanoseconds = try uint32()
    guard nanoseconds < 1_000_000_000 else { throw .badTime(nanoseconds: nanoseconds) }
    return NFSTime(seconds: seconds, nanoseconds: nanoseconds)
  }
}

extension XDRWriter {
  /// Writes an nfstime4.
  @inlinable
  public mutating func put(_ time: NFSTime) {
    put(UInt64(bitPattern: time.seconds))
    put(time.nanoseconds)
  }

  /// Writes a number as the decimal string that AUTH_SYS servers use for owner and owner_group (RFC 7530 section 5.9).
  @inlinable
  public mutating func putDecimalString(_ number: UInt32) {
    var digits: InlineArray<12, UInt8> = InlineArray(repeating: 0)
    var value = number
    var first = 12
    repeat {
      first &-= 1
      digits[first] = UInt8(truncatingIfNeeded: value % 10) &+ 48
      value /= 10
    } while value > 0
    withUnsafeBytes(of: digits) { putOpaque(UnsafeRawBufferPointer(rebasing: $0[first..<12])) }
  }
}
