// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4
import Testing

@testable import NFS4Server

/// A directory of 100,000 entries, listed while it changes.
@Suite struct LargeDirectoryTests {
  private static let count = 100_000

  /// Enters names in one directory, some a compound, for files that have room for links.
  private func link(_ server: TestServer, _ directory: [UInt8], _ names: [String], to files: [[UInt8]]) throws {
    var index = 0
    while index < names.count {
      let compound = CompoundBuilder().handle(files[index / 30_000]).save().handle(directory)
      for name in names[index..<min(index + 100, names.count)] { _ = compound.link(name) }
      #expect(try server.call(compound).status == .ok)
      index += 100
    }
  }

  @Test func aHundredThousandEntriesAreListedOnceEachWhileOthersComeAndGo() throws {
    let server = try TestServer(checksInvariants: false)
    let directory = try server.makeDirectory("large")
    var files: [[UInt8]] = []
    for index in 0..<5 {
      let made = try server.call(CompoundBuilder().root().makeNode("f\(index)", .fifo).getHandle())
      try made.ok(.putRootFilehandle)
      try made.ok(.create)
      _ = try made.change()
      _ = try made.mask()
      try made.ok(.getFilehandle)
      files.append(try made.opaque())
    }
    try link(server, directory, (0..<Self.count).map { "entry \($0)" }, to: files)

    var seen = [UInt8](repeating: 0, count: Self.count)
    var removed = Set<Int>()
    var extra = 0
    var random = SeededRandom(seed: 7)
    var cookie: UInt64 = 0
    var verifier: UInt64 = 0
    var pages = 0
    var disorder = 0
    var ghosts = 0
    var isDone = false
    while !isDone {
      let reply = try server.call(
        CompoundBuilder().handle(directory).readDirectory(
          cookie: cookie, verifier: verifier, hint: 65_536, maximum: 100_000))
      try reply.ok(.putFilehandle)
      try reply.ok(.readDirectory)
      let body = try reply.directoryBody()
      pages += 1
      verifier = body.verifier
      isDone = body.eof
      for entry in body.entries {
        if entry.cookie <= cookie { disorder += 1 }
        cookie = entry.cookie
        guard let number = Int(entry.name.dropFirst(6)), entry.name.hasPrefix("entry ") else { continue }
        if removed.contains(number) { ghosts += 1 }
        seen[number] += 1
      }
      // Twenty old names go and twenty new ones come between any two pages.
      let compound = CompoundBuilder().handle(files[4]).save().handle(directory)
      for _ in 0..<20 {
        let number = random.below(Self.count)
        guard removed.insert(number).inserted else { continue }
        _ = compound.remove("entry \(number)").link("extra \(extra)")
        extra += 1
      }
      #expect(try server.call(compound).status == .ok)
    }
    try server.service.checkInvariants()
    #expect(pages > 20)
    #expect(disorder == 0)
    #expect(ghosts == 0, "entries were listed after they had been removed")
    #expect(seen.allSatisfy { $0 <= 1 })
    for number in 0..<Self.count where !removed.contains(number) && seen[number] != 1 {
      Issue.record("entry \(number) was listed \(seen[number]) times")
    }
    #expect(try server.attributes(directory).size > UInt64(Self.count) * 16)
    // A name is found among all these without a scan, and one that is gone is not.
    #expect(try server.call(CompoundBuilder().handle(directory).lookup("extra 0")).status == .ok)
    let gone = try #require(removed.first)
    #expect(try server.call(CompoundBuilder().handle(directory).lookup("entry \(gone)")).status == .noEntry)
  }

  @Test func anEmptiedTableGivesItsMemoryBackAndKeepsItsCookies() throws {
    var table = DirectoryTable()
    defer { table.deallocate() }
    for index in 0..<5000 {
      Array("name \(index)".utf8).withUnsafeBytes { table.insert($0, file: 3) }
    }
    let next = table.nextCookie
    #expect(table.grownBytes > 100_000)
    for position in 0..<5000 { table.remove(at: position) }
    #expect(table.live == 0)
    #expect(table.grownBytes == 0)
    #expect(table.nextCookie == next)
    Array("again".utf8).withUnsafeBytes { table.insert($0, file: 3) }
    #expect(table.entries[0].cookie == next)
  }
}
