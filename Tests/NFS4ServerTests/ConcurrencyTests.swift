// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4
import ONCRPC
import Testing

@testable import NFS4Server

/// Many threads at one service, and the service behind a real TCP server.
@Suite struct ConcurrencyTests {
  /// Sends one compound straight to a service and returns its status.
  private static func send(_ service: NFSService, _ bytes: [UInt8], xid: UInt32, connection: UInt64) -> NFSStatus? {
    withUnsafeTemporaryAllocation(byteCount: 8192, alignment: 8) { reply in
      let outcome = bytes.withUnsafeBytes { arguments in
        TestCredential.root.withServerView {
          service.handle(
            procedure: 1, xid: xid, credential: $0, connection: connection, arguments: arguments, reply: reply)
        }
      }
      guard case .success = outcome else { return nil }
      return NFSStatus(rawValue: UInt32(bigEndian: reply.load(as: UInt32.self)))
    }
  }

  @Test func fourThreadsShareOneServer() async throws {
    let server = try TestServer(checksInvariants: false)
    let service = server.service
    let failures = await withTaskGroup(of: Int.self) { group in
      for thread in 0..<4 as Range<UInt64> {
        group.addTask {
          var failures = 0
          for step in 0..<500 as Range<UInt32> {
            let name = "thread \(thread) \(step % 7)"
            let make = CompoundBuilder().root().makeDirectory(name).getAttributes(.known).bytes
            let remove = CompoundBuilder().root().remove(name).bytes
            if Self.send(service, make, xid: 2 * step, connection: 10 + thread) != .ok { failures += 1 }
            if Self.send(service, remove, xid: 2 * step + 1, connection: 10 + thread) != .ok { failures += 1 }
            if step % 100 == 99 { service.connectionClosed(10 + thread) }
          }
          return failures
        }
      }
      return await group.reduce(0, +)
    }
    #expect(failures == 0)
    try service.checkInvariants()
    #expect(service.counters.rpcs == 4000)
    #expect(service.snapshot.files == 1)
  }

  @Test func theServiceAnswersOverTCP() throws {
    let server = try TestServer()
    let listener = try TCPServer(host: "127.0.0.1", port: 0, service: server.service)
    try listener.start()
    defer { listener.stop() }
    let transport = try TCPTransport(
      host: "127.0.0.1", port: listener.port, program: NFS4Protocol.program, version: NFS4Protocol.version,
      credential: TestCredential.root)
    defer { transport.close() }
    let bytes = CompoundBuilder(tag: "over TCP").root().getHandle().bytes
    transport.argumentBuffer.copyBytes(from: bytes)
    let result = try transport.call(procedure: 1, argumentLength: bytes.count)
    let over = CompoundReply(.success(length: result.count), result)
    #expect(over.tag == "over TCP")
    try over.ok(.putRootFilehandle)
    try over.ok(.getFilehandle)
    #expect(try over.opaque() == server.rootHandle())
    _ = try transport.call(procedure: 0, argumentLength: 0)
    #expect(throws: RPCError.procedureUnavailable(procedure: 2)) {
      _ = try transport.call(procedure: 2, argumentLength: 0)
    }
  }
}
