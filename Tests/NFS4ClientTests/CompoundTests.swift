// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4
import NFS4Client
import Testing

/// Every system call against the compounds of reference section 5 (BSD) and section 6.4 (Linux).
@Suite struct CompoundTests {
  private static let getattr: [NFSOperation] = [.putFilehandle, .getAttributes]
  private static let access: [NFSOperation] = [.putFilehandle, .access, .getAttributes]
  private static let lookup: [NFSOperation] = [.putFilehandle, .lookup, .getFilehandle, .getAttributes]
  /// The same as far as the server came: LOOKUP finds nothing.
  private static let missing: [NFSOperation] = [.putFilehandle, .lookup]

  /// Expects that `body` sends exactly these compounds.
  private func sends(
    _ m: Mounted, _ expected: [[NFSOperation]], at location: SourceLocation = #_sourceLocation,
    _ body: () throws -> Void
  ) throws {
    let sent = try m.compounds(body)
    #expect(sent == expected, sourceLocation: location)
  }

  @Test func linuxMounts() throws {
    let server = FakeServer()
    server.make(0, "export", type: .directory, mode: 0o755)
    server.records = true
    let mounted = try Mounted(.linux, server: server) { $0.exportPath = "/export" }
    #expect(
      server.calls.map(\.operations) == [
        [.setClientID], [.setClientIDConfirm], [.putRootFilehandle, .getFilehandle, .getAttributes], Self.getattr,
        Self.lookup, Self.getattr, Self.getattr,
      ])
    #expect(mounted.client.leaseSeconds == 90)
    #expect(mounted.client.clientID == 1)
    #expect(server.calls.allSatisfy { $0.tag.isEmpty })
    mounted.client.unmount()
    #expect(server.isClosed)
  }

  @Test func linuxCreatesWritesAndReads() throws {
    let m = try Mounted(.linux)
    let data = [UInt8](repeating: 7, count: 40_000)
    var descriptor: Int32 = -1
    try sends(
      m,
      [
        Self.access, [.putFilehandle, .open, .getFilehandle, .access, .getAttributes], [.putFilehandle, .openConfirm],
      ]
    ) { descriptor = try m.client.open(p("file"), flags: .creat, mode: 0o666) }
    try sends(m, []) { _ = try data.withUnsafeBytes { try m.client.write(descriptor, from: $0) } }
    try sends(
      m,
      [
        [.putFilehandle, .write, .getAttributes], [.putFilehandle, .write, .getAttributes], [.putFilehandle, .commit],
        [.putFilehandle, .getAttributes, .close],
      ]
    ) { try m.client.close(descriptor) }
    // The second owner's OPEN is the first one's: no OPEN_CONFIRM. The data is in the page cache.
    m.client.startProgram()
    try sends(
      m,
      [
        Self.access, [.putFilehandle, .open, .getFilehandle, .access, .getAttributes],
        [.putFilehandle, .getAttributes, .close],
      ]
    ) { try #expect(m.read("file") == data) }
    // Truncation is a SETATTR of its own.
    try sends(
      m,
      [
        [.putFilehandle, .open, .getFilehandle, .access, .getAttributes],
        [.putFilehandle, .setAttributes, .getAttributes],
      ]
    ) { descriptor = try m.client.open(p("file"), flags: .creat, mode: 0o666) }
    try m.client.close(descriptor)
    try #expect(m.client.stat(p("file")).size == 0)
  }

  @Test func linuxChangesNames() throws {
    let m = try Mounted(.linux)
    try sends(
      m,
      [
        Self.access, [.putFilehandle, .create, .getFilehandle, .getAttributes],
      ]
    ) { try m.client.mkdir(p("dir"), mode: 0o777) }
    try sends(m, [Self.access, Self.access]) { try m.client.chdir(p("dir")) }
    try sends(
      m,
      [
        [.putFilehandle, .create, .getFilehandle, .getAttributes]
      ]
    ) { try m.client.symlink(p("a text"), at: p("link")) }
    var buffer = [UInt8](repeating: 0, count: 100)
    try sends(m, [Self.access]) {
      try #expect(m.client.lstat(p("link")).isSymbolicLink)
      try #expect(buffer.withUnsafeMutableBytes { try m.client.readlink(p("link"), into: $0) } == 6)
    }
    #expect(buffer.starts(with: "a text".utf8))
    try sends(m, [[.putFilehandle, .remove]]) { try m.client.unlink(p("link")) }
    try m.make("old")
    // The name was put in doubt by nothing since, but the rights were.
    try sends(
      m,
      [
        Self.access, [.putFilehandle, .saveFilehandle, .putFilehandle, .rename],
      ]
    ) { try m.client.rename(p("old"), to: p("new")) }
    // may_linkat() asks for the rights of the file, whose change attribute moved.
    try sends(m, [Self.access, Self.getattr]) { _ = try m.client.stat(p("new")) }
    try sends(
      m,
      [
        Self.access,
        [.putFilehandle, .saveFilehandle, .putFilehandle, .link, .restoreFilehandle, .getAttributes],
      ]
    ) { try m.client.link(p("new"), to: p("old")) }
    try sends(m, [Self.access, Self.lookup]) { try #expect(m.client.stat(p("new")).linkCount == 2) }
    try sends(m, []) { try #expect(m.client.stat(p("old")).linkCount == 2) }
    try sends(
      m,
      [
        [.putFilehandle, .setAttributes, .getAttributes]
      ]
    ) { try m.client.chmod(p("old"), mode: 0o600) }
    try sends(m, []) { try #expect(m.client.stat(p("old")).mode == 0o100600) }
    try sends(m, [Self.getattr]) { _ = try m.client.statfs(p(".")) }
    #expect(m.client.rpcCounts[.statfs] == 1)
    try sends(
      m,
      [
        Self.getattr, [.putFilehandle, .readDirectory],
      ]
    ) { try #expect(m.list(".") == [".", "..", "new", "old"]) }
  }

  @Test func bsdMounts() throws {
    let server = FakeServer()
    server.records = true
    let m = try Mounted(.bsd, server: server)
    #expect(
      server.calls.map { String(decoding: $0.tag, as: UTF8.self) } == [
        "SetClientID", "SetClientIDConfirm", "Dirpath", "Getattr", "Getattr", "Getattr",
      ])
    m.client.unmount()
  }

  @Test func bsdCreatesWritesAndReads() throws {
    let m = try Mounted(.bsd)
    let data = [UInt8](repeating: 7, count: 40_000)
    var descriptor: Int32 = -1
    // LOOKUP finds nothing, then four operations, and the new owner is confirmed.
    try sends(
      m,
      [
        Self.access, Self.missing, [.putFilehandle, .open, .getFilehandle, .getAttributes],
        [.putFilehandle, .openConfirm],
      ]
    ) { descriptor = try m.client.open(p("file"), flags: .creat, mode: 0o666) }
    // A full block goes out at once.
    try sends(
      m,
      [
        [.putFilehandle, .getAttributes, .write, .getAttributes]
      ]
    ) { _ = try data.withUnsafeBytes { try m.client.write(descriptor, from: $0) } }
    try sends(
      m,
      [
        [.putFilehandle, .getAttributes, .write, .getAttributes],
        [.putFilehandle, .getAttributes, .commit, .getAttributes], [.putFilehandle, .close],
      ]
    ) { try m.client.close(descriptor) }
    // A new program has a new owner; the name is known, so ACCESS, three operations and the confirmation.
    m.client.startProgram()
    var mapping: Int32 = -1
    try sends(m, [Self.access, [.putFilehandle, .open, .getAttributes], [.putFilehandle, .openConfirm]]) {
      descriptor = try m.client.open(p("file"), flags: .read, mode: 0)
      mapping = try m.client.mmap(descriptor, length: 40_000)
      try m.client.msyncInvalidate(mapping)
      try m.client.munmap(mapping)
    }
    var buffer = [UInt8](repeating: 0, count: 40_000)
    try sends(m, [[.putFilehandle, .read], [.putFilehandle, .read]]) {
      try #expect(buffer.withUnsafeMutableBytes { try m.client.read(descriptor, into: $0) } == 40_000)
    }
    #expect(buffer == data)
    try m.client.close(descriptor)
    try sends(
      m,
      [
        [.putFilehandle, .open, .getAttributes],
        [.putFilehandle, .getAttributes, .setAttributes, .getAttributes],
      ]
    ) { descriptor = try m.client.open(p("file"), flags: .creat, mode: 0o666) }
    try m.client.close(descriptor)
    try #expect(m.client.stat(p("file")).size == 0)
    let tags = Set(m.server.calls.map { String(decoding: $0.tag, as: UTF8.self) })
    #expect(tags == ["Open", "Setattr", "Close"])
  }

  @Test func bsdChangesNames() throws {
    let m = try Mounted(.bsd)
    let create: [NFSOperation] = [.putFilehandle, .getAttributes, .create, .getFilehandle, .getAttributes]
    try sends(m, [Self.access, Self.missing, create]) { try m.client.mkdir(p("dir"), mode: 0o777) }
    try sends(m, [Self.access]) { try m.client.chdir(p("dir")) }
    try sends(m, [Self.missing, create]) { try m.client.symlink(p("a text"), at: p("link")) }
    var buffer = [UInt8](repeating: 0, count: 100)
    for _ in 0..<2 {
      try sends(m, [[.putFilehandle, .readLink, .getAttributes]]) {
        _ = try buffer.withUnsafeMutableBytes { try m.client.readlink(p("link"), into: $0) }
      }
    }
    try sends(m, [[.putFilehandle, .getAttributes, .remove]]) { try m.client.unlink(p("link")) }
    try m.make("old")
    try sends(
      m,
      [
        Self.missing,
        [.putFilehandle, .saveFilehandle, .getAttributes, .putFilehandle, .getAttributes, .rename],
      ]
    ) { try m.client.rename(p("old"), to: p("new")) }
    try sends(m, [Self.missing]) {
      #expect(m.failure { () throws(SystemCallError) in _ = try m.client.stat(p("old")) } == .noEntry)
    }
    // The name that was just found missing is believed in.
    try sends(
      m,
      [
        [.putFilehandle, .saveFilehandle, .putFilehandle, .getAttributes, .link]
      ]
    ) { try m.client.link(p("new"), to: p("old")) }
    try sends(m, [Self.getattr]) { try #expect(m.client.stat(p("new")).linkCount == 2) }
    try sends(
      m,
      [
        [.putFilehandle, .getAttributes, .setAttributes, .getAttributes]
      ]
    ) { try m.client.chmod(p("old"), mode: 0o600) }
    try sends(m, []) { try #expect(m.client.stat(p("old")).mode == 0o100600) }
    try sends(
      m,
      [
        // The directory changed, so its attributes are asked; the second READDIR finds the end.
        Self.getattr, [.putFilehandle, .readDirectory, .getAttributes],
        [.putFilehandle, .readDirectory, .getAttributes],
      ]
    ) { try #expect(m.list(".") == [".", "..", "new", "old"]) }
    m.server.calls.removeAll()
    #expect(m.failure { () throws(SystemCallError) in try m.client.rmdir(p("../dir")) } == .notEmpty)
    #expect(m.server.calls.last?.operations == [.putFilehandle, .getAttributes, .remove])
  }

  @Test(arguments: ClientFlavour.allCases)
  func theArgumentsOfAnOpenAreThoseOfTheClient(_ flavour: ClientFlavour) throws {
    let m = try Mounted(flavour)
    m.client.umask(0o022)
    m.server.calls.removeAll()
    let descriptor = try m.client.open(p("name"), flags: .creat, mode: 0o666)
    let call = try #require(m.server.calls.first { $0.operations.contains(.open) })
    try call.bytes.withUnsafeBytes { bytes in
      var reader = XDRReader(bytes)
      #expect(string(try reader.opaque(limit: 100)) == (flavour == .bsd ? "Open" : ""))
      try #expect(reader.uint32() == 0)
      try #expect(reader.uint32() == UInt32(call.operations.count))
      try #expect(reader.uint32() == NFSOperation.putFilehandle.rawValue)
      try #expect(reader.filehandle().count == 24)
      try #expect(reader.uint32() == NFSOperation.open.rawValue)
      try #expect(reader.uint32() == 0)
      try #expect(reader.uint32() == (flavour == .bsd ? NFSOpen.accessBoth : NFSOpen.accessWrite))
      try #expect(reader.uint32() == NFSOpen.denyNone)
      try #expect(reader.uint64() == m.client.clientID)
      let owner = try reader.opaque(limit: 1024)
      #expect(owner.count == (flavour == .bsd ? 12 : 24))
      if flavour == .linux { #expect(string(UnsafeRawBufferPointer(rebasing: owner[0..<8])) == "open id:") }
      try #expect(reader.uint32() == NFSOpen.create)
      try #expect(reader.uint32() == NFSOpen.unchecked)
      var attributes = SettableAttributes()
      try #expect(reader.settableAttributes(into: &attributes) == .settable)
      #expect(attributes.mode == 0o644)
      #expect(attributes.mask == (flavour == .bsd ? [.mode] : [.mode, .size]))
      try #expect(reader.uint32() == NFSOpen.claimNull)
      #expect(string(try reader.opaque(limit: 255)) == "name")
    }
    try m.client.close(descriptor)
  }

  @Test(arguments: ClientFlavour.allCases)
  func exclusiveCreationUsesAVerifierAndSetsTheModeAfterwards(_ flavour: ClientFlavour) throws {
    let m = try Mounted(flavour)
    let descriptor = try m.client.open(p("name"), flags: [.write, .create, .exclusive], mode: 0o640)
    try m.client.close(descriptor)
    try #expect(m.client.stat(p("name")).mode == 0o100640)
    #expect(
      m.failure { () throws(SystemCallError) in
        _ = try m.client.open(p("name"), flags: [.write, .create, .exclusive], mode: 0o640)
      } == .exists)
    if flavour == .linux {
      // EXCLUSIVE4 has no ACCESS in its compound (25 of the OPENs of section 6.4).
      let open = try #require(m.server.calls.first { $0.operations.contains(.open) })
      #expect(open.operations == [.putFilehandle, .open, .getFilehandle, .getAttributes])
    }
  }
}
