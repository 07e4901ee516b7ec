// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4
import Testing

@testable import NFS4Server

/// One error of one operation, provoked.
struct ConformanceCase: Sendable, CustomTestStringConvertible {
  let operation: NFSOperation
  let status: NFSStatus
  /// How, for the table: a phrase.
  let how: String
  /// Sends a compound whose last operation must be ``operation`` and answer ``status``.
  let run: @Sendable () throws -> CompoundReply

  /// A case on a stage of its own.
  ///
  /// - Parameters:
  ///   - operation: what is asked.
  ///   - status: what it must answer.
  ///   - how: how it is provoked, a phrase.
  ///   - configure: the server's set-up.
  ///   - run: sends the compound.
  init(
    _ operation: NFSOperation, _ status: NFSStatus, _ how: String,
    configure: @escaping @Sendable (inout ServerConfiguration) -> Void = { _ in },
    _ run: @escaping @Sendable (ConformanceStage) throws -> CompoundReply
  ) {
    self.operation = operation
    self.status = status
    self.how = how
    self.run = { try run(ConformanceStage(configure)) }
  }

  /// A case that makes its own server.
  init(
    _ operation: NFSOperation, _ status: NFSStatus, _ how: String,
    alone run: @escaping @Sendable () throws -> CompoundReply
  ) {
    self.operation = operation
    self.status = status
    self.how = how
    self.run = run
  }

  var testDescription: String { "\(operation.name) \(status.name): \(how)" }

  /// Every case, by area.
  static let all: [ConformanceCase] = generic + state + files + opens + locks + delegations
}

extension CompoundReply {
  /// The number and the status of the last result.
  ///
  /// Errors carry nothing behind the status but for those of SETATTR (an empty mask), LOCK and LOCKT (the lock that stands in
  /// the way) and SETCLIENTID (who uses the id), which the caller names.
  func last(_ operation: NFSOperation) -> (number: UInt32, status: UInt32)? {
    let trailing: Int
    switch (operation, status) {
    case (.setAttributes, _): trailing = 4
    case (.lock, .denied), (.lockTest, .denied), (.setClientID, .clientIDInUse): return lastOfVariableLength(operation)
    default: trailing = 0
    }
    return words(before: bytes.count - trailing)
  }

  private func words(before end: Int) -> (UInt32, UInt32)? {
    guard end >= 8 else { return nil }
    func word(_ offset: Int) -> UInt32 { bytes[offset..<offset + 4].reduce(0) { $0 << 8 | UInt32($1) } }
    return (word(end - 8), word(end - 4))
  }

  private func lastOfVariableLength(_ operation: NFSOperation) -> (UInt32, UInt32)? {
    stride(from: bytes.count, through: 8, by: -4).lazy.compactMap { self.words(before: $0) }
      .first { $0.0 == operation.rawValue && $0.1 == self.status.rawValue }
  }
}
