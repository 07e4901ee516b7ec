// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// How a service ended a call.
///
/// Each case is one `accept_stat` of RFC 5531 section 9.
public enum RPCReply: Equatable, Sendable {
  /// The result body lies at the start of the reply buffer and is `length` bytes long.
  ///
  /// A length below zero or beyond the buffer is answered as ``systemError``.
  case success(length: Int)
  /// The program has no such procedure (PROC_UNAVAIL).
  case procedureUnavailable
  /// The argument body could not be decoded (GARBAGE_ARGS).
  case garbageArguments
  /// The service failed, for example for want of memory (SYSTEM_ERR).
  case systemError
}

/// One version of one RPC program, served over any transport.
///
/// A server calls it from one thread per connection, so several calls run at once.
public protocol RPCService: AnyObject, Sendable {
  /// The RPC program number; 100003 for NFS.
  var program: UInt32 { get }
  /// The only version of the program that is served.
  var version: UInt32 { get }
  /// Tells that a connection exists from now on.
  ///
  /// - Parameter id: the connection's number, never used twice by one server.
  func connectionOpened(_ id: UInt64)
  /// Tells that a connection is gone; no call with its number is running or follows.
  ///
  /// - Parameter id: the connection's number.
  func connectionClosed(_ id: UInt64)
  /// Answers one call.
  ///
  /// Procedure 0 (NULL) never arrives here: the library answers it.
  ///
  /// - Parameters:
  ///   - procedure: the procedure number, not 0.
  ///   - xid: the transaction number that the client chose.
  ///   - credential: who calls; valid during the call only.
  ///   - connection: the connection's number.
  ///   - arguments: the argument body, aligned to 4 bytes; valid during the call only.
  ///   - reply: where the result body goes, from its start, aligned to 8 bytes; its count is the limit.
  /// - Returns: how the call ended.
  func handle(
    procedure: UInt32, xid: UInt32, credential: borrowing RPCCredential, connection: UInt64,
    arguments: UnsafeRawBufferPointer, reply: UnsafeMutableRawBufferPointer
  ) -> RPCReply
}
