// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import CTirpc
import CTirpcShim

/// The server end of one connection: libtirpc's header codec and authenticator in front of a service.
///
/// It knows records in memory only, so that a socket and the in-memory transport answer by the same code.
final class ServerEndpoint {
  private let handle: UnsafeMutablePointer<SVCXPRT>
  private let memory: MappedMemory
  private let body: UnsafeMutableRawBufferPointer
  private let service: any RPCService
  private let takesNone: Bool
  private let takesSys: Bool

  /// Makes the server end of a connection.
  ///
  /// - Parameters:
  ///   - service: what answers the calls.
  ///   - maximumRecordBytes: the longest reply, header included.
  ///   - flavors: how callers may say who they are.
  ///   - isRefused: whether every call but NULL is refused.
  /// - Throws: ``RPCError/resourceExhausted(what:)``.
  init(
    service: any RPCService, maximumRecordBytes: Int, flavors: Set<RPCFlavor> = RPCAccess().flavors,
    isRefused: Bool = false
  ) throws(RPCError) {
    let memory = try MappedMemory(count: maximumRecordBytes)
    let body = UnsafeMutableRawBufferPointer(rebasing: memory.bytes[Int(CTIRPC_HEADROOM)...])
    guard
      let handle = ctirpc_server_create(
        service.program, service.version, memory.base, body.count)
    else { throw .resourceExhausted(what: "memory for a server handle") }
    self.handle = handle
    self.memory = memory
    self.body = body
    self.service = service
    takesNone = !isRefused && flavors.contains(.none)
    takesSys = !isRefused && flavors.contains(.sys)
  }

  deinit {
    ctirpc_server_destroy(handle)
  }

  /// Answers one record.
  ///
  /// - Parameters:
  ///   - record: a record without mark, aligned to 4 bytes.
  ///   - connection: the connection's number.
  /// - Returns: the reply with its record mark, valid until the next call; nil when the record is no RPC call and the
  ///   connection must end.
  func answer(_ record: UnsafeRawBufferPointer, connection: UInt64) -> UnsafeRawBufferPointer? {
    var call = ctirpc_call()
    let verdict = ctirpc_server_take(handle, record.baseAddress, record.count, &call)
    if verdict == CTIRPC_DROP { return nil }
    if verdict == CTIRPC_DISPATCH {
      dispatch(call, connection: connection)
    }
    return encodedReply()
  }

  private func dispatch(_ call: ctirpc_call, connection: UInt64) {
    let isSys = call.flavor == RPCFlavor.sys.rawValue
    guard isSys ? takesSys : takesNone else { return ctirpc_server_reply_too_weak(handle) }
    let credential = RPCCredential(
      flavor: isSys ? .sys : .none, uid: isSys ? call.uid : RPCCredential.nobody,
      gid: isSys ? call.gid : RPCCredential.nobody,
      groups: UnsafeBufferPointer(start: call.groups, count: Int(call.group_count)), machine: call.machine)
    let reply = service.handle(
      procedure: call.procedure, xid: call.xid, credential: credential, connection: connection,
      arguments: UnsafeRawBufferPointer(start: call.arguments, count: call.argument_length), reply: body)
    switch reply {
    case .success(let length) where length >= 0 && length <= body.count: ctirpc_server_reply(handle, length)
    case .success, .systemError: ctirpc_server_reply_system_error(handle)
    case .procedureUnavailable: ctirpc_server_reply_no_procedure(handle)
    case .garbageArguments: ctirpc_server_reply_garbage(handle)
    }
  }

  private func encodedReply() -> UnsafeRawBufferPointer? {
    var length = 0
    guard let start = ctirpc_server_record(handle, &length) else { return nil }
    return UnsafeRawBufferPointer(start: start, count: length)
  }
}
