// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import KernelMemory
import NFS4
import ONCRPC

/// One RPC from its arrival to its reply, with what an nfsd takes for it (reference page "nfsv4-server-state", section 7).
extension ServerCore {
  /// Bytes of a call before its arguments: record mark 4, call header 24, AUTH_SYS credential with a machine name of 12 bytes 36,
  /// verifier 8; the groups come on top.
  private static let callHeaderBytes = 72
  /// Bytes of a reply before its results: record mark 4, reply header with an empty verifier 24.
  private static let replyHeaderBytes = 28
  /// Smallest reply buffer that a compound is carried out with, bytes.
  static let leastReplyBytes = 4096

  /// Serves a COMPOUND that came on the connection in `slot`.
  func serve(
    xid: UInt32, principal: Principal, slot: Int, arguments: UnsafeRawBufferPointer,
    reply: UnsafeMutableRawBufferPointer
  ) -> RPCReply {
    guard !variables.pointee.dead, reply.count >= Self.leastReplyBytes else { return .systemError }
    variables.pointee.counters.rpcs &+= 1
    files.now = NFSTime(
      seconds: configuration.baseTime &+ Int64(kernel.now / 1_000_000_000),
      nanoseconds: UInt32(truncatingIfNeeded: kernel.now % 1_000_000_000))
    variables.pointee.delegations.compoundClient = 0
    variables.pointee.delegations.connectionClient = connections.slots[slot].client
    let requestBytes = Self.callHeaderBytes &+ principal.groups.count &* 4 &+ arguments.count
    kernel.beginRPC(connection: &connections.slots[slot].buffers, requestBytes: requestBytes)
    var outcome = RPCReply.systemError
    variables.pointee.isServing = true
    do throws(NFSStatus) {
      outcome = try serveQueued(xid, principal, slot, arguments, reply)
    } catch {
      // Only a dead kernel ends here.
      variables.pointee.dead = true
    }
    variables.pointee.isServing = false
    if variables.pointee.delegations.compoundClient != connections.slots[slot].client { noteClient(slot: slot) }
    kernel.endRPC(connection: &connections.slots[slot].buffers)
    if let failure = kernel.failure {
      variables.pointee.dead = true
      reportFailure(failure)
      return .systemError
    }
    return outcome
  }

  /// The socket upcall queues a record; an nfsd takes it, fills a descriptor and a credential, and gives both back at the end
  /// (FreeBSD 6 sys/nfsserver/nfs_srvsock.c, nfsrv_getstream and nfsrv_dorec; nfs_syscalls.c, nfssvc_nfsd).
  private func serveQueued(
    _ xid: UInt32, _ principal: Principal, _ slot: Int, _ arguments: UnsafeRawBufferPointer,
    _ reply: UnsafeMutableRawBufferPointer
  ) throws(NFSStatus) -> RPCReply {
    var descriptor: KernelLink = 0
    if era.allocatesDescriptors {
      free(try malloc(layout.record, types.descriptor), types.descriptor)
      descriptor = try malloc(layout.descriptor, types.descriptor)
    }
    let credential = kernel.allocate(.credential)
    guard kernel.failure == nil else { throw .serverFault }
    let outcome = try answer(xid, principal, slot, arguments, reply)
    kernel.free(.credential, credential)
    free(descriptor, types.descriptor)
    return outcome
  }

  private func answer(
    _ xid: UInt32, _ principal: Principal, _ slot: Int, _ arguments: UnsafeRawBufferPointer,
    _ reply: UnsafeMutableRawBufferPointer
  ) throws(NFSStatus) -> RPCReply {
    let serial = connections.slots[slot].serial
    let (entry, hit) = try enterRequest(xid: xid, arguments: arguments, connection: serial)
    if hit {
      entry.expiry = seconds &+ Self.savedReplySeconds
      let outcome = repeatReply(entry, slot, reply)
      trim(slot: slot)
      return outcome
    }
    variables.pointee.replay = 0
    var compound = Compound(
      arguments: arguments, reply: reply, principal: principal, entry: entry,
      requestMbufs: connections.slots[slot].buffers.requestMbufs, owners: owners)
    let readable = try carryOut(&compound)
    if variables.pointee.replay != 0 {
      let kept = self.reply(variables.pointee.replay)
      entry.flags &= ~ReplyRecord.inProgress
      if entry.references == 0 { freeEntry(entry) }
      kept.expiry = seconds &+ Self.savedReplySeconds
      let outcome = repeatReply(kept, slot, reply)
      trim(slot: slot)
      return outcome
    }
    let length = readable ? compound.writer.position : 0
    kernel.buildReply(connection: &connections.slots[slot].buffers, replyBytes: Self.replyHeaderBytes &+ length)
    completeRequest(
      entry, saves: compound.savesReply && !variables.pointee.delegations.isHeld,
      reply: UnsafeRawBufferPointer(rebasing: reply[0..<length]), slot: slot)
    return readable ? .success(length: length) : .garbageArguments
  }

  /// Answers with a reply that was kept (m_copym of the kept chain).
  private func repeatReply(_ entry: ReplyRecord, _ slot: Int, _ reply: UnsafeMutableRawBufferPointer) -> RPCReply {
    let kept = variables.pointee.replies.bytes(entry.storage)
    kernel.buildReply(
      connection: &connections.slots[slot].buffers, replyBytes: Self.replyHeaderBytes &+ kept.count)
    guard kept.count <= reply.count, kept.count > 0 else { return .systemError }
    reply.copyMemory(from: kept)
    return .success(length: kept.count)
  }

  /// Tells the embedder, once.
  private func reportFailure(_ failure: KernelFailure) {
    guard !variables.pointee.failureReported else { return }
    variables.pointee.failureReported = true
    configuration.onKernelFailure?(failure)
  }
}
