// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Glibc
import NFS4
import NFS4Client
import Testing

/// What the caches believe, and until when.
@Suite struct CacheTests {
  private static let getattr: [NFSOperation] = [.putFilehandle, .getAttributes]

  @Test(arguments: [(ClientFlavour.linux, UInt64(3)), (.bsd, 3)])
  func theAttributesOfAFileAreBelievedForThreeSeconds(_ flavour: ClientFlavour, _ seconds: UInt64) throws {
    let m = try Mounted(flavour)
    try m.make("file", [1])
    _ = try m.client.stat(p("file"))
    m.clock.nanoseconds += seconds * 1_000_000_000 - 1
    #expect(try m.compounds { _ = try m.client.stat(p("file")) }.isEmpty)
    m.clock.nanoseconds += 1
    #expect(try m.compounds { _ = try m.client.stat(p("file")) } == [Self.getattr])
  }

  @Test func linuxDoublesTheTimeWhileNothingChanges() throws {
    let m = try Mounted(.linux)
    try m.make("file")
    // 3, 6, 12, 24, 48 and at last 60 seconds; the name is checked by the directory's attributes, which get as old.
    for seconds: UInt64 in [3, 6, 12, 24] {
      m.clock.nanoseconds += seconds * 1_000_000_000
      let sent = try m.compounds { _ = try m.client.stat(p("file")) }
      #expect(sent.contains(Self.getattr), "after \(seconds) s")
      m.clock.nanoseconds += seconds * 1_000_000_000
      #expect(try m.compounds { _ = try m.client.stat(p("file")) }.isEmpty || seconds >= 12, "\(seconds) s later")
    }
  }

  @Test(arguments: ClientFlavour.allCases)
  func aChangeByAnotherClientIsSeenWhenTheTimeIsOver(_ flavour: ClientFlavour) throws {
    let m = try Mounted(flavour)
    try m.make("file", [1, 2, 3])
    #expect(try m.client.stat(p("file")).size == 3)
    m.server.files[1].data = [9, 9]
    m.server.bump(1)
    #expect(try m.client.stat(p("file")).size == 3)
    m.clock.nanoseconds += 61_000_000_000
    #expect(try m.client.stat(p("file")).size == 2)
    // Close-to-open: the next open reads the data anew.
    #expect(try m.read("file") == [9, 9])
    m.server.files[1].data = [7]
    m.server.bump(1)
    #expect(try m.read("file") == [7])
  }

  @Test func linuxLooksANameUpAgainWhenItsDirectoryChanged() throws {
    let m = try Mounted(.linux)
    try m.make("file")
    try m.make("other")
    #expect(
      try m.compounds { _ = try m.client.stat(p("file")) } == [
        [.putFilehandle, .access, .getAttributes], [.putFilehandle, .lookup, .getFilehandle, .getAttributes],
      ])
    #expect(try m.compounds { _ = try m.client.stat(p("file")) }.isEmpty)
    // Another client renames something onto the name.
    m.server.files[0].entries.removeAll { $0.name == Array("file".utf8) }
    m.server.files[1].links = 0
    m.server.make(0, "file", type: .regular, data: [1, 2, 3, 4])
    m.clock.nanoseconds += 31_000_000_000
    #expect(try m.client.stat(p("file")).size == 4)
    try m.client.checkInvariants()
  }

  @Test func aServerWithAtomicChangesCostsLinuxNoDoubts() throws {
    let server = FakeServer()
    server.atomicChanges = true
    let m = try Mounted(.linux, server: server)
    try m.make("one")
    try m.make("two")
    // Neither ACCESS nor LOOKUP: the directory changed only as the client expected.
    #expect(try m.compounds { _ = try m.client.stat(p("one")) }.isEmpty)
  }

  @Test(arguments: ClientFlavour.allCases)
  func aNameThatDoesNotExistIsRemembered(_ flavour: ClientFlavour) throws {
    let m = try Mounted(flavour)
    let stat = { () throws(SystemCallError) in _ = try m.client.stat(p("nothing")) }
    let first = try m.compounds { #expect(m.failure(stat) == .noEntry) }
    #expect(first.last == [.putFilehandle, .lookup])
    let second = try m.compounds { #expect(m.failure(stat) == .noEntry) }
    #expect(second.isEmpty)
    m.server.make(0, "nothing", type: .regular)
    m.clock.nanoseconds += 61_000_000_000
    #expect(m.failure(stat) == nil)
  }

  @Test func accessIsAskedAgainAfterAMinuteOrAChange() throws {
    let bsd = try Mounted(.bsd)
    _ = try bsd.client.stat(p("/"))
    try bsd.client.chdir(p("/"))
    let before = bsd.client.rpcCounts[.access]
    try bsd.client.chdir(p("."))
    #expect(bsd.client.rpcCounts[.access] == before)
    bsd.clock.nanoseconds += 60_000_000_000
    try bsd.client.chdir(p("."))
    #expect(bsd.client.rpcCounts[.access] == before + 1)
  }

  @Test(arguments: ClientFlavour.allCases)
  func aRightThatIsNotGrantedIsRefusedByTheClient(_ flavour: ClientFlavour) throws {
    let m = try Mounted(flavour)
    try m.client.mkdir(p("dir"), mode: 0o700)
    m.server.deniedRights = NFSAccess.lookup
    #expect(m.failure { () throws(SystemCallError) in try m.client.chdir(p("dir")) } == .accessDenied)
    let other = try Mounted(flavour)
    try other.client.mkdir(p("dir"), mode: 0o700)
    other.server.deniedRights = NFSAccess.read
    #expect(other.failure { () throws(SystemCallError) in _ = try other.client.opendir(p("dir")) } == .accessDenied)
    try other.client.chdir(p("dir"))
  }

  @Test(arguments: ClientFlavour.allCases)
  func aDirectoryOfManyNamesOverflowsASmallCacheWithoutHarm(_ flavour: ClientFlavour) throws {
    let m = try Mounted(flavour) { $0.nameCacheLimit = 256 }
    try m.client.mkdir(p("dir"), mode: 0o777)
    try m.client.chdir(p("dir"))
    for number in 0..<700 {
      try withPath("name.\(number)") { path in
        try m.client.close(try m.client.open(path, flags: .creat, mode: 0o666))
      }
      if number % 100 == 0 { try m.client.checkInvariants() }
    }
    #expect(try m.list(".").count == 702)
    try m.client.checkInvariants()
    for number in 0..<700 { try withPath("name.\(number)") { try m.client.unlink($0) } }
    #expect(try m.list(".") == [".", ".."])
    try m.client.chdir(p(".."))
    try m.client.rmdir(p("dir"))
    try m.client.checkInvariants()
  }

  @Test(arguments: ClientFlavour.allCases)
  func nothingIsLeftBehindPassAfterPass(_ flavour: ClientFlavour) throws {
    let m = try Mounted(flavour) { $0.nameCacheLimit = 256 }
    // A hundred trees one after the other in a table of 256: what is removed is forgotten.
    for _ in 0..<100 {
      try m.client.mkdir(p("tree"), mode: 0o777)
      try m.client.chdir(p("tree"))
      for name: StaticString in ["a", "b", "c", "d", "e"] { try m.make(name, [1]) }
      try m.client.symlink(p("a"), at: p("s"))
      for name: StaticString in ["a", "b", "c", "d", "e", "s"] { try m.client.unlink(p(name)) }
      try m.client.chdir(p(".."))
      try m.client.rmdir(p("tree"))
    }
    try m.client.checkInvariants()
    #expect(m.client.lastFailure == nil)
  }

  @Test func aDirectoryThatDidNotChangeIsListedFromTheCache() throws {
    let m = try Mounted(.linux)
    try m.make("file")
    _ = try m.list(".")
    let before = m.client.rpcCounts[.readdir]
    #expect(try m.list(".") == [".", "..", "file"])
    #expect(m.client.rpcCounts[.readdir] == before)
    try m.make("other")
    #expect(try m.list(".") == [".", "..", "file", "other"])
    #expect(m.client.rpcCounts[.readdir] == before + 1)
  }

  @Test(arguments: ClientFlavour.allCases)
  func readdirGoesOnWhereItWasWhenTheListingIsGivenUp(_ flavour: ClientFlavour) throws {
    let m = try Mounted(flavour)
    for number in 0..<50 {
      try withPath("f\(number)") { try m.client.close(try m.client.open($0, flags: .creat, mode: 0o666)) }
    }
    let directory = try m.client.opendir(p("."))
    var names: [String] = []
    for _ in 0..<20 { names.append(string(try #require(try m.client.readdir(directory)).name)) }
    // Forty other directories are listed in between: more than the client keeps.
    for number in 0..<40 {
      try withPath("d\(number)") { path in
        try m.client.mkdir(path, mode: 0o777)
        let other = try m.client.opendir(path)
        while try m.client.readdir(other) != nil {}
        m.client.closedir(other)
      }
    }
    while let entry = try m.client.readdir(directory) { names.append(string(entry.name)) }
    m.client.closedir(directory)
    #expect(Array(names.prefix(52)) == [".", ".."] + (0..<50).map { "f\($0)" })
    #expect(Set(names).count == names.count)
    try m.client.checkInvariants()
  }
}
