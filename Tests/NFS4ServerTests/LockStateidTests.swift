// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4
import Testing

@testable import NFS4Server

/// The stateid of a lock-owner (RFC 7530 sections 9.1.4 and 9.1.6).
@Suite struct LockStateidTests {
  private func io(_ stage: LockStage, _ stateid: Stateid) throws -> [NFSStatus] {
    let on = { CompoundBuilder().handle(stage.file.handle) }
    return [
      try stage.call(on().read(stateid, offset: 0, count: 1)).status,
      try stage.call(on().write(stateid, offset: 0, data: [1])).status,
      try stage.call(on().setAttributes(.size(5), stateid: stateid)).status,
    ]
  }

  @Test func itServesReadWriteAndTruncation() throws {
    let stage = try LockStage()
    let locker = stage.locker()
    #expect(try locker.lock(NFSLock.write, 0, 10) == .ok)
    let first = try #require(locker.stateid)
    #expect(try io(stage, first) == [.ok, .ok, .ok])
    #expect(try locker.unlock(0, 10) == .ok)
    #expect(try io(stage, first) == [.oldStateid, .oldStateid, .oldStateid])
    var stateid = try #require(locker.stateid)
    #expect(try io(stage, stateid) == [.ok, .ok, .ok])
    stateid.sequence += 1
    #expect(try io(stage, stateid) == [.badStateid, .badStateid, .badStateid])
  }

  @Test func itHasTheModeOfItsOpen() throws {
    let stage = try LockStage(access: NFSOpen.accessRead)
    let locker = stage.locker()
    #expect(try locker.lock(NFSLock.read, 0, 10) == .ok)
    #expect(try io(stage, try #require(locker.stateid)) == [.ok, .openMode, .openMode])
  }

  @Test func itIsNoStateidOfAnotherFile() throws {
    let stage = try LockStage()
    let locker = stage.locker()
    #expect(try locker.lock(NFSLock.write, 0, 10) == .ok)
    let stateid = try #require(locker.stateid)
    let other = try stage.client.open("other", in: stage.root, owner: stage.owner)
    let on = { CompoundBuilder().handle(other.handle) }
    #expect(try stage.call(on().read(stateid, offset: 0, count: 1)).status == .badStateid)
    #expect(
      try stage.call(on().unlock(sequence: locker.owner.sequence, stateid: stateid, offset: 0, length: 1)).status
        == .badStateid)
    #expect(
      try stage.call(on().lock(offset: 0, length: 1, stateid: stateid, sequence: locker.owner.sequence)).status
        == .badStateid)
    #expect(
      try stage.call(
        on().lock(
          offset: 0, length: 1, open: stage.file.stateid, openSequence: stage.owner.sequence, client: stage.client.id,
          owner: [1], sequence: 0)
      ).status == .badStateid)
  }

  @Test func itIsNoOpenAndAnOpenIsNoLock() throws {
    let stage = try LockStage()
    let locker = stage.locker()
    #expect(try locker.lock(NFSLock.write, 0, 10) == .ok)
    let stateid = try #require(locker.stateid)
    let on = { CompoundBuilder().handle(stage.file.handle) }
    #expect(try stage.call(on().close(stateid, sequence: stage.owner.sequence)).status == .badStateid)
    #expect(try stage.call(on().openConfirm(stateid, sequence: stage.owner.sequence)).status == .badStateid)
    #expect(
      try stage.call(
        on().operation(.openDowngrade).stateid(stateid).word(stage.owner.sequence).word(1).word(0)
      ).status == .badStateid)
    #expect(
      try stage.call(
        on().lock(
          offset: 0, length: 1, open: stateid, openSequence: stage.owner.sequence, client: stage.client.id,
          owner: [1], sequence: 0)
      ).status == .badStateid)
    for wrong in [stage.file.stateid, .anonymous, .readBypass] {
      #expect(
        try stage.call(on().lock(offset: 0, length: 1, stateid: wrong, sequence: locker.owner.sequence)).status
          == .badStateid)
      #expect(
        try stage.call(on().unlock(sequence: locker.owner.sequence, stateid: wrong, offset: 0, length: 1)).status
          == .badStateid)
    }
    for special in [Stateid.anonymous, .readBypass] {
      #expect(
        try stage.call(
          on().lock(
            offset: 0, length: 1, open: special, openSequence: stage.owner.sequence, client: stage.client.id,
            owner: [1], sequence: 0)
        ).status == .badStateid)
    }
    #expect(try locker.unlock(0, 10) == .ok)
    try stage.close()
  }

  @Test func stateidsOfAnotherRunAreStale() throws {
    let stage = try LockStage()
    let locker = stage.locker()
    #expect(try locker.lock(NFSLock.write, 0, 10) == .ok)
    var stateid = try #require(locker.stateid)
    stateid.otherHigh &-= 1 << 32
    var open = stage.file.stateid
    open.otherHigh &-= 1 << 32
    let on = { CompoundBuilder().handle(stage.file.handle) }
    #expect(
      try stage.call(on().lock(offset: 0, length: 1, stateid: stateid, sequence: locker.owner.sequence)).status
        == .staleStateid)
    #expect(
      try stage.call(on().unlock(sequence: locker.owner.sequence, stateid: stateid, offset: 0, length: 1)).status
        == .staleStateid)
    for (id, stateid, status) in [
      (stage.client.id, open, NFSStatus.staleStateid), (stage.client.id &- 1 << 32, stage.file.stateid, .staleClientID),
      (0, stage.file.stateid, .staleClientID),
    ] {
      #expect(
        try stage.call(
          on().lock(
            offset: 0, length: 1, open: stateid, openSequence: stage.owner.sequence, client: id, owner: [1],
            sequence: 0)
        ).status == status)
    }
    for id in [0, stage.client.id &- 1 << 32] {
      #expect(try stage.call(on().lockTest(offset: 0, length: 1, client: id, owner: [1])).status == .staleClientID)
      #expect(try stage.call(CompoundBuilder().releaseLockOwner(client: id, owner: [1])).status == .staleClientID)
    }
    #expect(try locker.unlock(0, 10) == .ok)
    try stage.close()
  }

  @Test func anOpenOfAnotherClientIsNone() throws {
    let stage = try LockStage()
    let other = try TestClient(stage.server, name: "client two", connection: 2)
    let lock = CompoundBuilder().handle(stage.file.handle).lock(
      offset: 0, length: 1, open: stage.file.stateid, openSequence: stage.owner.sequence, client: other.id, owner: [1],
      sequence: 0)
    #expect(try stage.call(lock).status == .badStateid)
    try stage.close()
  }

  @Test func anOpenThatWaitsForConfirmationLocksNothing() throws {
    let stage = try LockStage()
    let fresh = TestOwner("fresh")
    let reply = try stage.call(
      CompoundBuilder().root()
        .open("file", client: stage.client.id, owner: fresh.name, sequence: fresh.next()))
    try reply.ok(.putRootFilehandle)
    try reply.ok(.open)
    var file = stage.file
    file.stateid = try reply.openBody().stateid
    let locker = stage.locker("other", file: file, opener: fresh)
    #expect(try locker.lock(NFSLock.read, 0, 1) == .badStateid)
    #expect(stage.server.service.snapshot.lockOwners == 0)
  }

  @Test func anOldOpenStateidAdvancesBothNumbers() throws {
    let stage = try LockStage()
    let locker = stage.locker()
    let newer = try stage.client.open("file", in: stage.root, owner: stage.owner, how: .noCreate)
    #expect(try locker.lock(NFSLock.write, 0, 10) == .oldStateid)
    locker.file = newer
    #expect(try locker.lock(NFSLock.write, 0, 10) == .ok)
    var later = newer
    later.stateid.sequence += 1
    let other = stage.locker("other", file: later)
    #expect(try other.lock(NFSLock.write, 20, 10) == .badStateid)
    stage.owner.sequence -= 1
    other.file = newer
    #expect(try other.lock(NFSLock.write, 20, 10) == .ok)
  }
}
