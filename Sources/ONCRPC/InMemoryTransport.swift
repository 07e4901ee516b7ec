// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import CTirpc

/// A client and a service in one process: the same bytes and the same libtirpc handles as over TCP, without a socket.
///
/// The service runs on the caller's thread. No byte of a body is copied: the service reads the client's argument buffer
/// and the client reads the service's reply buffer.
public final class InMemoryTransport: RPCTransport {
  /// Where the argument body goes.
  public let argumentBuffer: UnsafeMutableRawBufferPointer
  private let loopback: Loopback
  private let endpoint: ClientEndpoint

  /// Connects to a service, which is told of the connection.
  ///
  /// - Parameters:
  ///   - service: what answers the calls.
  ///   - credential: presented with every call.
  ///   - connection: the connection's number; two connections to one service need two numbers.
  ///   - firstXID: transaction number of the first call; each further call has the next.
  ///   - limits: the longest record; the other limits mean nothing here.
  /// - Throws: ``RPCError/invalidCredential(reason:)`` or ``RPCError/resourceExhausted(what:)``.
  public init(
    service: any RPCService, credential: RPCClientCredential, connection: UInt64 = 1, firstXID: UInt32 = 1,
    limits: RPCLimits = RPCLimits()
  ) throws(RPCError) {
    loopback = try Loopback(service: service, connection: connection, limits: limits)
    endpoint = try ClientEndpoint(
      program: service.program, version: service.version, credential: credential, firstXID: firstXID,
      maximumRecordBytes: limits.maximumRecordBytes,
      exchange: { context, record, length, _, reply, replyLength in
        guard let context, let record, let reply, let replyLength else { return RPC_CANTSEND }
        return Unmanaged<Loopback>.fromOpaque(context)._withUnsafeGuaranteedRef {
          $0.exchange(UnsafeRawBufferPointer(start: record, count: length), reply, replyLength)
        }
      },
      context: Unmanaged.passUnretained(loopback).toOpaque())
    argumentBuffer = endpoint.argumentBuffer
    loopback.open()
  }

  deinit {
    loopback.close()
  }

  /// Makes one call on the caller's thread.
  ///
  /// - Parameters:
  ///   - procedure: the procedure number.
  ///   - argumentLength: length in bytes of the argument body.
  /// - Returns: the result body, valid until the next call.
  /// - Throws: ``RPCError``.
  public func call(procedure: UInt32, argumentLength: Int) throws(RPCError) -> UnsafeRawBufferPointer {
    try endpoint.call(procedure: procedure, argumentLength: argumentLength)
  }

  /// Ends the connection and tells the service.
  public func close() {
    loopback.close()
  }
}

/// What stands in the socket's place.
private final class Loopback {
  private static let markBytes = 4

  private let server: ServerEndpoint
  private let service: any RPCService
  private let connection: UInt64
  private var isOpen = false

  init(service: any RPCService, connection: UInt64, limits: RPCLimits) throws(RPCError) {
    server = try ServerEndpoint(service: service, maximumRecordBytes: limits.maximumRecordBytes)
    self.service = service
    self.connection = connection
  }

  func open() {
    isOpen = true
    service.connectionOpened(connection)
  }

  func close() {
    guard isOpen else { return }
    isOpen = false
    service.connectionClosed(connection)
  }

  @inline(__always)
  func exchange(
    _ record: UnsafeRawBufferPointer, _ reply: UnsafeMutablePointer<UnsafePointer<UInt8>?>,
    _ replyLength: UnsafeMutablePointer<Int>
  ) -> clnt_stat {
    guard isOpen else { return RPC_CANTSEND }
    let call = UnsafeRawBufferPointer(rebasing: record[Self.markBytes...])
    guard let answer = server.answer(call, connection: connection), let start = answer.baseAddress else {
      close()
      return RPC_CANTRECV
    }
    reply.pointee = start.assumingMemoryBound(to: UInt8.self) + Self.markBytes
    replyLength.pointee = answer.count - Self.markBytes
    return RPC_SUCCESS
  }
}
