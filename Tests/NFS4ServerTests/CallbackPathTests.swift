// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4
import Testing

@testable import NFS4Server

/// The way to a client: proof, loss, change (RFC 7530 sections 10.2.1, 10.4.7, 16.30.5 and 16.33).
@Suite struct CallbackPathTests {
  @Test func renewTellsAHolderThatItCannotBeReached() throws {
    let stage = try DelegationStage()
    let (one, two) = (try stage.client(1), try stage.client(2))
    let held = try one.open("f")
    #expect(try one.call(CompoundBuilder().renew(one.client.id)) == .ok)
    #expect(try two.open("f", access: NFSOpen.accessWrite).status == .delay)
    try stage.callbacks.answer(.failed)
    stage.server.advance(seconds: 100)
    #expect(try one.call(CompoundBuilder().renew(one.client.id)) == .callbackPathDown)
    // The lease was renewed all the same: without that it would end here.
    stage.server.advance(seconds: 100)
    #expect(try one.giveBack(held) == .ok)
    #expect(try one.call(CompoundBuilder().handle(held.handle).read(held.stateid, offset: 0, count: 1)) == .ok)
    // Nothing is held any more, so there is nothing to complain of.
    #expect(try one.call(CompoundBuilder().renew(one.client.id)) == .ok)
    #expect(stage.server.service.counters.delegationsRevoked == 0)
  }

  @Test func aClientThatWasToldHasAnotherLeaseToGiveItsDelegationsBack() throws {
    let stage = try DelegationStage()
    let (one, two) = (try stage.client(1), try stage.client(2))
    _ = try one.open("f")
    stage.callbacks.probeOutcome = .failed
    #expect(try two.open("f", access: NFSOpen.accessWrite).status == .delay)
    try stage.callbacks.answer(.failed)
    stage.server.advance(seconds: 100)
    #expect(try one.call(CompoundBuilder().renew(one.client.id)) == .callbackPathDown)
    stage.server.advance(seconds: 100)
    #expect(try two.open("f", access: NFSOpen.accessWrite).status == .delay)
    // But not one with every RENEW.
    #expect(try one.call(CompoundBuilder().renew(one.client.id)) == .callbackPathDown)
    stage.server.advance(seconds: 22)
    #expect(try two.open("f", access: NFSOpen.accessWrite).status == .ok)
    #expect(stage.server.service.counters.delegationsRevoked == 1)
  }

  @Test func aWayThatIsBackIsUsedAgain() throws {
    let stage = try DelegationStage(callbacks: CallbackDouble(probeOutcome: nil))
    let (one, two) = (try stage.client(1), try stage.client(2))
    try stage.callbacks.answer(.replied([]))
    try stage.callbacks.answer(.failed)
    let held = try one.open("f")
    #expect(held.delegation != nil)
    #expect(try two.open("f", access: NFSOpen.accessWrite).status == .delay)
    try stage.callbacks.answer(.failed)
    // Nothing new while the way is down; RENEW tries it.
    #expect(try one.open("g").delegation == nil)
    #expect(try one.call(CompoundBuilder().renew(one.client.id)) == .callbackPathDown)
    #expect(stage.callbacks.probes == 3)
    #expect(try one.call(CompoundBuilder().renew(one.client.id)) == .callbackPathDown)
    #expect(stage.callbacks.probes == 3)
    try stage.callbacks.answer(.replied([]))
    #expect(try one.call(CompoundBuilder().renew(one.client.id)) == .ok)
    #expect(try one.open("g").delegation != nil)
    stage.server.advance(seconds: 3)
    _ = try stage.server.call(CompoundBuilder().root())
    try stage.callbacks.answer(.ok)
    #expect(stage.callbacks.compounds.count == 2)
    #expect(try one.giveBack(held) == .ok)
  }

  @Test func aNewAddressIsProvenAnewAndRecallsGoThere() throws {
    let stage = try DelegationStage()
    let (one, two) = (try stage.client(1), try stage.client(2))
    let held = try one.open("f")
    #expect(try two.open("f", access: NFSOpen.accessWrite).status == .delay)
    // The same client, verifier and id: only the callback changes.
    let set = try stage.server.call(
      CompoundBuilder().operation(.setClientID).long(1).string("client 1").word(0x4000_3039).string("tcp")
        .string("127.0.0.2.4.1").word(77))
    try set.ok(.setClientID)
    let (id, confirmation) = (try set.long(), try set.long())
    #expect(id == one.client.id)
    #expect(stage.callbacks.probes == 2)
    #expect(try stage.server.call(CompoundBuilder().confirmClientID(id, confirmation)).status == .ok)
    #expect(stage.callbacks.probes == 3)
    let probe = try #require(stage.callbacks.calls.last)
    #expect(probe.host == "127.0.0.2")
    #expect(probe.port == 1025)
    #expect(probe.program == 0x4000_3039)
    // What becomes of the recall at the old address says nothing about the new one.
    try stage.callbacks.answer(.failed)
    #expect(try one.call(CompoundBuilder().renew(id)) == .ok)
    stage.server.advance(seconds: 3)
    #expect(try two.open("f", access: NFSOpen.accessWrite).status == .delay)
    let recall = try #require(stage.callbacks.calls.last)
    #expect(recall.host == "127.0.0.2")
    #expect(CallbackDouble.compound(recall)?.ident == 77)
    #expect(try one.giveBack(held) == .ok)
  }

  @Test(arguments: [
    ("tcp", "0.0.0.0.0.0"), ("tcp", "127.0.0.1.0.0"), ("udp", "127.0.0.1.3.232"), ("tcp6", "::1.3.232"),
    ("tcp", "nonsense"), ("", ""),
  ])
  func anAddressThatIsNoneIsNotCalled(_ network: String, _ address: String) throws {
    let stage = try DelegationStage()
    let set = try stage.server.call(
      CompoundBuilder().operation(.setClientID).long(1).string("client").word(NFS4Callback.program).string(network)
        .string(address).word(1))
    try set.ok(.setClientID)
    let (id, confirmation) = (try set.long(), try set.long())
    #expect(try stage.server.call(CompoundBuilder().confirmClientID(id, confirmation)).status == .ok)
    #expect(stage.callbacks.calls.isEmpty)
  }

  @Test func anUnconfirmedSetClientIDMovesNoCallbacks() throws {
    let stage = try DelegationStage()
    let (one, two) = (try stage.client(1), try stage.client(2))
    _ = try one.open("f")
    let set = try stage.server.call(
      CompoundBuilder().setClientID("client 1", verifier: 9, program: 5, address: "10.0.0.1.4.1"))
    try set.ok(.setClientID)
    #expect(try two.open("f", access: NFSOpen.accessWrite).status == .delay)
    let recall = try #require(stage.callbacks.calls.last)
    #expect(recall.host == "127.0.0.1")
    #expect(recall.program == NFS4Callback.program)
  }
}
