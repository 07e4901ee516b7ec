// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// One event of a text trace, its names and IDs turned into small numbers.
public struct TraceEvent: Equatable, Sendable {
  /// The letter of the event (design page "interface", section Plain text traces).
  public enum Kind: UInt8, Sendable {
    /// `t`.
    case time
    /// `c`.
    case cpu
    /// `m`.
    case malloc
    /// `n`.
    case mallocNoWait
    /// `f`.
    case free
    /// `z`.
    case zoneAlloc
    /// `x`.
    case zoneFree
    /// `o`.
    case operation
    /// `p`.
    case pass
    /// `r`.
    case reclaim
  }

  /// The letter.
  public let kind: Kind
  /// Index of the malloc type or zone among the names of the trace; 0 where the event has none.
  public let name: Int32
  /// Number of the allocation, dense from 0; 0 where the event has none.
  public let slot: Int32
  /// Bytes, nanoseconds or processor.
  public let value: UInt64
}

/// A plain text trace in memory.
public struct TextTrace: Sendable {
  /// First line of every text trace.
  public static let header = "# nfschurn-trace 1"
  /// Largest allocation, bytes.
  public static let sizeLimit: UInt64 = 1 << 40
  /// Longest name, bytes.
  public static let nameLimit = 255

  /// The events; the event with index n stands on line n + 2.
  public internal(set) var events: [TraceEvent] = []
  /// Malloc types by index.
  public internal(set) var typeNames: [String] = []
  /// Zones by index.
  public internal(set) var zoneNames: [String] = []
  /// Allocations in all.
  public internal(set) var slotCount = 0

  /// The line of an event, from 1.
  public static func line(ofEvent index: Int) -> Int { index + 2 }
}
