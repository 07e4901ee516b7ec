// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// ONC RPC messages made by hand, byte for byte (RFC 5531), so that no code under test helps to attack itself.
enum RPCBytes {
  static let nfsProgram: UInt32 = 100_003
  static let lastFragment: UInt32 = 0x8000_0000

  /// Words as XDR has them.
  static func words(_ values: [UInt32]) -> [UInt8] {
    values.flatMap { value in (0..<4).map { UInt8(truncatingIfNeeded: value >> (24 - 8 * $0)) } }
  }

  /// The words of a message.
  static func words(of bytes: [UInt8]) -> [UInt32] {
    stride(from: 0, to: bytes.count - bytes.count % 4, by: 4).map { index in
      bytes[index..<index + 4].reduce(0) { $0 << 8 | UInt32($1) }
    }
  }

  /// A record of one fragment.
  static func record(_ body: [UInt8]) -> [UInt8] { words([lastFragment | UInt32(body.count)]) + body }

  /// A call with AUTH_SYS of root on a machine called "e2e " (RFC 5531 appendix A).
  static func call(
    xid: UInt32, program: UInt32 = nfsProgram, version: UInt32 = 4, procedure: UInt32 = 1, arguments: [UInt8] = []
  ) -> [UInt8] {
    let machine: UInt32 = 0x6532_6520
    let credential: [UInt32] = [0, 4, machine, 0, 0, 0]
    let head: [UInt32] = [xid, 0, 2, program, version, procedure, 1, UInt32(credential.count * 4)]
    return words(head + credential + [0, 0]) + arguments
  }

  /// The arguments of a COMPOUND with an empty tag and minor version 0; `count` may differ from the operations that follow.
  static func compound(count: UInt32, operations: [UInt32]) -> [UInt8] { words([0, 0, count] + operations) }
}

/// A reply as far as a test looks at it.
enum RPCReply: Equatable {
  /// Accepted and done: the words of the result.
  case success([UInt32])
  /// Accepted, with an error such as PROG_UNAVAIL (1), PROG_MISMATCH (2), PROC_UNAVAIL (3), GARBAGE_ARGS (4), SYSTEM_ERR (5).
  case acceptError(UInt32)
  /// Denied.
  case denied
  /// No reply to this call, or no reply at all.
  case unreadable

  init(_ record: [UInt8], to xid: UInt32) {
    let words = RPCBytes.words(of: record)
    guard words.count >= 3, words[0] == xid, words[1] == 1 else {
      self = .unreadable
      return
    }
    guard words[2] == 0 else {
      self = words[2] == 1 ? .denied : .unreadable
      return
    }
    // Verifier: flavor, length, body of whole words.
    guard words.count >= 5 else {
      self = .unreadable
      return
    }
    let status = 5 + Int(min(words[4], 400) + 3) / 4
    guard words.count > status else {
      self = .unreadable
      return
    }
    self = words[status] == 0 ? .success(Array(words[(status + 1)...])) : .acceptError(words[status])
  }
}

/// Seeded numbers (SplitMix64; Steele, Lea, Flood 2014), so that a failing case can be run again.
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var word = state
    word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
    word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
    return word ^ (word >> 31)
  }
}
