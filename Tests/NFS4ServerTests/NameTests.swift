// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4
import Testing

@testable import NFS4Server

/// LOOKUP, LOOKUPP, CREATE, REMOVE, RENAME, LINK, READLINK, SECINFO.
@Suite struct NameTests {
  @Test(
    arguments: [
      ([], NFSStatus.invalid), ([0x2E], .badName), ([0x2E, 0x2E], .badName), ([0x61, 0x2F, 0x62], .badCharacter),
      ([0x61, 0], .badCharacter), ([0xC3, 0x28], .invalid), ([0xC0, 0x80], .invalid), ([0xED, 0xA0, 0x80], .invalid),
      ([0xF4, 0x90, 0x80, 0x80], .invalid), ([0xE2, 0x82], .invalid),
      ([0xEF, 0xBF, 0xBE], .invalid), ([0xEF, 0xBF, 0xBD], .noEntry), ([0x80], .invalid),
      ([0xFC, 0x80, 0x80], .invalid),
      ([UInt8](repeating: 0x61, count: 256), .nameTooLong), ([UInt8](repeating: 0x61, count: 10_000), .nameTooLong),
      ([0xC3, 0xA4], .noEntry), ([UInt8](repeating: 0x61, count: 255), .noEntry), ([0x2E, 0x2E, 0x2E], .noEntry),
    ] as [([UInt8], NFSStatus)])
  func namesFollowTheRules(_ name: [UInt8], _ status: NFSStatus) throws {
    let server = try TestServer()
    #expect(try server.call(CompoundBuilder().root().operation(.lookup).opaque(name)).status == status)
    #expect(try server.call(CompoundBuilder().root().operation(.remove).opaque(name)).status == status)
    let create = CompoundBuilder().root().operation(.create).word(2).opaque(name).attributes(SettableAttributes())
    #expect(try server.call(create).status == (status == .noEntry ? .ok : status))
    let rename = CompoundBuilder().root().save().operation(.rename).opaque(name).string("x")
    #expect(try server.call(rename).status == (status == .noEntry ? .ok : status))
    _ = try server.makeDirectory("d")
    let target = CompoundBuilder().root().save().operation(.rename).string("d").opaque(name)
    #expect(try server.call(target).status == (status == .noEntry ? .ok : status))
    let made = CompoundBuilder().root().makeLink("to", to: "x").save().root().operation(.link).opaque(name)
    #expect(try server.call(made).status == (status == .noEntry ? .exists : status))
    let security = CompoundBuilder().root().operation(.securityInformation).opaque(name)
    #expect(try server.call(security).status == (status == .noEntry ? .ok : status))
  }

  @Test func lookupsGoDownAndUp() throws {
    let server = try TestServer()
    let sub = try server.makeDirectory("sub")
    let reply = try server.call(
      CompoundBuilder().handle(sub).makeDirectory("deep").operation(.lookupParent).getHandle())
    try reply.ok(.putFilehandle)
    try reply.ok(.create)
    _ = try reply.change()
    _ = try reply.mask()
    try reply.ok(.lookupParent)
    try reply.ok(.getFilehandle)
    #expect(try reply.opaque() == sub)
    #expect(try server.call(CompoundBuilder().root().operation(.lookupParent)).status == .noEntry)
    #expect(try server.call(CompoundBuilder().root().lookup("sub").lookup("deep").lookup("x")).status == .noEntry)
  }

  @Test func aLookupInWhatIsNoDirectoryTellsLinksApart() throws {
    let server = try TestServer()
    _ = try server.call(CompoundBuilder().root().makeLink("link", to: "target"))
    _ = try server.call(
      CompoundBuilder().root().operation(.create).word(NFSFileType.fifo.rawValue).string("fifo").attributes(.mode(0)))
    #expect(try server.call(CompoundBuilder().root().lookup("link").lookup("a")).status == .isSymlink)
    #expect(try server.call(CompoundBuilder().root().lookup("fifo").lookup("a")).status == .notDirectory)
    #expect(try server.call(CompoundBuilder().root().lookup("fifo").operation(.lookupParent)).status == .notDirectory)
  }

  @Test func everyTypeCanBeCreated() throws {
    let server = try TestServer()
    for kind in [NFSFileType.directory, .symbolicLink, .blockDevice, .characterDevice, .socket, .fifo] {
      let compound = CompoundBuilder().root().operation(.create).word(kind.rawValue)
      if kind == .symbolicLink { compound.string("elsewhere") }
      if kind == .blockDevice || kind == .characterDevice { compound.word(3).word(4) }
      compound.string("\(kind)").attributes(.mode(0o640))
      let reply = try server.call(compound.getAttributes([.type, .mode, .rawDevice, .size, .linkCount]))
      try reply.ok(.putRootFilehandle)
      try reply.ok(.create)
      let change = try reply.change()
      #expect(change.after == change.before + 1)
      #expect(try reply.mask() == .mode)
      try reply.ok(.getAttributes)
      let attributes = try reply.attributes()
      #expect(attributes.type == kind.rawValue)
      #expect(attributes.mode == 0o640)
      #expect(attributes.linkCount == (kind == .directory ? 2 : 1))
      if kind == .blockDevice || kind == .characterDevice { #expect(attributes.rawDevice == (3, 4)) }
      if kind == .symbolicLink { #expect(attributes.size == 9) }
    }
    #expect(try server.attributes(server.rootHandle()).linkCount == 3)
  }

  @Test func createRefusesWhatItShould() throws {
    let server = try TestServer()
    for type in [1, 8, 9, 77] as [UInt32] {
      let compound = CompoundBuilder().root().operation(.create).word(type).string("x").attributes(.mode(0))
      #expect(try server.call(compound).status == .badType)
    }
    _ = try server.makeDirectory("d")
    #expect(try server.call(CompoundBuilder().root().makeDirectory("d")).status == .exists)
    #expect(try server.call(CompoundBuilder().root().makeLink("l", to: "")).status == .invalid)
    #expect(
      try server.call(CompoundBuilder().root().makeLink("l", to: String(repeating: "x", count: 1024))).status
        == .nameTooLong)
    #expect(try server.call(CompoundBuilder().root().makeDirectory("e"), uid: 9).status == .ok)
    let device = CompoundBuilder().root().operation(.create).word(4).word(0).word(0).string("dev").attributes(.mode(0))
    #expect(try server.call(device, uid: 9).status == .notOwner)
  }

  @Test func linksAreReadBack() throws {
    let server = try TestServer()
    let text = String(repeating: "t", count: 1023)
    _ = try server.call(CompoundBuilder().root().makeLink("link", to: text))
    let reply = try server.call(CompoundBuilder().root().lookup("link").operation(.readLink))
    try reply.ok(.putRootFilehandle)
    try reply.ok(.lookup)
    try reply.ok(.readLink)
    #expect(try reply.string() == text)
    #expect(try server.call(CompoundBuilder().root().operation(.readLink)).status == .invalid)
  }

  @Test func hardLinksShareTheFileAndItsLastNameRemovesIt() throws {
    let server = try TestServer()
    let client = try TestClient(server)
    let root = try server.rootHandle()
    let owner = TestOwner("o")
    let file = try client.open("a", in: root, owner: owner)
    try client.close(file, owner: owner)
    #expect(try server.call(CompoundBuilder().handle(file.handle).save().root().link("b")).status == .ok)
    #expect(try server.attributes(file.handle).linkCount == 2)
    #expect(try server.call(CompoundBuilder().handle(file.handle).save().root().link("b")).status == .exists)
    #expect(try server.call(CompoundBuilder().root().save().root().link("c")).status == .isDirectory)
    #expect(try server.call(CompoundBuilder().root().remove("a")).status == .ok)
    #expect(try server.attributes(file.handle).linkCount == 1)
    #expect(try server.call(CompoundBuilder().root().remove("b")).status == .ok)
    #expect(try server.call(CompoundBuilder().handle(file.handle)).status == .stale)
  }

  @Test func aDirectoryWithEntriesCannotBeRemoved() throws {
    let server = try TestServer()
    let sub = try server.makeDirectory("sub")
    _ = try server.call(CompoundBuilder().handle(sub).makeDirectory("deep"))
    #expect(try server.call(CompoundBuilder().root().remove("sub")).status == .notEmpty)
    #expect(try server.call(CompoundBuilder().handle(sub).remove("deep")).status == .ok)
    #expect(try server.call(CompoundBuilder().root().remove("sub")).status == .ok)
    #expect(try server.call(CompoundBuilder().root().remove("sub")).status == .noEntry)
  }

  @Test func renamesFollowTheRules() throws {
    let server = try TestServer()
    let client = try TestClient(server)
    let root = try server.rootHandle()
    let owner = TestOwner("o")
    let one = try client.open("one", in: root, owner: owner)
    let two = try client.open("two", in: root, owner: owner)
    try client.close(one, owner: owner)
    try client.close(two, owner: owner)
    let sub = try server.makeDirectory("sub")
    let other = try server.makeDirectory("other")
    func rename(_ from: [UInt8], _ old: String, _ to: [UInt8], _ new: String) throws -> NFSStatus {
      try server.call(CompoundBuilder().handle(from).save().handle(to).rename(old, new)).status
    }
    #expect(try rename(root, "none", root, "x") == .noEntry)
    #expect(try rename(root, "one", root, "one") == .ok)
    #expect(try rename(root, "one", sub, "moved") == .ok)
    #expect(try rename(sub, "moved", root, "two") == .ok)
    #expect(try server.call(CompoundBuilder().handle(two.handle)).status == .stale)
    #expect(try rename(root, "two", root, "sub") == .exists)
    #expect(try rename(root, "sub", root, "two") == .exists)
    #expect(try rename(root, "sub", sub, "below") == .invalid)
    #expect(try rename(root, "sub", other, "below") == .ok)
    #expect(try rename(root, "other", sub, "cycle") == .invalid)
    #expect(try server.attributes(root).linkCount == 3)
    #expect(try server.attributes(other).linkCount == 3)
    let up = try server.call(CompoundBuilder().handle(sub).operation(.lookupParent).getHandle())
    try up.ok(.putFilehandle)
    try up.ok(.lookupParent)
    try up.ok(.getFilehandle)
    #expect(try up.opaque() == other)
    _ = try server.makeDirectory("full")
    _ = try server.call(CompoundBuilder().root().lookup("full").makeDirectory("x"))
    #expect(try rename(other, "below", root, "full") == .exists)
    #expect(try rename(root, "full", other, "below") == .ok)
    #expect(
      try server.call(CompoundBuilder().handle(one.handle).save().root().rename("a", "b")).status == .notDirectory)
  }

  @Test func renameReportsBothDirectories() throws {
    let server = try TestServer()
    let sub = try server.makeDirectory("sub")
    _ = try server.makeDirectory("d")
    let before = (try server.attributes(server.rootHandle()).change, try server.attributes(sub).change)
    let reply = try server.call(CompoundBuilder().root().save().handle(sub).rename("d", "e"))
    for operation in [NFSOperation.putRootFilehandle, .saveFilehandle, .putFilehandle] { try reply.ok(operation) }
    try reply.ok(.rename)
    let source = try reply.change()
    let target = try reply.change()
    #expect(source.before == before.0)
    #expect(source.after == (try server.attributes(server.rootHandle()).change))
    #expect(target.before == before.1)
    #expect(target.after == (try server.attributes(sub).change))
    #expect(source.after > source.before && target.after > target.before)
  }

  @Test func secinfoNamesTheFlavors() throws {
    let server = try TestServer()
    _ = try server.makeDirectory("d")
    let reply = try server.call(CompoundBuilder().root().operation(.securityInformation).string("d"))
    try reply.ok(.putRootFilehandle)
    try reply.ok(.securityInformation)
    #expect(try [reply.word(), reply.word(), reply.word()] == [2, 1, 0])
    #expect(try server.call(CompoundBuilder().root().operation(.securityInformation).string("x")).status == .noEntry)
  }

  @Test func permissionsOfDirectoriesCount() throws {
    let server = try TestServer()
    let closed = try server.makeDirectory("closed", mode: 0o700)
    let shared = try server.makeDirectory("shared", mode: 0o1777)
    #expect(try server.call(CompoundBuilder().handle(closed).lookup("x"), uid: 5).status == .accessDenied)
    #expect(try server.call(CompoundBuilder().handle(closed).makeDirectory("x"), uid: 5).status == .accessDenied)
    #expect(try server.call(CompoundBuilder().handle(closed).readDirectory(), uid: 5).status == .accessDenied)
    #expect(try server.call(CompoundBuilder().handle(shared).makeDirectory("his"), uid: 5).status == .ok)
    #expect(try server.call(CompoundBuilder().handle(shared).remove("his"), uid: 6).status == .accessDenied)
    #expect(
      try server.call(CompoundBuilder().handle(shared).save().handle(shared).rename("his", "mine"), uid: 6).status
        == .accessDenied)
    #expect(try server.call(CompoundBuilder().handle(shared).remove("his"), uid: 5).status == .ok)
  }

  @Test func rootSquashMakesRootNobody() throws {
    let server = try TestServer { $0.rootSquash = true }
    let reply = try server.call(CompoundBuilder().root().makeDirectory("d").getAttributes([.owner]))
    try reply.ok(.putRootFilehandle)
    try reply.ok(.create)
    _ = try reply.change()
    _ = try reply.mask()
    try reply.ok(.getAttributes)
    #expect(try reply.attributes().owner == 65_534)
    #expect(try server.call(CompoundBuilder().root().setAttributes(.mode(0o700))).status == .notOwner)
  }
}
