// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4
import Testing

@testable import NFS4Server

/// The table "Operation -> MALLOC / FREE" of era macklem-2007 for LOCK, LOCKT, LOCKU, RELEASE_LOCKOWNER, and CLOSE with locks.
@Suite struct LockAllocationTests {
  /// MALLOCs and FREEs of lock-owners and of locks.
  struct Calls: Equatable, CustomStringConvertible {
    var state: [Int]
    var lock: [Int]
    var description: String { "V4state \(state[0])/\(state[1]) V4lock \(lock[0])/\(lock[1])" }
  }

  private func calls(_ stateMallocs: Int, _ stateFrees: Int, _ lockMallocs: Int, _ lockFrees: Int) -> Calls {
    Calls(state: [stateMallocs, stateFrees], lock: [lockMallocs, lockFrees])
  }

  private func measure(_ stage: LockStage, _ body: () throws -> NFSStatus, _ status: NFSStatus = .ok) throws -> Calls {
    let before = stage.server.mallocCounts()
    #expect(try body() == status)
    let after = stage.server.mallocCounts()
    func difference(_ type: String) -> [Int] {
      let (new, old) = (after[type] ?? (0, 0), before[type] ?? (0, 0))
      return [Int(new.mallocs - old.mallocs), Int(new.frees - old.frees)]
    }
    #expect(difference("NFSD lckfile") == [0, 0])
    #expect(difference("temp") == [0, 0])
    return Calls(state: difference("NFSD V4state"), lock: difference("NFSD V4lock"))
  }

  @Test func lockOfANewLockOwner() throws {
    let stage = try LockStage()
    let locker = stage.locker()
    #expect(try measure(stage, { try locker.lock(NFSLock.write, 0, 10) }) == calls(1, 0, 2, 1))
  }

  @Test func lockOfAKnownLockOwner() throws {
    let stage = try LockStage()
    let locker = stage.locker()
    #expect(try locker.lock(NFSLock.write, 0, 10) == .ok)
    #expect(try measure(stage, { try locker.lock(NFSLock.write, 20, 10) }) == calls(1, 1, 2, 1))
    // k old ranges merge.
    #expect(try measure(stage, { try locker.lock(NFSLock.write, 10, 10) }) == calls(1, 1, 2, 3))
    #expect(try measure(stage, { try locker.lock(NFSLock.write, 5, 10) }) == calls(1, 1, 2, 2))
    // A split takes the spare.
    #expect(try measure(stage, { try locker.lock(NFSLock.read, 10, 10) }) == calls(1, 1, 2, 0))
    #expect(stage.server.service.snapshot.locks == 3)
  }

  @Test func lockRefused() throws {
    let stage = try LockStage()
    let (one, two) = (stage.locker("one"), stage.locker("two"))
    #expect(try one.lock(NFSLock.write, 0, 10) == .ok)
    #expect(try measure(stage, { try two.lock(NFSLock.write, 0, 10) }, .denied) == calls(1, 1, 2, 2))
    #expect(try measure(stage, { try two.lock(NFSLock.write, 0, 0) }, .invalid) == calls(1, 1, 2, 2))
  }

  @Test func lockTest() throws {
    let stage = try LockStage()
    #expect(try stage.locker().lock(NFSLock.write, 0, 10) == .ok)
    #expect(try measure(stage, { try stage.test(NFSLock.write, 50, 1) == nil ? .ok : .denied }) == calls(1, 1, 0, 0))
    #expect(
      try measure(stage, { try stage.test(NFSLock.write, 0, 1) == nil ? .ok : .denied }, .denied)
        == calls(1, 1, 0, 0))
  }

  @Test func unlock() throws {
    let stage = try LockStage()
    let locker = stage.locker()
    #expect(try locker.lock(NFSLock.write, 0, 100) == .ok)
    // Nothing matched, an end trimmed, a split, a whole lock.
    #expect(try measure(stage, { try locker.unlock(500, 10) }) == calls(1, 1, 1, 1))
    #expect(try measure(stage, { try locker.unlock(90, 100) }) == calls(1, 1, 1, 1))
    #expect(try measure(stage, { try locker.unlock(40, 10) }) == calls(1, 1, 1, 0))
    #expect(try measure(stage, { try locker.unlock(0, 40) }) == calls(1, 1, 1, 2))
    #expect(stage.server.service.snapshot.locks == 1)
  }

  @Test func releaseLockOwner() throws {
    let stage = try LockStage()
    let opener = TestOwner("other opener")
    let other = try stage.client.open("other", in: stage.root, owner: opener)
    let one = stage.locker("one")
    #expect(try one.lock(NFSLock.write, 0, 10) == .ok)
    #expect(try measure(stage, { try stage.release("one") }, .locksHeld) == calls(1, 1, 0, 0))
    #expect(try one.unlock(0, 10) == .ok)
    #expect(try measure(stage, { try stage.release("one") }) == calls(1, 2, 0, 0))
    #expect(try measure(stage, { try stage.release("one") }) == calls(1, 1, 0, 0))
    // Once for every open that the owner has locked under.
    let owner = TestOwner("two")
    for locker in [
      LockStage.Locker(stage, owner, stage.file, stage.owner), LockStage.Locker(stage, owner, other, opener),
    ] {
      #expect(try locker.lock(NFSLock.write, 0, 10) == .ok)
      #expect(try locker.unlock(0, 10) == .ok)
    }
    #expect(try measure(stage, { try stage.release("two") }) == calls(1, 3, 0, 0))
  }

  @Test func close() throws {
    let stage = try LockStage()
    // The file stays open elsewhere, so that its lock file stays.
    _ = try stage.client.open("file", in: stage.root, owner: TestOwner("other opener"), how: .noCreate)
    for name in ["one", "two"] {
      let locker = stage.locker(name)
      #expect(try locker.lock(NFSLock.read, 0, 10) == .ok)
      #expect(try locker.lock(NFSLock.read, 20, 10) == .ok)
    }
    // The open and its two lock-owners with two locks each.
    let result = try measure(stage) {
      try stage.close()
      return .ok
    }
    #expect(result == calls(0, 3, 0, 4))
  }

  @Test func aCycleOfLockAndUnlockIsInBalance() throws {
    let stage = try LockStage()
    let locker = stage.locker()
    #expect(try locker.lock(NFSLock.write, 0, 10) == .ok)
    #expect(try locker.unlock(0, 10) == .ok)
    let result = try measure(stage) {
      #expect(try locker.lock(NFSLock.write, 0, 10) == .ok)
      return try locker.unlock(0, 10)
    }
    #expect(result == calls(2, 2, 3, 3))
  }

  @Test func theOwnersKeepTheEntryOfTheRequestBetweenThem() throws {
    let stage = try LockStage()
    let locker = stage.locker()
    let before = stage.server.service.snapshot.cacheEntries
    // The open-owner and the lock-owner point at one entry.
    #expect(try locker.lock(NFSLock.write, 0, 10) == .ok)
    #expect(stage.server.service.snapshot.cacheEntries == before)
    #expect(try locker.unlock(0, 10) == .ok)
    #expect(stage.server.service.snapshot.cacheEntries == before + 1)
    #expect(try stage.release("locker") == .ok)
    #expect(stage.server.service.snapshot.cacheEntries == before)
  }
}
