// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4
import Testing

@testable import NFS4Server

/// A restart of the service, its grace period and the reclaims in it (RFC 7530 sections 9.6.2 and 9.6.3.4).
@Suite struct RestartTests {
  /// A client with a file open, and a server with a grace period of 90 seconds.
  private struct Stage {
    let server: TestServer
    let client: TestClient
    let owner = TestOwner("owner")
    let root: [UInt8]
    let file: TestClient.OpenFile

    init(deny: UInt32 = 0, grace: Int = 90, _ configure: (inout ServerConfiguration) -> Void = { _ in }) throws {
      server = try TestServer {
        $0.graceSeconds = grace
        configure(&$0)
      }
      client = try TestClient(server, name: "client one")
      root = try server.rootHandle()
      file = try client.open("f", in: root, owner: owner, deny: deny)
    }

    func reclaim(
      _ client: TestClient, _ owner: TestOwner, access: UInt32 = 3, deny: UInt32 = 0, handle: [UInt8]? = nil
    ) throws -> CompoundReply {
      let reply = try server.call(
        CompoundBuilder().handle(handle ?? file.handle)
          .reclaim(client: client.id, owner: owner.name, sequence: owner.next(), access: access, deny: deny))
      try reply.ok(.putFilehandle)
      return reply
    }
  }

  private func renew(_ server: TestServer, _ id: UInt64) throws -> NFSStatus {
    try server.call(CompoundBuilder().operation(.renew).long(id)).status
  }

  @Test func everythingIsForgottenAndGivenBackAndFilesStay() throws {
    let server = try TestServer()
    let types = ["NFSD V4state", "NFSD lckfile", "NFSD V4client", "NFSD srvcache", "soname"]
    let zones = ["mbuf", "mbuf_cluster"]
    func level() -> [Int] {
      let mallocs = server.mallocCounts()
      let items = server.zoneCounts()
      return types.map { Int(mallocs[$0]?.mallocs ?? 0) - Int(mallocs[$0]?.frees ?? 0) }
        + zones.map { Int(items[$0]?.allocations ?? 0) - Int(items[$0]?.frees ?? 0) }
    }
    let before = level()
    let client = try TestClient(server)
    let root = try server.rootHandle()
    for index in 0..<4 {
      _ = try client.open("f\(index)", in: root, owner: TestOwner("owner \(index)"))
      _ = try server.call(CompoundBuilder().root().makeDirectory("d\(index)"), connection: UInt64(index))
    }
    server.service.connectionClosed(2)
    _ = try server.call(CompoundBuilder().setClientID("another", verifier: 1))
    #expect(level() != before)
    server.service.restart()
    try server.service.checkInvariants()
    var expected = ServerSnapshot()
    expected.connections = 3
    expected.files = 9
    #expect(server.service.snapshot == expected)
    #expect(server.service.counters.restarts == 1)
    try server.kernel.heap.allocator.checkInvariants()
    #expect(try server.attributes(root).type == NFSFileType.directory.rawValue)
    for connection in [0, 1, 3] as [UInt64] { server.service.connectionClosed(connection) }
    #expect(level() == before)
  }

  @Test func filehandlesStayValidAndEverythingElseIsStale() throws {
    let stage = try Stage()
    let write = CompoundBuilder().handle(stage.file.handle).write(stage.file.stateid, offset: 0, data: [7, 8, 9])
    let written = try stage.server.call(write)
    try written.ok(.putFilehandle)
    try written.ok(.write)
    _ = try written.word()
    _ = try written.word()
    let verifier = try written.long()
    let pending = try stage.client.setClientID("another", verifier: 1)
    stage.server.service.restart()
    #expect(try stage.server.attributes(stage.file.handle).size == 3)
    #expect(try renew(stage.server, stage.client.id) == .staleClientID)
    let confirmation = CompoundBuilder().confirmClientID(pending.0, pending.1)
    #expect(try stage.server.call(confirmation).status == .staleClientID)
    let handle = { CompoundBuilder().handle(stage.file.handle) }
    let stateid = stage.file.stateid
    #expect(try stage.server.call(handle().read(stateid, offset: 0, count: 1)).status == .staleStateid)
    #expect(try stage.server.call(handle().write(stateid, offset: 0, data: [1])).status == .staleStateid)
    #expect(try stage.server.call(handle().setAttributes(.size(0), stateid: stateid)).status == .staleStateid)
    #expect(try stage.server.call(handle().close(stateid, sequence: 9)).status == .staleStateid)
    #expect(try stage.server.call(handle().openConfirm(stateid, sequence: 9)).status == .staleStateid)
    let downgrade = handle().operation(.openDowngrade).stateid(stateid).word(9).word(1).word(0)
    #expect(try stage.server.call(downgrade).status == .staleStateid)
    let open = handle().reclaim(client: stage.client.id, owner: [1], sequence: 1)
    #expect(try stage.server.call(open).status == .staleClientID)
    // The verifier of COMMIT tells that the server went down.
    let commit = try stage.server.call(handle().operation(.commit).long(0).word(0))
    try commit.ok(.putFilehandle)
    try commit.ok(.commit)
    #expect(try commit.long() != verifier)
  }

  @Test func idsAndVerifiersAreNeverMadeAgain() throws {
    let server = try TestServer()
    var ids: Set<UInt64> = []
    var confirmations: Set<UInt64> = []
    for round in 0..<4 {
      for index in 0..<3 {
        let reply = try server.call(CompoundBuilder().setClientID("client \(index)", verifier: 1))
        try reply.ok(.setClientID)
        ids.insert(try reply.long())
        confirmations.insert(try reply.long())
      }
      // A clock that stands still or goes back does not bring a number back.
      server.service.restart(bootTime: round == 1 ? 5 : nil)
    }
    #expect(ids.count == 12)
    #expect(confirmations.count == 12)
  }

  @Test func aRestartEmptiesTheReplyCache() throws {
    let server = try TestServer()
    let compound = CompoundBuilder().root().makeDirectory("d")
    #expect(try server.call(compound, xid: 77, connection: 1).status == .ok)
    server.service.restart()
    #expect(try server.call(compound, xid: 77, connection: 2).status == .exists)
  }

  @Test func aClientReclaimsItsOpenWithoutConfirmationAndGoesOn() throws {
    let stage = try Stage(deny: NFSOpen.accessWrite)
    _ = try stage.server.call(
      CompoundBuilder().handle(stage.file.handle).write(stage.file.stateid, offset: 0, data: [7, 8, 9]))
    stage.server.service.restart()
    #expect(stage.server.service.isInGrace)
    let client = try TestClient(stage.server, name: "client one", verifier: 1)
    let owner = TestOwner("owner", sequence: 500)
    let reply = try stage.reclaim(client, owner, deny: NFSOpen.accessWrite)
    try reply.ok(.open)
    let body = try reply.openBody()
    #expect(body.flags & NFSOpen.resultConfirm == 0)
    #expect(body.stateid.sequence == 1)
    // The share reservation is back, and the stateid reads and writes in the middle of the grace period.
    let handle = { CompoundBuilder().handle(stage.file.handle) }
    #expect(try stage.server.call(handle().read(body.stateid, offset: 0, count: 3)).status == .ok)
    #expect(try stage.server.call(handle().write(body.stateid, offset: 0, data: [1])).status == .ok)
    #expect(try stage.server.call(handle().close(body.stateid, sequence: owner.next())).status == .ok)
    #expect(stage.server.service.snapshot.opens == 0)
  }

  @Test func whatIsNewWaitsForTheEndOfTheGracePeriod() throws {
    let stage = try Stage()
    stage.server.service.restart()
    let client = try TestClient(stage.server, name: "somebody else", connection: 2)
    let owner = TestOwner("o")
    func open(_ name: String) throws -> NFSStatus {
      try stage.server.call(
        CompoundBuilder().root()
          .open(name, client: client.id, owner: owner.name, sequence: owner.next(), how: .unchecked(.mode(0o600)))
      ).status
    }
    #expect(try open("f") == .grace)
    #expect(try open("new") == .grace)
    #expect(try open("") == .grace)
    let handle = { CompoundBuilder().handle(stage.file.handle) }
    let compounds: [CompoundBuilder] = [
      handle().read(.anonymous, offset: 0, count: 1), handle().read(.readBypass, offset: 0, count: 1),
      handle().write(.anonymous, offset: 0, data: [1]), handle().setAttributes(.size(0)),
      CompoundBuilder().root().remove("f"), CompoundBuilder().root().save().root().rename("f", "g"),
    ]
    for compound in compounds { #expect(try stage.server.call(compound).status == .grace) }
    // What touches no open goes on.
    #expect(try stage.server.call(handle().setAttributes(.mode(0o600))).status == .ok)
    #expect(try stage.server.call(CompoundBuilder().root().makeDirectory("d")).status == .ok)
    stage.server.advance(seconds: 89)
    #expect(try open("f") == .grace)
    stage.server.advance(seconds: 1)
    #expect(!stage.server.service.isInGrace)
    #expect(try open("f") == .ok)
    for compound in compounds.dropLast(2) { #expect(try stage.server.call(compound).status == .ok) }
    #expect(try stage.server.call(compounds[5]).status == .ok)
  }

  @Test func aReclaimOutsideTheGracePeriodIsTooLate() throws {
    let stage = try Stage()
    #expect(try stage.reclaim(stage.client, stage.owner).result(.open) == .noGrace)
    // The number advanced.
    try stage.client.close(stage.file, owner: stage.owner)
    stage.server.service.restart()
    stage.server.advance(seconds: 90)
    let client = try TestClient(stage.server, name: "client one")
    #expect(try stage.reclaim(client, TestOwner("owner")).result(.open) == .noGrace)
  }

  @Test func withoutAGracePeriodNothingCanBeReclaimed() throws {
    let stage = try Stage(grace: 0)
    stage.server.service.restart()
    #expect(!stage.server.service.isInGrace)
    let client = try TestClient(stage.server, name: "client one")
    #expect(try stage.reclaim(client, TestOwner("owner")).result(.open) == .noGrace)
    _ = try client.open("f", in: stage.root, owner: TestOwner("other"))
  }

  @Test func onlyAClientThatHadStateMayReclaim() throws {
    let stage = try Stage()
    // This client never opened anything, and that one never confirmed an open.
    _ = try TestClient(stage.server, name: "idle")
    let hasty = try TestClient(stage.server, name: "hasty")
    let open = CompoundBuilder().root().open("f", client: hasty.id, owner: [1], sequence: 1)
    #expect(try stage.server.call(open).status == .ok)
    stage.server.service.restart()
    for name in ["idle", "hasty", "never seen"] {
      let client = try TestClient(stage.server, name: name)
      #expect(try stage.reclaim(client, TestOwner("o")).result(.open) == .noGrace)
    }
    let client = try TestClient(stage.server, name: "client one")
    try stage.reclaim(client, TestOwner("o")).ok(.open)
  }

  @Test func firstEdgeConditionAClientWhoseOpenGaveWayMayNotReclaim() throws {
    let stage = try Stage(deny: NFSOpen.accessWrite)
    stage.server.advance(seconds: 200)
    let other = try TestClient(stage.server, name: "other", connection: 2)
    let owner = TestOwner("p")
    let file = try other.open("f", in: stage.root, owner: owner, how: .noCreate)
    try other.close(file, owner: owner)
    stage.server.service.restart()
    let client = try TestClient(stage.server, name: "client one")
    #expect(try stage.reclaim(client, TestOwner("owner"), deny: 2).result(.open) == .noGrace)
  }

  @Test func secondEdgeConditionAClientThatMissedAGracePeriodMayNotReclaimAfterTheNext() throws {
    let stage = try Stage(deny: NFSOpen.accessWrite)
    let other = try TestClient(stage.server, name: "other", connection: 2)
    _ = try other.open("g", in: stage.root, owner: TestOwner("p"))
    stage.server.service.restart()
    let again = try TestClient(stage.server, name: "other", connection: 2)
    let handle = try stage.server.call(CompoundBuilder().root().lookup("g").getHandle())
    try handle.ok(.putRootFilehandle)
    try handle.ok(.lookup)
    try handle.ok(.getFilehandle)
    let g = try handle.opaque()
    try stage.reclaim(again, TestOwner("p"), handle: g).ok(.open)
    stage.server.advance(seconds: 91)
    stage.server.service.restart()
    let late = try TestClient(stage.server, name: "client one")
    #expect(try stage.reclaim(late, TestOwner("owner"), deny: 2).result(.open) == .noGrace)
    let third = try TestClient(stage.server, name: "other", connection: 2)
    try stage.reclaim(third, TestOwner("p"), handle: g).ok(.open)
  }

  @Test func aSecondRestartInTheGracePeriodTakesNobodysRightAway() throws {
    let stage = try Stage()
    stage.server.service.restart()
    stage.server.advance(seconds: 40)
    stage.server.service.restart()
    let client = try TestClient(stage.server, name: "client one")
    try stage.reclaim(client, TestOwner("owner")).ok(.open)
  }

  @Test func aClientThatRebootedGaveItsRightUp() throws {
    let stage = try Stage()
    _ = try TestClient(stage.server, name: "client one", verifier: 2)
    #expect(stage.server.service.snapshot.opens == 0)
    stage.server.service.restart()
    let client = try TestClient(stage.server, name: "client one", verifier: 2)
    #expect(try stage.reclaim(client, TestOwner("owner")).result(.open) == .noGrace)
  }

  @Test func aReclaimNeedsARegularFileAndAShare() throws {
    let stage = try Stage()
    let link = try stage.server.call(CompoundBuilder().root().makeLink("l", to: "f").getHandle())
    try link.ok(.putRootFilehandle)
    try link.ok(.create)
    _ = try link.change()
    _ = try link.mask()
    try link.ok(.getFilehandle)
    let symlink = try link.opaque()
    stage.server.service.restart()
    let client = try TestClient(stage.server, name: "client one")
    let owner = TestOwner("owner")
    try stage.reclaim(client, owner).ok(.open)
    #expect(try stage.reclaim(client, owner, handle: stage.root).result(.open) == .isDirectory)
    #expect(try stage.reclaim(client, owner, handle: symlink).result(.open) == .isSymlink)
    #expect(try stage.reclaim(client, owner, access: 0).result(.open) == .invalid)
    #expect(try stage.reclaim(client, owner, deny: 4).result(.open) == .invalid)
    let creating = CompoundBuilder().handle(stage.file.handle).operation(.open).word(owner.next()).word(3).word(0)
      .long(client.id).opaque(owner.name).word(NFSOpen.create).word(NFSOpen.unchecked).attributes(.mode(0))
      .word(NFSOpen.claimPrevious).word(0)
    #expect(try stage.server.call(creating).status == .invalid)
    // All of these advanced the number.
    let again = try stage.reclaim(client, owner, access: NFSOpen.accessRead)
    try again.ok(.open)
    #expect(try again.openBody().stateid.sequence == 2)
  }

  @Test func aReclaimAgainstAReclaimedShareIsAConflict() throws {
    let stage = try Stage(deny: NFSOpen.accessWrite)
    let other = try TestClient(stage.server, name: "other", connection: 2)
    _ = try other.open("g", in: stage.root, owner: TestOwner("p"))
    stage.server.service.restart()
    let first = try TestClient(stage.server, name: "client one")
    try stage.reclaim(first, TestOwner("owner"), deny: NFSOpen.accessWrite).ok(.open)
    let liar = try TestClient(stage.server, name: "other", connection: 2)
    #expect(try stage.reclaim(liar, TestOwner("p")).result(.open) == .reclaimConflict)
  }

  @Test func theOwnerOfAFileReclaimsItAfterItsModeHasChanged() throws {
    let stage = try Stage()
    let user = try TestClient(stage.server, name: "user", uid: 7)
    let file = try user.open("his", in: stage.root, owner: TestOwner("u"), how: .unchecked(.mode(0o600)))
    #expect(try stage.server.call(CompoundBuilder().handle(file.handle).setAttributes(.mode(0)), uid: 7).status == .ok)
    stage.server.service.restart()
    let again = try TestClient(stage.server, name: "user", uid: 7)
    let compound = CompoundBuilder().handle(file.handle).reclaim(client: again.id, owner: [1], sequence: 1)
    #expect(try stage.server.call(compound, uid: 7).status == .ok)
  }

  @Test func aLeaseLastsTwiceAsLongInTheGracePeriod() throws {
    let stage = try Stage(grace: 500) { $0.leaseSeconds = 10 }
    stage.server.service.restart()
    let client = try TestClient(stage.server, name: "client one")
    // Twice 10 and 15 seconds, then five leases.
    stage.server.advance(seconds: 95)
    #expect(try stage.server.call(CompoundBuilder().root()).status == .ok)
    #expect(stage.server.service.snapshot.clients == 1)
    stage.server.advance(seconds: 10)
    #expect(try renew(stage.server, client.id) == .expired)
  }

  @Test func aServerThatFindsRecordsStartsWithAGracePeriod() throws {
    let storage = StableStorage()
    let first = try Stage { $0.stableStorage = storage }
    #expect(storage.count == 1)
    #expect(!first.server.service.isInGrace)
    let second = try TestServer {
      $0.stableStorage = storage
      $0.graceSeconds = 60
      $0.bootTime += 1
    }
    #expect(second.service.isInGrace)
    second.advance(seconds: 60)
    #expect(storage.count == 0)
  }

  @Test func aRemovedFileThatWasOpenIsGoneAfterTheRestart() throws {
    let stage = try Stage()
    #expect(try stage.server.call(CompoundBuilder().root().remove("f")).status == .ok)
    #expect(try stage.server.attributes(stage.file.handle).linkCount == 0)
    stage.server.service.restart()
    #expect(try stage.server.call(CompoundBuilder().handle(stage.file.handle)).status == .stale)
  }
}
