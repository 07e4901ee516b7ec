// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4
import Testing

@testable import NFS4Server

/// Sequence numbers of lock-owners, beside those of open-owners, and their kept replies (RFC 7530 sections 9.1.7 and 9.1.9).
@Suite struct LockSequenceTests {
  @Test func aRepeatedLockIsAnsweredWithTheKeptReply() throws {
    let stage = try LockStage()
    let locker = stage.locker()
    let first = locker.lockCompound(NFSLock.write, 0, 10)
    let answer = try stage.call(first)
    #expect(answer.status == .ok)
    for connection in [1, 2] as [UInt64] {
      #expect(try stage.server.call(first, connection: connection).bytes == answer.bytes)
    }
    try answer.ok(.putFilehandle)
    try answer.ok(.lock)
    locker.stateid = try answer.stateid()
    let second = locker.lockCompound(NFSLock.write, 20, 10)
    let next = try stage.call(second)
    #expect(next.status == .ok)
    #expect(try stage.call(second).bytes == next.bytes)
    #expect(stage.server.service.counters.ownerReplays == 3)
    #expect(stage.server.service.snapshot.locks == 2)
    // The first is not the last request of its lock-owner any more.
    #expect(try stage.call(first).status == .badSeqid)
  }

  @Test func aRepeatedRefusalIsRepeatedThoughTheLockIsFree() throws {
    let stage = try LockStage()
    let (one, two) = (stage.locker("one"), stage.locker("two"))
    #expect(try one.lock(NFSLock.write, 0, 10) == .ok)
    // A lock-owner that the refusal leaves unknown: the open-owner has the reply.
    let fresh = two.lockCompound(NFSLock.write, 5, 10)
    let refusal = try stage.call(fresh)
    #expect(refusal.status == .denied)
    #expect(stage.server.service.snapshot.lockOwners == 1)
    #expect(try one.unlock(0, 10) == .ok)
    #expect(try stage.call(fresh).bytes == refusal.bytes)
    // And one that is known.
    #expect(try two.lock(NFSLock.write, 5, 10) == .ok)
    let known = one.lockCompound(NFSLock.write, 0, 10)
    #expect(try stage.call(known).status == .denied)
    #expect(try two.unlock(0, .max) == .ok)
    #expect(try stage.call(known).status == .denied)
    #expect(try one.lock(NFSLock.write, 0, 10) == .ok)
    #expect(stage.server.service.counters.ownerReplays == 2)
  }

  @Test func aRepeatedUnlockIsAnswered() throws {
    let stage = try LockStage()
    let locker = stage.locker()
    #expect(try locker.lock(NFSLock.write, 0, 10) == .ok)
    let compound = CompoundBuilder().handle(stage.file.handle)
      .unlock(sequence: locker.owner.next(), stateid: try #require(locker.stateid), offset: 0, length: 10)
    let answer = try stage.call(compound)
    #expect(answer.status == .ok)
    #expect(try stage.server.call(compound, connection: 3).bytes == answer.bytes)
    // The number of that request with another one is no repetition.
    let other = CompoundBuilder().handle(stage.file.handle)
      .unlock(sequence: locker.owner.sequence - 1, stateid: try #require(locker.stateid), offset: 0, length: 11)
    #expect(try stage.call(other).status == .badSeqid)
  }

  @Test func numbersOutOfOrderAreBadAndChangeNothing() throws {
    let stage = try LockStage()
    let locker = stage.locker()
    #expect(try locker.lock(NFSLock.write, 0, 10) == .ok)
    let stateid = try #require(locker.stateid)
    let next = locker.owner.sequence
    let on = { CompoundBuilder().handle(stage.file.handle) }
    for wrong in [next + 1, next + 50, next - 2, 0] {
      #expect(
        try stage.call(on().lock(offset: 20, length: 1, stateid: stateid, sequence: wrong)).status == .badSeqid)
      #expect(
        try stage.call(on().unlock(sequence: wrong, stateid: stateid, offset: 0, length: 10)).status == .badSeqid)
    }
    for wrong in [stage.owner.sequence + 1, stage.owner.sequence + 50, stage.owner.sequence - 2] {
      let lock = on().lock(
        offset: 50, length: 1, open: stage.file.stateid, openSequence: wrong, client: stage.client.id, owner: [1],
        sequence: 0)
      #expect(try stage.call(lock).status == .badSeqid)
    }
    #expect(stage.server.service.snapshot.locks == 1)
    #expect(try locker.unlock(0, 10) == .ok)
    try stage.close()
  }

  /// A bad number comes before an old or a bad seqid of the stateid (RFC 7530 section 9.1.9).
  @Test func theNumberIsLookedAtBeforeTheStateidsSeqid() throws {
    let stage = try LockStage()
    let locker = stage.locker()
    #expect(try locker.lock(NFSLock.write, 0, 10) == .ok)
    let old = try #require(locker.stateid)
    #expect(try locker.lock(NFSLock.write, 20, 10) == .ok)
    let on = { CompoundBuilder().handle(stage.file.handle) }
    var later = old
    later.sequence += 7
    for wrong in [old, later] {
      let lock = on().lock(offset: 0, length: 1, stateid: wrong, sequence: locker.owner.sequence + 1)
      #expect(try stage.call(lock).status == .badSeqid)
    }
    let bad = on().unlock(sequence: locker.owner.sequence, stateid: later, offset: 0, length: 1)
    #expect(try stage.call(bad).status == .badStateid)
    // With an old one the number has advanced.
    let stale = on().unlock(sequence: locker.owner.next(), stateid: old, offset: 0, length: 1)
    #expect(try stage.call(stale).status == .oldStateid)
    #expect(try locker.unlock(0, .max) == .ok)
  }

  @Test(arguments: [0, 1, 42, UInt32.max])
  func aNewLockOwnerBringsItsFirstNumber(_ first: UInt32) throws {
    let stage = try LockStage()
    let locker = stage.locker("fresh", sequence: first)
    #expect(try locker.lock(NFSLock.write, 0, 10) == .ok)
    // Numbers wrap past zero.
    if first == .max { locker.owner.sequence = 1 }
    #expect(try locker.unlock(0, 10) == .ok)
  }

  @Test func aLockOwnerThatIsKnownHereMustUseItsStateid() throws {
    let stage = try LockStage()
    let locker = stage.locker()
    #expect(try locker.lock(NFSLock.write, 0, 10) == .ok)
    let again = stage.locker("locker", sequence: locker.owner.sequence)
    #expect(try again.lock(NFSLock.write, 20, 10) == .badSeqid)
    #expect(stage.server.service.snapshot.locks == 1)
    // Neither number has advanced.
    stage.owner.sequence -= 1
    #expect(try locker.lock(NFSLock.write, 20, 10) == .ok)
    try stage.close()
  }

  @Test func aLockOwnerCountsThroughAllItsFiles() throws {
    let stage = try LockStage()
    let opener = TestOwner("second opener")
    let second = try stage.client.open("second", in: stage.root, owner: opener)
    let one = stage.locker()
    #expect(try one.lock(NFSLock.write, 0, 10) == .ok)
    // The second file is locked with the number that comes next.
    let two = LockStage.Locker(stage, one.owner, second, opener)
    let wrong = stage.locker("locker", sequence: one.owner.sequence + 1, file: second, opener: opener)
    #expect(try wrong.lock(NFSLock.write, 0, 10) == .badSeqid)
    opener.sequence -= 1
    #expect(try two.lock(NFSLock.write, 0, 10) == .ok)
    #expect(one.stateid?.otherLow != two.stateid?.otherLow)
    #expect(stage.server.service.snapshot.lockOwners == 2)
    #expect(try one.lock(NFSLock.write, 20, 10) == .ok)
    #expect(try two.unlock(0, 10) == .ok)
    // A reply is kept once for the owner, whichever file the request was for.
    let compound = one.lockCompound(NFSLock.write, 40, 10)
    let answer = try stage.call(compound)
    #expect(try stage.call(compound).bytes == answer.bytes)
    try answer.ok(.putFilehandle)
    try answer.ok(.lock)
    one.stateid = try answer.stateid()
    // The number stays with the owner when one of its files is closed.
    try stage.close()
    #expect(stage.server.service.snapshot.lockOwners == 1)
    #expect(try two.lock(NFSLock.write, 0, 10) == .ok)
    try stage.client.close(second, owner: opener)
    #expect(stage.server.service.snapshot.lockOwners == 0)
    #expect(stage.server.service.snapshot.locks == 0)
  }

  @Test func aRefusedLockOfASecondFileAdvancesTheOwnersNumber() throws {
    let stage = try LockStage()
    let opener = TestOwner("second opener")
    let second = try stage.client.open("second", in: stage.root, owner: opener)
    let other = LockStage.Locker(stage, TestOwner("other"), second, opener)
    #expect(try other.lock(NFSLock.write, 0, 10) == .ok)
    let one = stage.locker()
    #expect(try one.lock(NFSLock.write, 0, 10) == .ok)
    let two = LockStage.Locker(stage, one.owner, second, opener)
    #expect(try two.lock(NFSLock.write, 0, 10) == .denied)
    #expect(try one.unlock(0, 10) == .ok)
    #expect(stage.server.service.snapshot.lockOwners == 2)
  }

  @Test func openOwnersAndLockOwnersOfOneNameAreTwo() throws {
    let stage = try LockStage()
    let locker = stage.locker("open-owner", sequence: 900)
    #expect(try locker.lock(NFSLock.write, 0, 10) == .ok)
    #expect(try locker.unlock(0, 10) == .ok)
    try stage.close()
  }

  @Test func theStateLimitAnswersResourceAndAdvancesNothing() throws {
    let stage = try LockStage { $0.stateLimit = 6 }
    let locker = stage.locker()
    // A client, an open-owner and an open are there.
    for index in 0..<3 as Range<UInt64> { #expect(try locker.lock(NFSLock.write, index * 10, 1) == .ok) }
    #expect(stage.server.service.snapshot.stateStructures == 7)
    #expect(try locker.lock(NFSLock.write, 100, 1) == .resource)
    locker.owner.sequence -= 1
    #expect(try locker.unlock(0, 1) == .ok)
    #expect(try locker.lock(NFSLock.write, 100, 1) == .ok)
  }
}
