// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4
import Testing

@testable import NFS4Server

extension CompoundBuilder {
  /// LOCK by a lock-owner that has no stateid below the open.
  func lock(
    _ type: UInt32 = NFSLock.write, reclaim: UInt32 = 0, offset: UInt64, length: UInt64, open: Stateid,
    openSequence: UInt32, client: UInt64, owner: [UInt8], sequence: UInt32
  ) -> CompoundBuilder {
    operation(.lock).word(type).word(reclaim).long(offset).long(length).word(1).word(openSequence).stateid(open)
      .word(sequence).long(client).opaque(owner)
  }

  /// LOCK by a lock-owner with its stateid.
  func lock(
    _ type: UInt32 = NFSLock.write, reclaim: UInt32 = 0, offset: UInt64, length: UInt64, stateid: Stateid,
    sequence: UInt32
  ) -> CompoundBuilder {
    operation(.lock).word(type).word(reclaim).long(offset).long(length).word(0).stateid(stateid).word(sequence)
  }

  func unlock(
    _ type: UInt32 = NFSLock.read, sequence: UInt32, stateid: Stateid, offset: UInt64, length: UInt64
  ) -> CompoundBuilder {
    operation(.unlock).word(type).word(sequence).stateid(stateid).long(offset).long(length)
  }

  func lockTest(
    _ type: UInt32 = NFSLock.write, offset: UInt64, length: UInt64, client: UInt64, owner: [UInt8]
  ) -> CompoundBuilder {
    operation(.lockTest).word(type).long(offset).long(length).long(client).opaque(owner)
  }

  func releaseLockOwner(client: UInt64, owner: [UInt8]) -> CompoundBuilder {
    operation(.releaseLockOwner).long(client).opaque(owner)
  }
}

/// What LOCK and LOCKT say of the lock in the way.
struct DeniedLock: Equatable {
  var offset: UInt64
  var length: UInt64
  var type: UInt32
  var client: UInt64
  var owner: [UInt8]
}

extension CompoundReply {
  func denied() throws -> DeniedLock {
    DeniedLock(offset: try long(), length: try long(), type: try word(), client: try long(), owner: try opaque())
  }
}

/// A client with an open file, and lock-owners that lock it.
final class LockStage {
  let server: TestServer
  let client: TestClient
  let root: [UInt8]
  let owner = TestOwner("open-owner")
  private(set) var file: TestClient.OpenFile

  init(
    server: TestServer? = nil, name: String = "client one", connection: UInt64 = 1, file: String = "file",
    access: UInt32 = NFSOpen.accessBoth, _ configure: (inout ServerConfiguration) -> Void = { _ in }
  ) throws {
    let server = try server ?? TestServer(configure)
    self.server = server
    client = try TestClient(server, name: name, connection: connection)
    root = try server.rootHandle()
    self.file = try client.open(file, in: root, owner: owner, access: access)
  }

  /// A lock-owner of this client with the stateid that it has on a file.
  final class Locker {
    let stage: LockStage
    let owner: TestOwner
    var file: TestClient.OpenFile
    /// The open-owner of the file.
    var opener: TestOwner
    var stateid: Stateid?

    init(_ stage: LockStage, _ owner: TestOwner, _ file: TestClient.OpenFile, _ opener: TestOwner) {
      self.stage = stage
      self.owner = owner
      self.file = file
      self.opener = opener
    }

    /// The compound of the next LOCK; both sequence numbers advance.
    func lockCompound(_ type: UInt32, _ offset: UInt64, _ length: UInt64, reclaim: Bool = false) -> CompoundBuilder {
      let compound = CompoundBuilder().handle(file.handle)
      let reclaim: UInt32 = reclaim ? 1 : 0
      if let stateid {
        return compound.lock(
          type, reclaim: reclaim, offset: offset, length: length, stateid: stateid, sequence: owner.next())
      }
      return compound.lock(
        type, reclaim: reclaim, offset: offset, length: length, open: file.stateid, openSequence: opener.next(),
        client: stage.client.id, owner: owner.name, sequence: owner.next())
    }

    func lock(
      _ type: UInt32 = NFSLock.write, _ offset: UInt64, _ length: UInt64, reclaim: Bool = false
    ) throws -> NFSStatus {
      let reply = try stage.call(lockCompound(type, offset, length, reclaim: reclaim))
      try reply.ok(.putFilehandle)
      let status = try reply.result(.lock)
      if status == .ok { stateid = try reply.stateid() }
      return status
    }

    func unlock(_ offset: UInt64, _ length: UInt64) throws -> NFSStatus {
      let reply = try stage.call(
        CompoundBuilder().handle(file.handle)
          .unlock(sequence: owner.next(), stateid: stateid ?? .anonymous, offset: offset, length: length))
      try reply.ok(.putFilehandle)
      let status = try reply.result(.unlock)
      if status == .ok { stateid = try reply.stateid() }
      return status
    }
  }

  func locker(
    _ name: String = "locker", sequence: UInt32 = 1, file: TestClient.OpenFile? = nil, opener: TestOwner? = nil
  ) -> Locker {
    Locker(self, TestOwner(name, sequence: sequence), file ?? self.file, opener ?? owner)
  }

  func call(_ compound: CompoundBuilder, location: SourceLocation = #_sourceLocation) throws -> CompoundReply {
    try server.call(compound, connection: client.connection, uid: client.uid, location: location)
  }

  /// What LOCKT by an owner that locks nothing finds, nil for nothing.
  func test(
    _ type: UInt32 = NFSLock.write, _ offset: UInt64 = 0, _ length: UInt64 = .max, owner: String = "tester"
  ) throws -> DeniedLock? {
    let reply = try call(
      CompoundBuilder().handle(file.handle)
        .lockTest(type, offset: offset, length: length, client: client.id, owner: [UInt8](owner.utf8)))
    try reply.ok(.putFilehandle)
    let status = try reply.result(.lockTest)
    if status == .denied { return try reply.denied() }
    #expect(status == .ok)
    return nil
  }

  func close() throws { try client.close(file, owner: owner) }

  func release(_ name: String) throws -> NFSStatus {
    try call(CompoundBuilder().releaseLockOwner(client: client.id, owner: [UInt8](name.utf8))).status
  }
}
