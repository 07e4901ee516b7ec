// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import KernelMemory
import KernelModel
import NFS4Server
import ONCRPC

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

  /// Ends all connections and frees the port.
  public func stop() { listener.stop() }
}
