// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import KernelMemory
import KernelModel
import NFS4
import NFS4Server
import ONCRPC
import RunStore

/// A server for real clients: an embedded server behind a TCP port, its virtual clock at the time of day.
public final class StandaloneServer {
  /// The server and its kernel.
  public let embedded: EmbeddedServer
  private let listener: TCPServer
  private let started: ContinuousClock.Instant

  /// Milliseconds between two looks at the clock: fine enough for the server's timer of one second.
  public static let tickMilliseconds = 50

  /// Boots a kernel and binds the port.
  ///
  /// - Throws: ``KernelError``, ``ServerError`` or ``RPCError``.
  public init(host: String, port: UInt16, workload: Workload, rootSquash: Bool, seed: UInt64) throws {
    embedded = try EmbeddedServer(realTime: workload, rootSquash: rootSquash, seed: seed)
    listener = try TCPServer(host: host, port: port, service: embedded.service)
    started = .now
  }

  /// The port listened on.
  public var port: UInt16 { listener.port }

  /// What the modelled kernel died of, nil while it lives.
  public var failure: KernelFailure? { embedded.withKernel { $0.failure } }

  /// Begins to accept connections.
  ///
  /// - Throws: ``RPCError``.
  public func start() throws { try listener.start() }

  /// Moves the virtual clock to the time since the start, so that leases run out and callouts run.
  public func tick() {
    let elapsed = started.duration(to: .now).components
    let nanoseconds =
      UInt64(clamping: elapsed.seconds) &* 1_000_000_000 &+ UInt64(clamping: elapsed.attoseconds / 1_000_000_000)
    embedded.withKernel { kernel in
      if kernel.failure == nil { kernel.advance(to: nanoseconds) }
    }
  }

  /// What the server has done and what its kernel holds.
  public func summary() -> ServeSummary {
    let counters = embedded.service.counters
    let workload = embedded.workload
    return embedded.withKernel { kernel in
      let allocator = kernel.heap.allocator
      var operations: [String: UInt64] = [:]
      for operation in NFSOperation.allCases where counters.count(of: operation) > 0 {
        operations[operation.name] = counters.count(of: operation)
      }
      return ServeSummary(
        kernel: RunRecord.Kernel(
          model: workload.model, arch: workload.architecture.rawValue, mapBytes: allocator.mapCapacityBytes,
          memoryBytes: workload.memoryBytes, cpus: workload.cpus),
        rpcs: counters.rpcs, nfsOps: operations, stateOps: counters.stateOperations, map: Sampler.map(allocator),
        ledger: Sampler.ledger(allocator.ledger()), panic: kernel.failure.map { "\($0)" },
        upSeconds: Double(kernel.now) / 1e9)
    }
  }

  /// Ends all connections and frees the port.
  public func stop() { listener.stop() }
}

/// What `nfschurn serve` says at the end.
public struct ServeSummary: Sendable {
  /// The kernel.
  public let kernel: RunRecord.Kernel
  /// RPCs answered.
  public let rpcs: UInt64
  /// NFS operations by name.
  public let nfsOps: [String: UInt64]
  /// Operations on state.
  public let stateOps: UInt64
  /// The map.
  public let map: MapReading
  /// The ledger.
  public let ledger: LedgerReading
  /// What the kernel died of; nil while it lives.
  public let panic: String?
  /// Seconds since the start.
  public let upSeconds: Double
}
