// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// The allocation trace of a comparison: where it comes from and what it holds.
public struct RecordedTrace: Encodable, Equatable, Sendable {
  /// Model of the recorded kernel, whose vnode limit decides which objects the trace asks for.
  public let model: String
  /// The soft limit on vnodes of the recorded kernel.
  public let desiredVnodes: Int
  /// Events recorded.
  public let events: UInt64
  /// Calls of an allocator among them.
  public let calls: UInt64
  /// Passes recorded.
  public let passes: UInt64
  /// Virtual seconds at its end.
  public let virtualSeconds: Double
  /// Digest of the events, sixteen hexadecimal digits.
  public let digest: String

  enum CodingKeys: String, CodingKey {
    case events, calls, passes, digest
    case model = "recorded_model"
    case desiredVnodes = "desired_vnodes"
    case virtualSeconds = "virtual_seconds"
  }

  /// Puts the totals of a trace together.
  public init(
    model: String, desiredVnodes: Int, events: UInt64, calls: UInt64, passes: UInt64, virtualSeconds: Double,
    digest: String
  ) {
    self.model = model
    self.desiredVnodes = desiredVnodes
    self.events = events
    self.calls = calls
    self.passes = passes
    self.virtualSeconds = virtualSeconds
    self.digest = digest
  }
}
