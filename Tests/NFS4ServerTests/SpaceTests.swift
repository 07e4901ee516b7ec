// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4
import Testing

@testable import NFS4Server

/// Limits of space, files, links, sizes and users: NFS4ERR_NOSPC, NFS4ERR_DQUOT, NFS4ERR_FBIG, NFS4ERR_MLINK.
@Suite struct SpaceTests {
  private func makeFile(_ server: TestServer, _ name: String = "file", uid: UInt32 = 0) throws -> [UInt8] {
    let client = try TestClient(server, name: "maker \(uid)", uid: uid)
    let owner = TestOwner("maker")
    let file = try client.open(name, in: try server.rootHandle(), owner: owner, how: .unchecked(.mode(0o666)))
    try client.close(file, owner: owner)
    return file.handle
  }

  private func write(
    _ server: TestServer, _ handle: [UInt8], offset: UInt64, count: Int, uid: UInt32
  ) throws -> (NFSStatus, UInt32) {
    let reply = try server.call(
      CompoundBuilder().handle(handle).write(
        .anonymous, offset: offset, data: [UInt8](repeating: 7, count: count)), uid: uid, gid: uid)
    try reply.ok(.putFilehandle)
    let status = try reply.result(.write)
    return (status, status == .ok ? try reply.word() : 0)
  }

  @Test func entriesTakeSpaceAndGiveItBack() throws {
    let server = try TestServer(checksInvariants: false) { $0.spaceLimit = 64 << 10 }
    let file = try makeFile(server)
    let directory = try server.makeDirectory("d")
    var count = 0
    var status = NFSStatus.ok
    while status == .ok, count < 10_000 {
      let name = "a name of some length \(count)"
      status = try server.call(CompoundBuilder().handle(file).save().handle(directory).link(name)).status
      if status == .ok { count += 1 }
    }
    #expect(status == .noSpace)
    #expect(count > 100)
    try server.service.checkInvariants()
    #expect(try server.attributes(file).linkCount == UInt32(count + 1))
    let another = CompoundBuilder().handle(directory).makeDirectory("another one, with a longer name")
    #expect(try server.call(another).status == .noSpace)
    let rename = CompoundBuilder().root().save().handle(directory).rename("file", "a name of some length again")
    #expect(try server.call(rename).status == .noSpace)
    #expect(try server.call(CompoundBuilder().root().lookup("file")).status == .ok)
    #expect(try server.attributes(file).spaceAvailable < 64 << 10)
    for index in 0..<count {
      #expect(
        try server.call(CompoundBuilder().handle(directory).remove("a name of some length \(index)")).status == .ok)
    }
    #expect(try server.call(CompoundBuilder().root().remove("d")).status == .ok)
    try server.service.checkInvariants()
    #expect(server.service.snapshot.spaceUsed == 0)
  }

  @Test func filesAreCounted() throws {
    let server = try TestServer { $0.fileLimit = 5 }
    for index in 0..<4 { #expect(try server.call(CompoundBuilder().root().makeDirectory("\(index)")).status == .ok) }
    #expect(try server.attributes(server.rootHandle()).filesFree == 0)
    #expect(try server.call(CompoundBuilder().root().makeDirectory("5")).status == .noSpace)
    #expect(try server.call(CompoundBuilder().root().makeLink("5", to: "x")).status == .noSpace)
    #expect(try server.call(CompoundBuilder().root().remove("2")).status == .ok)
    #expect(try server.call(CompoundBuilder().root().makeDirectory("5")).status == .ok)
  }

  @Test func aLinkTextTakesSpace() throws {
    let server = try TestServer { $0.spaceLimit = 64 << 10 }
    var status = NFSStatus.ok
    var count = 0
    while status == .ok, count < 200 {
      let text = String(repeating: "x", count: 1000)
      status = try server.call(CompoundBuilder().root().makeLink("\(count)", to: text)).status
      count += 1
    }
    #expect(status == .noSpace)
    #expect(count > 50)
    #expect(try server.call(CompoundBuilder().root().lookup("\(count - 1)")).status == .noEntry)
  }

  @Test func sizesOf64BitsAreKeptUpToTheLargestFile() throws {
    let server = try TestServer { $0.maximumFileSize = 1 << 50 }
    let file = try makeFile(server)
    #expect(try server.attributes(file).maximumFileSize == 1 << 50)
    for size in [1 << 32, 1 << 33 + 1, 1 << 50] as [UInt64] {
      #expect(try server.call(CompoundBuilder().handle(file).setAttributes(.size(size))).status == .ok)
      #expect(try server.attributes(file).size == size)
      #expect(try server.attributes(file).spaceUsed == 0)
    }
    for size in [1 << 50 + 1, .max] as [UInt64] {
      #expect(try server.call(CompoundBuilder().handle(file).setAttributes(.size(size))).status == .fileTooBig)
    }
    #expect(try write(server, file, offset: 1 << 50, count: 1, uid: 0).0 == .fileTooBig)
    #expect(try write(server, file, offset: 1 << 50 - 1, count: 2, uid: 0).0 == .fileTooBig)
    #expect(try write(server, file, offset: .max, count: 1, uid: 0).0 == .fileTooBig)
    #expect(try write(server, file, offset: .max, count: 0, uid: 0) == (.ok, 0))
    #expect(try server.attributes(file).size == 1 << 50)
    let far = try server.call(CompoundBuilder().handle(file).read(.anonymous, offset: 1 << 40, count: 8))
    try far.ok(.putFilehandle)
    try far.ok(.read)
    #expect(try !far.bool())
    #expect(try far.opaque() == [UInt8](repeating: 0, count: 8))
  }

  @Test func linksHaveALimit() throws {
    let files = MemoryFileSystem(spaceLimit: 64 << 20, fileLimit: 10, maximumFileSize: 1 << 20)
    let principal = Principal(flavor: 1, uid: 0, gid: 0, groups: UnsafeBufferPointer(start: nil, count: 0))
    func named<R>(_ name: String, _ body: (UnsafeRawBufferPointer) throws(NFSStatus) -> R) throws(NFSStatus) -> R {
      let bytes = [UInt8](name.utf8)
      let view = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
      defer { view.deallocate() }
      view.copyBytes(from: bytes)
      return try body(UnsafeRawBufferPointer(view))
    }
    let root = MemoryFileSystem.root
    let file = try named("f") { name throws(NFSStatus) in
      try files.create(name, in: root, kind: .regular, mode: 0o644, principal: principal)
    }
    for index in 1..<Int(MemoryFileSystem.linkLimit) {
      try named("l\(index)") { name throws(NFSStatus) in
        try files.link(file, as: name, in: root, principal: principal)
      }
    }
    #expect(files.inodes[file].linkCount == 32_767)
    #expect(throws: NFSStatus.tooManyLinks) {
      try named("one more") { name throws(NFSStatus) in
        try files.link(file, as: name, in: root, principal: principal)
      }
    }
    try files.checkInvariants()
  }

  @Test func aUserHasAQuotaAndItsAttributes() throws {
    let server = try TestServer { $0.userQuota = 40_960 }
    let file = try makeFile(server, uid: 5)
    #expect(try write(server, file, offset: 0, count: 30_000, uid: 5) == (.ok, 30_000))
    let attributes = try server.attributes(file, AttributeMask.known.union(.quotas))
    #expect(attributes.supported.isSuperset(of: .quotas))
    #expect(attributes.quotaUsed == 32_768)
    #expect(attributes.quotaUsed == attributes.spaceUsed)
    #expect(attributes.quotaAvailableHard == 8192)
    #expect(attributes.quotaAvailableSoft == 8192)
    // A write goes as far as it may, and what is there can be written again.
    #expect(try write(server, file, offset: 32_768, count: 20_000, uid: 5) == (.ok, 8192))
    #expect(try write(server, file, offset: 40_960, count: 1, uid: 5).0 == .quotaExceeded)
    #expect(try write(server, file, offset: 0, count: 40_960, uid: 5) == (.ok, 40_960))
    #expect(try server.attributes(file).size == 40_960)
    // Others are not concerned, and the superuser is not bound.
    let other = try makeFile(server, "other", uid: 6)
    #expect(try write(server, other, offset: 0, count: 4096, uid: 6) == (.ok, 4096))
    #expect(try write(server, file, offset: 40_960, count: 4096, uid: 0) == (.ok, 4096))
    #expect(try server.attributes(file, .quotas).quotaUsed == 45_056)
    #expect(try server.attributes(file, .quotas).quotaAvailableHard == 0)
    // Space that is given back or given away can be taken anew.
    #expect(try server.call(CompoundBuilder().handle(file).setAttributes(.size(4096))).status == .ok)
    #expect(try server.attributes(file, .quotas).quotaUsed == 4096)
    #expect(try server.call(CompoundBuilder().handle(file).setAttributes(.owner(6))).status == .ok)
    #expect(try server.attributes(file, .quotas).quotaUsed == 8192)
    #expect(try server.call(CompoundBuilder().root().remove("other")).status == .ok)
    #expect(try server.attributes(file, .quotas).quotaUsed == 4096)
  }

  @Test func withoutQuotasNothingIsClaimed() throws {
    let server = try TestServer()
    let attributes = try server.attributes(server.rootHandle(), AttributeMask.known.union(.quotas))
    #expect(attributes.mask == .known)
    #expect(attributes.supported.isDisjoint(with: .quotas))
  }

  @Test func manyUsersAreCountedApart() throws {
    var table = QuotaTable(limit: 1000)
    defer { table.deallocate() }
    for user in 0..<1000 as Range<UInt32> { table.add(Int(user), to: user &* 65_537) }
    for user in 0..<1000 as Range<UInt32> {
      #expect(table.used(by: user &* 65_537) == Int(user))
      #expect(table.available(to: user &* 65_537) == (user == 0 ? .max : 1000 - Int(user)))
    }
    #expect(table.used(by: 77) == 0)
  }
}
