// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// Why a server refuses a credential: `auth_stat` of RFC 5531 section 9.
public struct RPCAuthStatus: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
  /// The number on the wire.
  public let rawValue: UInt32

  /// Makes a status from its number.
  ///
  /// - Parameter rawValue: the number on the wire.
  public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// AUTH_BADCRED: the credential is malformed.
  public static let badCredential = RPCAuthStatus(rawValue: 1)
  /// AUTH_REJECTEDCRED: the flavor is not served, or a new session is wanted.
  public static let rejectedCredential = RPCAuthStatus(rawValue: 2)
  /// AUTH_BADVERF: the verifier is malformed.
  public static let badVerifier = RPCAuthStatus(rawValue: 3)
  /// AUTH_REJECTEDVERF: the verifier expired or was used before.
  public static let rejectedVerifier = RPCAuthStatus(rawValue: 4)
  /// AUTH_TOOWEAK: a stronger flavor is wanted.
  public static let tooWeak = RPCAuthStatus(rawValue: 5)
  /// AUTH_INVALIDRESP: the server's own verifier in the reply is not valid (found by the client).
  public static let invalidResponse = RPCAuthStatus(rawValue: 6)

  /// The name of the RFC, or the number of a status that it does not name.
  public var description: String {
    switch self {
    case .badCredential: "AUTH_BADCRED"
    case .rejectedCredential: "AUTH_REJECTEDCRED"
    case .badVerifier: "AUTH_BADVERF"
    case .rejectedVerifier: "AUTH_REJECTEDVERF"
    case .tooWeak: "AUTH_TOOWEAK"
    case .invalidResponse: "AUTH_INVALIDRESP"
    default: "auth_stat \(rawValue)"
    }
  }
}

/// What can go wrong between a client, the wire and a server.
public enum RPCError: Error, Equatable, Sendable, CustomStringConvertible {
  /// Nobody answers at the address.
  case unreachable(host: String, port: UInt16, reason: String)
  /// Another socket listens at the address.
  case portInUse(host: String, port: UInt16)
  /// The address cannot be listened on for another reason.
  case cannotListen(host: String, port: UInt16, reason: String)
  /// No reply came in time; a late reply is skipped by the next call.
  case timedOut(milliseconds: Int)
  /// The connection is gone or is not an RPC stream any more.
  case connectionLost(reason: String)
  /// PROG_UNAVAIL: the server does not have the program.
  case programUnavailable(program: UInt32)
  /// PROG_MISMATCH: the server has other versions of the program.
  case versionMismatch(program: UInt32, low: UInt32, high: UInt32)
  /// PROC_UNAVAIL: the program does not have the procedure.
  case procedureUnavailable(procedure: UInt32)
  /// GARBAGE_ARGS: the server could not decode the arguments.
  case garbageArguments
  /// SYSTEM_ERR: the server failed.
  case systemError
  /// RPC_MISMATCH: the server speaks another version of ONC RPC itself.
  case rpcVersionMismatch(low: UInt32, high: UInt32)
  /// AUTH_ERROR: the server refuses the credential.
  case authError(RPCAuthStatus)
  /// The reply is no RPC reply.
  case malformedReply
  /// The argument body is longer than the argument buffer.
  case argumentsTooLong(length: Int, limit: Int)
  /// The credential cannot be expressed in AUTH_SYS.
  case invalidCredential(reason: String)
  /// The system has no memory or threads left for the purpose.
  case resourceExhausted(what: String)

  /// One line for a person.
  public var description: String {
    switch self {
    case .unreachable(let host, let port, let reason): "cannot reach \(host) port \(port): \(reason)"
    case .portInUse(let host, let port): "cannot listen on \(host) port \(port): the port is in use"
    case .cannotListen(let host, let port, let reason): "cannot listen on \(host) port \(port): \(reason)"
    case .timedOut(let milliseconds): "no reply within \(milliseconds) ms"
    case .connectionLost(let reason): "connection lost: \(reason)"
    case .programUnavailable(let program): "the server does not have RPC program \(program)"
    case .versionMismatch(let program, let low, let high):
      "the server has RPC program \(program) in versions \(low) to \(high) only"
    case .procedureUnavailable(let procedure): "the server does not have RPC procedure \(procedure)"
    case .garbageArguments: "the server could not decode the arguments"
    case .systemError: "the server failed to carry out the call (SYSTEM_ERR)"
    case .rpcVersionMismatch(let low, let high): "the server speaks ONC RPC version \(low) to \(high) only"
    case .authError(let status): "the server refuses the credential: \(status)"
    case .malformedReply: "the reply is not an RPC reply"
    case .argumentsTooLong(let length, let limit): "arguments of \(length) bytes; the limit is \(limit)"
    case .invalidCredential(let reason): "credential cannot be sent: \(reason)"
    case .resourceExhausted(let what): "out of resources: \(what)"
    }
  }
}
