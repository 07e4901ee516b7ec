// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import KernelModel
import NFS4
import Testing

@testable import NFS4Server

/// The table "Operation -> MALLOC / FREE" of era macklem-2007: calls of MALLOC and FREE by type, above the base of an RPC.
@Suite struct AllocationTableTests {
  /// Calls of one type: MALLOC / FREE.
  struct Calls: Equatable, CustomStringConvertible {
    var mallocs: Int
    var frees: Int
    var description: String { "\(mallocs)/\(frees)" }
  }

  /// What an RPC takes and gives back whatever it does.
  private static let base: [String: Calls] = [
    "NFSV3 srvdesc": Calls(mallocs: 2, frees: 2), "cred": Calls(mallocs: 1, frees: 1),
    "NFSD srvcache": Calls(mallocs: 1, frees: 1),
  ]
  private static let watched = [
    "NFSD V4state", "NFSD lckfile", "NFSD V4lock", "NFSD V4client", "soname", "temp", "NFS req", "cred",
    "NFSV3 srvdesc",
    "NFSD srvcache",
  ]

  /// Sends a compound and returns the calls above the base by type, NAMEI included; types without any are left out.
  private func measure(
    _ server: TestServer, _ compound: CompoundBuilder, expecting status: NFSStatus = .ok, uid: UInt32 = 0,
    location: SourceLocation = #_sourceLocation
  ) throws -> [String: Calls] {
    let before = server.mallocCounts()
    let zoneBefore = server.zoneCounts()["NAMEI"] ?? (0, 0)
    let reply = try server.call(compound, uid: uid)
    #expect(reply.status == status, sourceLocation: location)
    let after = server.mallocCounts()
    let zoneAfter = server.zoneCounts()["NAMEI"] ?? (0, 0)
    var calls: [String: Calls] = [:]
    for type in Self.watched {
      let (new, old) = (after[type] ?? (0, 0), before[type] ?? (0, 0))
      let base = Self.base[type] ?? Calls(mallocs: 0, frees: 0)
      let found = Calls(
        mallocs: Int(new.mallocs - old.mallocs) - base.mallocs, frees: Int(new.frees - old.frees) - base.frees)
      if found != Calls(mallocs: 0, frees: 0) { calls[type] = found }
    }
    let paths = Calls(
      mallocs: Int(zoneAfter.allocations - zoneBefore.allocations), frees: Int(zoneAfter.frees - zoneBefore.frees))
    if paths.mallocs != 0 { calls["NAMEI"] = paths }
    return calls
  }

  private func calls(_ pairs: (String, Int, Int)...) -> [String: Calls] {
    Dictionary(uniqueKeysWithValues: pairs.map { ($0.0, Calls(mallocs: $0.1, frees: $0.2)) })
  }

  /// A server with a confirmed owner, so that OPENs are those of a known owner.
  private struct Stage {
    let server: TestServer
    let client: TestClient
    let owner: TestOwner
    let root: [UInt8]
    let file: TestClient.OpenFile

    init() throws {
      server = try TestServer { $0.maximumRead = 32_768 }
      client = try TestClient(server)
      owner = TestOwner("012345678901")
      root = try server.rootHandle()
      file = try client.open("known", in: root, owner: owner)
      // The last reply of the owner is kept; a saved one of the connection is acknowledged.
      _ = try server.call(CompoundBuilder().root())
    }

    func open(_ name: String, how: OpenHow, owner: TestOwner? = nil, access: UInt32 = 3) -> CompoundBuilder {
      let owner = owner ?? self.owner
      return CompoundBuilder().handle(root)
        .open(name, client: client.id, owner: owner.name, sequence: owner.next(), access: access, how: how)
    }
  }

  @Test func anRPCTakesTwoDescriptorsACredentialAndACacheEntry() throws {
    let stage = try Stage()
    #expect(try measure(stage.server, CompoundBuilder().root()) == [:])
    let before = stage.server.mallocCounts()
    _ = try stage.server.call(CompoundBuilder().root())
    let after = stage.server.mallocCounts()
    for (type, base) in Self.base {
      #expect(Int((after[type]?.mallocs ?? 0) - (before[type]?.mallocs ?? 0)) == base.mallocs)
      #expect(Int((after[type]?.frees ?? 0) - (before[type]?.frees ?? 0)) == base.frees)
    }
  }

  @Test func anOpenOfANewFileByAKnownOwnerIsThreeTwoAndTwoOne() throws {
    let stage = try Stage()
    // The owner's entry of the cache is replaced: this RPC's stays, the one before goes.
    #expect(
      try measure(stage.server, stage.open("new", how: .unchecked(.mode(0o644))))
        == calls(("NFSD V4state", 3, 2), ("NFSD lckfile", 2, 1), ("NAMEI", 1, 1)))
  }

  @Test func anOpenOfAnExistingFileByAKnownOwnerIsThreeTwoAndTwoOne() throws {
    let stage = try Stage()
    try stage.client.close(stage.file, owner: stage.owner)
    #expect(
      try measure(stage.server, stage.open("known", how: .noCreate))
        == calls(("NFSD V4state", 3, 2), ("NFSD lckfile", 2, 1), ("NAMEI", 1, 1)))
  }

  @Test func anOpenOfAFileThatTheOwnerHasOpenIsThreeThreeAndTwoTwo() throws {
    let stage = try Stage()
    #expect(
      try measure(stage.server, stage.open("known", how: .noCreate))
        == calls(("NFSD V4state", 3, 3), ("NFSD lckfile", 2, 2), ("NAMEI", 1, 1)))
  }

  @Test func anOpenOfANewOwnerIsThreeOneAndTwoOne() throws {
    let stage = try Stage()
    #expect(
      try measure(stage.server, stage.open("new", how: .unchecked(.mode(0o644)), owner: TestOwner("another owner")))
        == calls(("NFSD V4state", 3, 1), ("NFSD lckfile", 2, 1), ("NFSD srvcache", 0, -1), ("NAMEI", 1, 1)))
  }

  @Test func aSecondFileOfAnotherOwnerSharesTheLockFile() throws {
    let stage = try Stage()
    #expect(
      try measure(stage.server, stage.open("known", how: .noCreate, owner: TestOwner("another owner")))
        == calls(("NFSD V4state", 3, 1), ("NFSD lckfile", 2, 2), ("NFSD srvcache", 0, -1), ("NAMEI", 1, 1)))
  }

  @Test func anOpenThatFailsInTheOpenCheckIsOneOneAndOneOne() throws {
    let stage = try Stage()
    let failing = calls(("NFSD V4state", 1, 1), ("NFSD lckfile", 1, 1), ("NAMEI", 1, 1))
    #expect(try measure(stage.server, stage.open("missing", how: .noCreate), expecting: .noEntry) == failing)
    #expect(
      try measure(stage.server, stage.open("known", how: .guarded(.mode(0o644))), expecting: .exists) == failing)
    // A bad name fails by the same way, its sequence number counted.
    #expect(try measure(stage.server, stage.open("a/b", how: .noCreate), expecting: .badCharacter) == failing)
    stage.owner.sequence += 7
    #expect(try measure(stage.server, stage.open("known", how: .noCreate), expecting: .badSeqid) == failing)
  }

  @Test func anOpenWithoutADirectoryTakesNothing() throws {
    let stage = try Stage()
    let compound = CompoundBuilder().open("f", client: stage.client.id, owner: [1], sequence: 1)
    #expect(try measure(stage.server, compound, expecting: .noFilehandle) == [:])
  }

  @Test func anOpenOfAnExistingFileThatFailsTheAccessCheckStrandsItsLockFile() throws {
    let stage = try Stage()
    try stage.client.close(stage.file, owner: stage.owner)
    let secret = try stage.client.open("secret", in: stage.root, owner: stage.owner, how: .unchecked(.mode(0o600)))
    try stage.client.close(secret, owner: stage.owner)
    let user = try TestClient(stage.server, name: "user", uid: 7)
    let owner = TestOwner("o")
    _ = try user.open("his", in: stage.root, owner: owner, how: .unchecked(.mode(0o644)))
    let files = stage.server.service.snapshot.lockFiles
    let compound = {
      CompoundBuilder().handle(stage.root).open("secret", client: user.id, owner: owner.name, sequence: owner.next())
    }
    let stranded = calls(("NFSD V4state", 1, 1), ("NFSD lckfile", 1, 0), ("NAMEI", 1, 1))
    #expect(try measure(stage.server, compound(), expecting: .accessDenied, uid: 7) == stranded)
    #expect(stage.server.service.snapshot.lockFiles == files + 1)
    // Once for the file, not once for each attempt.
    let again = calls(("NFSD V4state", 1, 1), ("NFSD lckfile", 1, 1), ("NAMEI", 1, 1))
    #expect(try measure(stage.server, compound(), expecting: .accessDenied, uid: 7) == again)
    // An OPEN and CLOSE of the file picks it up.
    let open = try stage.client.open("secret", in: stage.root, owner: stage.owner, how: .noCreate)
    try stage.client.close(open, owner: stage.owner)
    #expect(stage.server.service.snapshot.lockFiles == files)
  }

  @Test func aCloseIsZeroOneAndZeroOne() throws {
    let stage = try Stage()
    let compound = CompoundBuilder().handle(stage.file.handle).close(stage.file.stateid, sequence: stage.owner.next())
    #expect(try measure(stage.server, compound) == calls(("NFSD V4state", 0, 1), ("NFSD lckfile", 0, 1)))
  }

  @Test func aCloseOfAFileThatIsOpenElsewhereKeepsTheLockFile() throws {
    let stage = try Stage()
    _ = try stage.client.open("known", in: stage.root, owner: TestOwner("other"), how: .noCreate)
    let compound = CompoundBuilder().handle(stage.file.handle).close(stage.file.stateid, sequence: stage.owner.next())
    #expect(try measure(stage.server, compound) == calls(("NFSD V4state", 0, 1)))
  }

  @Test func openConfirmAllocatesNothingButARecordForTheClientsFirst() throws {
    let server = try TestServer()
    let client = try TestClient(server)
    let root = try server.rootHandle()
    for (name, expected) in [("first", calls(("temp", 1, 1))), ("second", [:])] {
      let owner = TestOwner(name)
      let reply = try server.call(
        CompoundBuilder().handle(root)
          .open(name, client: client.id, owner: owner.name, sequence: owner.next(), how: .unchecked(.mode(0o644)))
          .getHandle())
      try reply.ok(.putFilehandle)
      try reply.ok(.open)
      let stateid = try reply.openBody().stateid
      try reply.ok(.getFilehandle)
      let confirm = CompoundBuilder().handle(try reply.opaque()).openConfirm(stateid, sequence: owner.next())
      #expect(try measure(server, confirm) == expected)
    }
  }

  @Test func openDowngradeAllocatesNothing() throws {
    let stage = try Stage()
    _ = try stage.server.call(stage.open("known", how: .noCreate, access: 1))
    var stateid = stage.file.stateid
    stateid.sequence += 1
    let compound = CompoundBuilder().handle(stage.file.handle).operation(.openDowngrade).stateid(stateid)
      .word(stage.owner.next()).word(1).word(0)
    #expect(try measure(stage.server, compound) == [:])
  }

  @Test func theFirstOpenOfAClientWithCallbacksCallsItBack() throws {
    let server = try TestServer()
    let client = try TestClient(server, program: 0x4000_0000)
    let owner = TestOwner("o")
    let compound = CompoundBuilder().root()
      .open("f", client: client.id, owner: owner.name, sequence: owner.next(), how: .unchecked(.mode(0o644)))
    #expect(
      try measure(server, compound)
        == calls(
          ("NFSD V4state", 3, 1), ("NFSD lckfile", 2, 1), ("NFSD srvcache", 0, -1), ("NAMEI", 1, 1),
          ("NFS req", 1, 1), ("cred", 1, 1)))
  }

  @Test func setClientIDTakesAClientAndAnAddressAndReplacesTheOldOnes() throws {
    let server = try TestServer()
    // The connection brings an address of its own.
    _ = try server.call(CompoundBuilder().root())
    let compound = { (verifier: UInt64) in CompoundBuilder().setClientID("a", verifier: verifier) }
    #expect(try measure(server, compound(1)) == calls(("NFSD V4client", 1, 0), ("soname", 1, 0)))
    #expect(try measure(server, compound(1)) == calls(("NFSD V4client", 1, 1), ("soname", 1, 1)))
    #expect(try measure(server, compound(2)) == calls(("NFSD V4client", 1, 1), ("soname", 1, 1)))
  }

  @Test func confirmingARebootFreesAllOldState() throws {
    let stage = try Stage()
    _ = try stage.server.call(stage.open("second", how: .unchecked(.mode(0o644))))
    let (id, confirmation) = try stage.client.setClientID("client one", verifier: 99)
    // One owner with two opens on two files, and the reply that the owner keeps.
    #expect(
      try measure(stage.server, CompoundBuilder().confirmClientID(id, confirmation))
        == calls(("NFSD V4state", 0, 3), ("NFSD lckfile", 0, 2), ("NFSD srvcache", 0, 1)))
  }

  @Test func operationsWithoutStateTakeNothing() throws {
    let stage = try Stage()
    let compounds: [CompoundBuilder] = [
      CompoundBuilder().operation(.renew).long(stage.client.id),
      CompoundBuilder().handle(stage.root).getAttributes([.type, .size]),
      CompoundBuilder().handle(stage.root).operation(.access).word(63),
      CompoundBuilder().handle(stage.root).save().restore().getHandle(),
      CompoundBuilder().handle(stage.file.handle).operation(.commit).long(0).word(0),
    ]
    for compound in compounds { #expect(try measure(stage.server, compound) == [:]) }
  }

  @Test func readTakesAnIovecForTheClustersOfItsData() throws {
    let stage = try Stage()
    let write = CompoundBuilder().handle(stage.file.handle)
      .write(stage.file.stateid, offset: 0, data: [UInt8](repeating: 1, count: 40_000))
    // The reply of WRITE is saved, so this RPC's cache entry is still there.
    #expect(try measure(stage.server, write) == calls(("temp", 1, 1), ("NFSD srvcache", 0, -1)))
    _ = try stage.server.call(CompoundBuilder().root())
    let before = stage.server.kernel.heap.counters.mallocBytes
    #expect(try measure(stage.server, CompoundBuilder().root()) == [:])
    let base = stage.server.kernel.heap.counters.mallocBytes - before
    for (count, clusters) in [(1 as UInt32, 1), (2048, 1), (2049, 2), (32_768, 16)] {
      let start = stage.server.kernel.heap.counters.mallocBytes
      let read = CompoundBuilder().handle(stage.file.handle).read(stage.file.stateid, offset: 0, count: count)
      #expect(try measure(stage.server, read) == calls(("temp", 1, 1)))
      #expect(stage.server.kernel.heap.counters.mallocBytes - start == base + UInt64(clusters) * 8)
    }
    let atEnd = CompoundBuilder().handle(stage.file.handle).read(stage.file.stateid, offset: 40_000, count: 10)
    #expect(try measure(stage.server, atEnd) == [:])
  }

  @Test func writeTakesAnIovecForTheMbufsOfItsRequest() throws {
    let stage = try Stage()
    let before = stage.server.kernel.heap.counters.mallocBytes
    _ = try stage.server.call(CompoundBuilder().root())
    let base = stage.server.kernel.heap.counters.mallocBytes - before
    let start = stage.server.kernel.heap.counters.mallocBytes
    // 8,192 bytes of data come in six segments of 1,448 bytes.
    let write = CompoundBuilder().handle(stage.file.handle)
      .write(stage.file.stateid, offset: 0, data: [UInt8](repeating: 1, count: 8192))
    #expect(try measure(stage.server, write) == calls(("temp", 1, 1), ("NFSD srvcache", 0, -1)))
    #expect(stage.server.kernel.heap.counters.mallocBytes - start == base + 6 * 8)
    _ = try stage.server.call(CompoundBuilder().root())
    let empty = CompoundBuilder().handle(stage.file.handle).write(stage.file.stateid, offset: 0, data: [])
    #expect(try measure(stage.server, empty) == calls(("NFSD srvcache", 0, -1)))
  }

  @Test func readdirTakesABufferAndCookies() throws {
    let stage = try Stage()
    let before = stage.server.kernel.heap.counters.mallocBytes
    _ = try stage.server.call(CompoundBuilder().root())
    let base = stage.server.kernel.heap.counters.mallocBytes - before
    let start = stage.server.kernel.heap.counters.mallocBytes
    let compound = CompoundBuilder().handle(stage.root).readDirectory(hint: 1000)
    #expect(try measure(stage.server, compound) == calls(("temp", 2, 2)))
    // 1,024 bytes of blocks and the cookies of `.`, `..` and one file.
    #expect(stage.server.kernel.heap.counters.mallocBytes - start == base + 1024 + 3 * 4)
  }

  @Test func namesTakeOnePathBufferAndARenameTwo() throws {
    let stage = try Stage()
    let saved = ("NFSD srvcache", 0, -1)
    let sub = try stage.server.makeDirectory("sub")
    let settle = { _ = try stage.server.call(CompoundBuilder().root()) }
    try settle()
    #expect(try measure(stage.server, CompoundBuilder().root().lookup("known")) == calls(("NAMEI", 1, 1)))
    #expect(
      try measure(stage.server, CompoundBuilder().root().lookup("none"), expecting: .noEntry) == calls(("NAMEI", 1, 1)))
    #expect(
      try measure(stage.server, CompoundBuilder().root().makeDirectory("dir")) == calls(("NAMEI", 1, 1), saved))
    try settle()
    #expect(
      try measure(stage.server, CompoundBuilder().handle(stage.file.handle).save().root().link("second"))
        == calls(("NAMEI", 1, 1), saved))
    try settle()
    #expect(
      try measure(stage.server, CompoundBuilder().root().save().handle(sub).rename("second", "third"))
        == calls(("NAMEI", 2, 2), saved))
    try settle()
    #expect(try measure(stage.server, CompoundBuilder().handle(sub).remove("third")) == calls(("NAMEI", 1, 1), saved))
    try settle()
    #expect(
      try measure(stage.server, CompoundBuilder().root().makeLink("link", to: "known"))
        == calls(("NAMEI", 1, 1), ("temp", 1, 1), saved))
    try settle()
    #expect(
      try measure(stage.server, CompoundBuilder().root().lookup("link").operation(.readLink)) == calls(("NAMEI", 1, 1)))
  }

  @Test func aLongTagIsCopied() throws {
    let stage = try Stage()
    let tag = String(repeating: "t", count: 51)
    #expect(try measure(stage.server, CompoundBuilder(tag: tag).root()) == calls(("temp", 1, 1)))
    #expect(try measure(stage.server, CompoundBuilder(tag: String(tag.dropLast())).root()) == [:])
  }

  @Test func anIdleOwnerIsFreedWithItsReplyAfterTwoMinutes() throws {
    let stage = try Stage()
    try stage.client.close(stage.file, owner: stage.owner)
    stage.server.advance(seconds: 119)
    #expect(try measure(stage.server, CompoundBuilder().root()) == [:])
    stage.server.advance(seconds: 3)
    #expect(
      try measure(stage.server, CompoundBuilder().root()) == calls(("NFSD V4state", 0, 1), ("NFSD srvcache", 0, 1)))
    #expect(stage.server.service.snapshot.openOwners == 0)
    #expect(stage.server.service.counters.idleOwnersFreed == 1)
  }

  @Test func leaseExpiryFreesTheClientAndItsAddress() throws {
    let server = try TestServer()
    _ = try TestClient(server)
    server.advance(seconds: 120 + 15 + 600 + 2)
    #expect(
      try measure(server, CompoundBuilder().root()) == calls(("NFSD V4client", 0, 1), ("soname", 0, 1)))
  }

  @Test func sizesAreThoseOfI386() throws {
    let stage = try Stage()
    let rows = stage.server.kernel.heap.allocator.mallocTypeStatistics()
    func sizes(_ name: String) -> UInt64 { rows.first { $0.name == name }?.sizes ?? 0 }
    // Bit n stands for buckets of 16 << n bytes: 128 for states with and without a name, 64 for the 2007 lock file and cache entries.
    #expect(sizes("NFSD V4state") == 1 << 3)
    #expect(sizes("NFSD lckfile") == 1 << 2)
    #expect(sizes("NFSD srvcache") == 1 << 2)
    #expect(sizes("NFSD V4client") == 1 << 4)
    #expect(sizes("NFSV3 srvdesc") == 1 << 0 | 1 << 4)
  }

  @Test func onFreeBSD4TheCredentialLiesInTheDescriptor() throws {
    let server = try TestServer(model: "freebsd-4")
    _ = try server.call(CompoundBuilder().root())
    let before = server.kernel.heap.counters
    let types = server.mallocCounts()
    _ = try server.call(CompoundBuilder().root())
    let after = server.kernel.heap.counters
    #expect(after.mallocCalls - before.mallocCalls == 3)
    #expect(after.freeCalls - before.freeCalls == 3)
    #expect(server.mallocCounts()["NFSV3 srvdesc"].map { $0.mallocs - (types["NFSV3 srvdesc"]?.mallocs ?? 0) } == 2)
  }

  @Test func otherErasAreRefusedByName() throws {
    #expect(throws: ServerError.eraNotServed("knfsd", served: ["macklem-2007"])) { _ = try Era.named("knfsd") }
    #expect(throws: ServerError.unknownEra("x", known: Era.names)) { _ = try Era.named("x") }
    #expect(try Era.named("macklem-2007").name == "macklem-2007")
  }
}
