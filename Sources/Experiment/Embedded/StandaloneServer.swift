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

  /// Descriptors for everything but connections.
  private static let ownDescriptors = 256

  /// Milliseconds between two looks at the clock: fine enough for the server's timer of one second.
  public static let tickMilliseconds = 50

  /// Boots a kernel and binds the port.
  ///
  /// - Throws: ``KernelError``, ``ServerError`` or ``RPCError``.
  ///
  /// - Parameters:
  ///   - host: the address to bind.
  ///   - port: the port, 0 for any free one.
  ///   - workload: the kernel and the server's set-up.
  ///   - seed: of everything that is drawn.
  ///   - access: who may call.
  ///   - configuration: how the server is set up, its lease and times apart.
  public init(
    host: String, port: UInt16, workload: Workload, seed: UInt64, access: RPCAccess = RPCAccess(),
    configuration: ServerConfiguration = ServerConfiguration()
  ) throws {
    DescriptorLimit.raise(to: RPCLimits.defaultMaximumConnections + Self.ownDescriptors)
    embedded = try EmbeddedServer(realTime: workload, seed: seed, server: configuration)
    listener = try TCPServer(host: host, port: port, service: embedded.service, access: access)
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

  /// Restarts the NFS service as a reboot would: connections are dropped, all volatile state is forgotten, and a grace period begins;
  /// the files stay, as on a disk.
  ///
  /// Connections that are made meanwhile wait. The kernel goes on: what the service held is freed.
  public func restart() {
    listener.withoutConnections { embedded.service.restart() }
  }

  /// What the server holds now.
  public var status: ServeStatus {
    let snapshot = embedded.service.snapshot
    let rpcs = embedded.service.counters.rpcs
    return embedded.withKernel { kernel in
      let allocator = kernel.heap.allocator
      return ServeStatus(
        upSeconds: Double(kernel.now) / 1e9, connections: snapshot.connections, clients: snapshot.clients,
        opens: snapshot.opens, locks: snapshot.locks, delegations: snapshot.delegations,
        rpcs: rpcs, mapUsedBytes: allocator.mapUsedBytes,
        mapCapacityBytes: allocator.mapCapacityBytes)
    }
  }

  /// Ends all connections and frees the port.
  public func stop() { listener.stop() }
}

/// What `nfschurn serve` says every second.
public struct ServeStatus: Sendable {
  /// Seconds since the start.
  public let upSeconds: Double
  /// Connections.
  public let connections: Int
  /// Clients, confirmed or not.
  public let clients: Int
  /// Opens.
  public let opens: Int
  /// Byte-range locks.
  public let locks: Int
  /// Delegations.
  public let delegations: Int
  /// RPCs since the start.
  public let rpcs: UInt64
  /// Bytes of the kernel map in use.
  public let mapUsedBytes: Int
  /// All bytes of the kernel map.
  public let mapCapacityBytes: Int
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
