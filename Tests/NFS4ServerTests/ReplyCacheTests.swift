// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4
import Testing

@testable import NFS4Server

/// The life of entries in the duplicate request cache (reference page "nfsv4-server-state", section 5).
@Suite struct ReplyCacheTests {
  @Test func readOnlyCompoundsLeaveNothingBehind() throws {
    let server = try TestServer()
    for _ in 0..<10 { _ = try server.call(CompoundBuilder().root().getAttributes(.size)) }
    #expect(server.service.snapshot.cacheEntries == 0)
  }

  @Test func aSavedReplyStaysUntilTheNextRequestOfItsConnection() throws {
    let server = try TestServer()
    _ = try server.call(CompoundBuilder().root().makeDirectory("a"), connection: 1)
    #expect(server.service.snapshot.savedReplies == 1)
    _ = try server.call(CompoundBuilder().root(), connection: 2)
    #expect(server.service.snapshot.savedReplies == 1)
    _ = try server.call(CompoundBuilder().root(), connection: 1)
    #expect(server.service.snapshot.savedReplies == 0)
    #expect(server.service.snapshot.cacheEntries == 0)
  }

  @Test(arguments: ["create", "remove", "rename", "link", "setattr", "write"])
  func theSixSavingOperationsAreSaved(_ operation: String) throws {
    let stage = try OpenTests.Stage()
    let file = try stage.client.open("f", in: stage.root, owner: stage.owner)
    _ = try stage.server.call(CompoundBuilder().root())
    let held = stage.server.service.snapshot.savedReplies
    let compound =
      switch operation {
      case "create": CompoundBuilder().root().makeDirectory("d")
      case "remove": CompoundBuilder().root().remove("none")
      case "rename": CompoundBuilder().root().save().root().rename("f", "g")
      case "link": CompoundBuilder().handle(file.handle).save().root().link("h")
      case "setattr": CompoundBuilder().handle(file.handle).setAttributes(.mode(0o600))
      default: CompoundBuilder().handle(file.handle).write(file.stateid, offset: 0, data: [1])
      }
    _ = try stage.server.call(compound)
    #expect(stage.server.service.snapshot.savedReplies == held + 1)
  }

  @Test func aRetransmissionOnAnotherConnectionIsAnsweredFromTheCache() throws {
    let server = try TestServer()
    _ = try server.call(CompoundBuilder().root())
    let compound = CompoundBuilder().root().makeDirectory("a").getHandle()
    let first = try server.call(compound, xid: 500, connection: 1)
    #expect(first.status == .ok)
    let again = try server.call(compound, xid: 500, connection: 2)
    #expect(again.bytes == first.bytes)
    #expect(server.service.counters.cacheHits == 1)
    // On the same connection it is no retransmission, nor with another xid or other bytes.
    #expect(try server.call(compound, xid: 500, connection: 1).status == .exists)
    #expect(try server.call(compound, xid: 501, connection: 2).status == .exists)
    #expect(server.service.counters.cacheHits == 1)
  }

  @Test func twoMatchesAreNoHit() throws {
    let server = try TestServer()
    let compound = CompoundBuilder().root().makeDirectory("a")
    #expect(try server.call(compound, xid: 7, connection: 1).status == .ok)
    server.service.connectionClosed(1)
    #expect(try server.call(compound, xid: 7, connection: 2).status == .ok)
    #expect(server.service.counters.cacheHits == 1)
    let other = CompoundBuilder().root().remove("none")
    #expect(try server.call(other, xid: 8, connection: 2).status == .noEntry)
    #expect(try server.call(other, xid: 8, connection: 2).status == .noEntry)
    #expect(server.service.counters.cacheHits == 1)
  }

  @Test func repliesOfDeadConnectionsStayTwelveHours() throws {
    let server = try TestServer { $0.leaseSeconds = 86_400 }
    for connection in 1...5 as ClosedRange<UInt64> {
      _ = try server.call(CompoundBuilder().root().makeDirectory("\(connection)"), connection: connection)
      server.advance(seconds: 100)
    }
    for connection in [3, 1, 2, 5, 4] as [UInt64] { server.service.connectionClosed(connection) }
    #expect(server.service.snapshot.savedReplies == 5)
    #expect(server.service.snapshot.connections == 0)
    server.advance(seconds: 43_200 - 450)
    _ = try server.call(CompoundBuilder().root(), connection: 9)
    #expect(server.service.snapshot.savedReplies == 4)
    server.advance(seconds: 200)
    _ = try server.call(CompoundBuilder().root(), connection: 9)
    #expect(server.service.snapshot.savedReplies == 2)
    server.advance(seconds: 1000)
    _ = try server.call(CompoundBuilder().root(), connection: 9)
    #expect(server.service.snapshot.savedReplies == 0)
  }

  @Test func anOwnerKeepsOneReplyAndFreesItWithItself() throws {
    let stage = try OpenTests.Stage()
    for _ in 0..<5 {
      try stage.client.close(try stage.client.open("f", in: stage.root, owner: stage.owner), owner: stage.owner)
    }
    #expect(stage.server.service.snapshot.savedReplies == 1)
    stage.server.advance(seconds: 123)
    _ = try stage.server.call(CompoundBuilder().root())
    #expect(stage.server.service.snapshot.savedReplies == 0)
    #expect(stage.server.service.snapshot.cacheEntries == 0)
  }

  @Test func aFloodAnswersResourceAndSavesNoMore() throws {
    let server = try TestServer { $0.replyCacheFloodLevel = 3 }
    for connection in 1...4 as ClosedRange<UInt64> {
      #expect(
        try server.call(CompoundBuilder().root().makeDirectory("\(connection)"), connection: connection).status == .ok)
      server.service.connectionClosed(connection)
    }
    #expect(server.service.snapshot.savedReplies == 4)
    let reply = try server.call(CompoundBuilder().root().makeDirectory("x"), connection: 5)
    #expect(reply.status == .resource)
    #expect(try reply.result(.putRootFilehandle) == .resource)
    #expect(server.service.counters.floods == 1)
    #expect(server.service.snapshot.savedReplies == 4)
  }

  @Test func aReplyWithoutRoomIsNotRepeated() throws {
    let server = try TestServer { $0.keptReplyBytes = 0 }
    let compound = CompoundBuilder().root().makeDirectory("a")
    #expect(try server.call(compound, xid: 500, connection: 1).status == .ok)
    #expect(try server.call(compound, xid: 500, connection: 2).status == .exists)
  }

  @Test func connectionsAreToldApartByTheirNumbers() throws {
    let server = try TestServer()
    for connection in 1...40 as ClosedRange<UInt64> { server.service.connectionOpened(connection) }
    server.service.connectionOpened(7)
    #expect(server.service.snapshot.connections == 40)
    for connection in stride(from: 1, through: 40, by: 2) as StrideThrough<UInt64> {
      server.service.connectionClosed(connection)
    }
    server.service.connectionClosed(1)
    #expect(server.service.snapshot.connections == 20)
    _ = try server.call(CompoundBuilder().root().makeDirectory("a"), connection: 8)
    _ = try server.call(CompoundBuilder().root(), connection: 100)
    #expect(server.service.snapshot.savedReplies == 1)
    #expect(server.service.snapshot.connections == 21)
  }
}
