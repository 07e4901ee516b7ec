// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4
import Testing

@testable import NFS4Server

extension ConformanceStage {
  /// LOCK by a lock-owner that the server does not know, below the open of `f` unless another one is given.
  func newLock(
    _ builder: CompoundBuilder? = nil, type: UInt32 = NFSLock.write, reclaim: Bool = false, offset: UInt64 = 0,
    length: UInt64 = 10, open: Stateid? = nil, openSequence: UInt32? = nil, client id: UInt64? = nil,
    owner name: String = "lock-owner", sequence: UInt32 = 0
  ) -> CompoundBuilder {
    (builder ?? atFile()).lock(
      type, reclaim: reclaim ? 1 : 0, offset: offset, length: length, open: open ?? file.stateid,
      openSequence: openSequence ?? owner.sequence, client: id ?? client.id, owner: [UInt8](name.utf8),
      sequence: sequence)
  }

  /// Locks the bytes 0 to 9 of `f` for "lock-owner", whose number is 0 then, and returns the stateid.
  func locked() throws -> Stateid {
    let reply = try send(newLock())
    try reply.ok(.putFilehandle)
    try reply.ok(.lock)
    owner.sequence += 1
    return try reply.stateid()
  }

  func unlock(
    _ stateid: Stateid, sequence: UInt32 = 1, offset: UInt64 = 0, length: UInt64 = 10, _ builder: CompoundBuilder? = nil
  ) -> CompoundBuilder {
    (builder ?? atFile()).unlock(sequence: sequence, stateid: stateid, offset: offset, length: length)
  }

  func testLock(
    type: UInt32 = NFSLock.write, offset: UInt64 = 0, length: UInt64 = 10, client id: UInt64? = nil,
    _ builder: CompoundBuilder? = nil
  ) -> CompoundBuilder {
    (builder ?? atFile()).lockTest(type, offset: offset, length: length, client: id ?? client.id, owner: [1])
  }

  func releaseLockOwner(client id: UInt64? = nil) -> CompoundBuilder {
    CompoundBuilder().releaseLockOwner(client: id ?? client.id, owner: [UInt8]("lock-owner".utf8))
  }

  /// Lets the lease of the stage's client run out and another client lock what it had locked.
  func loseLease() throws {
    server.advance(seconds: 1000)
    let other = try TestClient(server, name: "another client", connection: 2)
    let opener = TestOwner("another owner")
    let open = try other.open("f", in: root, owner: opener)
    let lock = newLock(open: open.stateid, openSequence: opener.next(), client: other.id)
    #expect(try server.call(lock, connection: 2).status == .ok)
  }
}

extension ConformanceStage {
  /// Restarts the service with `f` open by the stage's client and by another one, and lets both reclaim their opens.
  fileprivate func restarted() throws -> [Returned] {
    _ = try TestClient(server, name: "another client", connection: 2).open("f", in: root, owner: TestOwner("owner one"))
    server.service.restart()
    var clients: [Returned] = []
    for (index, name) in ["client one", "another client"].enumerated() {
      let client = try TestClient(server, name: name, connection: UInt64(index + 1))
      let opener = TestOwner("owner one")
      let reply = try server.call(
        atFile().reclaim(client: client.id, owner: opener.name, sequence: opener.next()), connection: client.connection)
      try reply.ok(.putFilehandle)
      try reply.ok(.open)
      clients.append(Returned(stage: self, client: client, opener: opener, open: try reply.stateid()))
    }
    return clients
  }

  /// A client that has reclaimed its open of `f`.
  fileprivate struct Returned {
    let stage: ConformanceStage
    let client: TestClient
    let opener: TestOwner
    let open: Stateid

    func lock(reclaim: Bool) throws -> CompoundReply {
      let lock = stage.newLock(reclaim: reclaim, open: open, openSequence: opener.next(), client: client.id)
      return try stage.server.call(lock, connection: client.connection)
    }
  }
}

extension Stateid {
  /// The same state of an earlier run of the server.
  fileprivate var ofEarlierRun: Stateid {
    Stateid(sequence: sequence, otherHigh: otherHigh &- 1 << 32, otherLow: otherLow)
  }
  fileprivate func advanced(by steps: UInt32) -> Stateid {
    Stateid(sequence: sequence &+ steps, otherHigh: otherHigh, otherLow: otherLow)
  }
}

extension ConformanceCase {
  /// Errors of byte-range locks.
  static let locks: [ConformanceCase] = lockCases + lockTestCases + unlockCases + releaseCases

  private static let lockCases: [ConformanceCase] = [
    ConformanceCase(.lock, .badSeqid, "an open-owner's number that is neither the last nor the next") { stage in
      try stage.send(stage.newLock(openSequence: stage.owner.sequence + 3))
    },
    ConformanceCase(.lock, .badSeqid, "a lock-owner's number that is neither the last nor the next") { stage in
      let stateid = try stage.locked()
      return try stage.send(stage.atFile().lock(offset: 20, length: 1, stateid: stateid, sequence: 7))
    },
    ConformanceCase(.lock, .badSeqid, "new_lock_owner for a lock-owner that has a stateid below the open") { stage in
      _ = try stage.locked()
      return try stage.send(stage.newLock(sequence: 1))
    },
    ConformanceCase(.lock, .badStateid, "a special stateid for the open") { stage in
      try stage.send(stage.newLock(open: .anonymous))
    },
    ConformanceCase(.lock, .badStateid, "an open's stateid where a lock-owner's is wanted") { stage in
      try stage.send(stage.atFile().lock(offset: 0, length: 1, stateid: stage.file.stateid, sequence: 0))
    },
    ConformanceCase(.lock, .denied, "another lock-owner has locked the range") { stage in
      _ = try stage.locked()
      return try stage.send(stage.newLock(type: NFSLock.readWait, owner: "another"))
    },
    ConformanceCase(.lock, .expired, "the lease was cancelled for a conflicting lock") { stage in
      let stateid = try stage.locked()
      try stage.loseLease()
      return try stage.send(stage.atFile().lock(offset: 20, length: 1, stateid: stateid, sequence: 1))
    },
    ConformanceCase(
      .lock, .grace, "a new lock in the grace period", configure: { $0.graceSeconds = 90 }
    ) { stage in try stage.restarted()[0].lock(reclaim: false) },
    ConformanceCase(.lock, .invalid, "a length of zero") { stage in try stage.send(stage.newLock(length: 0)) },
    ConformanceCase(.lock, .invalid, "a range that reaches past 64 bits") { stage in
      try stage.send(stage.newLock(offset: 100, length: .max - 1))
    },
    ConformanceCase(.lock, .noGrace, "a reclaim when there is nothing to reclaim") { stage in
      try stage.send(stage.newLock(reclaim: true))
    },
    ConformanceCase(.lock, .oldStateid, "a lock-owner's stateid with an earlier seqid") { stage in
      let stateid = try stage.locked()
      #expect(try stage.send(stage.unlock(stateid)).status == .ok)
      return try stage.send(stage.atFile().lock(offset: 20, length: 1, stateid: stateid, sequence: 2))
    },
    ConformanceCase(.lock, .openMode, "an exclusive lock below an open for reading") { stage in
      let reader = TestOwner("reader")
      let file = try stage.client.open(
        "f", in: stage.root, owner: reader, access: NFSOpen.accessRead, how: .noCreate)
      return try stage.send(stage.newLock(open: file.stateid, openSequence: reader.next()))
    },
    ConformanceCase(
      .lock, .reclaimConflict, "another client has reclaimed the range", configure: { $0.graceSeconds = 90 }
    ) { stage in
      let clients = try stage.restarted()
      #expect(try clients[1].lock(reclaim: true).status == .ok)
      return try clients[0].lock(reclaim: true)
    },
    ConformanceCase(.lock, .staleStateid, "an open's stateid of an earlier run") { stage in
      try stage.send(stage.newLock(open: stage.file.stateid.ofEarlierRun))
    },
  ]

  private static let lockTestCases: [ConformanceCase] = [
    ConformanceCase(.lockTest, .denied, "another lock-owner has locked the range") { stage in
      _ = try stage.locked()
      return try stage.send(stage.testLock())
    },
    ConformanceCase(.lockTest, .expired, "the lease was cancelled for a conflicting lock") { stage in
      _ = try stage.locked()
      try stage.loseLease()
      return try stage.send(stage.testLock())
    },
    ConformanceCase(
      .lockTest, .grace, "in the grace period", configure: { $0.graceSeconds = 90 }
    ) { stage in try stage.send(stage.testLock(client: try stage.restarted()[0].client.id)) },
    ConformanceCase(.lockTest, .invalid, "a length of zero") { stage in try stage.send(stage.testLock(length: 0)) },
  ]

  private static let unlockCases: [ConformanceCase] = [
    ConformanceCase(.unlock, .badSeqid, "a number that is neither the last nor the next") { stage in
      try stage.send(stage.unlock(try stage.locked(), sequence: 7))
    },
    ConformanceCase(.unlock, .badStateid, "a stateid with a later seqid") { stage in
      try stage.send(stage.unlock(try stage.locked().advanced(by: 1)))
    },
    ConformanceCase(.unlock, .expired, "the lease was cancelled for a conflicting lock") { stage in
      let stateid = try stage.locked()
      try stage.loseLease()
      return try stage.send(stage.unlock(stateid))
    },
    ConformanceCase(.unlock, .invalid, "a length of zero") { stage in
      try stage.send(stage.unlock(try stage.locked(), length: 0))
    },
    ConformanceCase(.unlock, .oldStateid, "a stateid with an earlier seqid") { stage in
      let stateid = try stage.locked()
      #expect(try stage.send(stage.unlock(stateid)).status == .ok)
      return try stage.send(stage.unlock(stateid, sequence: 2))
    },
    ConformanceCase(.unlock, .staleStateid, "a stateid of an earlier run") { stage in
      try stage.send(stage.unlock(try stage.locked().ofEarlierRun))
    },
  ]

  private static let releaseCases: [ConformanceCase] = [
    ConformanceCase(.releaseLockOwner, .expired, "the lease was cancelled for a conflicting lock") { stage in
      _ = try stage.locked()
      try stage.loseLease()
      return try stage.send(stage.releaseLockOwner())
    },
    ConformanceCase(.releaseLockOwner, .locksHeld, "the lock-owner holds a lock") { stage in
      _ = try stage.locked()
      return try stage.send(stage.releaseLockOwner())
    },
  ]
}

extension ConformanceReason {
  /// Rows of byte-range locks that cannot happen.
  static let locks: [Row: String] = {
    var rows: [Row: String] = [
      Row(.lock, .reclaimBad): "a reclaim that may not be answers NFS4ERR_NO_GRACE",
      Row(.unlock, .grace): "an unlock stands against no reclaim, so that it goes on in the grace period",
      Row(.close, .locksHeld): "CLOSE releases the locks that were taken under the open",
      Row(.openDowngrade, .locksHeld): "locks keep the type that they have",
    ]
    for operation in [.lock, .lockTest, .unlock] as [NFSOperation] {
      rows[Row(operation, .accessDenied)] = "the mode of the open says who may lock"
    }
    return rows
  }()
}
