// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4
import Testing

@testable import NFS4Server

/// A read-only export: every change answers NFS4ERR_ROFS, everything else goes on.
@Suite struct ReadOnlyExportTests {
  private func stage() throws -> (server: TestServer, file: [UInt8]) {
    let server = try TestServer()
    let client = try TestClient(server)
    let owner = TestOwner("o")
    let file = try client.open("file", in: server.rootHandle(), owner: owner)
    #expect(
      try server.call(CompoundBuilder().handle(file.handle).write(file.stateid, offset: 0, data: [1, 2, 3])).status
        == .ok)
    try client.close(file, owner: owner)
    _ = try server.makeDirectory("d")
    server.service.setReadOnly(true)
    return (server, file.handle)
  }

  @Test func changesAreRefusedAndNothingChanges() throws {
    let (server, file) = try stage()
    let before = (try server.attributes(server.rootHandle()), try server.attributes(file))
    var times = SettableAttributes()
    times.mask = [.timeAccessSet, .timeModifySet]
    let changes: [(String, CompoundBuilder)] = [
      ("CREATE", CompoundBuilder().root().makeDirectory("new")),
      ("CREATE of a link", CompoundBuilder().root().makeLink("new", to: "x")),
      ("LINK", CompoundBuilder().handle(file).save().root().link("new")),
      ("REMOVE", CompoundBuilder().root().remove("file")),
      ("RENAME", CompoundBuilder().root().save().rename("file", "new")),
      ("SETATTR of the mode", CompoundBuilder().handle(file).setAttributes(.mode(0))),
      ("SETATTR of the size", CompoundBuilder().handle(file).setAttributes(.size(1))),
      ("SETATTR of times", CompoundBuilder().handle(file).setAttributes(times)),
      ("WRITE", CompoundBuilder().handle(file).write(.anonymous, offset: 0, data: [9])),
      ("WRITE of nothing", CompoundBuilder().handle(file).write(.anonymous, offset: 0, data: [])),
    ]
    for (name, change) in changes {
      #expect(try server.call(change).status == .readOnlyFileSystem, "\(name)")
    }
    let after = (try server.attributes(server.rootHandle()), try server.attributes(file))
    #expect(after.0.change == before.0.change)
    #expect(after.1.change == before.1.change)
    #expect(after.1.size == 3)
    server.service.setReadOnly(false)
    for (name, change) in changes.dropFirst(5) { #expect(try server.call(change).status == .ok, "\(name)") }
  }

  @Test func readingGoesOnAndLeavesNoTrace() throws {
    let (server, file) = try stage()
    server.advance(seconds: 100)
    let before = try server.attributes(file).timeAccess
    let reply = try server.call(CompoundBuilder().handle(file).read(.anonymous, offset: 0, count: 9))
    try reply.ok(.putFilehandle)
    try reply.ok(.read)
    #expect(try reply.bool())
    #expect(try reply.opaque() == [1, 2, 3])
    #expect(try server.call(CompoundBuilder().root().readDirectory()).status == .ok)
    #expect(try server.call(CompoundBuilder().handle(file).operation(.commit).long(0).word(0)).status == .ok)
    #expect(try server.attributes(file).timeAccess == before)
  }

  @Test func filesCanBeOpenedForReadingAlone() throws {
    let (server, _) = try stage()
    let client = try TestClient(server)
    let owner = TestOwner("reader")
    let root = try server.rootHandle()
    let file = try client.open("file", in: root, owner: owner, access: NFSOpen.accessRead, how: .noCreate)
    let again = try client.open(
      "file", in: root, owner: owner, access: NFSOpen.accessRead, how: .unchecked(.mode(0o644)))
    for (name, access, how) in [
      ("file", NFSOpen.accessWrite, .noCreate), ("file", NFSOpen.accessBoth, .unchecked(.mode(0o644))),
      ("new", NFSOpen.accessRead, .unchecked(.mode(0o644))), ("new", NFSOpen.accessBoth, .exclusive(7)),
      ("file", NFSOpen.accessRead, .unchecked(.size(0))),
    ] as [(String, UInt32, OpenHow)] {
      let reply = try server.call(
        CompoundBuilder().root().open(
          name, client: client.id, owner: owner.name, sequence: owner.next(), access: access, how: how))
      #expect(reply.status == .readOnlyFileSystem, "\(name)")
    }
    #expect(
      try server.call(CompoundBuilder().handle(file.handle).read(again.stateid, offset: 0, count: 1)).status == .ok)
    try client.close(again, owner: owner)
    #expect(server.service.snapshot.lockFiles == 0)
  }

  @Test func accessGrantsNoChange() throws {
    let (server, file) = try stage()
    for handle in [file, try server.rootHandle()] {
      let reply = try server.call(CompoundBuilder().handle(handle).operation(.access).word(NFSAccess.all))
      try reply.ok(.putFilehandle)
      try reply.ok(.access)
      _ = try reply.word()
      #expect(try reply.word() & (NFSAccess.modify | NFSAccess.extend | NFSAccess.delete) == 0)
    }
  }

  @Test func aServerCanStartReadOnly() throws {
    let server = try TestServer { $0.readOnly = true }
    #expect(try server.call(CompoundBuilder().root().makeDirectory("d")).status == .readOnlyFileSystem)
  }
}
