// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4
import Testing

@testable import NFS4Server

/// DELEGRETURN, DELEGPURGE, CLAIM_DELEGATE_CUR and delegation stateids (RFC 7530 sections 9.1.4, 16.7, 16.8 and 16.16).
@Suite struct DelegationOperationTests {
  private let stage: DelegationStage
  private let client: DelegatedClient

  init() throws {
    stage = try DelegationStage()
    client = try stage.client(1)
  }

  private func giveBack(_ handle: [UInt8], _ stateid: Stateid) throws -> NFSStatus {
    try client.call(CompoundBuilder().handle(handle).delegationReturn(stateid))
  }

  @Test func delegationReturnNamesWhatIsWrong() throws {
    let file = try client.open("f")
    let other = try client.open("other")
    let stateid = try #require(file.delegation).stateid
    #expect(try client.call(CompoundBuilder().delegationReturn(stateid)) == .noFilehandle)
    #expect(try giveBack(other.handle, stateid) == .badStateid)
    #expect(try giveBack(stage.root, stateid) == .invalid)
    #expect(try giveBack(file.handle, .anonymous) == .badStateid)
    #expect(try giveBack(file.handle, .readBypass) == .badStateid)
    #expect(try giveBack(file.handle, file.stateid) == .badStateid)
    var changed = stateid
    changed.sequence = 0
    #expect(try giveBack(file.handle, changed) == .oldStateid)
    changed.sequence = 2
    #expect(try giveBack(file.handle, changed) == .badStateid)
    changed = stateid
    changed.otherHigh &+= 1 << 32
    #expect(try giveBack(file.handle, changed) == .staleStateid)
    #expect(try client.call(CompoundBuilder().handle(file.handle).operation(.delegationReturn)) == .badXDR)
    #expect(stage.server.service.snapshot.delegations == 2)
    #expect(try giveBack(file.handle, stateid) == .ok)
    #expect(try giveBack(file.handle, stateid) == .badStateid)
  }

  @Test func anotherClientCannotReturnADelegation() throws {
    let file = try client.open("f")
    let stateid = try #require(file.delegation).stateid
    let two = try stage.client(2)
    var forged = stateid
    forged.otherHigh = two.client.id
    #expect(try two.call(CompoundBuilder().handle(file.handle).delegationReturn(forged)) == .badStateid)
    #expect(stage.server.service.snapshot.delegations == 1)
  }

  @Test func delegationPurgeIsNotSupported() throws {
    #expect(try client.call(CompoundBuilder().operation(.delegationPurge).long(client.client.id)) == .notSupported)
    #expect(try client.call(CompoundBuilder().operation(.delegationPurge)) == .badXDR)
  }

  @Test func aDelegationOutlivesTheOpenAndServesReads() throws {
    let file = try client.open("f")
    let stateid = try #require(file.delegation).stateid
    try client.close(file)
    #expect(try client.call(CompoundBuilder().handle(file.handle).read(stateid, offset: 0, count: 1)) == .ok)
    #expect(stage.server.service.snapshot.lockFiles == 1)
    #expect(try client.giveBack(file) == .ok)
    #expect(stage.server.service.snapshot.lockFiles == 0)
  }

  @Test func aDelegationStateidAllowsWhatItsTypeAllows() throws {
    let read = try client.open("r")
    let written = try client.open("w", access: NFSOpen.accessWrite)
    let (reader, writer) = (try #require(read.delegation).stateid, try #require(written.delegation).stateid)
    func write(_ file: DelegatedClient.Opened, _ stateid: Stateid) throws -> NFSStatus {
      try client.call(CompoundBuilder().handle(file.handle).write(stateid, offset: 0, data: [1]))
    }
    func resize(_ file: DelegatedClient.Opened, _ stateid: Stateid) throws -> NFSStatus {
      try client.call(CompoundBuilder().handle(file.handle).setAttributes(.size(10), stateid: stateid))
    }
    #expect(try write(read, reader) == .openMode)
    #expect(try resize(read, reader) == .openMode)
    #expect(try write(written, writer) == .ok)
    #expect(try resize(written, writer) == .ok)
    #expect(try client.call(CompoundBuilder().handle(written.handle).read(writer, offset: 0, count: 1)) == .ok)
    #expect(try write(read, writer) == .badStateid)
    var old = writer
    old.sequence = 0
    #expect(try write(written, old) == .oldStateid)
  }

  @Test func aDelegationIsNoOpen() throws {
    let file = try client.open("f")
    let stateid = try #require(file.delegation).stateid
    let close = CompoundBuilder().handle(file.handle).close(stateid, sequence: client.owner.sequence)
    #expect(try client.call(close) == .badStateid)
    let downgrade = CompoundBuilder().handle(file.handle).operation(.openDowngrade).stateid(stateid)
      .word(client.owner.sequence).word(1).word(0)
    #expect(try client.call(downgrade) == .badStateid)
    let confirm = CompoundBuilder().handle(file.handle).openConfirm(stateid, sequence: client.owner.sequence)
    #expect(try client.call(confirm) == .badStateid)
  }

  @Test func opensUnderADelegationAreMadeWhileItIsRecalled() throws {
    let two = try stage.client(2)
    let file = try client.open("f", access: NFSOpen.accessBoth)
    let stateid = try #require(file.delegation).stateid
    try client.close(file)
    #expect(try two.open("f", access: NFSOpen.accessWrite).status == .delay)
    try stage.callbacks.answer(.ok)
    #expect(try client.openDelegated("f", access: NFSOpen.accessBoth, delegation: stateid) == .ok)
    #expect(stage.server.service.snapshot.delegations == 1)
    #expect(try client.giveBack(file) == .ok)
    #expect(try two.open("f", access: NFSOpen.accessWrite).status == .ok)
    #expect(try client.openDelegated("f", access: NFSOpen.accessRead, delegation: stateid) == .badStateid)
  }

  @Test func aClaimMustFitTheDelegation() throws {
    let read = try client.open("r")
    _ = try client.open("other")
    let stateid = try #require(read.delegation).stateid
    #expect(try client.openDelegated("r", access: NFSOpen.accessWrite, delegation: stateid) == .openMode)
    #expect(try client.openDelegated("other", access: NFSOpen.accessRead, delegation: stateid) == .badStateid)
    #expect(try client.openDelegated("r", access: NFSOpen.accessRead, delegation: read.stateid) == .badStateid)
    #expect(try client.openDelegated("r", access: NFSOpen.accessRead, delegation: .anonymous) == .badStateid)
    #expect(try client.openDelegated("none", access: NFSOpen.accessRead, delegation: stateid) == .noEntry)
    #expect(try client.openDelegated("r", access: NFSOpen.accessRead, delegation: stateid) == .ok)
  }
}
