// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4
import Testing

@testable import NFS4Server

/// GETATTR, SETATTR, ACCESS, VERIFY, NVERIFY.
@Suite struct AttributeTests {
  private func makeFile(_ server: TestServer, mode: UInt32 = 0o644, uid: UInt32 = 0) throws -> [UInt8] {
    let client = try TestClient(server, name: "maker \(uid)", uid: uid)
    let owner = TestOwner("maker")
    let file = try client.open("file", in: try server.rootHandle(), owner: owner, how: .unchecked(.mode(mode)))
    try client.close(file, owner: owner)
    return file.handle
  }

  private func set(
    _ server: TestServer, _ handle: [UInt8], _ wanted: SettableAttributes, uid: UInt32 = 0, groups: [UInt32] = []
  ) throws -> (NFSStatus, AttributeMask) {
    let reply = try server.call(
      CompoundBuilder().handle(handle).setAttributes(wanted), uid: uid, gid: uid, groups: groups)
    try reply.ok(.putFilehandle)
    let status = try reply.result(.setAttributes)
    let mask = try reply.mask()
    #expect(reply.remaining == 0)
    return (status, mask)
  }

  @Test func everySupportedAttributeIsReported() throws {
    let server = try TestServer {
      $0.leaseSeconds = 77
      $0.maximumRead = 32_768
      $0.maximumWrite = 16_384
      $0.spaceLimit = 1 << 20
      $0.fileLimit = 1000
    }
    server.advance(seconds: 100)
    let file = try makeFile(server)
    let attributes = try server.attributes(file)
    #expect(attributes.mask == .known)
    #expect(attributes.supported == AttributeMask.known.union([.timeAccessSet, .timeModifySet]))
    #expect(attributes.type == NFSFileType.regular.rawValue)
    #expect(attributes.leaseTime == 77)
    #expect(attributes.maximumRead == 32_768)
    #expect(attributes.maximumWrite == 16_384)
    #expect(attributes.maximumName == 255)
    #expect(attributes.filehandle.withBytes { [UInt8]($0) } == file)
    #expect(attributes.filesTotal == 1000)
    #expect(attributes.filesFree == 998)
    #expect(attributes.spaceTotal == 1 << 20)
    #expect(attributes.spaceFree == 1 << 20)
    #expect(attributes.mode == 0o644)
    #expect(attributes.fileid == 3)
    #expect(attributes.timeModify.seconds == 1_177_977_600 + 100)
    #expect(try server.call(CompoundBuilder().root().getAttributes([.timeAccessSet])).status == .invalid)
  }

  @Test func attributesThatNobodyKnowsAreLeftOut() throws {
    let server = try TestServer()
    let reply = try server.call(
      CompoundBuilder().root().operation(.getAttributes).word(3).word(0xFFFF_FFFF).word(0x3F).word(7))
    try reply.ok(.putRootFilehandle)
    try reply.ok(.getAttributes)
    #expect(try reply.attributes().mask.isSubset(of: .known))
  }

  @Test func theOwnerChangesTheModeAndNobodyElse() throws {
    let server = try TestServer()
    let file = try makeFile(server, uid: 5)
    #expect(try set(server, file, .mode(0o4755), uid: 5) == (.ok, .mode))
    #expect(try server.attributes(file).mode == 0o4755)
    #expect(try set(server, file, .mode(0o777), uid: 6) == (.notOwner, []))
    #expect(try set(server, file, .mode(0o600)) == (.ok, .mode))
    #expect(try set(server, file, .mode(0o2755), uid: 5) == (.notOwner, []))
  }

  @Test func ownersAndGroupsAreGivenAwayByRootAlone() throws {
    let server = try TestServer()
    let file = try makeFile(server, uid: 5)
    #expect(try set(server, file, .owner(6), uid: 5) == (.notOwner, []))
    #expect(try set(server, file, .owner(5), uid: 5) == (.ok, .owner))
    #expect(try set(server, file, .owner(nil, group: 9), uid: 5) == (.notOwner, []))
    #expect(try set(server, file, .owner(nil, group: 9), uid: 5, groups: [9]) == (.ok, .ownerGroup))
    #expect(try set(server, file, .owner(6, group: 7)) == (.ok, [.owner, .ownerGroup]))
    let attributes = try server.attributes(file)
    #expect(attributes.owner == 6)
    #expect(attributes.ownerGroup == 7)
    let named = CompoundBuilder().handle(file).operation(.setAttributes).stateid(.anonymous).word(2).word(0).word(
      1 << 4
    )
    .opaque([0, 0, 0, 3] + [UInt8]("bob".utf8) + [0])
    #expect(try server.call(named).status == .badOwner)
  }

  @Test func changesCountAndStampTheFile() throws {
    let server = try TestServer()
    let file = try makeFile(server)
    let before = try server.attributes(file)
    server.advance(seconds: 10)
    _ = try set(server, file, .mode(0o600))
    let after = try server.attributes(file)
    #expect(after.change == before.change + 1)
    #expect(after.timeMetadata.seconds >= before.timeMetadata.seconds + 10)
    #expect(after.timeModify == before.timeModify)
    var times = SettableAttributes()
    times.mask = [.timeAccessSet, .timeModifySet]
    times.timeAccess = .clientTime(NFSTime(seconds: 5, nanoseconds: 6))
    times.timeModify = .serverTime
    #expect(try set(server, file, times) == (.ok, times.mask))
    let timed = try server.attributes(file)
    #expect(timed.timeAccess == NFSTime(seconds: 5, nanoseconds: 6))
    #expect(timed.timeModify.seconds >= before.timeModify.seconds + 10)
    #expect(try set(server, file, times, uid: 6) == (.notOwner, []))
  }

  @Test func sizesShrinkAndGrowWithZeros() throws {
    let server = try TestServer()
    let file = try makeFile(server)
    #expect(
      try server.call(
        CompoundBuilder().handle(file).write(.anonymous, offset: 0, data: [UInt8](repeating: 0xAA, count: 10_000))
      ).status
        == .ok)
    #expect(try set(server, file, .size(5000)) == (.ok, .size))
    #expect(try set(server, file, .size(9000)) == (.ok, .size))
    let reply = try server.call(CompoundBuilder().handle(file).read(.anonymous, offset: 4998, count: 10_000))
    try reply.ok(.putFilehandle)
    try reply.ok(.read)
    #expect(try reply.bool())
    #expect(try reply.opaque() == [0xAA, 0xAA] + [UInt8](repeating: 0, count: 4000))
    #expect(try set(server, file, .size(0)) == (.ok, .size))
    #expect(try server.attributes(file).spaceUsed == 0)
    #expect(try set(server, server.rootHandle(), .size(0)) == (.isDirectory, []))
    #expect(try set(server, file, .size(1 << 60)) == (.fileTooBig, []))
    #expect(try set(server, file, .size(1), uid: 8) == (.accessDenied, []))
  }

  @Test func readOnlyAndUnknownAttributesAreRefused() throws {
    let server = try TestServer()
    let root = try server.rootHandle()
    let change = CompoundBuilder().handle(root).operation(.setAttributes).stateid(.anonymous).word(1).word(1 << 3)
      .opaque(
        [UInt8](repeating: 0, count: 8))
    let refused = try server.call(change)
    try refused.ok(.putFilehandle)
    #expect(try refused.result(.setAttributes) == .invalid)
    #expect(try refused.mask() == [])
    let acl = CompoundBuilder().handle(root).operation(.setAttributes).stateid(.anonymous).word(1).word(1 << 12).opaque(
      [0, 0, 0, 0])
    #expect(try server.call(acl).status == .attributeNotSupported)
    let short = CompoundBuilder().handle(root).operation(.setAttributes).stateid(.anonymous).mask(.mode).opaque([])
    let bad = try server.call(short)
    try bad.ok(.putFilehandle)
    #expect(try bad.result(.setAttributes) == .badXDR)
    #expect(try bad.mask() == [])
  }

  @Test func accessFollowsModeOwnerAndGroup() throws {
    let server = try TestServer()
    let file = try makeFile(server, mode: 0o640, uid: 5)
    #expect(try set(server, file, .owner(nil, group: 9)) == (.ok, .ownerGroup))
    func access(_ handle: [UInt8], uid: UInt32, groups: [UInt32] = []) throws -> [UInt32] {
      let reply = try server.call(
        CompoundBuilder().handle(handle).operation(.access).word(0x3F), uid: uid, gid: uid, groups: groups)
      try reply.ok(.putFilehandle)
      try reply.ok(.access)
      return [try reply.word(), try reply.word()]
    }
    let supported = NFSAccess.read | NFSAccess.modify | NFSAccess.extend | NFSAccess.execute
    #expect(try access(file, uid: 5) == [supported, NFSAccess.read | NFSAccess.modify | NFSAccess.extend])
    #expect(try access(file, uid: 6, groups: [9]) == [supported, NFSAccess.read])
    #expect(try access(file, uid: 6) == [supported, 0])
    #expect(try access(file, uid: 0) == [supported, NFSAccess.read | NFSAccess.modify | NFSAccess.extend])
    #expect(try access(server.rootHandle(), uid: 6) == [0x1F, 0x1F])
  }

  @Test func verifyAndNverifyCompare() throws {
    let server = try TestServer()
    let root = try server.rootHandle()
    let attributes = try server.attributes(root)
    func values(_ change: UInt64) -> [UInt8] {
      (0..<8).reversed().map { UInt8(truncatingIfNeeded: change >> (8 * UInt64($0))) }
    }
    func verify(_ operation: NFSOperation, _ change: UInt64) throws -> NFSStatus {
      try server.call(CompoundBuilder().handle(root).operation(operation).mask(.change).opaque(values(change))).status
    }
    #expect(try verify(.verify, attributes.change) == .ok)
    #expect(try verify(.verify, attributes.change + 1) == .notSame)
    #expect(try verify(.verifyNot, attributes.change) == .same)
    #expect(try verify(.verifyNot, attributes.change + 1) == .ok)
    let readError = CompoundBuilder().handle(root).operation(.verify).mask(.readdirError).opaque([0, 0, 0, 0])
    #expect(try server.call(readError).status == .invalid)
    let acl = CompoundBuilder().handle(root).operation(.verify).word(1).word(1 << 12).opaque([0, 0, 0, 0])
    #expect(try server.call(acl).status == .attributeNotSupported)
  }
}
