// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4
import Testing

@testable import NFS4Server

/// Sequence numbers of owners and their kept replies (RFC 7530 section 9.1.7).
@Suite struct SequenceTests {
  @Test func aRepeatedOpenIsAnsweredWithTheKeptReply() throws {
    let stage = try OpenTests.Stage()
    let compound = CompoundBuilder().handle(stage.root)
      .open(
        "f", client: stage.client.id, owner: stage.owner.name, sequence: stage.owner.next(), how: .guarded(.mode(0o600))
      ).getHandle()
    let first = try stage.server.call(compound, xid: 1000)
    #expect(first.status == .ok)
    let entries = stage.server.service.snapshot.cacheEntries
    // The same bytes: on the same connection, on another, and with another xid.
    for (xid, connection) in [(1000, 1), (1000, 2), (1001, 1)] as [(UInt32, UInt64)] {
      let again = try stage.server.call(compound, xid: xid, connection: connection)
      #expect(again.bytes == first.bytes)
    }
    #expect(stage.server.service.counters.ownerReplays == 3)
    #expect(stage.server.service.snapshot.cacheEntries == entries)
    #expect(stage.server.service.snapshot.opens == 1)
    #expect(stage.server.service.snapshot.openOwners == 1)
  }

  @Test func aRepeatedFailureIsAnsweredWithTheKeptFailure() throws {
    let stage = try OpenTests.Stage()
    let compound = CompoundBuilder().handle(stage.root)
      .open("missing", client: stage.client.id, owner: stage.owner.name, sequence: stage.owner.next())
    #expect(try stage.server.call(compound).status == .noEntry)
    _ = try stage.server.makeDirectory("missing")
    #expect(try stage.server.call(compound).status == .noEntry)
    #expect(stage.server.service.counters.ownerReplays == 1)
  }

  @Test func aRepeatedCloseIsAnsweredThoughTheStateidIsGone() throws {
    let stage = try OpenTests.Stage()
    let file = try stage.client.open("f", in: stage.root, owner: stage.owner)
    let close = CompoundBuilder().handle(file.handle).close(file.stateid, sequence: stage.owner.next())
    let first = try stage.server.call(close)
    #expect(first.status == .ok)
    #expect(try stage.server.call(close, connection: 2).bytes == first.bytes)
    // A close of the same stateid with the next number is another request.
    let next = CompoundBuilder().handle(file.handle).close(file.stateid, sequence: stage.owner.sequence)
    #expect(try stage.server.call(next).status == .badStateid)
    try stage.open("f").ok(.open)
  }

  @Test func aRepeatedConfirmAndDowngradeAreAnswered() throws {
    let stage = try OpenTests.Stage()
    let fresh = TestOwner("fresh")
    let reply = try stage.open("f", how: .unchecked(.mode(0o600)), owner: fresh)
    try reply.ok(.open)
    var stateid = try reply.openBody().stateid
    try reply.ok(.getFilehandle)
    let handle = try reply.opaque()
    let confirm = CompoundBuilder().handle(handle).openConfirm(stateid, sequence: fresh.next())
    let first = try stage.server.call(confirm)
    #expect(first.status == .ok)
    #expect(try stage.server.call(confirm).bytes == first.bytes)
    stateid.sequence = 2
    let downgrade = CompoundBuilder().handle(handle).operation(.openDowngrade).stateid(stateid).word(fresh.next()).word(
      3
    )
    .word(0)
    let second = try stage.server.call(downgrade)
    #expect(second.status == .ok)
    #expect(try stage.server.call(downgrade).bytes == second.bytes)
  }

  @Test func aNumberOutOfOrderIsBad() throws {
    let stage = try OpenTests.Stage()
    for step in [1, 2, 1000] as [UInt32] {
      let owner = TestOwner("owner", sequence: stage.owner.sequence + step)
      #expect(try stage.open("f", how: .unchecked(.mode(0o600)), owner: owner).result(.open) == .badSeqid)
    }
    let old = TestOwner("owner", sequence: stage.owner.sequence - 2)
    #expect(try stage.open("f", how: .unchecked(.mode(0o600)), owner: old).result(.open) == .badSeqid)
    // The last number with other bytes is no repetition.
    let last = TestOwner("owner", sequence: stage.owner.sequence - 1)
    #expect(try stage.open("f", how: .unchecked(.mode(0o600)), owner: last).result(.open) == .badSeqid)
    try stage.open("f", how: .unchecked(.mode(0o600))).ok(.open)
  }

  @Test func numbersWrapPastZero() throws {
    let stage = try OpenTests.Stage()
    let owner = TestOwner("wrapping", sequence: .max - 2)
    let file = try stage.client.open("f", in: stage.root, owner: owner)
    try stage.client.close(file, owner: owner)
    #expect(owner.sequence == 0)
    owner.sequence = 1
    try stage.client.close(try stage.client.open("f", in: stage.root, owner: owner), owner: owner)
  }

  @Test func anOldStateidAdvancesTheNumberAndABadOneDoesNot() throws {
    let stage = try OpenTests.Stage()
    let file = try stage.client.open("f", in: stage.root, owner: stage.owner)
    let newer = try stage.client.open("f", in: stage.root, owner: stage.owner, how: .noCreate)
    let old = CompoundBuilder().handle(file.handle).close(file.stateid, sequence: stage.owner.next())
    #expect(try stage.server.call(old).status == .oldStateid)
    var bad = newer.stateid
    bad.sequence += 5
    #expect(
      try stage.server.call(CompoundBuilder().handle(file.handle).close(bad, sequence: stage.owner.sequence)).status
        == .badStateid)
    try stage.client.close(newer, owner: stage.owner)
  }

  /// Every failure of an OPEN, and whether the owner's number has advanced with it (RFC 7530 section 9.1.7).
  @Test func aFailedOpenAdvancesTheNumberUnlessItsErrorSaysThatNobodyCounted() throws {
    let stage = try OpenTests.Stage {
      $0.stateLimit = 8
      $0.graceSeconds = 60
    }
    _ = try stage.server.makeDirectory("d")
    _ = try stage.server.call(CompoundBuilder().root().makeLink("l", to: "x"))
    let held = TestOwner("held")
    _ = try stage.client.open("held", in: stage.root, owner: held, access: NFSOpen.accessRead, deny: 3)
    let file = try stage.client.open("file", in: stage.root, owner: held)
    _ = try stage.server.call(CompoundBuilder().handle(file.handle).setAttributes(.mode(0)))
    typealias Case = (expected: NFSStatus, advances: Bool, build: (UInt32) -> CompoundBuilder)
    let client = stage.client.id
    let owner = stage.owner.name
    func name(_ name: String, _ how: OpenHow = .noCreate, access: UInt32 = 3, deny: UInt32 = 0) -> (UInt32)
      -> CompoundBuilder
    {
      {
        CompoundBuilder().root()
          .open(name, client: client, owner: owner, sequence: $0, access: access, deny: deny, how: how)
      }
    }
    func claim(_ kind: UInt32, _ rest: @escaping (CompoundBuilder) -> CompoundBuilder) -> (UInt32) -> CompoundBuilder {
      {
        rest(
          CompoundBuilder().handle(file.handle).operation(.open).word($0).word(1).word(0).long(client).opaque(owner)
            .word(NFSOpen.noCreate).word(kind))
      }
    }
    // Attribute 25, hidden, which this server does not have.
    let hidden = { (sequence: UInt32) in
      CompoundBuilder().root().operation(.open).word(sequence).word(1).word(0).long(client).opaque(owner)
        .word(NFSOpen.create).word(NFSOpen.unchecked).word(1).word(1 << 25).opaque([0, 0, 0, 1])
        .word(NFSOpen.claimNull).string("new")
    }
    let cases: [Case] = [
      (.noEntry, true, name("none")), (.exists, true, name("d", .guarded(.mode(0)))),
      (.isDirectory, true, name("d")), (.isSymlink, true, name("l")), (.invalid, true, name("")),
      (.nameTooLong, true, name(String(repeating: "n", count: 256))), (.invalid, true, name("warm", access: 0)),
      (.shareDenied, true, name("held", access: 1)),
      (.attributeNotSupported, true, hidden),
      (
        .notDirectory, true,
        { CompoundBuilder().handle(file.handle).open("x", client: client, owner: owner, sequence: $0) }
      ),
      (.noGrace, true, claim(NFSOpen.claimPrevious) { $0.word(0) }),
      (.notSupported, true, claim(NFSOpen.claimDelegatePrevious) { $0.string("warm") }),
      (
        .badStateid, false,
        {
          CompoundBuilder().root()
            .openDelegated("warm", client: client, owner: owner, sequence: $0, access: 1, delegation: .anonymous)
        }
      ),
      (.badXDR, false, claim(9) { $0 }), (.badXDR, false, claim(NFSOpen.claimPrevious) { $0.word(3) }),
      (.badSeqid, false, { name("warm")($0 + 3) }),
      (.noFilehandle, false, { CompoundBuilder().open("warm", client: client, owner: owner, sequence: $0) }),
      (.staleClientID, false, { CompoundBuilder().root().open("warm", client: 5, owner: owner, sequence: $0) }),
    ]
    for (index, step) in cases.enumerated() {
      let status = try stage.server.call(step.build(stage.owner.sequence)).status
      #expect(status == step.expected, "case \(index)")
      if step.advances { stage.owner.sequence += 1 }
      let good = try stage.server.call(name("warm", access: 1)(stage.owner.sequence))
      #expect(good.status == .ok, "behind case \(index), which answered \(status)")
      stage.owner.sequence += 1
    }
  }

  @Test func ownersCountForThemselves() throws {
    let stage = try OpenTests.Stage()
    let one = TestOwner("one", sequence: 10)
    let two = TestOwner("two", sequence: 500)
    let first = try stage.client.open("a", in: stage.root, owner: one)
    let second = try stage.client.open("a", in: stage.root, owner: two)
    #expect(first.stateid.otherLow != second.stateid.otherLow)
    try stage.client.close(second, owner: two)
    try stage.client.close(first, owner: one)
    #expect(stage.server.service.snapshot.opens == 0)
  }

  @Test func aThrownAwayOwnerMustConfirmAgain() throws {
    let stage = try OpenTests.Stage()
    stage.server.advance(seconds: 123)
    let reply = try stage.open("warm")
    try reply.ok(.open)
    #expect(try reply.openBody().flags & NFSOpen.resultConfirm != 0)
  }
}
