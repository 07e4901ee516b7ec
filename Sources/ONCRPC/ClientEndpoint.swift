// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import CTirpc
import CTirpcShim

/// The client end of one connection: libtirpc's CLIENT, AUTH and header codec in front of an exchange of records.
final class ClientEndpoint {
  /// Where the argument body goes.
  let argumentBuffer: UnsafeMutableRawBufferPointer
  private let handle: UnsafeMutablePointer<CLIENT>
  private let memory: MappedMemory
  private let program: UInt32

  /// Makes the client end of a connection.
  ///
  /// - Parameters:
  ///   - program: the RPC program.
  ///   - version: its version.
  ///   - credential: presented with every call.
  ///   - firstXID: transaction number of the first call; each further call has the next.
  ///   - maximumRecordBytes: the longest call, header included.
  ///   - exchange: carries a record to the server and gives the reply.
  ///   - context: handed to `exchange`; must outlive the endpoint.
  /// - Throws: ``RPCError/invalidCredential(reason:)`` or ``RPCError/resourceExhausted(what:)``.
  init(
    program: UInt32, version: UInt32, credential: RPCClientCredential, firstXID: UInt32, maximumRecordBytes: Int,
    exchange: @escaping ctirpc_exchange, context: UnsafeMutableRawPointer
  ) throws(RPCError) {
    let memory = try MappedMemory(count: maximumRecordBytes)
    let body = UnsafeMutableRawBufferPointer(rebasing: memory.bytes[Int(CTIRPC_HEADROOM)...])
    guard let auth = try Self.authenticator(credential) else {
      throw .resourceExhausted(what: "memory for a credential")
    }
    guard
      let handle = ctirpc_client_create(
        program, version, firstXID, auth, memory.base, body.count, exchange, context)
    else { throw .resourceExhausted(what: "memory for a client handle") }
    self.handle = handle
    self.memory = memory
    self.program = program
    argumentBuffer = body
  }

  deinit {
    ctirpc_client_destroy(handle)
  }

  /// Makes one call with the body in ``argumentBuffer``.
  ///
  /// - Parameters:
  ///   - procedure: the procedure number.
  ///   - argumentLength: length in bytes of the argument body.
  /// - Returns: the result body inside the reply that `exchange` gave.
  /// - Throws: what the reply or its absence means. When `exchange` itself failed, ``RPCError/connectionLost(reason:)``
  ///   stands for the reason that its owner knows better.
  func call(procedure: UInt32, argumentLength: Int) throws(RPCError) -> UnsafeRawBufferPointer {
    guard argumentLength >= 0, argumentLength <= argumentBuffer.count else {
      throw .argumentsTooLong(length: argumentLength, limit: argumentBuffer.count)
    }
    var outcome = ctirpc_outcome()
    ctirpc_client_call(handle, procedure, argumentLength, &outcome)
    if outcome.status == RPC_SUCCESS.rawValue {
      return UnsafeRawBufferPointer(start: outcome.body, count: outcome.body_length)
    }
    throw error(of: outcome, procedure: procedure)
  }

  private func error(of outcome: ctirpc_outcome, procedure: UInt32) -> RPCError {
    switch clnt_stat(outcome.status) {
    case RPC_PROGUNAVAIL: .programUnavailable(program: program)
    case RPC_PROGVERSMISMATCH: .versionMismatch(program: program, low: outcome.low, high: outcome.high)
    case RPC_PROCUNAVAIL: .procedureUnavailable(procedure: procedure)
    case RPC_CANTDECODEARGS: .garbageArguments
    case RPC_SYSTEMERROR: .systemError
    case RPC_VERSMISMATCH: .rpcVersionMismatch(low: outcome.low, high: outcome.high)
    case RPC_AUTHERROR: .authError(RPCAuthStatus(rawValue: outcome.low))
    case RPC_CANTSEND, RPC_CANTRECV, RPC_TIMEDOUT: .connectionLost(reason: "no reply")
    default: .malformedReply
    }
  }

  private static func authenticator(
    _ credential: RPCClientCredential
  ) throws(RPCError) -> UnsafeMutablePointer<AUTH>? {
    try credential.validate()
    switch credential {
    case .none:
      return authnone_create()
    case .sys(let uid, let gid, var groups, let machine):
      var name = Array(machine.utf8CString)
      return authunix_create(&name, uid, gid, Int32(groups.count), &groups)
    }
  }
}
