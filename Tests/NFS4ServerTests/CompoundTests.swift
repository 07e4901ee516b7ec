// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import KernelMemory
import NFS4
import ONCRPC
import Testing

@testable import NFS4Server

/// The frame of a COMPOUND: header, limits, unknown and unsupported operations (RFC 7530 section 16.2).
@Suite struct CompoundTests {
  @Test func theTagComesBack() throws {
    let server = try TestServer()
    let tag = String(repeating: "x", count: 70)
    let reply = try server.call(CompoundBuilder(tag: tag).root())
    #expect(reply.tag == tag)
    #expect(reply.status == .ok)
    #expect(reply.count == 1)
  }

  @Test func anEmptyCompoundIsFine() throws {
    let reply = try TestServer().call(CompoundBuilder())
    #expect(reply.status == .ok)
    #expect(reply.count == 0)
    #expect(reply.remaining == 0)
  }

  @Test func anotherMinorVersionIsRefusedWithoutResults() throws {
    let reply = try TestServer().call(CompoundBuilder(minorVersion: 1).root())
    #expect(reply.status == .minorVersionMismatch)
    #expect(reply.count == 0)
  }

  @Test(arguments: [[0xC0, 0xC1], [0xFF], [0xED, 0xA0, 0x80], [0xE2, 0x82]] as [[UInt8]])
  func aTagThatIsNoUTF8IsInvalidAndComesBack(_ tag: [UInt8]) throws {
    let server = try TestServer()
    func call(minorVersion: UInt32) throws -> CompoundReply {
      let header = CompoundBuilder.list { $0.opaque(tag).word(minorVersion).word(1).word(24) }
      return try server.call(bytes: header)
    }
    let reply = try call(minorVersion: 0)
    #expect(reply.status == .invalid)
    #expect(reply.count == 0)
    #expect(Array(reply.bytes[8..<(8 + tag.count)]) == tag)
    // The minor version is looked at first.
    #expect(try call(minorVersion: 1).status == .minorVersionMismatch)
  }

  @Test(arguments: [0, 1, 2, 40, 53, 10_044, 0xFFFF_FFFF] as [UInt32])
  func anUnknownOperationIsIllegal(_ number: UInt32) throws {
    let server = try TestServer()
    let reply = try server.call(CompoundBuilder().root().number(number).operation(.getFilehandle))
    #expect(reply.status == .operationIllegal)
    #expect(reply.count == 2)
    try reply.ok(.putRootFilehandle)
    #expect(try reply.result(.illegal) == .operationIllegal)
    #expect(reply.remaining == 0)
    #expect(server.service.counters.illegal == 1)
  }

  @Test(arguments: [
    NFSOperation.lock, .lockTest, .unlock, .releaseLockOwner,
  ])
  func anUnsupportedOperationEndsTheCompound(_ operation: NFSOperation) throws {
    let reply = try TestServer().call(CompoundBuilder().root().operation(operation).operation(.getFilehandle))
    #expect(reply.status == .notSupported)
    #expect(reply.count == 2)
    try reply.ok(.putRootFilehandle)
    #expect(try reply.result(operation) == .notSupported)
    #expect(reply.remaining == 0)
  }

  @Test func aCompoundBeyondTheLimitIsRefusedAndNothingOfItIsDone() throws {
    let server = try TestServer()
    let compound = CompoundBuilder(capacity: 8 << 20)
    _ = compound.root().makeDirectory("made")
    for _ in 0..<99_998 { compound.operation(.putRootFilehandle) }
    let reply = try server.call(compound)
    #expect(reply.status == .resource)
    #expect(reply.count == 0)
    #expect(try server.call(CompoundBuilder().root().lookup("made")).status == .noEntry)
    let longest = CompoundBuilder()
    for _ in 0..<128 { longest.operation(.putRootFilehandle) }
    #expect(try server.call(longest).status == .ok)
  }

  @Test func aCountWithoutOperationsIsBadXDR() throws {
    let compound = CompoundBuilder().root()
    compound.claimedCount = 3
    let reply = try TestServer().call(compound)
    #expect(reply.status == .badXDR)
    #expect(reply.count == 2)
  }

  @Test func anUnreadableHeaderIsGarbage() throws {
    let server = try TestServer()
    #expect(try server.call(bytes: []).outcome == .garbageArguments)
    #expect(try server.call(bytes: [0, 0, 255, 255, 1, 2]).outcome == .garbageArguments)
    #expect(server.service.snapshot.cacheEntries == 0)
  }

  @Test func otherProceduresAreUnavailable() throws {
    let server = try TestServer()
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 8192, alignment: 8)
    defer { buffer.deallocate() }
    let outcome = RPCClientCredential.none.withServerView { view in
      server.service.handle(
        procedure: 2, xid: 1, credential: view, connection: 1,
        arguments: UnsafeRawBufferPointer(start: nil, count: 0), reply: buffer)
    }
    #expect(outcome == .procedureUnavailable)
  }

  @Test func resultsThatDoNotFitAreCutOffWithResource() throws {
    let server = try TestServer(replyBytes: 4096)
    let compound = CompoundBuilder().root()
    for _ in 0..<100 { _ = compound.getAttributes(.known) }
    let reply = try server.call(compound)
    #expect(reply.status == .resource)
    #expect(reply.count > 2)
    #expect(reply.bytes.count <= 4096)
    try reply.ok(.putRootFilehandle)
    for _ in 2..<reply.count {
      try reply.ok(.getAttributes)
      _ = try reply.attributes()
    }
    #expect(try reply.result(.getAttributes) == .resource)
    #expect(reply.remaining == 0)
  }

  @Test func nothingIsChangedWithoutRoomForItsResult() throws {
    let server = try TestServer(replyBytes: 4096)
    var refused = 0
    for count in 1...9 {
      let compound = CompoundBuilder().root()
      for _ in 0..<count { _ = compound.getAttributes(.known) }
      let before = try server.call(compound)
      guard before.status == .ok else { break }
      let hasRoom = 4096 - before.bytes.count >= 1024
      if !hasRoom { refused += 1 }
      let reply = try server.call(compound.makeDirectory("d\(count)"))
      #expect(reply.status == (hasRoom ? .ok : .resource))
      #expect(reply.count == count + 2)
      let found = try server.call(CompoundBuilder().root().lookup("d\(count)"))
      #expect(found.status == (hasRoom ? .ok : .noEntry))
    }
    #expect(refused > 0)
  }

  @Test func operationsAreCounted() throws {
    let server = try TestServer()
    let client = try TestClient(server)
    _ = try client.open("f", in: try server.rootHandle(), owner: TestOwner("o"))
    _ = try server.call(CompoundBuilder().root().lookup("none"))
    let counters = server.service.counters
    #expect(counters.count(of: .open) == 1)
    #expect(counters.count(of: .openConfirm) == 1)
    #expect(counters.count(of: .lookup) == 1)
    #expect(counters.count(of: .putRootFilehandle) == 2)
    #expect(counters.stateOperations == 4)
    #expect(counters.failures == 1)
    #expect(counters.rpcs == 6)
  }

  @Test func aDeadKernelAnswersSystemErrorAndTellsOnce() throws {
    let told = Told()
    let server = try TestServer(checksInvariants: false, mapBytes: 8 << 20) { $0.onKernelFailure = { told.note($0) } }
    let client = try TestClient(server)
    let root = try server.rootHandle()
    let owner = TestOwner("o")
    _ = try client.open("f", in: root, owner: owner)
    var calls = 0
    while server.kernel.failure == nil, calls < 200_000 {
      let number = calls
      _ = try server.call(
        CompoundBuilder().handle(root)
          .open(
            "file \(number)", client: client.id, owner: owner.name, sequence: owner.next(),
            how: .unchecked(.mode(0o600))))
      calls += 1
    }
    let failure = try #require(server.kernel.failure)
    #expect("\(failure)".contains("kmem_map too small"))
    for _ in 0..<3 { #expect(try server.call(CompoundBuilder().root()).outcome == .systemError) }
    server.service.connectionClosed(1)
    server.service.connectionOpened(2)
    #expect(try server.call(CompoundBuilder().root(), connection: 2).outcome == .systemError)
    #expect(told.failures == [failure])
    #expect(server.service.failure == failure)
  }
}

/// Collects what a server tells of its kernel's end.
private final class Told: @unchecked Sendable {
  var failures: [KernelFailure] = []
  func note(_ failure: KernelFailure) { failures.append(failure) }
}
