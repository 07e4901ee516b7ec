// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import KernelModel
import NFS4
import Testing

@testable import NFS4Server

/// How lock-owners and locks come to an end.
@Suite struct LockLifetimeTests {
  @Test func closingReleasesTheLocksOfTheOpen() throws {
    let stage = try LockStage()
    let locker = stage.locker()
    #expect(try locker.lock(NFSLock.write, 0, 10) == .ok)
    #expect(try locker.lock(NFSLock.read, 20, 10) == .ok)
    try stage.close()
    #expect(stage.server.service.snapshot.locks == 0)
    #expect(stage.server.service.snapshot.lockOwners == 0)
    #expect(stage.server.service.snapshot.lockFiles == 0)
    #expect(try stage.test() == nil)
    #expect(try locker.unlock(0, 10) == .badStateid)
    // The owner is a new one afterwards.
    let again = try stage.client.open("file", in: stage.root, owner: stage.owner)
    #expect(try stage.locker("locker", sequence: 7000, file: again).lock(NFSLock.write, 0, 10) == .ok)
  }

  @Test func closingLeavesTheLocksOfOtherOpensAlone() throws {
    let stage = try LockStage()
    let opener = TestOwner("other opener")
    let other = try stage.client.open("file", in: stage.root, owner: opener, how: .noCreate)
    let (one, two) = (stage.locker("one"), stage.locker("two", file: other, opener: opener))
    #expect(try one.lock(NFSLock.write, 0, 10) == .ok)
    #expect(try two.lock(NFSLock.write, 10, 10) == .ok)
    try stage.close()
    #expect(try stage.test(NFSLock.write, 0, 10) == nil)
    #expect(try stage.test()?.offset == 10)
    #expect(try two.lock(NFSLock.write, 0, 10) == .ok)
  }

  /// POSIX knows an owner's locks on a file, whichever open they were taken under.
  @Test func anOwnersLocksUnderTwoOpensOfAFileAreOneSet() throws {
    let stage = try LockStage()
    let opener = TestOwner("other opener")
    let other = try stage.client.open("file", in: stage.root, owner: opener, how: .noCreate)
    let one = stage.locker()
    let two = LockStage.Locker(stage, one.owner, other, opener)
    #expect(try one.lock(NFSLock.write, 0, 100) == .ok)
    #expect(try two.lock(NFSLock.read, 40, 20) == .ok)
    #expect(one.stateid?.otherLow != two.stateid?.otherLow)
    #expect(try stage.test(NFSLock.read, 40, 20) == nil)
    #expect(try stage.test(NFSLock.read, 0, 50)?.length == 40)
    #expect(stage.server.service.snapshot.locks == 3)
    // What one stateid unlocks is free, though the other has locked it.
    #expect(try two.unlock(0, 10) == .ok)
    #expect(try stage.test(NFSLock.write, 0, 10) == nil)
    #expect(try one.unlock(0, .max) == .ok)
    #expect(stage.server.service.snapshot.locks == 0)
  }

  @Test func releasingALockOwnerForgetsIt() throws {
    let stage = try LockStage()
    let locker = stage.locker()
    #expect(try stage.release("nobody") == .ok)
    #expect(try locker.lock(NFSLock.write, 0, 10) == .ok)
    #expect(try stage.release("locker") == .locksHeld)
    #expect(stage.server.service.snapshot.lockOwners == 1)
    #expect(try locker.unlock(0, 10) == .ok)
    #expect(try stage.release("locker") == .ok)
    #expect(stage.server.service.snapshot.lockOwners == 0)
    #expect(try locker.unlock(0, 10) == .badStateid)
    #expect(try stage.release("locker") == .ok)
    #expect(try stage.locker("locker", sequence: 1000).lock(NFSLock.write, 0, 10) == .ok)
    try stage.close()
  }

  @Test func releasingALockOwnerTakesAllItsFiles() throws {
    let stage = try LockStage()
    var files: [(file: TestClient.OpenFile, opener: TestOwner)] = [(stage.file, stage.owner)]
    for index in 0..<3 {
      let opener = TestOwner("opener \(index)")
      files.append((try stage.client.open("file \(index)", in: stage.root, owner: opener), opener))
    }
    let owner = TestOwner("locker")
    let lockers = files.map { LockStage.Locker(stage, owner, $0.file, $0.opener) }
    for locker in lockers { #expect(try locker.lock(NFSLock.write, 0, 10) == .ok) }
    for (index, locker) in lockers.enumerated() {
      #expect(try stage.release("locker") == .locksHeld, "\(index) files unlocked")
      #expect(try locker.unlock(0, 10) == .ok)
    }
    #expect(stage.server.service.snapshot.lockOwners == 4)
    #expect(try stage.release("locker") == .ok)
    #expect(stage.server.service.snapshot.lockOwners == 0)
    #expect(stage.server.service.snapshot.opens == 4)
  }

  @Test func aClientsRebootFreesItsLocks() throws {
    let stage = try LockStage()
    #expect(try stage.locker().lock(NFSLock.write, 0, 10) == .ok)
    let other = try LockStage(server: stage.server, name: "client two", connection: 2)
    let waiting = other.locker()
    #expect(try waiting.lock(NFSLock.write, 0, 10) == .denied)
    // A callback update keeps them.
    let (same, confirmation) = try stage.client.setClientID("client one", verifier: 1)
    #expect(try waiting.lock(NFSLock.write, 0, 10) == .denied)
    #expect(try stage.call(CompoundBuilder().confirmClientID(same, confirmation)).status == .ok)
    #expect(try waiting.lock(NFSLock.write, 0, 10) == .denied)
    let (new, again) = try stage.client.setClientID("client one", verifier: 2)
    #expect(try stage.call(CompoundBuilder().confirmClientID(new, again)).status == .ok)
    #expect(try waiting.lock(NFSLock.write, 0, 10) == .ok)
    #expect(stage.server.service.snapshot.locks == 1)
  }

  @Test func anExpiredClientsLocksYieldToAConflictAndNotBefore() throws {
    let stage = try LockStage()
    let locker = stage.locker()
    #expect(try locker.lock(NFSLock.write, 0, 10) == .ok)
    let other = try LockStage(server: stage.server, name: "client two", connection: 2)
    // Within the lease it stands.
    stage.server.advance(seconds: 100)
    _ = try other.call(CompoundBuilder().operation(.renew).long(other.client.id))
    #expect(try other.locker("early").lock(NFSLock.read, 0, 10) == .denied)
    stage.server.advance(seconds: 50)
    // What is not in the way leaves the courtesy lock alone.
    #expect(try other.locker("beside").lock(NFSLock.write, 100, 10) == .ok)
    #expect(stage.server.service.snapshot.locks == 2)
    #expect(try other.locker("late").lock(NFSLock.read, 5, 10) == .ok)
    #expect(stage.server.service.snapshot.opens == 1)
    #expect(try locker.unlock(0, 10) == .expired)
    #expect(try locker.lock(NFSLock.write, 50, 10) == .expired)
  }

  @Test func anExpiredClientThatComesBackInTimeKeepsItsLocks() throws {
    let stage = try LockStage()
    let locker = stage.locker()
    #expect(try locker.lock(NFSLock.write, 0, 10) == .ok)
    let other = try LockStage(server: stage.server, name: "client two", connection: 2)
    stage.server.advance(seconds: 150)
    _ = try stage.call(CompoundBuilder().operation(.renew).long(stage.client.id))
    _ = try other.call(CompoundBuilder().operation(.renew).long(other.client.id))
    #expect(try other.locker().lock(NFSLock.read, 0, 10) == .denied)
    #expect(try locker.unlock(0, 10) == .ok)
  }

  @Test func aTestReleasesAnExpiredClientAsWell() throws {
    let stage = try LockStage()
    #expect(try stage.locker().lock(NFSLock.write, 0, 10) == .ok)
    let other = try TestClient(stage.server, name: "client two", connection: 2)
    stage.server.advance(seconds: 150)
    let test = CompoundBuilder().handle(stage.file.handle)
      .lockTest(offset: 0, length: 1, client: other.id, owner: [1])
    #expect(try stage.server.call(test, connection: 2).status == .ok)
    #expect(stage.server.service.snapshot.locks == 0)
    #expect(stage.server.service.snapshot.lockFiles == 0)
  }

  @Test func lockOperationsRenewTheLease() throws {
    let stage = try LockStage()
    let other = try LockStage(server: stage.server, name: "client two", connection: 2)
    let locker = stage.locker()
    let steps: [() throws -> NFSStatus] = [
      { try locker.lock(NFSLock.write, 0, 10) },
      { try stage.test(owner: "locker") == nil ? .ok : .denied },
      { try locker.unlock(5, 5) },
      { try stage.release("nobody") },
      { try locker.lock(NFSLock.write, 0, 10) },
    ]
    for step in steps {
      #expect(try step() == .ok)
      stage.server.advance(seconds: 100)
    }
    _ = try other.call(CompoundBuilder().operation(.renew).long(other.client.id))
    #expect(try other.locker().lock(NFSLock.write, 0, 10) == .denied)
  }

  @Test func everythingIsGivenBackWhenTheClientIsGone() throws {
    let server = try TestServer()
    _ = try server.call(CompoundBuilder().root())
    let types = ["NFSD V4state", "NFSD V4lock", "NFSD lckfile", "NFSD V4client", "NFSD srvcache", "soname"]
    let level = { server.mallocCounts().filter { types.contains($0.key) }.mapValues { $0.mallocs - $0.frees } }
    let before = level()
    do {
      let stage = try LockStage(server: server)
      let opener = TestOwner("other opener")
      let other = try stage.client.open("other", in: stage.root, owner: opener)
      for index in 0..<5 {
        let owner = TestOwner("locker \(index)")
        for (file, opener) in [(stage.file, stage.owner), (other, opener)] {
          let locker = LockStage.Locker(stage, owner, file, opener)
          #expect(try locker.lock(NFSLock.read, UInt64(index), 100) == .ok)
          #expect(try locker.unlock(UInt64(index) + 10, 10) == .ok)
        }
      }
      #expect(server.service.snapshot.locks == 20)
    }
    // A week past its lease a client with state goes.
    server.advance(seconds: 700_000)
    _ = try server.call(CompoundBuilder().root())
    server.advance(seconds: 2)
    _ = try server.call(CompoundBuilder().root())
    #expect(server.service.snapshot.clients == 0)
    #expect(server.service.snapshot.stateStructures == 0)
    #expect(level() == before)
  }
}
