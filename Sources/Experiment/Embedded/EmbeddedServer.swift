// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Glibc
import KernelMemory
import KernelModel
import NFS4Client
import NFS4Server
import ONCRPC

/// A server with its modelled kernel in this process.
public final class EmbeddedServer {
  /// What answers the RPCs, and the lock around the kernel.
  public let service: NFSService
  /// What the run was asked for.
  public let workload: Workload

  /// rsize and wsize of the embedded experiment, bytes: what the clients of section 6 of reference page "connectathon" use.
  public static let transferBytes = 32_768

  /// Boots a kernel and starts a server on it, for an experiment in virtual time.
  ///
  /// - Throws: ``WorkloadError`` that names the key or option to blame, or ``ServerError``.
  public convenience init(workload: Workload, seed: UInt64) throws {
    var server = ServerConfiguration()
    server.maximumRead = Self.transferBytes
    server.maximumWrite = Self.transferBytes
    try self.init(workload: workload, rpcNanoseconds: workload.clock.rpc, server: server, seed: seed)
  }

  /// Boots a kernel and starts a server on it for real clients: RPCs take no virtual time, the caller moves the clock.
  ///
  /// - Throws: ``WorkloadError`` that names the key or option to blame, or ``ServerError``.
  public convenience init(realTime workload: Workload, rootSquash: Bool, seed: UInt64) throws {
    var server = ServerConfiguration()
    server.rootSquash = rootSquash
    // A restarted server must not be taken for the one before: its boot time tells client ids, stateids and verifiers apart.
    let seconds = time(nil)
    server.baseTime = Int64(seconds)
    server.bootTime = UInt32(truncatingIfNeeded: seconds)
    try self.init(workload: workload, rpcNanoseconds: 0, server: server, seed: seed)
  }

  private init(workload: Workload, rpcNanoseconds: UInt64, server: ServerConfiguration, seed: UInt64) throws {
    self.workload = workload
    var configuration = KernelConfiguration(model: workload.model)
    configuration.architecture = workload.architecture
    configuration.memoryBytes = workload.memoryBytes
    configuration.mapBytes = workload.mapBytes
    configuration.cpus = workload.cpus
    configuration.rpcNanoseconds = rpcNanoseconds
    configuration.seed = seed
    var server = server
    server.leaseSeconds = workload.leaseSeconds
    do {
      service = try NFSService(kernel: try Kernel(configuration), configuration: server)
      try service.withKernel { (kernel) throws(FaultError) in try kernel.inject(workload.faults) }
    } catch let error as KernelError {
      throw workload.explain(error)
    } catch let error as FaultError {
      throw workload.explain(error)
    }
  }

  /// Runs `body` behind the server's lock.
  public func withKernel<Result>(_ body: (Kernel) throws -> Result) rethrows -> Result {
    try service.withKernel(body)
  }
}

/// The virtual clock of an embedded server, as its clients see it.
public final class VirtualClientClock: ClientClock {
  private let server: EmbeddedServer

  /// The clock of this server.
  public init(_ server: EmbeddedServer) { self.server = server }

  /// Virtual nanoseconds since boot.
  public var nanoseconds: UInt64 { server.withKernel { $0.now } }

  /// Moves the virtual clock.
  public func wait(nanoseconds: UInt64) {
    server.withKernel { kernel in kernel.advance(to: kernel.now &+ nanoseconds) }
  }
}
