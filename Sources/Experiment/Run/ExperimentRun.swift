// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Connectathon
import KernelMemory
import KernelModel
import NFS4
import NFS4Client
import NFS4Server
import RunStore

/// How a run ended: its record and its samples.
public struct RunOutcome: Sendable {
  /// Why the run ended.
  public enum End: Equatable, Sendable {
    /// It did what it was asked for.
    case finished
    /// The modelled kernel failed.
    case kernelFailed
    /// It was interrupted between two passes.
    case interrupted
  }

  /// Why it ended.
  public let end: End
  /// What was measured as a whole.
  public let record: RunRecord
  /// What was measured on the way.
  public let samples: [Sample]
  /// `vmstat -m` and `vmstat -z` of the modelled kernel at the end.
  public let vmstat: (malloc: String, zones: String)
}

/// One experiment: passes of the tests against an embedded server, with samples between them.
public final class ExperimentRun {
  /// The server and its kernel.
  public let server: EmbeddedServer
  private let plan: RunPlan
  private let clients: ClientSet
  private let runner: ConnectathonRunner
  private let sampler: Sampler
  private var series: SampleSeries
  private var passes: UInt64 = 0

  /// Boots the kernel, starts the server and connects the clients.
  ///
  /// - Throws: ``KernelError``, ``ServerError``, or what a client reports.
  public convenience init(_ plan: RunPlan) throws {
    try self.init(plan, server: try EmbeddedServer(workload: plan.workload, seed: plan.seed))
  }

  /// A run whose kernel records its allocation events for `consumer`.
  convenience init(recording plan: RunPlan, consumer: @escaping EventRecording.Consumer) throws {
    try self.init(
      plan, server: try EmbeddedServer(recording: plan.workload, seed: plan.seed, consumer: consumer))
  }

  private init(_ plan: RunPlan, server: EmbeddedServer) throws {
    self.plan = plan
    self.server = server
    clients = try ClientSet(plan: plan, server: server)
    let variant: ConnectathonOptions.Variant = plan.workload.client.variant == .timed ? .timed : .functional
    runner = ConnectathonRunner(
      fileSystems: clients.fileSystems, options: ConnectathonOptions(variant: variant), output: nil, errors: nil,
      clock: clients.clock)
    sampler = server.withKernel { Sampler(kernel: $0) }
    series = SampleSeries(every: plan.sampleEvery)
  }

  /// Runs to the end of the plan.
  ///
  /// - Parameters:
  ///   - wallSeconds: seconds on the wall clock since the start, for the record alone.
  ///   - isInterrupted: asked between two passes.
  ///   - progress: told after every pass.
  /// - Returns: the record and the samples, also of a run that was interrupted or whose kernel failed.
  /// - Throws: ``ConnectathonFailure`` where a test fails though the kernel lives.
  public func run(
    wallSeconds: () -> Double, isInterrupted: () -> Bool, progress: (RunProgress) -> Void
  ) throws -> RunOutcome {
    var end = RunOutcome.End.finished
    while !isOver {
      if isInterrupted() {
        end = .interrupted
        break
      }
      let start = server.withKernel { $0.now }
      do {
        try runner.runPass(Int(clamping: passes + 1))
      } catch {
        guard server.withKernel({ $0.failure }) != nil else { throw error }
      }
      if finishPass(startedAt: start) {
        end = .kernelFailed
        break
      }
      progress(progressNow())
    }
    // Measured before the clients say goodbye: what a run is about ends with its last pass.
    let result = outcome(end, wallSeconds: wallSeconds())
    clients.close()
    return result
  }

  private var isOver: Bool {
    switch plan.limit {
    case .passes(let count): passes >= count
    case .untilPanic(let most): passes >= most
    case .duration(let nanoseconds): server.withKernel { $0.now } >= nanoseconds
    }
  }

  /// Moves the clock to the end of the pass and samples it.
  ///
  /// - Returns: true where the kernel has failed, in the pass or while time went on.
  private func finishPass(startedAt start: UInt64) -> Bool {
    let clock = plan.workload.clock
    let counters = server.service.counters
    return server.withKernel { kernel in
      if kernel.failure == nil {
        let end = clock.pass.map { max(kernel.now, start &+ $0) } ?? kernel.now
        kernel.advance(to: end &+ clock.idle)
      }
      guard kernel.failure == nil else { return true }
      passes += 1
      if series.wants(pass: passes) { series.add(sampler.sample(passes: passes, counters: counters)) }
      return false
    }
  }

  private func progressNow() -> RunProgress {
    server.withKernel { kernel in
      let allocator = kernel.heap.allocator
      let fraction: Double? =
        switch plan.limit {
        case .passes(let count): Double(passes) / Double(max(count, 1))
        case .duration(let nanoseconds): Double(kernel.now) / Double(max(nanoseconds, 1))
        case .untilPanic: nil
        }
      return RunProgress(
        passes: passes, virtualNanoseconds: kernel.now, mallocCalls: kernel.heap.counters.mallocCalls,
        mapUsedBytes: allocator.mapUsedBytes, mapCapacityBytes: allocator.mapCapacityBytes, fraction: fraction)
    }
  }

  private func outcome(_ end: RunOutcome.End, wallSeconds: Double) -> RunOutcome {
    let counters = server.service.counters
    return server.withKernel { kernel in
      let allocator = kernel.heap.allocator
      series.finish(sampler.sample(passes: passes, counters: counters))
      let record = RunRecord(
        seed: plan.seed, digest: kernel.heap.digest.hexadecimal, transport: plan.transport.rawValue,
        workload: .init(name: plan.workload.name, passes: plan.limit.passes),
        kernel: RunRecord.Kernel(plan.workload, allocator), totals: totals(kernel, counters, wallSeconds),
        map: Sampler.map(allocator), ledger: Sampler.ledger(allocator.ledger()), panic: panic(kernel))
      return RunOutcome(
        end: end, record: record, samples: series.samples, vmstat: (allocator.vmstatM(), allocator.vmstatZ()))
    }
  }

  private func totals(_ kernel: Kernel, _ counters: ServerCounters, _ wallSeconds: Double) -> RunRecord.Totals {
    var totals = RunRecord.Totals(passes: passes, counters: counters, heap: kernel.heap)
    totals.clientRPCs = clients.rpcCounts
    totals.virtualSeconds = Double(kernel.failedAt ?? kernel.now) / 1e9
    totals.wallSeconds = wallSeconds
    return totals
  }

  private func panic(_ kernel: Kernel) -> RunRecord.Panic? {
    kernel.failure.map { failure in
      RunRecord.Panic(
        failure, pass: passes + 1, counters: kernel.heap.counters, nanoseconds: kernel.failedAt ?? kernel.now)
    }
  }
}
