// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4
import Testing

@testable import NFS4Server

/// When OPEN gives a delegation (RFC 7530 section 10.4).
@Suite struct DelegationGrantTests {
  @Test func anOpenForReadingGetsAReadDelegationAndOneForWritingAWriteDelegation() throws {
    let stage = try DelegationStage()
    let client = try stage.client(1)
    #expect(stage.callbacks.probes == 1)
    let read = try client.open("r")
    #expect(read.delegation?.type == NFSOpen.delegateRead)
    #expect(read.delegation?.recall == false)
    #expect(read.delegation?.stateid != read.stateid)
    #expect(try client.open("w", access: NFSOpen.accessWrite).delegation?.type == NFSOpen.delegateWrite)
    #expect(try client.open("b", access: NFSOpen.accessBoth).delegation?.type == NFSOpen.delegateWrite)
    #expect(stage.server.service.snapshot.delegations == 3)
    #expect(stage.server.service.counters.delegationsGranted == 3)
  }

  @Test func aClientHasOneDelegationOfAFile() throws {
    let stage = try DelegationStage()
    let client = try stage.client(1)
    #expect(try client.open("f").delegation != nil)
    #expect(try client.open("f").delegation == nil)
    #expect(try client.open("f", access: NFSOpen.accessBoth).delegation == nil)
    #expect(stage.server.service.snapshot.delegations == 1)
  }

  @Test func anUnconfirmedOwnerGetsNoDelegationButItsNextOpenDoes() throws {
    let stage = try DelegationStage()
    let client = try stage.client(1)
    let owner = TestOwner("new owner")
    let first = try client.open("f", access: NFSOpen.accessBoth, owner: owner)
    #expect(first.delegation == nil)
    let confirm = CompoundBuilder().handle(first.handle).openConfirm(first.stateid, sequence: owner.next())
    #expect(try client.call(confirm) == .ok)
    #expect(try client.open("f", access: NFSOpen.accessBoth, owner: owner).delegation?.type == NFSOpen.delegateWrite)
  }

  @Test func nothingIsGivenBeforeTheClientHasAnsweredCBNull() throws {
    let stage = try DelegationStage(callbacks: CallbackDouble(probeOutcome: nil))
    let client = try stage.client(1)
    #expect(stage.callbacks.waiting == 1)
    #expect(try client.open("f").delegation == nil)
    try stage.callbacks.answer(.replied([]))
    #expect(try client.open("f").delegation != nil)
  }

  @Test func nothingIsGivenToAClientThatCannotBeReached() throws {
    let stage = try DelegationStage(callbacks: CallbackDouble(probeOutcome: .failed))
    let client = try stage.client(1)
    #expect(try client.open("f").delegation == nil)
    #expect(stage.server.service.counters.callbacksFailed == 1)
    // Without delegations RENEW has nothing to complain of.
    #expect(try client.call(CompoundBuilder().renew(client.client.id)) == .ok)
  }

  @Test func aClientWithoutACallbackProgramIsNotCalled() throws {
    let stage = try DelegationStage()
    let client = try DelegatedClient(stage, 1, program: 0)
    #expect(stage.callbacks.calls.isEmpty)
    #expect(try client.open("f").delegation == nil)
  }

  @Test func withoutATransportNothingIsGivenAndTheFirstOpenCallsAsBefore() throws {
    let server = try TestServer { $0.delegations = true }
    let client = try TestClient(server, program: NFS4Callback.program)
    let before = server.mallocCounts()["NFS req"]?.mallocs ?? 0
    let owner = TestOwner("owner")
    let root = try server.rootHandle()
    // The helper checks that no delegation comes along.
    _ = try client.open("f", in: root, owner: owner)
    _ = try client.open("f", in: root, owner: owner)
    #expect((server.mallocCounts()["NFS req"]?.mallocs ?? 0) - before == 1)
    #expect(server.service.snapshot.delegations == 0)
  }

  @Test func aReadDelegationWantsThatNobodyElseWrites() throws {
    let stage = try DelegationStage()
    let (one, two) = (try stage.client(1), try stage.client(2))
    #expect(try one.open("f", access: NFSOpen.accessBoth).delegation != nil)
    // Given back, so that the open alone is in the way.
    let held = try one.open("g", access: NFSOpen.accessWrite)
    #expect(try one.giveBack(held) == .ok)
    #expect(try two.open("g").delegation == nil)
    try one.close(held)
    #expect(try two.open("g").delegation?.type == NFSOpen.delegateRead)
  }

  @Test func aWriteDelegationWantsThatNobodyElseHasTheFileOpen() throws {
    let stage = try DelegationStage()
    let (one, two) = (try stage.client(1), try stage.client(2))
    let reader = try one.open("f")
    #expect(try one.giveBack(reader) == .ok)
    #expect(try two.open("f", access: NFSOpen.accessWrite).delegation == nil)
  }

  @Test func severalClientsHaveReadDelegations() throws {
    let stage = try DelegationStage()
    for number in 1...5 as ClosedRange<UInt64> {
      #expect(try stage.client(number).open("f").delegation?.type == NFSOpen.delegateRead)
    }
    #expect(stage.server.service.snapshot.delegations == 5)
    #expect(stage.callbacks.compounds.isEmpty)
  }

  @Test func whoeverMayNotReadGetsNoWriteDelegation() throws {
    let stage = try DelegationStage()
    let client = try DelegatedClient(stage, 1)
    let file = try client.open("f", access: NFSOpen.accessWrite, how: .unchecked(.mode(0o222)))
    #expect(try client.giveBack(file) == .ok)
    // Another user of the same client may write and not read.
    let owner = TestOwner("user")
    let open = CompoundBuilder().root().open(
      "f", client: client.client.id, owner: owner.name, sequence: owner.next(), access: NFSOpen.accessWrite)
    let reply = try stage.server.call(open, uid: 7)
    try reply.ok(.putRootFilehandle)
    try reply.ok(.open)
    let first = try reply.delegatedOpenBody()
    let confirm = CompoundBuilder().handle(file.handle).openConfirm(first.stateid, sequence: owner.next())
    #expect(try stage.server.call(confirm, uid: 7).status == .ok)
    let again = try stage.server.call(
      CompoundBuilder().root().open(
        "f", client: client.client.id, owner: owner.name, sequence: owner.next(), access: NFSOpen.accessWrite), uid: 7)
    try again.ok(.putRootFilehandle)
    try again.ok(.open)
    #expect(try again.delegatedOpenBody().delegation == nil)
  }

  @Test func delegationsTakeAFifthOfTheStateLimitAtMost() throws {
    let stage = try DelegationStage { $0.stateLimit = 50 }
    let client = try stage.client(1)
    var given = 0
    for index in 0..<14 where try client.open("f\(index)").delegation != nil { given += 1 }
    #expect(given == 10)
  }

  /// The reference's table: OPEN granted a delegation is V4state 3/1, lckfile 2/1; DELEGRETURN is 0/1 and 0/1 if nothing is left on the file.
  @Test func theCallsOfMallocAndFreeAreThoseOfTheTable() throws {
    let stage = try DelegationStage()
    let client = try stage.client(1)
    func calls(_ body: () throws -> Void) rethrows -> [String] {
      let before = stage.server.mallocCounts()
      try body()
      let after = stage.server.mallocCounts()
      return ["NFSD V4state", "NFSD lckfile", "NFS req"].map { type in
        let (old, new) = (before[type] ?? (0, 0), after[type] ?? (0, 0))
        return "\(new.mallocs - old.mallocs)/\(new.frees - old.frees)"
      }
    }
    var opened = DelegatedClient.Opened(status: .ok)
    #expect(try calls { opened = try client.open("f") } == ["3/1", "2/1", "0/0"])
    #expect(try calls { try client.close(opened) } == ["0/1", "0/0", "0/0"])
    var status = NFSStatus.serverFault
    #expect(try calls { status = try client.giveBack(opened) } == ["0/1", "0/1", "0/0"])
    #expect(status == .ok)
  }
}
