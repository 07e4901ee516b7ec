// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4
import ONCRPC

extension NFSClient {
  /// Starts a compound.
  ///
  /// BSD compounds carry the tag that its client sends, Linux compounds an empty one.
  @inline(__always)
  func compound(_ bsdTag: StaticString) throws(NFSClientFailure) -> CompoundEncoder {
    if clock.nanoseconds >= renewNanoseconds { try renew() }
    return CompoundEncoder(argumentBuffer, tag: isLinux ? "" : bsdTag)
  }

  /// Sends a compound and reads the head of its reply (RFC 7530 section 15.2).
  ///
  /// - Parameters:
  ///   - kind: what it is counted as.
  ///   - encoder: the arguments.
  ///   - repeats: whether the same arguments may be sent again after NFS4ERR_DELAY or NFS4ERR_GRACE; not those with a
  ///     sequence number of an owner, which moves on with such an answer.
  /// - Returns: the results, valid until the next compound.
  /// - Throws: ``NFSClientFailure`` if there is no reply that can be read; a failed operation shows when it is read.
  func send(
    _ kind: RPCKind, _ encoder: inout CompoundEncoder, repeats: Bool = true
  ) throws(NFSClientFailure) -> CompoundReply {
    guard let length = encoder.finish() else { throw .requestTooLong(kind) }
    var attempts = 0
    while true {
      kindCounts[Int(kind.rawValue)] &+= 1
      var index = 0
      while index < encoder.count {
        operationCounters[Int(encoder.operations[index])] &+= 1
        index &+= 1
      }
      let bytes: UnsafeRawBufferPointer
      do throws(RPCError) {
        bytes = try transport.call(procedure: NFS4Protocol.compoundProcedure, argumentLength: length)
      } catch { throw .transport(error, kind) }
      var reply = CompoundReply(reader: XDRReader(bytes), kind: kind)
      let status: UInt32
      do throws(XDRError) {
        status = try reply.reader.uint32()
        _ = try reply.reader.opaque(limit: NFS4Protocol.tagLimit)
        _ = try reply.reader.uint32()
      } catch { throw .malformedReply(error, kind) }
      if status == 0 { return reply }
      let waits = status == NFSStatus.delay.rawValue || status == NFSStatus.grace.rawValue
      if waits && repeats {
        attempts += 1
        if attempts > configuration.delayRetries { throw .delayedTooOften(attempts, kind) }
        clock.wait(nanoseconds: configuration.delayNanoseconds)
        continue
      }
      // A compound that the server did not even begin has a status and no results (RFC 7530 section 15.2.4).
      if reply.reader.remaining == 0 {
        guard let known = NFSStatus(rawValue: status) else { throw .unknownStatus(status, kind) }
        throw .status(known, kind)
      }
      return reply
    }
  }

  /// The lease was renewed by what was just done (RFC 7530 section 9.6).
  ///
  /// Linux then puts its RENEW off; the BSD client sends one every half lease whatever else it does.
  @inline(__always)
  func leaseWasRenewed() {
    if isLinux && leaseSeconds > 0 {
      renewNanoseconds = clock.nanoseconds &+ UInt64(leaseSeconds) &* 666_666_667
    }
  }
}
