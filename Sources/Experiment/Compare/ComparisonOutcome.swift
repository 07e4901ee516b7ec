// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import RunStore

/// What a comparison found.
public struct ComparisonOutcome: Sendable {
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
  public let trace: RecordedTrace
  /// Models that refuse the machine.
  public let leftOut: [ComparisonRun.Refusal]
  /// True where the comparison was interrupted between two passes.
  public let wasInterrupted: Bool
}
