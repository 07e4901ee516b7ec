// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import KernelMemory
import KernelModel
import NFS4
import NFS4Server
import RunStore

// The parts of a record that are read from a kernel: of a run, and of a model that plays the trace of one.

extension RunRecord.Kernel {
  init(_ workload: Workload, _ allocator: any AllocatorModel) {
    self.init(
      model: type(of: allocator).identifier, arch: workload.architecture.rawValue,
      mapBytes: allocator.mapCapacityBytes, memoryBytes: workload.memoryBytes, cpus: workload.cpus)
  }
}

extension RunRecord.Totals {
  /// Passes, what the server did, and what the allocator was asked for.
  init(passes: UInt64, counters: ServerCounters, heap: KernelHeap) {
    self.init()
    self.passes = passes
    rpcs = counters.rpcs
    for operation in NFSOperation.allCases where counters.count(of: operation) > 0 {
      nfsOps[operation.name] = counters.count(of: operation)
    }
    stateOps = counters.stateOperations
    mallocCalls = heap.counters.mallocCalls
    freeCalls = heap.counters.freeCalls
    zoneAllocs = heap.counters.zoneAllocations
    zoneFrees = heap.counters.zoneFrees
    for type in heap.allocator.mallocTypeStatistics() where type.requests > 0 {
      mallocCallsByType[type.name] = type.requests
    }
  }
}

extension RunRecord.Panic {
  /// How a kernel ended, in this pass and after these calls.
  init(_ failure: KernelFailure, pass: UInt64, counters: KernelCounters, nanoseconds: UInt64) {
    let (message, outcome, request) =
      switch failure {
      case .panic(let message, let request): (message, "panic", request)
      case .stuck(let reason, let request): (reason, "stuck", request)
      }
    self.init(
      message: message, outcome: outcome, pass: pass, call: counters.mallocCalls + counters.zoneAllocations,
      virtualSeconds: Double(nanoseconds) / 1e9, requestBytes: request)
  }
}
