// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import RunStore

/// A clock that growth of the map may follow (design page "verdict", question 1).
public enum GrowthClock: String, CaseIterable, Sendable, Codable {
  /// Virtual seconds.
  case virtualSeconds = "virtual_seconds"
  /// Passes.
  case passes
  /// RPCs.
  case rpcs
  /// NFS operations.
  case nfsOperations = "nfs_operations"
  /// Operations on state.
  case stateOperations = "state_ops"
  /// malloc(9) calls.
  case mallocCalls = "malloc_calls"
  /// free(9) calls.
  case freeCalls = "free_calls"
  /// Bytes asked of malloc(9).
  case mallocBytes = "malloc_bytes"
  /// Items taken from zones.
  case zoneAllocations = "zone_allocs"
  /// Allocations above one page.
  case largeAllocations = "large_allocs"
  /// Vnodes made.
  case vnodeCreations = "vnode_creations"

  /// What the clock shows in a sample.
  public func reading(_ clocks: ClockReadings) -> Double {
    switch self {
    case .virtualSeconds: clocks.virtualSeconds
    case .passes: Double(clocks.passes)
    case .rpcs: Double(clocks.rpcs)
    case .nfsOperations: Double(clocks.nfsOperations)
    case .stateOperations: Double(clocks.stateOperations)
    case .mallocCalls: Double(clocks.mallocCalls)
    case .freeCalls: Double(clocks.freeCalls)
    case .mallocBytes: Double(clocks.mallocBytes)
    case .zoneAllocations: Double(clocks.zoneAllocations)
    case .largeAllocations: Double(clocks.largeAllocations)
    case .vnodeCreations: Double(clocks.vnodeCreations)
    }
  }
}
