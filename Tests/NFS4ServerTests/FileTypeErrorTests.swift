// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4
import Testing

@testable import NFS4Server

/// What each operation says to a file of another type than it wants (RFC 7530 section 16).
@Suite struct FileTypeErrorTests {
  /// What operations say: those that want a directory, LOOKUP, those that want data, READLINK, SETATTR of the size.
  private struct Expected {
    var directory: NFSStatus
    var lookup: NFSStatus
    var data: NFSStatus
    var readLink: NFSStatus
    var size: NFSStatus
  }

  private static func expected(_ kind: NFSFileType) -> Expected {
    switch kind {
    case .regular: Expected(directory: .notDirectory, lookup: .notDirectory, data: .ok, readLink: .invalid, size: .ok)
    case .directory:
      Expected(directory: .ok, lookup: .ok, data: .isDirectory, readLink: .invalid, size: .isDirectory)
    case .symbolicLink:
      Expected(directory: .notDirectory, lookup: .isSymlink, data: .invalid, readLink: .ok, size: .invalid)
    default:
      Expected(directory: .notDirectory, lookup: .notDirectory, data: .invalid, readLink: .invalid, size: .invalid)
    }
  }

  @Test(
    arguments: [
      .regular, .directory, .symbolicLink, .blockDevice, .characterDevice, .socket, .fifo,
    ] as [NFSFileType])
  func operationsRefuseWhatTheyDoNotWorkOn(kind: NFSFileType) throws {
    let server = try TestServer()
    let handle: [UInt8]
    if kind == .regular {
      let client = try TestClient(server)
      let owner = TestOwner("o")
      let file = try client.open("it", in: server.rootHandle(), owner: owner)
      try client.close(file, owner: owner)
      handle = file.handle
    } else {
      #expect(try server.call(CompoundBuilder().root().makeNode("it", kind)).status == .ok)
      let reply = try server.call(CompoundBuilder().root().lookup("it").getHandle())
      try reply.ok(.putRootFilehandle)
      try reply.ok(.lookup)
      try reply.ok(.getFilehandle)
      handle = try reply.opaque()
      if kind == .directory {
        #expect(try server.call(CompoundBuilder().handle(handle).makeDirectory("inside")).status == .ok)
      }
    }
    _ = try server.makeDirectory("other")
    func status(_ compound: CompoundBuilder) throws -> NFSStatus { try server.call(compound).status }
    func it() -> CompoundBuilder { CompoundBuilder().handle(handle) }
    let expected = Self.expected(kind)

    #expect(try status(it().lookup("inside")) == expected.lookup)
    #expect(try status(it().operation(.lookupParent)) == expected.directory)
    #expect(try status(it().readDirectory()) == expected.directory)
    #expect(try status(it().makeDirectory("made")) == expected.directory)
    #expect(try status(it().operation(.securityInformation).string("inside")) == expected.directory)
    #expect(try status(CompoundBuilder().root().save().handle(handle).rename("other", "moved")) == expected.directory)
    #expect(try status(it().save().root().rename("made", "back")) == expected.directory)
    #expect(try status(it().remove("inside")) == expected.directory)
    #expect(try status(it().read(.anonymous, offset: 0, count: 1)) == expected.data)
    #expect(try status(it().write(.anonymous, offset: 0, data: [1])) == expected.data)
    #expect(try status(it().operation(.commit).long(0).word(0)) == expected.data)
    #expect(try status(it().operation(.readLink)) == expected.readLink)
    #expect(try status(it().setAttributes(.size(0))) == expected.size)
    #expect(try status(it().setAttributes(.mode(0o700))) == .ok)
    #expect(try status(it().operation(.openNamedAttributes).word(1)) == .notSupported)
    #expect(try status(it().operation(.openNamedAttributes).word(2)) == .badXDR)
    #expect(try status(it().save().root().link("second")) == (kind == .directory ? .isDirectory : .ok))
    #expect(try status(it().save().handle(handle).link("x")) == expected.directory.orDirectory)
  }
}

extension NFSStatus {
  /// A LINK into a directory of itself fails for what it links.
  fileprivate var orDirectory: NFSStatus { self == .ok ? .isDirectory : self }
}
