// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4
import Testing

@testable import NFS4Server

/// LOCK, LOCKT and LOCKU (RFC 7530 sections 16.10 to 16.12).
@Suite struct LockTests {
  @Test func aLockIsSeenByOthersAndNotByItsOwner() throws {
    let stage = try LockStage()
    let locker = stage.locker()
    #expect(try stage.test() == nil)
    #expect(try locker.lock(NFSLock.write, 10, 20) == .ok)
    #expect(locker.stateid?.sequence == 1)
    #expect(
      try stage.test()
        == DeniedLock(offset: 10, length: 20, type: NFSLock.write, client: stage.client.id, owner: locker.owner.name))
    #expect(try stage.test(NFSLock.read, 29, 1)?.offset == 10)
    #expect(try stage.test(NFSLock.read, 30, 1) == nil)
    #expect(try stage.test(NFSLock.read, 0, 10) == nil)
    #expect(try stage.test(owner: "locker") == nil)
    #expect(stage.server.service.snapshot.locks == 1)
    #expect(stage.server.service.snapshot.lockOwners == 1)
  }

  @Test func aTestMakesNoState() throws {
    let stage = try LockStage()
    let before = stage.server.service.snapshot
    #expect(try stage.test(owner: "never seen") == nil)
    #expect(stage.server.service.snapshot == before)
  }

  @Test func sharedLocksGoTogetherAndExclusiveOnesDoNot() throws {
    let stage = try LockStage()
    let (one, two) = (stage.locker("one"), stage.locker("two"))
    #expect(try one.lock(NFSLock.read, 0, 100) == .ok)
    #expect(try two.lock(NFSLock.read, 50, 100) == .ok)
    #expect(try one.lock(NFSLock.write, 0, 100) == .denied)
    #expect(try one.lock(NFSLock.write, 0, 50) == .ok)
    #expect(try two.lock(NFSLock.readWait, 40, 5) == .denied)
    #expect(try two.lock(NFSLock.writeWait, 200, 5) == .ok)
    #expect(try one.unlock(0, .max) == .ok)
    #expect(try two.lock(NFSLock.readWait, 40, 5) == .ok)
    #expect(stage.server.service.counters.locksDenied == 2)
  }

  @Test func aRefusalNamesTheLockInTheWay() throws {
    let stage = try LockStage()
    let long = String(repeating: "n", count: NFS4Protocol.opaqueLimit)
    let one = stage.locker(long)
    #expect(try one.lock(NFSLock.read, 5, .max) == .ok)
    let reply = try stage.call(stage.locker("two").lockCompound(NFSLock.write, 0, .max))
    try reply.ok(.putFilehandle)
    #expect(try reply.result(.lock) == .denied)
    #expect(
      try reply.denied()
        == DeniedLock(offset: 5, length: .max, type: NFSLock.read, client: stage.client.id, owner: [UInt8](long.utf8)))
    #expect(reply.remaining == 0)
    #expect(stage.server.service.snapshot.lockOwners == 1)
  }

  @Test func aRefusalWithTheLongestOwnerFitsTheSmallestReply() throws {
    let server = try TestServer(checksInvariants: false, replyBytes: ServerCore.leastReplyBytes) {
      $0.compoundLimit = 1000
    }
    let stage = try LockStage(server: server)
    let locker = stage.locker(String(repeating: "n", count: NFS4Protocol.opaqueLimit))
    #expect(try locker.lock(NFSLock.write, 0, .max) == .ok)
    // Whatever is in front, the reply ends with a whole result.
    var statuses: Set<UInt32> = []
    for count in 320..<380 {
      let compound = CompoundBuilder()
      for _ in 0..<count { _ = compound.root() }
      _ = compound.handle(stage.file.handle)
        .lockTest(offset: 0, length: 1, client: stage.client.id, owner: [1])
      let reply = try server.call(compound)
      statuses.insert(reply.status.rawValue)
      guard reply.status == .denied else { continue }
      for _ in 0..<count { try reply.ok(.putRootFilehandle) }
      try reply.ok(.putFilehandle)
      #expect(try reply.result(.lockTest) == .denied)
      #expect(try reply.denied().owner == locker.owner.name)
      #expect(reply.remaining == 0)
    }
    #expect(statuses == [NFSStatus.denied.rawValue, NFSStatus.resource.rawValue])
  }

  @Test func rangesAreWholeOrInvalid() throws {
    let stage = try LockStage()
    let locker = stage.locker()
    for (offset, length) in [(0, 0), (25, 0), (100, .max - 1), (.max, 1), (2, .max - 1)] as [(UInt64, UInt64)] {
      #expect(try locker.lock(NFSLock.write, offset, length) == .invalid)
      let test = CompoundBuilder().handle(stage.file.handle)
        .lockTest(offset: offset, length: length, client: stage.client.id, owner: [1])
      #expect(try stage.call(test).status == .invalid)
    }
    // A refused LOCK advances both numbers.
    #expect(try locker.lock(NFSLock.write, 1, .max - 1) == .ok)
    for (offset, length) in [(0, 0), (100, .max - 1)] as [(UInt64, UInt64)] {
      #expect(try locker.unlock(offset, length) == .invalid)
    }
    #expect(try stage.test(NFSLock.write, .max, .max) == nil)
    #expect(try stage.test(NFSLock.write, .max - 1, 1)?.length == .max - 1)
    #expect(try locker.lock(NFSLock.write, .max, .max) == .ok)
    #expect(try stage.test(NFSLock.write, 0, .max) == denied(stage, locker, 1, .max))
    #expect(try locker.unlock(.max - 1, 1) == .ok)
    #expect(try stage.test(NFSLock.write, .max - 1, 1) == nil)
    #expect(try stage.test(NFSLock.write, .max, .max) == denied(stage, locker, .max, .max))
    #expect(try stage.test(NFSLock.write, 1, 5) == denied(stage, locker, 1, .max - 2))
  }

  private func denied(
    _ stage: LockStage, _ locker: LockStage.Locker, _ offset: UInt64, _ length: UInt64, _ type: UInt32 = NFSLock.write
  ) -> DeniedLock {
    DeniedLock(offset: offset, length: length, type: type, client: stage.client.id, owner: locker.owner.name)
  }

  @Test func overlappingLocksOfATypeBecomeOne() throws {
    let stage = try LockStage()
    let locker = stage.locker()
    #expect(try locker.lock(NFSLock.write, 25, 75) == .ok)
    #expect(try locker.lock(NFSLock.write, 50, 75) == .ok)
    #expect(try stage.test() == denied(stage, locker, 25, 100))
    // Adjoining ones as well, on either side.
    #expect(try locker.lock(NFSLock.write, 125, 5) == .ok)
    #expect(try locker.lock(NFSLock.write, 20, 5) == .ok)
    #expect(try stage.test() == denied(stage, locker, 20, 110))
    #expect(stage.server.service.snapshot.locks == 1)
    #expect(try locker.lock(NFSLock.write, 200, 10) == .ok)
    #expect(stage.server.service.snapshot.locks == 2)
    #expect(try locker.lock(NFSLock.write, 0, .max) == .ok)
    #expect(stage.server.service.snapshot.locks == 1)
    #expect(locker.stateid?.sequence == 6)
  }

  @Test func aLockChangesItsTypeInWholeAndInPart() throws {
    let stage = try LockStage()
    let locker = stage.locker()
    #expect(try locker.lock(NFSLock.write, 0, 100) == .ok)
    #expect(try locker.lock(NFSLock.read, 0, 100) == .ok)
    #expect(try stage.test() == denied(stage, locker, 0, 100, NFSLock.read))
    #expect(try locker.lock(NFSLock.write, 0, 100) == .ok)
    #expect(try stage.test(NFSLock.read) == denied(stage, locker, 0, 100))
    #expect(try locker.lock(NFSLock.read, 40, 20) == .ok)
    #expect(stage.server.service.snapshot.locks == 3)
    #expect(try stage.test(NFSLock.read, 40, 20) == nil)
    #expect(try stage.test(NFSLock.write, 40, 20) == denied(stage, locker, 40, 20, NFSLock.read))
    #expect(try stage.test(NFSLock.read, 39, 1) == denied(stage, locker, 0, 40))
    #expect(try stage.test(NFSLock.read, 60, 1) == denied(stage, locker, 60, 40))
    #expect(try locker.lock(NFSLock.write, 40, 20) == .ok)
    #expect(stage.server.service.snapshot.locks == 1)
  }

  @Test func anUpgradeThatAnotherReaderStandsAgainstLeavesTheLockAsItWas() throws {
    let stage = try LockStage()
    let (one, two) = (stage.locker("one"), stage.locker("two"))
    #expect(try one.lock(NFSLock.read, 0, 10) == .ok)
    #expect(try two.lock(NFSLock.read, 5, 10) == .ok)
    #expect(try one.lock(NFSLock.write, 0, 10) == .denied)
    #expect(try stage.test(NFSLock.write, 0, 5) == denied(stage, one, 0, 10, NFSLock.read))
    #expect(one.stateid?.sequence == 1)
    #expect(try one.unlock(0, 10) == .ok)
    #expect(one.stateid?.sequence == 2)
  }

  @Test func unlockingSplitsTrimsAndForgives() throws {
    let stage = try LockStage()
    let locker = stage.locker()
    #expect(try locker.lock(NFSLock.write, 100, 100) == .ok)
    #expect(try locker.unlock(0, 50) == .ok)
    #expect(try locker.unlock(125, 50) == .ok)
    #expect(stage.server.service.snapshot.locks == 2)
    #expect(try stage.test(NFSLock.write, 125, 50) == nil)
    #expect(try stage.test(NFSLock.write, 0, 150) == denied(stage, locker, 100, 25))
    #expect(try stage.test(NFSLock.write, 150, 50) == denied(stage, locker, 175, 25))
    #expect(try locker.unlock(50, 60) == .ok)
    #expect(try locker.unlock(190, 60) == .ok)
    #expect(try stage.test(NFSLock.write, 0, 150) == denied(stage, locker, 110, 15))
    #expect(try stage.test(NFSLock.write, 150, 50) == denied(stage, locker, 175, 15))
    #expect(try locker.unlock(0, .max) == .ok)
    #expect(stage.server.service.snapshot.locks == 0)
    // The stateid outlives the last of its locks.
    #expect(stage.server.service.snapshot.lockOwners == 1)
    #expect(try locker.lock(NFSLock.write, 0, 1) == .ok)
    #expect(locker.stateid?.sequence == 7)
  }

  @Test func theModeOfTheOpenLimitsTheType() throws {
    for (access, readable, writable) in [
      (NFSOpen.accessRead, NFSStatus.ok, NFSStatus.openMode), (NFSOpen.accessWrite, .openMode, .ok),
      (NFSOpen.accessBoth, .ok, .ok),
    ] {
      let stage = try LockStage(access: access)
      let locker = stage.locker()
      #expect(try locker.lock(NFSLock.read, 0, 10) == readable)
      #expect(try locker.lock(NFSLock.write, 20, 10) == writable)
      #expect(try locker.lock(NFSLock.readWait, 40, 10) == readable)
      #expect(try locker.lock(NFSLock.writeWait, 60, 10) == writable)
    }
  }

  @Test func onlyFilesAreLocked() throws {
    let stage = try LockStage()
    let directory = try stage.server.makeDirectory("d")
    _ = try stage.call(CompoundBuilder().root().makeLink("l", to: "file"))
    let reply = try stage.call(CompoundBuilder().root().lookup("l").getHandle())
    for operation in [.putRootFilehandle, .lookup, .getFilehandle] as [NFSOperation] { try reply.ok(operation) }
    let link = try reply.opaque()
    let locker = stage.locker()
    #expect(try locker.lock(NFSLock.write, 0, 1) == .ok)
    let stateid = try #require(locker.stateid)
    for (handle, status) in [(directory, NFSStatus.isDirectory), (link, .invalid)] {
      let on = { CompoundBuilder().handle(handle) }
      #expect(
        try stage.call(on().lockTest(offset: 0, length: 1, client: stage.client.id, owner: [1])).status == status)
      #expect(
        try stage.call(on().lock(offset: 0, length: 1, stateid: stateid, sequence: locker.owner.next())).status
          == status)
      #expect(
        try stage.call(on().unlock(sequence: locker.owner.next(), stateid: stateid, offset: 0, length: 1)).status
          == status)
      #expect(
        try stage.call(on().lock(offset: 0, length: 1, stateid: .anonymous, sequence: 5)).status == status)
      #expect(
        try stage.call(
          on().lock(
            offset: 0, length: 1, open: stage.file.stateid, openSequence: stage.owner.next(), client: stage.client.id,
            owner: [7], sequence: 0)
        ).status == status)
      #expect(
        try stage.call(on().unlock(sequence: 77, stateid: stateid, offset: 0, length: 1)).status == .badSeqid)
    }
    // Both numbers advanced behind each of these.
    #expect(try locker.unlock(0, 1) == .ok)
    #expect(try stage.locker("another").lock(NFSLock.write, 0, 1) == .ok)
  }

  @Test func withoutAFilehandleNothingAdvances() throws {
    let stage = try LockStage()
    let locker = stage.locker()
    #expect(try locker.lock(NFSLock.write, 0, 1) == .ok)
    let stateid = try #require(locker.stateid)
    let compounds = [
      CompoundBuilder().lock(offset: 0, length: 1, stateid: stateid, sequence: locker.owner.sequence),
      CompoundBuilder().unlock(sequence: locker.owner.sequence, stateid: stateid, offset: 0, length: 1),
      CompoundBuilder().lockTest(offset: 0, length: 1, client: stage.client.id, owner: [1]),
    ]
    for compound in compounds { #expect(try stage.call(compound).status == .noFilehandle) }
    #expect(try locker.unlock(0, 1) == .ok)
  }

  @Test func argumentsOutOfTheirTypesAreBadXDR() throws {
    let stage = try LockStage()
    let locker = stage.locker()
    #expect(try locker.lock(NFSLock.write, 0, 1) == .ok)
    let stateid = try #require(locker.stateid)
    let on = { CompoundBuilder().handle(stage.file.handle) }
    for type in [0, 5, .max] as [UInt32] {
      #expect(
        try stage.call(on().lock(type, offset: 0, length: 1, stateid: stateid, sequence: locker.owner.sequence)).status
          == .badXDR)
      #expect(
        try stage.call(on().unlock(type, sequence: locker.owner.sequence, stateid: stateid, offset: 0, length: 1))
          .status == .badXDR)
      #expect(
        try stage.call(on().lockTest(type, offset: 0, length: 1, client: stage.client.id, owner: [1])).status
          == .badXDR)
    }
    #expect(
      try stage.call(
        on().lock(reclaim: 2, offset: 0, length: 1, stateid: stateid, sequence: locker.owner.sequence)
      ).status == .badXDR)
    let long = [UInt8](repeating: 1, count: NFS4Protocol.opaqueLimit + 1)
    #expect(
      try stage.call(on().lockTest(offset: 0, length: 1, client: stage.client.id, owner: long)).status == .badXDR)
    #expect(try stage.call(CompoundBuilder().releaseLockOwner(client: stage.client.id, owner: long)).status == .badXDR)
    #expect(try locker.unlock(0, 1) == .ok)
  }

  @Test func reclaimsHaveTheirTime() throws {
    let stage = try LockStage()
    let locker = stage.locker()
    #expect(try locker.lock(NFSLock.write, 0, 1, reclaim: true) == .noGrace)
    #expect(try locker.lock(NFSLock.write, 0, 1) == .ok)
  }

  @Test func locksAreAdvisoryToReadAndWrite() throws {
    let stage = try LockStage()
    let locker = stage.locker()
    #expect(try locker.lock(NFSLock.write, 0, .max) == .ok)
    let on = { CompoundBuilder().handle(stage.file.handle) }
    #expect(try stage.call(on().write(stage.file.stateid, offset: 0, data: [1])).status == .ok)
    #expect(try stage.call(on().write(.anonymous, offset: 0, data: [1])).status == .ok)
    #expect(try stage.call(on().read(.anonymous, offset: 0, count: 1)).status == .ok)
  }
}
