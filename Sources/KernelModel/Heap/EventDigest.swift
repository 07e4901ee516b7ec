// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// A rolling 64-bit digest of the allocator events of a run.
///
/// Every request to the allocator and its answer goes in: kind, malloc type or zone, size, processor and kernel address. Two runs with
/// equal digests made the same requests in the same order and got the same addresses. The mixing function is the finalizer of
/// SplitMix64 (Steele, Lea, Flood 2014), which spreads every input bit over the word.
public struct EventDigest: Equatable, Sendable {
  /// The digest so far.
  public private(set) var value: UInt64 = 0x9E37_79B9_7F4A_7C15

  /// The digest of no events.
  public init() {}

  /// Takes two words in.
  @inline(__always)
  public mutating func combine(_ first: UInt64, _ second: UInt64) {
    var mixed = (value ^ first) &* 0xBF58_476D_1CE4_E5B9
    mixed ^= mixed >> 29
    mixed = (mixed &+ second) &* 0x94D0_49BB_1331_11EB
    value = mixed ^ (mixed >> 32)
  }

  /// Sixteen hexadecimal digits, as `--json` prints the digest.
  public var hexadecimal: String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}
