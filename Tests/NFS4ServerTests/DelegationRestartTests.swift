// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4
import Testing

@testable import NFS4Server

/// Delegations over a restart of the service (RFC 7530 sections 9.6.2 and 10.2.1).
@Suite struct DelegationRestartTests {
  private func reclaim(
    _ stage: DelegationStage, _ client: TestClient, _ owner: TestOwner, _ handle: [UInt8], type: UInt32
  ) throws -> (stateid: Stateid, delegation: SeenDelegation?) {
    let reply = try stage.server.call(
      CompoundBuilder().handle(handle).reclaim(
        client: client.id, owner: owner.name, sequence: owner.next(), delegation: type), connection: client.connection)
    try reply.ok(.putFilehandle)
    try reply.ok(.open)
    let body = try reply.delegatedOpenBody()
    #expect(body.flags & NFSOpen.resultConfirm == 0)
    return (body.stateid, body.delegation)
  }

  @Test(arguments: [true, false])
  func aDelegationIsReclaimedAndComesWithItsRecallWhereTheClientIsNotReachedYet(isReached: Bool) throws {
    let stage = try DelegationStage(callbacks: CallbackDouble(probeOutcome: isReached ? .replied([]) : nil)) {
      $0.graceSeconds = 90
    }
    let one = try stage.client(1)
    if !isReached { try stage.callbacks.answer(.replied([])) }
    let held = try one.open("f", access: NFSOpen.accessBoth)
    #expect(held.delegation?.type == NFSOpen.delegateWrite)
    stage.server.service.restart()
    #expect(stage.server.service.snapshot.delegations == 0)
    let client = try TestClient(stage.server, name: "client 1", connection: 1, program: NFS4Callback.program)
    let owner = TestOwner("owner")
    let again = try reclaim(stage, client, owner, held.handle, type: NFSOpen.delegateWrite)
    let delegation = try #require(again.delegation)
    #expect(delegation.type == NFSOpen.delegateWrite)
    #expect(delegation.recall == !isReached)
    // Its opens are made anew in the grace period, under the delegation.
    let open = CompoundBuilder().root().openDelegated(
      "f", client: client.id, owner: owner.name, sequence: owner.next(), access: NFSOpen.accessBoth,
      delegation: delegation.stateid)
    #expect(try stage.server.call(open).status == .ok)
    let back = CompoundBuilder().handle(held.handle).delegationReturn(delegation.stateid)
    #expect(try stage.server.call(back).status == .ok)
  }

  @Test func whatIsNotClaimedIsNotGiven() throws {
    let stage = try DelegationStage { $0.graceSeconds = 90 }
    let one = try stage.client(1)
    let held = try one.open("f")
    stage.server.service.restart()
    let client = try TestClient(stage.server, name: "client 1", connection: 1, program: NFS4Callback.program)
    let again = try reclaim(stage, client, TestOwner("owner"), held.handle, type: NFSOpen.delegateNone)
    #expect(again.delegation == nil)
    #expect(try one.giveBack(held) == .staleStateid)
  }

  @Test func callbacksUnderWayMeanNothingAfterTheRestart() throws {
    let stage = try DelegationStage()
    let (one, two) = (try stage.client(1), try stage.client(2))
    _ = try one.open("f")
    #expect(try two.open("f", access: NFSOpen.accessWrite).status == .delay)
    #expect(stage.server.service.snapshot.callbacks == 1)
    stage.server.service.restart()
    #expect(stage.server.service.snapshot.callbacks == 0)
    let counts = stage.server.mallocCounts()["NFS req"]
    #expect(counts?.mallocs == counts?.frees)
    // The first client of the new instance has the number of the one before.
    let three = try DelegatedClient(stage, 3)
    let held = try three.open("g")
    try stage.callbacks.answer(.failed)
    #expect(try three.call(CompoundBuilder().renew(three.client.id)) == .ok)
    #expect(try three.giveBack(held) == .ok)
  }
}
