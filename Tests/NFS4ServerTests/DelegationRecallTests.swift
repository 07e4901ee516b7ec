// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4
import Testing

@testable import NFS4Server

/// Conflicts between clients, recalls, and what becomes of delegations that are not given back (RFC 7530 sections 10.4.5 to 10.4.8).
@Suite struct DelegationRecallTests {
  private static let writeAccess = NFSOpen.accessWrite

  @Test func aConflictingOpenWaitsForTheRecallAndBothProceed() throws {
    let stage = try DelegationStage()
    let (one, two) = (try stage.client(1), try stage.client(2))
    let held = try one.open("f")
    let delegation = try #require(held.delegation)
    #expect(try two.open("f", access: Self.writeAccess).status == .delay)
    let handle = try #require(held.handle.withUnsafeBytes { Filehandle($0) })
    #expect(
      stage.callbacks.compounds == [
        CallbackCompound(
          ident: 1, operation: .recall(stateid: delegation.stateid, truncate: false, filehandle: handle))
      ])
    let call = try #require(stage.callbacks.calls.last)
    #expect(call.host == "127.0.0.1")
    #expect(call.port == 1000)
    #expect(call.program == NFS4Callback.program)
    #expect(call.timeoutMilliseconds == 12_000)
    // While the recall is on its way, nothing is sent twice, and the answer alone completes nothing.
    #expect(try two.open("f", access: Self.writeAccess).status == .delay)
    try stage.callbacks.answer(.ok)
    #expect(try two.open("f", access: Self.writeAccess).status == .delay)
    #expect(stage.callbacks.compounds.count == 1)
    #expect(try one.giveBack(held) == .ok)
    let opened = try two.open("f", access: Self.writeAccess)
    #expect(opened.status == .ok)
    // The first one goes on with its open.
    #expect(try one.call(CompoundBuilder().handle(held.handle).read(held.stateid, offset: 0, count: 10)) == .ok)
    #expect(
      try two.call(CompoundBuilder().handle(opened.handle).write(opened.stateid, offset: 0, data: [1])) == .ok)
    let counters = stage.server.service.counters
    #expect(counters.recalls == 1)
    #expect(counters.delegationsReturned == 1)
    #expect(counters.delegationsRevoked == 0)
  }

  @Test func theDelegationMayComeBackBeforeTheRecallIsAnswered() throws {
    let stage = try DelegationStage()
    let (one, two) = (try stage.client(1), try stage.client(2))
    let held = try one.open("f", access: Self.writeAccess)
    #expect(try two.open("f").status == .delay)
    #expect(try one.giveBack(held) == .ok)
    #expect(try two.open("f").status == .ok)
    try stage.callbacks.answer(.ok)
    #expect(stage.server.service.snapshot.callbacks == 0)
    try stage.server.service.checkInvariants()
  }

  @Test func readersDoNotDisturbReadDelegationsButOneWriterRecallsThemAll() throws {
    let stage = try DelegationStage()
    let holders = try (1...4 as ClosedRange<UInt64>).map { try stage.client($0) }
    let held = try holders.map { try $0.open("f") }
    let writer = try stage.client(9)
    #expect(try writer.open("f", access: NFSOpen.accessBoth).status == .delay)
    #expect(stage.callbacks.compounds.count == 4)
    for (holder, open) in zip(holders, held) { #expect(try holder.giveBack(open) == .ok) }
    #expect(try writer.open("f", access: NFSOpen.accessBoth).status == .ok)
  }

  @Test func anOpenThatTruncatesOrKeepsReadersOutCountsAsAWriter() throws {
    let stage = try DelegationStage()
    let (one, two) = (try stage.client(1), try stage.client(2))
    let first = try one.open("f")
    #expect(try two.open("f", how: .unchecked(.size(0))).status == .delay)
    #expect(try one.giveBack(first) == .ok)
    let second = try one.open("g")
    #expect(try two.open("g", deny: NFSOpen.accessRead).status == .delay)
    #expect(try one.giveBack(second) == .ok)
    // The holder's own open for reading stands against that share reservation.
    #expect(try two.open("g", deny: NFSOpen.accessRead).status == .shareDenied)
  }

  @Test func aClientsOwnOpensDisturbNoDelegationOfItsOwn() throws {
    let stage = try DelegationStage()
    let one = try stage.client(1)
    let held = try one.open("f")
    #expect(try one.open("f", access: NFSOpen.accessBoth).status == .ok)
    #expect(try one.open("f", deny: 0).status == .ok)
    #expect(stage.callbacks.compounds.isEmpty)
    #expect(try one.giveBack(held) == .ok)
  }

  @Test func aShareReservationThatNoRecallCanLiftIsDeniedAtOnce() throws {
    let stage = try DelegationStage()
    let (one, two) = (try stage.client(1), try stage.client(2))
    #expect(try one.open("f", deny: Self.writeAccess).delegation != nil)
    #expect(try one.open("f", access: Self.writeAccess).status == .shareDenied)
    #expect(stage.callbacks.compounds.isEmpty)
    // What another client that holds no delegation has open is in the way as well.
    let three = try stage.client(3)
    let other = try two.open("f", deny: 0)
    #expect(try two.giveBack(other) == .ok)
    #expect(try three.open("f", deny: NFSOpen.accessRead).status == .shareDenied)
    #expect(stage.callbacks.compounds.isEmpty)
  }

  /// Operations that stand against a delegation, each as a compound that is sent twice.
  enum Conflict: String, CaseIterable {
    case remove, renameFrom, renameOver, link, changeMode, truncate, writeAnonymously, readAnonymously

    func compound(_ handle: [UInt8]) -> CompoundBuilder {
      switch self {
      case .remove: CompoundBuilder().root().remove("f")
      case .renameFrom: CompoundBuilder().root().save().root().rename("f", "h")
      case .renameOver: CompoundBuilder().root().save().root().rename("other", "f")
      case .link: CompoundBuilder().handle(handle).save().root().link("h")
      case .changeMode: CompoundBuilder().handle(handle).setAttributes(.mode(0o600))
      case .truncate: CompoundBuilder().handle(handle).setAttributes(.size(0))
      case .writeAnonymously: CompoundBuilder().handle(handle).write(.anonymous, offset: 0, data: [1])
      case .readAnonymously: CompoundBuilder().handle(handle).read(.anonymous, offset: 0, count: 1)
      }
    }
  }

  @Test(arguments: Conflict.allCases, [NFSOpen.accessRead, NFSOpen.accessWrite])
  func operationsOfOthersRecallADelegation(_ conflict: Conflict, access: UInt32) throws {
    let stage = try DelegationStage()
    let (one, two) = (try stage.client(1), try stage.client(2))
    let other = try two.open("other")
    #expect(try two.giveBack(other) == .ok)
    try two.close(other)
    let held = try one.open("f", access: access)
    #expect(held.delegation != nil)
    if access == Self.writeAccess {
      #expect(
        try one.call(
          CompoundBuilder().handle(held.handle).write(held.stateid, offset: 0, data: [1, 2, 3])) == .ok)
    }
    guard conflict != .readAnonymously || access == Self.writeAccess else {
      #expect(try two.call(conflict.compound(held.handle)) == .ok)
      #expect(stage.callbacks.compounds.isEmpty)
      return
    }
    #expect(try two.call(conflict.compound(held.handle)) == .delay)
    #expect(try stage.server.attributes(held.handle, .linkCount).linkCount == 1)
    #expect(stage.callbacks.compounds.count == 1)
    try stage.callbacks.answer(.ok)
    #expect(try one.giveBack(held) == .ok)
    #expect(try two.call(conflict.compound(held.handle)) == .ok)
    #expect(stage.callbacks.compounds.count == 1)
  }

  /// REMOVE, RENAME and LINK say nothing about their client, so the holder's own recall its delegation, too.
  @Test(arguments: [Conflict.remove, .renameFrom, .renameOver, .link])
  func namesThatTheHolderChangesRecallItsDelegation(_ conflict: Conflict) throws {
    let stage = try DelegationStage()
    let one = try stage.client(1)
    _ = try one.open("other")
    let held = try one.open("f")
    #expect(try one.call(conflict.compound(held.handle)) == .delay)
    #expect(try one.giveBack(held) == .ok)
    if conflict == .renameOver { #expect(try one.call(conflict.compound(held.handle)) == .delay) }
  }

  @Test func whatTheHolderDoesToTheFileRecallsNothing() throws {
    let stage = try DelegationStage()
    let one = try stage.client(1)
    let held = try one.open("f", access: NFSOpen.accessBoth)
    let stateid = try #require(held.delegation).stateid
    for compound in [
      CompoundBuilder().handle(held.handle).write(stateid, offset: 0, data: [1, 2, 3]),
      CompoundBuilder().handle(held.handle).read(stateid, offset: 0, count: 3),
      CompoundBuilder().handle(held.handle).setAttributes(.size(1), stateid: stateid),
      CompoundBuilder().handle(held.handle).setAttributes(.mode(0o600)),
      CompoundBuilder().handle(held.handle).getAttributes(.known),
      CompoundBuilder().handle(held.handle).read(.anonymous, offset: 0, count: 3),
    ] {
      #expect(try one.call(compound) == .ok)
    }
    #expect(stage.callbacks.compounds.isEmpty)
  }

  @Test func whoeverMayNotRemoveRecallsNothing() throws {
    let stage = try DelegationStage()
    let one = try stage.client(1)
    _ = try one.open("f")
    #expect(try stage.server.call(CompoundBuilder().root().setAttributes(.mode(0o755))).status == .ok)
    let reply = try stage.server.call(CompoundBuilder().root().remove("f"), connection: 5, uid: 9)
    #expect(reply.status == .accessDenied)
    #expect(stage.callbacks.compounds.isEmpty)
  }

  @Test func aDelegationThatIsNotGivenBackIsRevokedAfterALease() throws {
    let stage = try DelegationStage()
    let (one, two) = (try stage.client(1), try stage.client(2))
    let held = try one.open("f")
    #expect(try two.open("f", access: Self.writeAccess).status == .delay)
    try stage.callbacks.answer(.ok)
    // Both stay in touch.
    for _ in 0..<2 {
      stage.server.advance(seconds: 60)
      #expect(try two.open("f", access: Self.writeAccess).status == .delay)
      #expect(try one.call(CompoundBuilder().renew(one.client.id)) == .ok)
    }
    stage.server.advance(seconds: 1)
    #expect(try two.open("f", access: Self.writeAccess).status == .ok)
    #expect(stage.server.service.counters.delegationsRevoked == 1)
    #expect(try one.giveBack(held) == .badStateid)
    // The client lost the delegation, not its lease.
    #expect(try one.call(CompoundBuilder().handle(held.handle).read(held.stateid, offset: 0, count: 1)) == .ok)
  }

  @Test func theTimerRevokesWithoutAnotherConflict() throws {
    let stage = try DelegationStage()
    let (one, two) = (try stage.client(1), try stage.client(2))
    _ = try one.open("f")
    #expect(try two.open("f", access: Self.writeAccess).status == .delay)
    try stage.callbacks.answer(.ok)
    stage.server.advance(seconds: 122)
    #expect(stage.server.service.snapshot.delegations == 1)
    _ = try stage.server.call(CompoundBuilder().root())
    #expect(stage.server.service.snapshot.delegations == 0)
  }

  @Test(arguments: [
    NFSStatus.resource, .serverFault, .badXDR, .badStateid, .badHandle, .delay,
  ])
  func aRecallAnsweredWithAnErrorIsRepeatedUntilTheTimeIsOver(_ status: NFSStatus) throws {
    let stage = try DelegationStage()
    let (one, two) = (try stage.client(1), try stage.client(2))
    _ = try one.open("f")
    #expect(try two.open("f", access: Self.writeAccess).status == .delay)
    try stage.callbacks.answer(status)
    #expect(try two.open("f", access: Self.writeAccess).status == .delay)
    #expect(stage.callbacks.compounds.count == 1)
    stage.server.advance(seconds: 3)
    #expect(try two.open("f", access: Self.writeAccess).status == .delay)
    #expect(stage.callbacks.compounds.count == 2)
    stage.server.advance(seconds: 120)
    #expect(try two.open("f", access: Self.writeAccess).status == .ok)
  }

  @Test func anAnswerThatIsNoneCountsAsAnError() throws {
    let stage = try DelegationStage()
    let (one, two) = (try stage.client(1), try stage.client(2))
    _ = try one.open("f")
    #expect(try two.open("f", access: Self.writeAccess).status == .delay)
    try stage.callbacks.answer(.replied([0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF]))
    stage.server.advance(seconds: 3)
    _ = try stage.server.call(CompoundBuilder().root())
    #expect(stage.callbacks.compounds.count == 2)
  }

  @Test func aFileIsNotDelegatedAgainSoonAfterARecall() throws {
    let stage = try DelegationStage()
    let (one, two) = (try stage.client(1), try stage.client(2))
    let held = try one.open("f")
    #expect(try two.open("f", access: Self.writeAccess).status == .delay)
    #expect(try one.giveBack(held) == .ok)
    try one.close(held)
    let opened = try two.open("f", access: Self.writeAccess)
    #expect(opened.status == .ok)
    #expect(opened.delegation == nil)
    try two.close(opened)
    #expect(try one.open("f").delegation == nil)
    // Another file is.
    #expect(try one.open("g").delegation != nil)
    stage.server.advance(seconds: 31)
    #expect(try one.open("f").delegation != nil)
  }

  @Test func aHolderWhoseLeaseIsOverGivesWayAtOnce() throws {
    let stage = try DelegationStage()
    let (one, two) = (try stage.client(1), try stage.client(2))
    let held = try one.open("f", access: Self.writeAccess)
    stage.server.advance(seconds: 100)
    #expect(try two.call(CompoundBuilder().renew(two.client.id)) == .ok)
    stage.server.advance(seconds: 50)
    #expect(try two.open("f").status == .ok)
    #expect(stage.callbacks.compounds.isEmpty)
    #expect(try one.giveBack(held) == .expired)
  }

  @Test func aRebootOfTheClientEndsItsDelegations() throws {
    let stage = try DelegationStage()
    let (one, two) = (try stage.client(1), try stage.client(2))
    _ = try one.open("f", access: Self.writeAccess)
    #expect(try two.open("f").status == .delay)
    _ = try TestClient(
      stage.server, name: "client 1", verifier: 2, connection: 1, program: NFS4Callback.program)
    #expect(stage.server.service.snapshot.delegations == 0)
    #expect(try two.open("f").status == .ok)
    // The answer to the recall finds nothing any more.
    try stage.callbacks.answer(.ok)
    try stage.server.service.checkInvariants()
  }

  @Test func aDelayedOpenTakesItsSequenceNumber() throws {
    let stage = try DelegationStage()
    let (one, two) = (try stage.client(1), try stage.client(2))
    let held = try one.open("f")
    let open = CompoundBuilder().root().open(
      "f", client: two.client.id, owner: two.owner.name, sequence: two.owner.next(), access: Self.writeAccess)
    let first = try stage.server.call(open, connection: 2)
    #expect(first.status == .delay)
    #expect(try one.giveBack(held) == .ok)
    // A retransmission is answered as before, the next number is served.
    #expect(try stage.server.call(open, connection: 2).bytes == first.bytes)
    #expect(try two.open("f", access: Self.writeAccess).status == .ok)
  }

  @Test func everythingOfDelegationsIsGivenBack() throws {
    let stage = try DelegationStage()
    _ = try stage.server.call(CompoundBuilder().root())
    let types = ["NFSD V4state", "NFSD lckfile", "NFSD V4client", "NFS req"]
    func level() -> [Int] {
      let counts = stage.server.mallocCounts()
      return types.map { Int(counts[$0]?.mallocs ?? 0) - Int(counts[$0]?.frees ?? 0) }
    }
    let before = level()
    let (one, two) = (try stage.client(1), try stage.client(2))
    for index in 0..<30 { _ = try one.open("f\(index)", access: index % 2 == 0 ? 1 : 3) }
    for index in 0..<10 { #expect(try two.open("f\(index)", access: Self.writeAccess).status == .delay) }
    for _ in 0..<5 { try stage.callbacks.answer(.ok) }
    #expect(stage.server.service.snapshot.callbacks == 5)
    // Nobody says goodbye.
    stage.server.advance(seconds: 605_100)
    _ = try stage.server.call(CompoundBuilder().root())
    stage.server.advance(seconds: 2)
    _ = try stage.server.call(CompoundBuilder().root())
    for _ in 0..<5 { try stage.callbacks.answer(.failed) }
    #expect(stage.server.service.snapshot.stateStructures == 0)
    #expect(level() == before)
    try stage.server.kernel.heap.allocator.checkInvariants()
  }
}
