// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4
import Testing

@testable import NFS4Server

/// Rights of AUTH_SYS callers by owner, group and mode, and what ACCESS tells of them.
@Suite struct PermissionTests {
  /// The three bits that a caller has of a mode: the first class that it belongs to counts alone.
  private func granted(_ mode: UInt32, owner: UInt32, group: UInt32, uid: UInt32, groups: [UInt32]) -> UInt32 {
    if uid == owner { return mode >> 6 & 7 }
    return groups.contains(group) ? mode >> 3 & 7 : mode & 7
  }

  private func access(_ server: TestServer, _ handle: [UInt8], uid: UInt32, groups: [UInt32]) throws -> UInt32 {
    let reply = try server.call(
      CompoundBuilder().handle(handle).operation(.access).word(NFSAccess.all), uid: uid, gid: groups[0],
      groups: Array(groups.dropFirst()))
    try reply.ok(.putFilehandle)
    try reply.ok(.access)
    _ = try reply.word()
    return try reply.word()
  }

  @Test(arguments: [1, 2] as [UInt64])
  func accessTellsWhatOperationsThenAllow(seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    let server = try TestServer(checksInvariants: false)
    let client = try TestClient(server)
    let opener = TestOwner("o")
    let opened = try client.open("f", in: server.rootHandle(), owner: opener)
    try client.close(opened, owner: opener)
    let file = opened.handle
    let directory = try server.makeDirectory("d")
    _ = try server.call(CompoundBuilder().handle(directory).makeDirectory("inside"))
    for step in 0..<400 {
      let mode = UInt32(random.below(0o1000))
      let (owner, group) = (UInt32(1 + random.below(3)), UInt32(1 + random.below(3)))
      for handle in [file, directory] {
        var wanted = SettableAttributes.owner(owner, group: group)
        wanted.mask.insert(.mode)
        wanted.mode = mode
        #expect(try server.call(CompoundBuilder().handle(handle).setAttributes(wanted)).status == .ok)
      }
      let uid = UInt32(1 + random.below(4))
      let groups = (0...random.below(3)).map { _ in UInt32(1 + random.below(4)) }
      let bits = granted(mode, owner: owner, group: group, uid: uid, groups: groups)
      let context =
        "seed \(seed), step \(step): mode \(String(mode, radix: 8)) of \(owner):\(group), user \(uid):\(groups)"
      func status(_ compound: CompoundBuilder) throws -> NFSStatus {
        try server.call(compound, uid: uid, gid: groups[0], groups: Array(groups.dropFirst())).status
      }
      let (reads, writes, searches) = (bits & 4 != 0, bits & 2 != 0, bits & 1 != 0)

      let ofFile = try access(server, file, uid: uid, groups: groups)
      #expect((ofFile & NFSAccess.read != 0) == reads, "\(context)")
      #expect((ofFile & NFSAccess.modify != 0) == writes, "\(context)")
      #expect((ofFile & NFSAccess.extend != 0) == writes, "\(context)")
      #expect((ofFile & NFSAccess.execute != 0) == searches, "\(context)")
      // The owner can always change the mode, and whoever may execute a file must be able to fetch it.
      let read = try status(CompoundBuilder().handle(file).read(.anonymous, offset: 0, count: 1))
      #expect(read == (reads || searches || uid == owner ? .ok : .accessDenied), "\(context)")
      let write = try status(CompoundBuilder().handle(file).write(.anonymous, offset: 0, data: [1]))
      #expect(write == (writes || uid == owner ? .ok : .accessDenied), "\(context)")
      let size = try status(CompoundBuilder().handle(file).setAttributes(.size(3)))
      #expect(size == (writes ? .ok : .accessDenied), "\(context)")

      let ofDirectory = try access(server, directory, uid: uid, groups: groups)
      #expect((ofDirectory & NFSAccess.read != 0) == reads, "\(context)")
      #expect((ofDirectory & NFSAccess.lookup != 0) == searches, "\(context)")
      #expect((ofDirectory & NFSAccess.extend != 0) == writes, "\(context)")
      #expect((ofDirectory & NFSAccess.delete != 0) == (writes && searches), "\(context)")
      let at = CompoundBuilder()
      #expect(
        try status(at.handle(directory).lookup("inside")) == (searches ? .ok : .accessDenied), "\(context)")
      #expect(
        try status(CompoundBuilder().handle(directory).readDirectory()) == (reads ? .ok : .accessDenied), "\(context)")
      let made = try status(CompoundBuilder().handle(directory).makeDirectory("made"))
      #expect(made == (writes && searches ? .ok : .accessDenied), "\(context)")
      if made == .ok {
        #expect(try status(CompoundBuilder().handle(directory).remove("made")) == .ok, "\(context)")
      } else {
        #expect(try status(CompoundBuilder().handle(directory).remove("inside")) == .accessDenied, "\(context)")
      }
      #expect(
        try status(CompoundBuilder().handle(file).setAttributes(.mode(0o777)))
          == (uid == owner ? .ok : .notOwner), "\(context)")
    }
    try server.service.checkInvariants()
  }

  @Test func aSquashedRootHasNobodysRightsAndNoGroups() throws {
    let server = try TestServer { $0.rootSquash = true }
    _ = try server.call(CompoundBuilder().root().makeDirectory("hers", mode: 0o750), uid: 5, gid: 9)
    let reply = try server.call(CompoundBuilder().root().lookup("hers").getHandle())
    try reply.ok(.putRootFilehandle)
    try reply.ok(.lookup)
    try reply.ok(.getFilehandle)
    let handle = try reply.opaque()
    _ = try server.call(
      CompoundBuilder().handle(handle).setAttributes(.owner(nil, group: 9)), uid: 5, gid: 9)
    #expect(try server.call(CompoundBuilder().handle(handle).lookup("x"), uid: 6, gid: 9).status == .noEntry)
    for groups in [[], [9]] as [[UInt32]] {
      #expect(
        try server.call(CompoundBuilder().handle(handle).lookup("x"), gid: 9, groups: groups).status == .accessDenied)
    }
    #expect(try server.call(CompoundBuilder().handle(handle).setAttributes(.mode(0o777))).status == .notOwner)
    #expect(
      try server.call(CompoundBuilder().root().makeNode("dev", .characterDevice)).status == .notOwner)
  }
}
