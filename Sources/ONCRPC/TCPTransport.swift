// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import CTirpc
import Glibc

/// A client's TCP connection to one version of an RPC program.
///
/// A call costs one send and, when the reply comes in one piece, one receive. No rpcbind is asked: the port is given.
public final class TCPTransport: RPCTransport {
  /// The default time to wait for a connection and for a reply.
  public static let defaultTimeoutMilliseconds = 30_000

  /// Where the argument body goes.
  public let argumentBuffer: UnsafeMutableRawBufferPointer
  private let stream: ClientStream
  private let endpoint: ClientEndpoint

  /// Connects to a server.
  ///
  /// - Parameters:
  ///   - host: the server's name or address.
  ///   - port: the server's port.
  ///   - program: the RPC program.
  ///   - version: its version.
  ///   - credential: presented with every call.
  ///   - timeoutMilliseconds: the longest wait for the connection, and for each reply.
  ///   - firstXID: transaction number of the first call; each further call has the next. A server with a reply cache
  ///     over TCP may want another number for each connection.
  ///   - limits: the longest record; the other limits mean nothing to a client.
  /// - Throws: ``RPCError/unreachable(host:port:reason:)``, ``RPCError/invalidCredential(reason:)`` or
  ///   ``RPCError/resourceExhausted(what:)``.
  public init(
    host: String, port: UInt16, program: UInt32, version: UInt32, credential: RPCClientCredential,
    timeoutMilliseconds: Int = TCPTransport.defaultTimeoutMilliseconds, firstXID: UInt32 = 1,
    limits: RPCLimits = RPCLimits()
  ) throws(RPCError) {
    try credential.validate()
    _ = BrokenPipe.ignored
    let timeout = max(timeoutMilliseconds, 1)
    let descriptor = try SocketFactory.connect(host: host, port: port, timeoutMilliseconds: timeout)
    stream = try ClientStream(
      StreamSocket(adopting: descriptor, timeoutMilliseconds: timeout), timeoutMilliseconds: timeout,
      maximumRecordBytes: limits.maximumRecordBytes)
    endpoint = try ClientEndpoint(
      program: program, version: version, credential: credential, firstXID: firstXID,
      maximumRecordBytes: limits.maximumRecordBytes,
      exchange: { context, record, length, xid, reply, replyLength in
        guard let context, let record, let reply, let replyLength else { return RPC_CANTSEND }
        return Unmanaged<ClientStream>.fromOpaque(context)._withUnsafeGuaranteedRef {
          $0.exchange(UnsafeRawBufferPointer(start: record, count: length), xid: xid, reply, replyLength)
        }
      },
      context: Unmanaged.passUnretained(stream).toOpaque())
    argumentBuffer = endpoint.argumentBuffer
  }

  /// Makes one call and waits for its reply.
  ///
  /// - Parameters:
  ///   - procedure: the procedure number.
  ///   - argumentLength: length in bytes of the argument body.
  /// - Returns: the result body, valid until the next call.
  /// - Throws: ``RPCError``.
  public func call(procedure: UInt32, argumentLength: Int) throws(RPCError) -> UnsafeRawBufferPointer {
    do throws(RPCError) {
      return try endpoint.call(procedure: procedure, argumentLength: argumentLength)
    } catch {
      throw stream.takeFailure() ?? error
    }
  }

  /// Ends the connection.
  public func close() {
    stream.close()
  }
}

/// The socket and its unread bytes.
private final class ClientStream {
  private let socket: StreamSocket
  private var reader: RecordReader
  private let timeoutMilliseconds: Int
  /// Why the last exchange failed.
  private var failure: RPCError?
  /// Why the connection cannot be used any more.
  private var lost: RPCError?

  init(
    _ socket: consuming StreamSocket, timeoutMilliseconds: Int, maximumRecordBytes: Int
  ) throws(RPCError) {
    reader = try RecordReader(maximumRecordBytes: maximumRecordBytes)
    self.socket = socket
    self.timeoutMilliseconds = timeoutMilliseconds
  }

  func takeFailure() -> RPCError? {
    defer { failure = nil }
    return failure
  }

  func close() {
    guard lost == nil else { return }
    lose("closed by this side")
  }

  func exchange(
    _ record: UnsafeRawBufferPointer, xid: UInt32, _ reply: UnsafeMutablePointer<UnsafePointer<UInt8>?>,
    _ replyLength: UnsafeMutablePointer<Int>
  ) -> clnt_stat {
    if let lost {
      failure = lost
      return RPC_CANTSEND
    }
    let deadline = MonotonicClock.now &+ MonotonicClock.nanoseconds(timeoutMilliseconds)
    switch socket.send(record) {
    case .done: break
    case .closed: return fail(lose("the server closed the connection"))
    // Part of the record may be on its way: the stream is of no use any more.
    case .timedOut: return fail(lose("the server takes in nothing for \(timeoutMilliseconds) ms"))
    case .failed(let code): return fail(lose(SystemFailure(code: code).reason))
    }
    return awaitReply(xid: xid, deadline: deadline, reply, replyLength)
  }

  /// Reads records until the reply to this call comes; late replies to calls given up before are skipped.
  private func awaitReply(
    xid: UInt32, deadline: UInt64, _ reply: UnsafeMutablePointer<UnsafePointer<UInt8>?>,
    _ replyLength: UnsafeMutablePointer<Int>
  ) -> clnt_stat {
    var isFirstWait = true
    while true {
      switch reader.next() {
      case .record(let record):
        guard record.count >= 4, let start = record.baseAddress else {
          return fail(lose("the server sent a record that is no RPC reply"))
        }
        if UInt32(bigEndian: start.load(as: UInt32.self)) == xid {
          reply.pointee = start.assumingMemoryBound(to: UInt8.self)
          replyLength.pointee = record.count
          return RPC_SUCCESS
        }
      case .overlong: return fail(lose("the server sent a record above the limit"))
      case .onlyEmptyFragments: return fail(lose("the server sends fragments without data"))
      case .needsMore:
        if !isFirstWait, MonotonicClock.now >= deadline {
          return fail(.timedOut(milliseconds: timeoutMilliseconds))
        }
        isFirstWait = false
        switch socket.receive(into: reader.space()) {
        case .done(let count): reader.received(count)
        case .closed: return fail(lose("the server closed the connection"))
        case .timedOut: return fail(.timedOut(milliseconds: timeoutMilliseconds))
        case .failed(let code): return fail(lose(SystemFailure(code: code).reason))
        }
      }
    }
  }

  private func fail(_ error: RPCError) -> clnt_stat {
    failure = error
    if case .timedOut = error { return RPC_TIMEDOUT }
    return RPC_CANTRECV
  }

  @discardableResult
  private func lose(_ reason: String) -> RPCError {
    let error = RPCError.connectionLost(reason: reason)
    lost = error
    shutdown(socket.descriptor, Int32(SHUT_RDWR))
    return error
  }
}
