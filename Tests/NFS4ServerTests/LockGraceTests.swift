// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4
import Testing

@testable import NFS4Server

/// Byte-range locks behind a restart of the service (RFC 7530 section 9.6.2).
@Suite struct LockGraceTests {
  /// A stage whose clients' locks are gone with a restart, and a grace period.
  private struct Stage {
    let old: LockStage
    let server: TestServer

    init() throws {
      server = try TestServer { $0.graceSeconds = 90 }
      old = try LockStage(server: server)
      #expect(try old.locker().lock(NFSLock.write, 0, 100) == .ok)
      _ = try LockStage(server: server, name: "client two", connection: 2)
      server.service.restart()
    }

    /// A client of the same name with the file reclaimed, and a lock-owner that has nothing yet.
    func back(_ name: String, connection: UInt64 = 1) throws -> (client: TestClient, locker: Reclaimer) {
      let client = try TestClient(server, name: name, connection: connection)
      let opener = TestOwner("open-owner")
      let reply = try server.call(
        CompoundBuilder().handle(old.file.handle)
          .reclaim(client: client.id, owner: opener.name, sequence: opener.next(), access: 3, deny: 0),
        connection: connection)
      try reply.ok(.putFilehandle)
      try reply.ok(.open)
      let file = TestClient.OpenFile(handle: old.file.handle, stateid: try reply.stateid(), flags: 0)
      return (client, Reclaimer(client: client, file: file, opener: opener))
    }
  }

  private struct Reclaimer {
    let client: TestClient
    let file: TestClient.OpenFile
    let opener: TestOwner

    func lock(_ name: String, reclaim: Bool, _ offset: UInt64, _ length: UInt64) throws -> CompoundReply {
      let compound = CompoundBuilder().handle(file.handle)
        .lock(
          reclaim: reclaim ? 1 : 0, offset: offset, length: length, open: file.stateid, openSequence: opener.next(),
          client: client.id, owner: [UInt8](name.utf8), sequence: 1)
      return try client.server.call(compound, connection: client.connection)
    }
  }

  @Test func aClientGetsItsLocksBackAndNoNewOnes() throws {
    let stage = try Stage()
    #expect(stage.server.service.snapshot.locks == 0)
    let (client, locker) = try stage.back("client one")
    #expect(try locker.lock("locker", reclaim: false, 0, 100).status == .grace)
    let reply = try locker.lock("locker", reclaim: true, 0, 100)
    #expect(reply.status == .ok)
    try reply.ok(.putFilehandle)
    try reply.ok(.lock)
    let stateid = try reply.stateid()
    #expect(stage.server.service.snapshot.locks == 1)
    let test = CompoundBuilder().handle(locker.file.handle)
      .lockTest(offset: 0, length: 1, client: client.id, owner: [1])
    #expect(try stage.server.call(test).status == .grace)
    // What is reclaimed can be given up at once.
    let unlock = CompoundBuilder().handle(locker.file.handle)
      .unlock(sequence: 2, stateid: stateid, offset: 50, length: 50)
    #expect(try stage.server.call(unlock).status == .ok)
    stage.server.advance(seconds: 91)
    #expect(try stage.server.call(test).status == .denied)
    #expect(try locker.lock("another", reclaim: true, 200, 1).status == .noGrace)
    #expect(try locker.lock("another", reclaim: false, 50, 50).status == .ok)
  }

  @Test func aReclaimThatMeetsAnotherOnesLockIsAConflict() throws {
    let stage = try Stage()
    let (_, one) = try stage.back("client one")
    let (_, two) = try stage.back("client two", connection: 2)
    #expect(try one.lock("locker", reclaim: true, 0, 100).status == .ok)
    let reply = try two.lock("locker", reclaim: true, 50, 100)
    #expect(reply.status == .reclaimConflict)
    try reply.ok(.putFilehandle)
    #expect(try reply.result(.lock) == .reclaimConflict)
    #expect(reply.remaining == 0)
    #expect(try two.lock("locker", reclaim: true, 100, 100).status == .ok)
  }

  @Test func stateidsOfTheInstanceBeforeAreStale() throws {
    let stage = try Stage()
    let stale = CompoundBuilder().handle(stage.old.file.handle)
      .lock(
        reclaim: 1, offset: 0, length: 1, open: stage.old.file.stateid, openSequence: stage.old.owner.next(),
        client: stage.old.client.id, owner: [1], sequence: 1)
    #expect(try stage.server.call(stale).status == .staleClientID)
    #expect(try stage.old.release("locker") == .staleClientID)
  }
}
