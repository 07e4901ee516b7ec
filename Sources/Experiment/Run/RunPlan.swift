// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// When a run ends.
public enum RunLimit: Equatable, Sendable {
  /// After so many passes.
  case passes(UInt64)
  /// When the kernel fails, or after so many passes.
  case untilPanic(maximumPasses: UInt64)
  /// At the end of the pass in which so many virtual nanoseconds are over.
  case duration(nanoseconds: UInt64)

  /// The number of passes that were asked for; nil where something else ends the run.
  var passes: UInt64? {
    if case .passes(let count) = self { count } else { nil }
  }
}

/// Which way the RPCs of a run go.
public enum RunTransport: String, Equatable, Sendable, CaseIterable {
  /// The same XDR bytes through the same handles, in one process and without a socket.
  case memory
  /// TCP on loopback.
  case tcp
}

/// What a run is to do.
public struct RunPlan: Sendable {
  /// The workload.
  public var workload: Workload
  /// The seed of everything that is drawn.
  public var seed: UInt64 = 1
  /// Which way the RPCs go.
  public var transport = RunTransport.memory
  /// When it ends.
  public var limit: RunLimit
  /// Passes between two samples, at least 1.
  public var sampleEvery: UInt64 = 1

  /// A plan with the passes that the workload names.
  public init(_ workload: Workload) {
    self.workload = workload
    limit = .passes(workload.client.passes)
  }
}

/// How far a run is, for a progress line.
public struct RunProgress: Sendable {
  /// Passes finished.
  public let passes: UInt64
  /// Virtual nanoseconds so far.
  public let virtualNanoseconds: UInt64
  /// malloc(9) calls so far.
  public let mallocCalls: UInt64
  /// Bytes of the map in use.
  public let mapUsedBytes: Int
  /// Size of the map.
  public let mapCapacityBytes: Int
  /// The share of the run that is done, 0 to 1; nil where nobody can know.
  public let fraction: Double?
}
