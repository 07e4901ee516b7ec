// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Glibc
import NFS4
import NFS4Client
import Testing

/// Paths, links, working directories, files that are removed while open.
@Suite(.serialized) struct PathTests {
  private func tree(_ flavour: ClientFlavour) throws -> Mounted {
    let m = try Mounted(flavour)
    try m.client.mkdir(p("a"), mode: 0o755)
    try m.client.mkdir(p("a/b"), mode: 0o755)
    try m.make("a/b/file", [1, 2, 3])
    try m.client.symlink(p("b/file"), at: p("a/relative"))
    try m.client.symlink(p("/a/b"), at: p("absolute"))
    try m.client.symlink(p("loop2"), at: p("loop1"))
    try m.client.symlink(p("loop1"), at: p("loop2"))
    try m.client.symlink(p("nowhere"), at: p("dangling"))
    return m
  }

  @Test(arguments: ClientFlavour.allCases)
  func pathsLeadWhereTheyShould(_ flavour: ClientFlavour) throws {
    let m = try tree(flavour)
    for path: StaticString in [
      "a/b/file", "/a/b/file", "//a//b///file", "./a/./b/../b/file", "a/relative", "absolute/file",
      "absolute/../relative",
      "../../a/b/file",
    ] {
      #expect(try m.client.stat(p(path)).size == 3, "\(path)")
      #expect(try m.read(path) == [1, 2, 3], "\(path)")
    }
    #expect(try m.client.lstat(p("a/relative")).isSymbolicLink)
    #expect(try m.client.lstat(p("absolute/")).isDirectory)
    try m.client.checkInvariants()
  }

  @Test(arguments: ClientFlavour.allCases)
  func pathsThatLeadNowhereHaveTheirErrno(_ flavour: ClientFlavour) throws {
    let m = try tree(flavour)
    func stat(_ path: StaticString) -> SystemCallError? {
      m.failure { () throws(SystemCallError) in _ = try m.client.stat(p(path)) }
    }
    #expect(stat("") == .noEntry)
    #expect(stat("a/none") == .noEntry)
    #expect(stat("none/file") == .noEntry)
    #expect(stat("a/b/file/x") == .notDirectory)
    #expect(stat("a/b/file/") == .notDirectory)
    #expect(stat("loop1") == .tooManyLinks)
    #expect(stat("loop1/x") == .tooManyLinks)
    #expect(stat("dangling") == .noEntry)
    let long = String(repeating: "n", count: 256)
    #expect(throws: SystemCallError.nameTooLong) { try withPath(long) { _ = try m.client.stat($0) } }
    #expect(throws: SystemCallError.nameTooLong) {
      try withPath(String(repeating: "a/", count: 3000)) { _ = try m.client.stat($0) }
    }
    #expect(throws: SystemCallError.isDirectory) { _ = try m.client.open(p("a"), flags: .read, mode: 0) }
    #expect(throws: SystemCallError.isDirectory) { _ = try m.client.open(p("new/"), flags: .creat, mode: 0) }
    #expect(throws: SystemCallError.isDirectory) { try m.client.unlink(p("a")) }
    #expect(throws: SystemCallError.notDirectory) { try m.client.rmdir(p("a/b/file")) }
    #expect(throws: SystemCallError.notEmpty) { try m.client.rmdir(p("a")) }
    #expect(throws: SystemCallError.exists) { try m.client.mkdir(p("a"), mode: 0) }
    #expect(throws: SystemCallError.exists) { try m.client.mkdir(p(".."), mode: 0) }
    #expect(throws: SystemCallError.notDirectory) { try m.client.chdir(p("a/b/file")) }
    #expect(throws: SystemCallError.notDirectory) { _ = try m.client.opendir(p("a/b/file")) }
    #expect(throws: SystemCallError.invalid) {
      _ = try m.client.readlink(p("a"), into: UnsafeMutableRawBufferPointer(start: nil, count: 0))
    }
    #expect(throws: SystemCallError.noEntry) { try m.client.rename(p("none"), to: p("x")) }
    #expect(throws: SystemCallError.exists) { try m.client.link(p("a/b/file"), to: p("absolute")) }
    #expect(throws: SystemCallError(EPERM)) { try m.client.link(p("a"), to: p("x")) }
    try m.client.checkInvariants()
  }

  @Test(arguments: ClientFlavour.allCases)
  func theWorkingDirectoryIsKnownByItsNames(_ flavour: ClientFlavour) throws {
    let m = try tree(flavour)
    func cwd() throws -> String {
      var buffer = [UInt8](repeating: 0, count: 100)
      let length = try buffer.withUnsafeMutableBytes { try m.client.getcwd(into: $0) }
      return String(decoding: buffer[0..<length], as: UTF8.self)
    }
    #expect(try cwd() == "/")
    try m.client.chdir(p("absolute"))
    #expect(try cwd() == "/a/b")
    try m.client.chdir(p(".."))
    #expect(try cwd() == "/a")
    try m.client.rename(p("/a"), to: p("/renamed"))
    #expect(try cwd() == "/renamed")
    try m.client.chdir(p("/"))
    #expect(try cwd() == "/")
    m.client.startProgram()
    #expect(try cwd() == "/")
    try m.client.checkInvariants()
  }

  @Test(arguments: ClientFlavour.allCases)
  func aFileIsOpenedThroughALink(_ flavour: ClientFlavour) throws {
    let m = try tree(flavour)
    let descriptor = try m.client.open(p("a/relative"), flags: .creat, mode: 0o666)
    try m.client.close(descriptor)
    #expect(try m.client.stat(p("a/b/file")).size == 0)
    #expect(throws: SystemCallError.tooManyLinks) { _ = try m.client.open(p("loop1"), flags: .read, mode: 0) }
    // A dangling link is created through.
    try m.client.close(try m.client.open(p("dangling"), flags: .creat, mode: 0o666))
    #expect(try m.client.stat(p("nowhere")).size == 0)
  }

  @Test func onlyOpenItselfFindsOutAboutALinkThatLinuxDoesNotKnow() throws {
    let server = FakeServer()
    server.make(0, "target", type: .regular, data: [4])
    server.make(0, "link", type: .symbolicLink, data: Array("target".utf8))
    let m = try Mounted(.linux, server: server)
    #expect(try m.read("link") == [4])
    #expect(m.client.rpcCounts[.readlink] == 1)
  }

  @Test(arguments: ClientFlavour.allCases)
  func aFileThatIsRemovedWhileOpenLivesUntilItIsClosed(_ flavour: ClientFlavour) throws {
    let m = try Mounted(flavour)
    try m.make("file", [1, 2, 3])
    let descriptor = try m.client.open(p("file"), flags: .read, mode: 0)
    try m.client.unlink(p("file"))
    #expect(m.failure { () throws(SystemCallError) in _ = try m.client.stat(p("file")) } == .noEntry)
    #expect(m.server.files[0].entries.count == 1)
    #expect(m.server.files[0].entries[0].name.starts(with: ".nfs".utf8))
    var buffer = [UInt8](repeating: 0, count: 10)
    #expect(try buffer.withUnsafeMutableBytes { try m.client.read(descriptor, into: $0) } == 3)
    try m.client.close(descriptor)
    #expect(m.server.files[0].entries.isEmpty)
    try m.client.checkInvariants()
    // The same with a rename over it.
    try m.make("file", [1])
    try m.make("other", [2])
    let open = try m.client.open(p("file"), flags: .read, mode: 0)
    try m.client.rename(p("other"), to: p("file"))
    #expect(try m.read("file") == [2])
    #expect(try buffer.withUnsafeMutableBytes { try m.client.read(open, into: $0) } == 1)
    #expect(buffer[0] == 1)
    try m.client.close(open)
    #expect(m.server.files[0].entries.count == 1)
    try m.client.checkInvariants()
  }

  @Test(arguments: ClientFlavour.allCases)
  func aRenameOverAFileReplacesIt(_ flavour: ClientFlavour) throws {
    let m = try Mounted(flavour)
    try m.make("one", [1])
    try m.make("two", [2])
    try m.client.link(p("two"), to: p("three"))
    try m.client.rename(p("one"), to: p("two"))
    #expect(try m.read("two") == [1])
    #expect(try m.read("three") == [2])
    m.clock.nanoseconds += 61_000_000_000
    #expect(try m.client.stat(p("three")).linkCount == 1)
    // Two names of one file: nothing happens.
    try m.client.link(p("two"), to: p("four"))
    try m.client.rename(p("two"), to: p("four"))
    #expect(try m.list(".").count == 5)
    try m.client.mkdir(p("dir"), mode: 0o777)
    try m.client.rename(p("two"), to: p("dir/two"))
    #expect(try m.list("dir") == [".", "..", "two"])
    try m.client.checkInvariants()
  }

  @Test func descriptorsRunOutAtTheirLimit() throws {
    let m = try Mounted(.linux)
    try m.make("file")
    var count = 0
    var error: SystemCallError?
    while error == nil && count < 2000 {
      error = m.failure { () throws(SystemCallError) in _ = try m.client.open(p("file"), flags: .read, mode: 0) }
      if error == nil { count += 1 }
    }
    #expect(count == 1024)
    #expect(error == .tooManyFiles)
    m.client.endProgram()
    #expect(m.server.opens.isEmpty)
    for wrong: Int32 in [-1, 0, 2, 3, 5000] {
      #expect(m.failure { () throws(SystemCallError) in try m.client.close(wrong) } == .badDescriptor)
    }
  }
}
