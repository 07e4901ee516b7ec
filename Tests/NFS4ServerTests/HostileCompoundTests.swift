// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4
import ONCRPC
import Testing

@testable import NFS4Server

/// Requests that no client sends: cut short, altered, or made of chance.
///
/// The server answers each and keeps its invariants.
@Suite struct HostileCompoundTests {
  /// A server with a file open, and compounds that use everything.
  private struct Stage {
    let server: TestServer
    let compounds: [[UInt8]]

    init() throws {
      server = try TestServer(checksInvariants: false) {
        $0.spaceLimit = 1 << 20
        $0.fileLimit = 500
        $0.stateLimit = 2000
      }
      let client = try TestClient(server)
      let root = try server.rootHandle()
      let owner = TestOwner("owner")
      let file = try client.open("file", in: root, owner: owner)
      let sub = try server.makeDirectory("sub")
      var times = SettableAttributes()
      times.mask = AttributeMask.settable.subtracting(.size)
      times.timeAccess = .clientTime(NFSTime(seconds: 1, nanoseconds: 2))
      times.owner = 3
      times.ownerGroup = 4
      let change = [UInt8](repeating: 0, count: 8)
      compounds = [
        CompoundBuilder(tag: "open").handle(root)
          .open(
            "new", client: client.id, owner: owner.name, sequence: owner.sequence, how: .unchecked(.mode(0o644))
          )
          .getHandle().getAttributes(.known),
        CompoundBuilder().handle(root)
          .open("ex", client: client.id, owner: [9, 9], sequence: 1, deny: 1, how: .exclusive(77)).getHandle(),
        CompoundBuilder(tag: "close").handle(file.handle).getAttributes(.size).close(
          file.stateid, sequence: owner.sequence),
        CompoundBuilder().handle(file.handle).openConfirm(file.stateid, sequence: owner.sequence),
        CompoundBuilder().handle(file.handle).operation(.openDowngrade).stateid(file.stateid).word(owner.sequence).word(
          1
        )
        .word(0),
        CompoundBuilder().handle(file.handle).write(file.stateid, offset: 100, data: [1, 2, 3, 4, 5]).operation(.commit)
          .long(0)
          .word(0).read(file.stateid, offset: 0, count: 300),
        CompoundBuilder().root().makeDirectory("dir").makeLink("link", to: "target").operation(.readLink),
        CompoundBuilder().root().lookup("sub").operation(.lookupParent).operation(.access).word(63)
          .operation(.securityInformation).string("sub"),
        CompoundBuilder().root().save().handle(sub).rename("file", "moved").restore(),
        CompoundBuilder().handle(file.handle).save().root().link("hard").remove("hard"),
        CompoundBuilder().root().readDirectory(mask: .known).getAttributes(.known),
        CompoundBuilder().handle(file.handle).setAttributes(times, stateid: file.stateid)
          .setAttributes(.size(50), stateid: file.stateid),
        CompoundBuilder().root().operation(.verify).mask(.change).opaque(change).operation(.verifyNot).mask(.change)
          .opaque(change),
        CompoundBuilder().setClientID("another", verifier: 5, program: 1).operation(.renew).long(client.id)
          .confirmClientID(client.id, 3),
        CompoundBuilder().root().operation(.create).word(4).word(1).word(2).string("dev").attributes(.mode(0o600)),
        CompoundBuilder(tag: String(repeating: "t", count: 90)).operation(.putPublicFilehandle).operation(.lock).word(
          1),
      ].map(\.bytes)
    }

    /// Checks that a reply can be read as far as its frame goes.
    func check(_ reply: CompoundReply, _ context: String) throws {
      switch reply.outcome {
      case .success(let length): try #require(length >= 12, "\(context)")
      case .garbageArguments: break
      default: Issue.record("\(context): \(reply.outcome)")
      }
    }
  }

  @Test func compoundsCutAtEveryByteAreAnswered() throws {
    let stage = try Stage()
    for (number, bytes) in stage.compounds.enumerated() {
      for length in 0..<bytes.count {
        let reply = try stage.server.call(bytes: Array(bytes.prefix(length)), connection: UInt64(1 + length % 3))
        try stage.check(reply, "compound \(number) cut to \(length) bytes")
        if case .success = reply.outcome {
          try #require(reply.status != .ok, "compound \(number) cut to \(length) bytes")
        }
      }
      try stage.server.service.checkInvariants()
    }
    #expect(try stage.server.call(CompoundBuilder().root().getAttributes(.known)).status == .ok)
  }

  @Test(arguments: [1, 2] as [UInt64])
  func alteredCompoundsAreAnswered(seed: UInt64) throws {
    let stage = try Stage()
    var random = SeededRandom(seed: seed)
    for step in 0..<10_000 {
      var bytes = stage.compounds[random.below(stage.compounds.count)]
      for _ in 0..<(1 + random.below(4)) {
        let position = random.below(bytes.count)
        switch random.below(4) {
        case 0: bytes[position] = UInt8(truncatingIfNeeded: random.next())
        case 1: bytes[position] ^= 1 << UInt8(random.below(8))
        case 2: bytes.remove(at: position)
        default: bytes.insert(contentsOf: [0, 0, 0, UInt8(random.below(45))], at: position & ~3)
        }
      }
      let reply = try stage.server.call(
        bytes: bytes, connection: UInt64(1 + random.below(3)), uid: random.below(3) == 0 ? 7 : 0)
      try stage.check(reply, "seed \(seed), step \(step)")
      if random.below(300) == 0 { stage.server.service.connectionClosed(UInt64(1 + random.below(3))) }
      if random.below(300) == 0 { stage.server.advance(seconds: UInt64(random.below(400))) }
      if step % 200 == 0 { try stage.server.service.checkInvariants() }
    }
    try stage.server.service.checkInvariants()
    try stage.server.kernel.heap.allocator.checkInvariants()
    #expect(stage.server.service.failure == nil)
  }

  @Test func operationsWithRandomArgumentsAreAnswered() throws {
    let stage = try Stage()
    var random = SeededRandom(seed: 99)
    for step in 0..<5000 {
      let compound = CompoundBuilder().root()
      for _ in 0..<(1 + random.below(4)) {
        compound.number(UInt32(random.below(42)))
        for _ in 0..<random.below(12) {
          compound.word(random.below(2) == 0 ? UInt32(random.below(5)) : UInt32(truncatingIfNeeded: random.next()))
        }
      }
      try stage.check(try stage.server.call(compound), "step \(step)")
    }
    try stage.server.service.checkInvariants()
  }
}
