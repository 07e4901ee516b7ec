// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// A stateid: what the server hands out for an open or a lock (RFC 7530 section 9.1.4).
@frozen
public struct Stateid: Equatable, Sendable {
  /// Incremented by each change of the state.
  public var sequence: UInt32
  /// First eight of the twelve bytes that the server alone understands, as one big-endian number.
  public var otherHigh: UInt64
  /// Last four of these bytes.
  public var otherLow: UInt32

  /// Puts a stateid together.
  @inlinable
  public init(sequence: UInt32, otherHigh: UInt64, otherLow: UInt32) {
    self.sequence = sequence
    self.otherHigh = otherHigh
    self.otherLow = otherLow
  }

  /// All bits zero: anonymous access (RFC 7530 section 9.1.4.3).
  public static let anonymous = Stateid(sequence: 0, otherHigh: 0, otherLow: 0)

  /// All bits one: READ that bypasses locks (RFC 7530 section 9.1.4.3).
  public static let readBypass = Stateid(sequence: .max, otherHigh: .max, otherLow: .max)

  /// True for the two special stateids.
  @inlinable public var isSpecial: Bool {
    (sequence == 0 && otherHigh == 0 && otherLow == 0)
      || (sequence == .max && otherHigh == .max && otherLow == .max)
  }
}

extension XDRReader {
  /// Reads a stateid4.
  @inlinable
  public mutating func stateid() throws(XDRError) -> Stateid {
    let sequence = try uint32()
    let high = try uint64()
    return Stateid(sequence: sequence, otherHigh: high, otherLow: try uint32())
  }
}

extension XDRWriter {
  /// Writes a stateid4.
  @inlinable
  public mutating func put(_ stateid: Stateid) {
    put(stateid.sequence)
    put(stateid.otherHigh)
    put(stateid.otherLow)
  }
}
