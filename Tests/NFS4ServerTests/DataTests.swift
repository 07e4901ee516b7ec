// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4
import Testing

@testable import NFS4Server

/// READ, WRITE, COMMIT and their stateids.
@Suite struct DataTests {
  private struct Stage {
    let server: TestServer
    let client: TestClient
    let owner = TestOwner("o")
    let root: [UInt8]
    let file: TestClient.OpenFile

    init(_ configure: (inout ServerConfiguration) -> Void = { _ in }) throws {
      server = try TestServer(configure)
      client = try TestClient(server)
      root = try server.rootHandle()
      file = try client.open("f", in: root, owner: owner)
    }

    func write(_ stateid: Stateid, _ offset: UInt64, _ data: [UInt8], uid: UInt32 = 0) throws -> (NFSStatus, UInt32) {
      let reply = try server.call(
        CompoundBuilder().handle(file.handle).write(stateid, offset: offset, data: data), uid: uid)
      try reply.ok(.putFilehandle)
      let status = try reply.result(.write)
      return (status, status == .ok ? try reply.word() : 0)
    }

    func read(_ stateid: Stateid, _ offset: UInt64, _ count: UInt32, uid: UInt32 = 0) throws -> (
      NFSStatus, [UInt8], Bool
    ) {
      let reply = try server.call(
        CompoundBuilder().handle(file.handle).read(stateid, offset: offset, count: count), uid: uid)
      try reply.ok(.putFilehandle)
      let status = try reply.result(.read)
      guard status == .ok else { return (status, [], false) }
      let eof = try reply.bool()
      return (status, try reply.opaque(), eof)
    }
  }

  @Test func whatIsWrittenIsReadBack() throws {
    let stage = try Stage()
    let data = (0..<100_001).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 8) }
    #expect(try stage.write(stage.file.stateid, 0, data) == (.ok, 100_001))
    #expect(try stage.read(stage.file.stateid, 0, 200_000) == (.ok, data, true))
    #expect(try stage.read(stage.file.stateid, 4095, 3) == (.ok, Array(data[4095..<4098]), false))
    #expect(try stage.read(stage.file.stateid, 100_000, 1) == (.ok, [data[100_000]], true))
    #expect(try stage.read(stage.file.stateid, 100_001, 1) == (.ok, [], true))
    #expect(try stage.read(stage.file.stateid, .max, .max) == (.ok, [], true))
    #expect(try stage.read(stage.file.stateid, 5, 0) == (.ok, [], false))
  }

  @Test func aHoleReadsAsZerosAndTakesNoSpace() throws {
    let stage = try Stage()
    #expect(try stage.write(stage.file.stateid, 1 << 20, [1, 2, 3]) == (.ok, 3))
    #expect(try stage.read(stage.file.stateid, (1 << 20) - 2, 10) == (.ok, [0, 0, 1, 2, 3], true))
    let attributes = try stage.server.attributes(stage.file.handle)
    #expect(attributes.size == 1 << 20 + 3)
    #expect(attributes.spaceUsed == 4096)
  }

  @Test func readsAndWritesAreLimitedAsConfigured() throws {
    let stage = try Stage {
      $0.maximumRead = 1024
      $0.maximumWrite = 2048
    }
    #expect(try stage.write(stage.file.stateid, 0, [UInt8](repeating: 1, count: 5000)) == (.ok, 2048))
    #expect(try stage.read(stage.file.stateid, 0, 5000) == (.ok, [UInt8](repeating: 1, count: 1024), false))
  }

  @Test func aReadThatDoesNotFitTheReplyIsShort() throws {
    let stage = try Stage()
    _ = try stage.write(stage.file.stateid, 0, [UInt8](repeating: 1, count: 20_000))
    let server = stage.server
    let small = UnsafeMutableRawBufferPointer.allocate(byteCount: 8192, alignment: 8)
    defer { small.deallocate() }
    let bytes = CompoundBuilder().handle(stage.file.handle).read(stage.file.stateid, offset: 0, count: 20_000).bytes
    let outcome = bytes.withUnsafeBytes { arguments in
      TestCredential.root.withServerView {
        server.service.handle(procedure: 1, xid: 9, credential: $0, connection: 1, arguments: arguments, reply: small)
      }
    }
    let reply = CompoundReply(outcome, UnsafeRawBufferPointer(small))
    try reply.ok(.putFilehandle)
    try reply.ok(.read)
    #expect(try reply.bool() == false)
    let count = try reply.opaque().count
    #expect(count > 4096 && count < 8192)
  }

  @Test func writesAreAsStableAsAsked() throws {
    let stage = try Stage()
    var verifiers: Set<UInt64> = []
    for stable in [NFSStable.unstable, NFSStable.dataSync, NFSStable.fileSync] {
      let reply = try stage.server.call(
        CompoundBuilder().handle(stage.file.handle).write(stage.file.stateid, offset: 0, data: [1], stable: stable))
      try reply.ok(.putFilehandle)
      try reply.ok(.write)
      #expect(try reply.word() == 1)
      #expect(try reply.word() == stable)
      verifiers.insert(try reply.long())
    }
    let commit = try stage.server.call(CompoundBuilder().handle(stage.file.handle).operation(.commit).long(0).word(0))
    try commit.ok(.putFilehandle)
    try commit.ok(.commit)
    verifiers.insert(try commit.long())
    #expect(verifiers.count == 1)
    let bad = CompoundBuilder().handle(stage.file.handle).write(stage.file.stateid, offset: 0, data: [1], stable: 3)
    #expect(try stage.server.call(bad).status == .badXDR)
  }

  @Test(
    arguments: [
      (0, 0, .ok), (1, 1, .ok), (0, .max, .ok), (.max, 0, .ok), (.max - 63, 64, .invalid), (.max, 1, .invalid),
    ] as [(UInt64, UInt32, NFSStatus)])
  func aCommitPastTheLastOffsetIsInvalid(offset: UInt64, count: UInt32, status: NFSStatus) throws {
    let stage = try Stage()
    let commit = CompoundBuilder().handle(stage.file.handle).operation(.commit).long(offset).word(count)
    #expect(try stage.server.call(commit).status == status)
  }

  @Test func onlyRegularFilesHaveData() throws {
    let stage = try Stage()
    #expect(
      try stage.server.call(CompoundBuilder().root().read(.anonymous, offset: 0, count: 1)).status == .isDirectory)
    #expect(
      try stage.server.call(CompoundBuilder().root().write(.anonymous, offset: 0, data: [1])).status == .isDirectory)
    #expect(try stage.server.call(CompoundBuilder().root().operation(.commit).long(0).word(0)).status == .isDirectory)
    _ = try stage.server.call(CompoundBuilder().root().makeLink("l", to: "x"))
    #expect(
      try stage.server.call(CompoundBuilder().root().lookup("l").read(.anonymous, offset: 0, count: 1)).status
        == .invalid)
  }

  @Test func stateidsAreChecked() throws {
    let stage = try Stage()
    var stateid = stage.file.stateid
    stateid.sequence -= 1
    #expect(try stage.read(stateid, 0, 1).0 == .oldStateid)
    stateid.sequence += 2
    #expect(try stage.read(stateid, 0, 1).0 == .badStateid)
    stateid = stage.file.stateid
    stateid.otherLow += 1
    #expect(try stage.read(stateid, 0, 1).0 == .badStateid)
    stateid = stage.file.stateid
    stateid.otherHigh ^= 1 << 40
    #expect(try stage.read(stateid, 0, 1).0 == .staleStateid)
    #expect(try stage.read(Stateid(sequence: 1, otherHigh: 0, otherLow: 0), 0, 1).0 == .badStateid)
    #expect(try stage.read(Stateid(sequence: 1, otherHigh: .max, otherLow: .max), 0, 1).0 == .badStateid)
    // The stateid of another file.
    let other = try stage.client.open("g", in: stage.root, owner: stage.owner)
    #expect(try stage.read(other.stateid, 0, 1).0 == .badStateid)
    #expect(try stage.read(.anonymous, 0, 1).0 == .ok)
    #expect(try stage.read(.readBypass, 0, 1).0 == .ok)
    #expect(try stage.write(.readBypass, 0, [1]).0 == .ok)
    try stage.client.close(stage.file, owner: stage.owner)
    #expect(try stage.read(stage.file.stateid, 0, 1).0 == .badStateid)
  }

  @Test func theOpenModeCounts() throws {
    let stage = try Stage()
    let reader = try stage.client.open(
      "f", in: stage.root, owner: TestOwner("r"), access: NFSOpen.accessRead, how: .noCreate)
    let writer = try stage.client.open(
      "f", in: stage.root, owner: TestOwner("w"), access: NFSOpen.accessWrite, how: .noCreate)
    #expect(try stage.write(reader.stateid, 0, [1]).0 == .openMode)
    #expect(try stage.read(reader.stateid, 0, 1).0 == .ok)
    #expect(try stage.write(writer.stateid, 0, [1]).0 == .ok)
    #expect(try stage.read(writer.stateid, 0, 1).0 == .openMode)
    let truncate = CompoundBuilder().handle(stage.file.handle).setAttributes(.size(0), stateid: reader.stateid)
    #expect(try stage.server.call(truncate).status == .openMode)
  }

  @Test func aDenyingOpenLocksOutSpecialStateids() throws {
    let stage = try Stage()
    try stage.client.close(stage.file, owner: stage.owner)
    _ = try stage.client.open("f", in: stage.root, owner: stage.owner, deny: 3, how: .noCreate)
    #expect(try stage.read(.anonymous, 0, 1).0 == .locked)
    #expect(try stage.write(.anonymous, 0, [1]).0 == .locked)
    #expect(try stage.write(.readBypass, 0, [1]).0 == .locked)
    #expect(try stage.read(.readBypass, 0, 1).0 == .ok)
  }

  @Test func permissionsCountWithoutAnOpenToo() throws {
    let stage = try Stage()
    #expect(try stage.write(.anonymous, 0, [1], uid: 9).0 == .accessDenied)
    #expect(try stage.read(.anonymous, 0, 1, uid: 9).0 == .ok)
    _ = try stage.server.call(CompoundBuilder().handle(stage.file.handle).setAttributes(.mode(0o600)))
    #expect(try stage.read(.anonymous, 0, 1, uid: 9).0 == .accessDenied)
  }

  @Test func spaceRunsOutAndComesBack() throws {
    let stage = try Stage { $0.spaceLimit = 64 << 10 }
    let (status, count) = try stage.write(stage.file.stateid, 0, [UInt8](repeating: 1, count: 100_000))
    #expect(status == .ok)
    #expect(count > 50_000 && count < 65_536)
    #expect(try stage.write(stage.file.stateid, 200_000, [1]).0 == .noSpace)
    #expect(try stage.write(stage.file.stateid, 1 << 39, [1]).0 == .noSpace)
    #expect(try stage.write(stage.file.stateid, .max, [1]).0 == .fileTooBig)
    try stage.client.close(stage.file, owner: stage.owner)
    #expect(try stage.server.call(CompoundBuilder().root().remove("f")).status == .ok)
    #expect(stage.server.service.snapshot.spaceUsed == 0)
  }

  @Test func aRemovedFileLivesUntilItsLastClose() throws {
    let stage = try Stage()
    _ = try stage.write(stage.file.stateid, 0, [1, 2, 3])
    let second = try stage.client.open("f", in: stage.root, owner: TestOwner("second"), how: .noCreate)
    #expect(try stage.server.call(CompoundBuilder().root().remove("f")).status == .ok)
    #expect(try stage.read(stage.file.stateid, 0, 9).1 == [1, 2, 3])
    #expect(try stage.server.attributes(stage.file.handle).linkCount == 0)
    #expect(
      try stage.server.call(CompoundBuilder().handle(stage.file.handle).save().root().link("again")).status == .stale)
    try stage.client.close(stage.file, owner: stage.owner)
    #expect(try stage.read(second.stateid, 0, 9).1 == [1, 2, 3])
    try stage.client.close(second, owner: TestOwner("second", sequence: 3))
    #expect(try stage.server.call(CompoundBuilder().handle(stage.file.handle)).status == .stale)
    #expect(stage.server.service.snapshot.spaceUsed == 0)
    #expect(stage.server.service.snapshot.lockFiles == 0)
  }
}
