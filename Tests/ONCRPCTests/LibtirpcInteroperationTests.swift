// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import CTirpc
import Foundation
import ONCRPC
import Testing

/// libtirpc's own TCP transports at the other end, which frame, encode and authenticate by themselves.
@Suite("Interoperation with libtirpc's own transports")
struct LibtirpcInteroperationTests {
  private typealias Codec = @convention(c) (UnsafeMutablePointer<XDR>?, UnsafeMutableRawPointer?) -> Int32

  private static func procedure(_ codec: @escaping Codec) -> xdrproc_t {
    unsafeBitCast(codec, to: xdrproc_t.self)
  }

  private static let text: Codec = { stream, value in
    xdr_string(stream, value?.assumingMemoryBound(to: UnsafeMutablePointer<CChar>?.self), 1 << 20)
  }

  private static let number: Codec = { stream, value in
    xdr_u_int(stream, value?.assumingMemoryBound(to: UInt32.self))
  }

  @Test("Its client is served, with records of one and of many fragments", arguments: [1, 100, 60_000, 300_000])
  func itsClientIsServed(_ length: Int) throws {
    let served = try Served()
    let peer = RawPeer(port: served.server.port)
    var address = sockaddr_storage()
    var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
    let client = try #require(
      withUnsafeMutablePointer(to: &address) { storage in
        storage.withMemoryRebound(to: sockaddr.self, capacity: 1) { _ = getpeername(peer.descriptor, $0, &size) }
        var remote = netbuf(maxlen: size, len: size, buf: UnsafeMutableRawPointer(storage))
        return clnt_vc_create(
          peer.descriptor, &remote, RecordingService.programNumber, RecordingService.versionNumber, 0, 0)
      })
    defer { client.pointee.cl_ops.pointee.cl_destroy(client) }
    var name = Array("peer.example".utf8CString)
    var groups: [gid_t] = [7, 8]
    let auth = try #require(authunix_create(&name, 70, 80, 2, &groups))
    defer { auth.pointee.ah_ops.pointee.ah_destroy(auth) }
    client.pointee.cl_auth = auth

    let string = String(repeating: "x", count: length)
    var argument = strdup(string)
    var result: UnsafeMutablePointer<CChar>?
    defer {
      free(argument)
      free(result)
    }
    for _ in 0..<2 {
      let status = client.pointee.cl_ops.pointee.cl_call(
        client, RecordingService.Procedure.echo, Self.procedure(Self.text), &argument,
        Self.procedure(Self.text), &result, timeval(tv_sec: 20, tv_usec: 0))
      #expect(status == RPC_SUCCESS)
      #expect(result.map { String(cString: $0) } == string)
    }
    let seen = try #require(served.service.seen.first)
    #expect(seen.uid == 70 && seen.gid == 80 && seen.groups == [7, 8] && seen.machine == "peer.example")
  }

  @Test("Its server answers our client")
  func itsServerAnswers() throws {
    let listener = RawListener()
    let port = listener.port
    let thread = Thread {
      let peer = listener.accept()
      guard let transport = svc_fd_create(dup(peer.descriptor), 65_536, 65_536) else { return }
      svc_reg(
        transport, 0x2000_0888, 1,
        { request, transport in
          guard let request, let transport, let ops = transport.pointee.xp_ops else { return }
          if request.pointee.rq_proc == 9 { return svcerr_noproc(transport) }
          var value: UInt32 = 0
          guard ops.pointee.xp_getargs(transport, LibtirpcInteroperationTests.procedure(Self.number), &value) != 0
          else { return svcerr_decode(transport) }
          var answer = value &+ 1
          if request.pointee.rq_cred.oa_flavor == RPCFlavor.sys.rawValue, let cooked = request.pointee.rq_clntcred {
            answer &+= cooked.load(as: authunix_parms.self).aup_uid
          }
          svc_sendreply(transport, LibtirpcInteroperationTests.procedure(Self.number), &answer)
        }, nil)
      for _ in 0..<4 { svc_getreq_common(transport.pointee.xp_fd) }
      transport.pointee.xp_ops.pointee.xp_destroy(transport)
    }
    thread.start()
    let client = try TCPTransport(
      host: "127.0.0.1", port: port, program: 0x2000_0888, version: 1, credential: .sys(uid: 1000, gid: 1))
    #expect(try client.call(1, words(41)) == words(1042))
    #expect(throws: RPCError.procedureUnavailable(procedure: 9)) { try client.call(9, words(1)) }
    #expect(throws: RPCError.garbageArguments) { try client.call(1, []) }
    #expect(try client.call(1, words(1)) == words(1002))
  }
}
