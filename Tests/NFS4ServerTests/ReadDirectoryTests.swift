// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4
import Testing

@testable import NFS4Server

@Suite struct ReadDirectoryTests {
  private func fill(_ server: TestServer, _ count: Int) throws -> [UInt8] {
    let handle = try server.makeDirectory("d")
    for index in 0..<count { _ = try server.call(CompoundBuilder().handle(handle).makeLink("entry \(index)", to: "x")) }
    return handle
  }

  private func page(
    _ server: TestServer, _ handle: [UInt8], cookie: UInt64 = 0, verifier: UInt64 = 0, hint: UInt32 = 8192,
    maximum: UInt32 = 32_768
  ) throws -> (verifier: UInt64, entries: [(cookie: UInt64, name: String, fileid: UInt64)], eof: Bool) {
    let reply = try server.call(
      CompoundBuilder().handle(handle).readDirectory(cookie: cookie, verifier: verifier, hint: hint, maximum: maximum))
    try reply.ok(.putFilehandle)
    try reply.ok(.readDirectory)
    let body = try reply.directoryBody()
    #expect(reply.remaining == 0)
    return body
  }

  @Test func aDirectoryIsListedInOneReplyThatSaysItIsTheEnd() throws {
    let server = try TestServer()
    let handle = try fill(server, 200)
    let body = try page(server, handle)
    #expect(body.eof)
    #expect(body.entries.map(\.name) == (0..<200).map { "entry \($0)" })
    #expect(Set(body.entries.map(\.cookie)).count == 200)
    #expect(body.entries.allSatisfy { $0.cookie > 2 })
    let empty = try page(server, server.makeDirectory("empty"))
    #expect(empty.eof)
    #expect(empty.entries.isEmpty)
    let last = try page(server, handle, cookie: body.entries[199].cookie, verifier: body.verifier)
    #expect(last.eof)
    #expect(last.entries.isEmpty)
  }

  @Test(arguments: [(512, 32_768), (8192, 200), (0, 4096), (100_000, 1000)] as [(UInt32, UInt32)])
  func pagesNeitherRepeatNorMissAnEntry(_ hint: UInt32, _ maximum: UInt32) throws {
    let server = try TestServer(checksInvariants: false)
    let handle = try fill(server, 300)
    var names: [String] = []
    var cookie: UInt64 = 0
    var verifier: UInt64 = 0
    var pages = 0
    while true {
      let reply = try server.call(
        CompoundBuilder().handle(handle).readDirectory(cookie: cookie, verifier: verifier, hint: hint, maximum: maximum)
      )
      try reply.ok(.putFilehandle)
      try reply.ok(.readDirectory)
      let before = reply.remaining
      let body = try reply.directoryBody()
      #expect(before <= Int(maximum))
      pages += 1
      names += body.entries.map(\.name)
      verifier = body.verifier
      if body.eof { break }
      cookie = try #require(body.entries.last).cookie
    }
    #expect(names == (0..<300).map { "entry \($0)" })
    #expect(pages > 1)
  }

  @Test func removalsDuringAListingDoNotDisturbIt() throws {
    let server = try TestServer(checksInvariants: false)
    let handle = try fill(server, 500)
    var seen: [String] = []
    var cookie: UInt64 = 0
    var verifier: UInt64 = 0
    var removed: Set<String> = []
    while true {
      let body = try page(server, handle, cookie: cookie, verifier: verifier, hint: 512)
      seen += body.entries.map(\.name)
      verifier = body.verifier
      // Everything listed is removed, some that is to come as well, and new names are made, so that the table is compacted.
      for entry in body.entries {
        #expect(try server.call(CompoundBuilder().handle(handle).remove(entry.name)).status == .ok)
        removed.insert(entry.name)
      }
      if let last = body.entries.last, let number = Int(last.name.dropFirst(6)), number + 7 < 500, number % 3 == 0 {
        let name = "entry \(number + 7)"
        #expect(try server.call(CompoundBuilder().handle(handle).remove(name)).status == .ok)
        removed.insert(name)
      }
      if body.eof { break }
      cookie = try #require(body.entries.last).cookie
    }
    try server.service.checkInvariants()
    #expect(Set(seen).count == seen.count)
    #expect(removed == Set((0..<500).map { "entry \($0)" }))
    #expect(try page(server, handle).entries.isEmpty)
  }

  @Test func entriesMadeDuringAListingComeAtItsEnd() throws {
    let server = try TestServer(checksInvariants: false)
    let handle = try fill(server, 100)
    let first = try page(server, handle, hint: 512)
    #expect(!first.eof)
    for index in 0..<50 { _ = try server.call(CompoundBuilder().handle(handle).makeLink("late \(index)", to: "x")) }
    let rest = try page(server, handle, cookie: try #require(first.entries.last).cookie, verifier: first.verifier)
    #expect(rest.eof)
    #expect(
      (first.entries + rest.entries).map(\.name) == (0..<100).map { "entry \($0)" } + (0..<50).map { "late \($0)" })
  }

  @Test func badCookiesAndVerifiersAreTold() throws {
    let server = try TestServer()
    let handle = try fill(server, 5)
    let body = try page(server, handle)
    func status(_ cookie: UInt64, _ verifier: UInt64, maximum: UInt32 = 4096) throws -> NFSStatus {
      try server.call(
        CompoundBuilder().handle(handle).readDirectory(cookie: cookie, verifier: verifier, maximum: maximum)
      ).status
    }
    #expect(try status(1, body.verifier) == .badCookie)
    #expect(try status(2, body.verifier) == .badCookie)
    #expect(try status(8, body.verifier) == .badCookie)
    #expect(try status(.max, body.verifier) == .badCookie)
    #expect(try status(4, body.verifier + 1) == .notSame)
    #expect(try status(4, 0) == .ok)
    #expect(try status(0, 0, maximum: 15) == .tooSmall)
    #expect(try status(0, 0, maximum: 40) == .tooSmall)
    #expect(try status(body.entries[4].cookie, body.verifier, maximum: 16) == .ok)
    let file = try server.call(CompoundBuilder().handle(handle).lookup("entry 0").readDirectory())
    #expect(file.status == .notDirectory)
  }

  @Test func aListThatFindsTheReplyFullIsToldApartFromALimitTooSmall() throws {
    let server = try TestServer(replyBytes: 8192)
    let handle = try fill(server, 5)
    // Less is left above the reserve than the attributes of one file take.
    let compound = CompoundBuilder().handle(handle)
    let one = try server.call(CompoundBuilder().handle(handle).getAttributes(.known)).bytes.count
    let two = try server.call(CompoundBuilder().handle(handle).getAttributes(.known).getAttributes(.known)).bytes.count
    let room = 8192 - 1024 - one
    for _ in 0...(room / (two - one)) { _ = compound.getAttributes(.known) }
    #expect(try server.call(compound.readDirectory(mask: .known)).status == .resource)
    #expect(
      try server.call(CompoundBuilder().handle(handle).readDirectory(maximum: 64, mask: .known)).status == .tooSmall)
  }

  @Test func entriesCarryTheAttributesThatWereAskedFor() throws {
    let server = try TestServer()
    let handle = try fill(server, 3)
    let reply = try server.call(
      CompoundBuilder().handle(handle).readDirectory(mask: [.type, .size, .mode, .fileid, .filehandle]))
    try reply.ok(.putFilehandle)
    try reply.ok(.readDirectory)
    _ = try reply.long()
    for index in 0..<3 {
      #expect(try reply.bool())
      _ = try reply.long()
      #expect(try reply.string() == "entry \(index)")
      let attributes = try reply.attributes()
      #expect(attributes.mask == [.type, .size, .mode, .fileid, .filehandle])
      #expect(attributes.type == NFSFileType.symbolicLink.rawValue)
      #expect(attributes.size == 1)
      let found = try server.call(
        CompoundBuilder().handle(attributes.filehandle.withBytes { [UInt8]($0) }).operation(.readLink))
      #expect(found.status == .ok)
    }
  }
}
