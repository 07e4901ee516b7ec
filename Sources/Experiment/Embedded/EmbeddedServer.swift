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
    try self.init(
      workload: workload, kernel: try Self.boot(workload, Self.configuration(of: workload, seed: seed)),
      server: Self.experimentServer)
  }

  /// Boots a kernel that records its allocation events, and starts a server on it.
  ///
  /// The recorded kernel must outlive its trace: it has the vnode limit of the workload's kernel, but a map of at least
  /// ``recordedMapBytes`` where its model can have one, and faults go to the trace alone.
  ///
  /// - Throws: ``WorkloadError`` that names the key or option to blame, or ``ServerError``.
  convenience init(
    recording workload: Workload, seed: UInt64, consumer: @escaping EventRecording.Consumer
  ) throws {
    var configuration = Self.configuration(of: workload, seed: seed)
    let asked: EventPlayer
    do { asked = try EventPlayer(configuration) } catch { throw workload.explain(error) }
    configuration.desiredVnodes = asked.heap.allocator.desiredVnodes
    configuration.recordsEvents = true
    var roomy = configuration
    roomy.mapBytes = max(asked.heap.allocator.mapCapacityBytes, Self.recordedMapBytes)
    let kernel: Kernel
    if let booted = try? Kernel(roomy) { kernel = booted } else { kernel = try Self.boot(workload, configuration) }
    kernel.heap.recording?.setConsumer(consumer)
    try self.init(workload: workload, kernel: kernel, server: Self.experimentServer)
  }

  /// Map of a recorded kernel, bytes: a quarter of the modelled address space, which leaves the rest to direct maps and other maps.
  static let recordedMapBytes = 256 << 20

  /// Boots a kernel and starts a server on it for real clients: RPCs take no virtual time, the caller moves the clock.
  ///
  /// - Parameters:
  ///   - workload: the kernel.
  ///   - seed: of everything that is drawn.
  ///   - server: how the server is set up, its times apart.
  /// - Throws: ``WorkloadError`` that names the key or option to blame, or ``ServerError``.
  public convenience init(realTime workload: Workload, seed: UInt64, server: ServerConfiguration) throws {
    var server = server
    // A restarted server must not be taken for the one before: its boot time tells client ids, stateids and verifiers apart.
    let seconds = time(nil)
    server.baseTime = Int64(seconds)
    server.bootTime = UInt32(truncatingIfNeeded: seconds)
    var configuration = Self.configuration(of: workload, seed: seed)
    configuration.rpcNanoseconds = 0
    try self.init(workload: workload, kernel: try Self.boot(workload, configuration), server: server)
  }

  private init(workload: Workload, kernel: Kernel, server: ServerConfiguration) throws {
    self.workload = workload
    var server = server
    server.leaseSeconds = workload.leaseSeconds
    service = try NFSService(kernel: kernel, configuration: server)
    do {
      try service.withKernel { (kernel) throws(FaultError) in try kernel.inject(workload.faults) }
    } catch {
      throw workload.explain(error)
    }
  }

  private static var experimentServer: ServerConfiguration {
    var server = ServerConfiguration()
    server.maximumRead = transferBytes
    server.maximumWrite = transferBytes
    return server
  }

  /// The kernel that a workload asks for.
  static func configuration(of workload: Workload, seed: UInt64) -> KernelConfiguration {
    var configuration = KernelConfiguration(model: workload.model)
    configuration.architecture = workload.architecture
    configuration.memoryBytes = workload.memoryBytes
    configuration.mapBytes = workload.mapBytes
    configuration.cpus = workload.cpus
    configuration.rpcNanoseconds = workload.clock.rpc
    configuration.seed = seed
    return configuration
  }

  private static func boot(_ workload: Workload, _ configuration: KernelConfiguration) throws(WorkloadError) -> Kernel {
    do { return try Kernel(configuration) } catch { throw workload.explain(error) }
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
