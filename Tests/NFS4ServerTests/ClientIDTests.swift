// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4
import Testing

@testable import NFS4Server

/// The cases of SETCLIENTID and SETCLIENTID_CONFIRM in RFC 7530 sections 16.33.5 and 16.34.5.
@Suite struct ClientIDTests {
  private func set(
    _ server: TestServer, _ name: String, _ verifier: UInt64, uid: UInt32 = 0
  ) throws -> (id: UInt64, confirmation: UInt64) {
    let reply = try server.call(CompoundBuilder().setClientID(name, verifier: verifier), uid: uid)
    try reply.ok(.setClientID)
    return (try reply.long(), try reply.long())
  }

  private func confirm(
    _ server: TestServer, _ pair: (id: UInt64, confirmation: UInt64), uid: UInt32 = 0
  ) throws -> NFSStatus {
    try server.call(CompoundBuilder().confirmClientID(pair.id, pair.confirmation), uid: uid).status
  }

  private func renew(_ server: TestServer, _ id: UInt64) throws -> NFSStatus {
    try server.call(CompoundBuilder().operation(.renew).long(id)).status
  }

  @Test func aNewClientIsConfirmedOnce() throws {
    let server = try TestServer()
    let first = try set(server, "a", 1)
    #expect(try renew(server, first.id) == .staleClientID)
    #expect(try confirm(server, first) == .ok)
    #expect(try renew(server, first.id) == .ok)
    #expect(try confirm(server, first) == .ok)
    #expect(server.service.snapshot.clients == 1)
  }

  @Test func theSameVerifierUpdatesTheCallbackAndKeepsTheState() throws {
    let server = try TestServer()
    let client = try TestClient(server, name: "a", verifier: 1)
    let owner = TestOwner("o")
    let file = try client.open("f", in: try server.rootHandle(), owner: owner)
    let update = try set(server, "a", 1)
    #expect(update.id == client.id)
    // Before and after the confirmation the old state is good.
    try client.close(
      try client.open("f", in: try server.rootHandle(), owner: TestOwner("other")),
      owner: TestOwner("other", sequence: 3))
    #expect(try confirm(server, update) == .ok)
    #expect(server.service.snapshot.opens == 1)
    try client.close(file, owner: owner)
    #expect(server.service.snapshot.clients == 1)
  }

  @Test func anotherVerifierReplacesTheStateWithItsConfirmation() throws {
    let server = try TestServer()
    let client = try TestClient(server, name: "a", verifier: 1)
    _ = try client.open("f", in: try server.rootHandle(), owner: TestOwner("o"))
    let reboot = try set(server, "a", 2)
    #expect(reboot.id != client.id)
    #expect(try renew(server, client.id) == .ok)
    #expect(server.service.snapshot.opens == 1)
    #expect(try confirm(server, reboot) == .ok)
    #expect(server.service.snapshot.opens == 0)
    #expect(server.service.snapshot.openOwners == 0)
    #expect(server.service.snapshot.lockFiles == 0)
    #expect(try renew(server, reboot.id) == .ok)
    #expect(try renew(server, client.id) == .expired)
  }

  @Test func aSecondUnconfirmedRecordReplacesTheFirst() throws {
    let server = try TestServer()
    let client = try TestClient(server, name: "a", verifier: 1)
    let first = try set(server, "a", 2)
    let second = try set(server, "a", 3)
    #expect(first.id != second.id)
    #expect(first.confirmation != second.confirmation)
    #expect(try confirm(server, first) == .staleClientID)
    #expect(try renew(server, client.id) == .ok)
    #expect(try confirm(server, second) == .ok)
    #expect(server.service.snapshot.clients == 1)
  }

  @Test func anUnconfirmedRecordWithoutAConfirmedOneIsReplaced() throws {
    let server = try TestServer()
    let first = try set(server, "a", 1)
    let second = try set(server, "a", 1)
    #expect(first.id != second.id)
    #expect(try confirm(server, first) == .staleClientID)
    #expect(try confirm(server, second) == .ok)
  }

  @Test func anotherPrincipalCannotTakeAnIDThatIsInUse() throws {
    let server = try TestServer()
    let client = try TestClient(server, name: "a", verifier: 1)
    let owner = TestOwner("o")
    let file = try client.open("f", in: try server.rootHandle(), owner: owner)
    #expect(try inUseAddress(server) == "127.0.0.1.3.232")
    let update = try set(server, "a", 1)
    #expect(try confirm(server, update, uid: 7) == .clientIDInUse)
    #expect(try renew(server, client.id) == .ok)
    try client.close(file, owner: owner)
  }

  /// What another principal's SETCLIENTID of the id "a" is told of the client that uses it.
  private func inUseAddress(_ server: TestServer) throws -> String {
    let reply = try server.call(CompoundBuilder().setClientID("a", verifier: 2), uid: 7)
    #expect(try reply.result(.setClientID) == .clientIDInUse)
    #expect(try reply.string() == "tcp")
    defer { #expect(reply.remaining == 0) }
    return try reply.string()
  }

  @Test func anIDWithoutStateMayBeTakenOver() throws {
    let server = try TestServer()
    let client = try TestClient(server, name: "a", verifier: 1)
    let owner = TestOwner("o")
    try client.close(try client.open("f", in: try server.rootHandle(), owner: owner), owner: owner)
    // The same verifier is no update of callbacks from another principal.
    let other = try set(server, "a", 1, uid: 7)
    #expect(other.id != client.id)
    #expect(try confirm(server, other, uid: 0) == .clientIDInUse)
    #expect(try renew(server, client.id) == .ok)
    #expect(try confirm(server, other, uid: 7) == .ok)
    #expect(try renew(server, client.id) == .expired)
    #expect(server.service.snapshot.clients == 1)
    #expect(server.service.snapshot.openOwners == 0)
  }

  @Test func anIDThatGotStateInBetweenIsNotTakenOver() throws {
    let server = try TestServer()
    let client = try TestClient(server, name: "a", verifier: 1)
    let other = try set(server, "a", 2, uid: 7)
    let owner = TestOwner("o")
    let file = try client.open("f", in: try server.rootHandle(), owner: owner)
    #expect(try confirm(server, other, uid: 7) == .clientIDInUse)
    #expect(server.service.snapshot.opens == 1)
    try client.close(file, owner: owner)
    #expect(try confirm(server, other, uid: 7) == .ok)
  }

  @Test func anIDWhoseLeaseHasRunOutMayBeTakenOver() throws {
    let server = try TestServer()
    let client = try TestClient(server, name: "a", verifier: 1)
    _ = try client.open("f", in: try server.rootHandle(), owner: TestOwner("o"))
    server.advance(seconds: 136)
    let other = try set(server, "a", 2, uid: 7)
    #expect(try confirm(server, other, uid: 7) == .ok)
    #expect(server.service.snapshot.opens == 0)
  }

  @Test func newCallbacksCountFromTheirConfirmation() throws {
    let server = try TestServer()
    let client = try TestClient(server, name: "a", verifier: 1)
    _ = try client.open("f", in: try server.rootHandle(), owner: TestOwner("o"))
    let reply = try server.call(CompoundBuilder().setClientID("a", verifier: 1, address: "10.1.2.3.4.5"))
    try reply.ok(.setClientID)
    let update = (id: try reply.long(), confirmation: try reply.long())
    #expect(try inUseAddress(server) == "127.0.0.1.3.232")
    #expect(try confirm(server, update) == .ok)
    #expect(try inUseAddress(server) == "10.1.2.3.4.5")
  }

  @Test func anUnconfirmedRecordIsDroppedAfterALease() throws {
    let server = try TestServer()
    let pair = try set(server, "a", 1)
    server.advance(seconds: 137)
    _ = try server.call(CompoundBuilder().root())
    #expect(server.service.snapshot.clients == 0)
    #expect(try confirm(server, pair) == .staleClientID)
  }

  @Test func anUnconfirmedRecordBesideAConfirmedOneIsDroppedAlone() throws {
    let server = try TestServer()
    let client = try TestClient(server, name: "a", verifier: 1)
    let reboot = try set(server, "a", 2)
    for _ in 0..<2 {
      server.advance(seconds: 70)
      #expect(try renew(server, client.id) == .ok)
    }
    #expect(try confirm(server, reboot) == .staleClientID)
    #expect(try renew(server, client.id) == .ok)
    let again = try set(server, "a", 2)
    #expect(try confirm(server, again) == .ok)
  }

  @Test func theConfirmationOfCallbacksRenewsNoLease() throws {
    let server = try TestServer { $0.courtesySeconds = 0 }
    let client = try TestClient(server, name: "a", verifier: 1)
    server.advance(seconds: 100)
    #expect(try confirm(server, try set(server, "a", 1)) == .ok)
    server.advance(seconds: 37)
    #expect(try renew(server, client.id) == .expired)
  }

  @Test func aLeaseIsRenewedByItsPrincipalAndByThoseWithAFileOpen() throws {
    let server = try TestServer()
    let client = try TestClient(server, name: "a", verifier: 1)
    let compound = CompoundBuilder().operation(.renew).long(client.id)
    #expect(try server.call(compound, uid: 7).status == .accessDenied)
    let owner = TestOwner("o")
    client.uid = 7
    let file = try client.open("f", in: try server.rootHandle(), owner: owner)
    #expect(try server.call(compound, uid: 7).status == .ok)
    #expect(try server.call(compound, uid: 8).status == .accessDenied)
    #expect(try server.call(compound, uid: 0).status == .ok)
    try client.close(file, owner: owner)
    #expect(try server.call(compound, uid: 7).status == .accessDenied)
    // The kernel of a client renews what it got for a user.
    let user = try TestClient(server, name: "user", uid: 7)
    #expect(try renew(server, user.id) == .ok)
  }

  @Test func withoutCourtesyStateIsGoneAfterTheLeaseThoughNobodyCalls() throws {
    let server = try TestServer { $0.courtesySeconds = 0 }
    _ = try server.call(CompoundBuilder().root())
    let types = ["NFSD V4state", "NFSD lckfile", "NFSD V4client"]
    func level() -> [Int] {
      let counts = server.mallocCounts()
      return types.map { Int(counts[$0]?.mallocs ?? 0) - Int(counts[$0]?.frees ?? 0) }
    }
    let before = level()
    let killed = try TestClient(server, name: "killed")
    let root = try server.rootHandle()
    let file = try killed.open("f", in: root, owner: TestOwner("o"), deny: 3)
    let alive = try TestClient(server, name: "alive", connection: 2)
    _ = try alive.open("g", in: root, owner: TestOwner("p"))
    server.advance(seconds: 100)
    #expect(try renew(server, alive.id) == .ok)
    server.advance(seconds: 37)
    #expect(server.service.snapshot.opens == 1)
    #expect(server.service.snapshot.clients == 1)
    #expect(try renew(server, killed.id) == .expired)
    let read = CompoundBuilder().handle(file.handle).read(file.stateid, offset: 0, count: 1)
    #expect(try server.call(read).status == .expired)
    server.advance(seconds: 150)
    #expect(server.service.snapshot.clients == 0)
    #expect(level() == before)
    try server.service.checkInvariants()
  }

  @Test func idsOfAnotherRunAreStale() throws {
    let server = try TestServer()
    #expect(try renew(server, 5) == .staleClientID)
    #expect(try confirm(server, (5, 5)) == .staleClientID)
    let unknown = UInt64(ServerConfiguration().bootTime) << 32 | 99
    #expect(try renew(server, unknown) == .staleClientID)
  }

  @Test func anEmptyIDIsInvalid() throws {
    let server = try TestServer()
    let reply = try server.call(CompoundBuilder().setClientID("", verifier: 1))
    #expect(try reply.result(.setClientID) == .invalid)
  }

  @Test func aClientWithoutStateIsFreedAfterFiveLeasesAndItsIDExpires() throws {
    let server = try TestServer { $0.leaseSeconds = 10 }
    let client = try TestClient(server)
    server.advance(seconds: 60)
    #expect(try renew(server, client.id) == .ok)
    server.advance(seconds: 10 + 15 + 50 + 2)
    #expect(try server.call(CompoundBuilder().root()).status == .ok)
    #expect(server.service.snapshot.clients == 0)
    #expect(try renew(server, client.id) == .expired)
    #expect(server.service.counters.expiredClientsFreed == 1)
  }

  @Test func aClientWithStateKeepsItForAWeek() throws {
    let server = try TestServer()
    let client = try TestClient(server)
    _ = try client.open("f", in: try server.rootHandle(), owner: TestOwner("o"))
    server.advance(seconds: 600_000)
    _ = try server.call(CompoundBuilder().root())
    #expect(server.service.snapshot.opens == 1)
    server.advance(seconds: 6000)
    _ = try server.call(CompoundBuilder().root())
    #expect(server.service.snapshot.opens == 0)
    #expect(server.service.snapshot.clients == 0)
    #expect(server.service.snapshot.lockFiles == 0)
  }

  @Test func anExpiredLeaseGivesWayToAConflictingOpen() throws {
    let server = try TestServer()
    let sleeper = try TestClient(server, name: "sleeper")
    let root = try server.rootHandle()
    let held = try sleeper.open("f", in: root, owner: TestOwner("o"), deny: 3)
    let other = try TestClient(server, name: "other", connection: 2)
    let owner = TestOwner("p")
    let denied = try server.call(
      CompoundBuilder().root().open("f", client: other.id, owner: owner.name, sequence: owner.next()))
    #expect(denied.status == .shareDenied)
    server.advance(seconds: 200)
    _ = try other.open("f", in: root, owner: owner, how: .noCreate)
    let late = try server.call(CompoundBuilder().handle(held.handle).read(held.stateid, offset: 0, count: 1))
    #expect(late.status == .expired)
    #expect(try renew(server, sleeper.id) == .expired)
    // The id of another client never was of use with that stateid.
    #expect(try renew(server, other.id) == .ok)
  }

  @Test func anExpiredLeaseGivesWayToAnonymousReadsAndWrites() throws {
    let server = try TestServer()
    let root = try server.rootHandle()
    for name in ["read", "write"] {
      let sleeper = try TestClient(server, name: name)
      let held = try sleeper.open(name, in: root, owner: TestOwner("o"), deny: 3)
      let compound =
        name == "read"
        ? CompoundBuilder().handle(held.handle).read(.anonymous, offset: 0, count: 1)
        : CompoundBuilder().handle(held.handle).write(.readBypass, offset: 0, data: [1])
      #expect(try server.call(compound).status == .locked)
      server.advance(seconds: 136)
      #expect(try server.call(compound).status == .ok)
      #expect(try renew(server, sleeper.id) == .expired)
    }
    // A removed file goes with the last lease that had it open.
    let sleeper = try TestClient(server, name: "last")
    let held = try sleeper.open("last", in: root, owner: TestOwner("o"), deny: 3)
    #expect(try server.call(CompoundBuilder().root().remove("last")).status == .ok)
    server.advance(seconds: 136)
    let read = CompoundBuilder().handle(held.handle).read(.anonymous, offset: 0, count: 1)
    #expect(try server.call(read).status == .stale)
  }
}
