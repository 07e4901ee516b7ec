// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import RunStore

/// What a comparison found.
public struct ComparisonOutcome: Sendable {
  /// The trace that every model was given.
  public struct Trace: Equatable, Sendable {
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
  }

  /// One model at the end of the trace or its own.
  public struct Row: Sendable {
    /// What was measured as a whole.
    public let record: RunRecord
    /// What was measured on the way.
    public let samples: [Sample]
    /// `vmstat -m` and `vmstat -z` of the model at the end.
    public let vmstat: (malloc: String, zones: String)
  }

  /// A row for each model, in the order asked for.
  public let rows: [Row]
  /// The trace.
  public let trace: Trace
  /// Models that refuse the machine.
  public let leftOut: [ComparisonRun.Refusal]
  /// True where the comparison was interrupted between two passes.
  public let wasInterrupted: Bool
}
