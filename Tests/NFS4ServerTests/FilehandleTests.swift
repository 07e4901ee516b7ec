// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4
import Testing

@testable import NFS4Server

@Suite struct FilehandleTests {
  @Test func operationsWithoutAFilehandleSaySo() throws {
    let server = try TestServer()
    let compounds: [CompoundBuilder] = [
      CompoundBuilder().getHandle(), CompoundBuilder().save(), CompoundBuilder().getAttributes(.size),
      CompoundBuilder().lookup("a"), CompoundBuilder().operation(.lookupParent),
      CompoundBuilder().operation(.access).word(1), CompoundBuilder().remove("a"), CompoundBuilder().readDirectory(),
      CompoundBuilder().operation(.readLink), CompoundBuilder().makeDirectory("a"),
      CompoundBuilder().read(.anonymous, offset: 0, count: 1),
      CompoundBuilder().write(.anonymous, offset: 0, data: [1]),
      CompoundBuilder().operation(.commit).long(0).word(0), CompoundBuilder().setAttributes(.mode(0)),
      CompoundBuilder().root().rename("a", "b"), CompoundBuilder().root().link("a"),
      CompoundBuilder().operation(.securityInformation).string("a"), CompoundBuilder().close(.anonymous, sequence: 1),
    ]
    for compound in compounds { #expect(try server.call(compound).status == .noFilehandle) }
    #expect(try server.call(CompoundBuilder().restore()).status == .restoreFilehandle)
  }

  @Test func savedAndCurrentFilehandlesAreKeptApart() throws {
    let server = try TestServer()
    let sub = try server.makeDirectory("sub")
    let reply = try server.call(CompoundBuilder().root().save().lookup("sub").getHandle().restore().getHandle())
    for operation in [NFSOperation.putRootFilehandle, .saveFilehandle, .lookup, .getFilehandle] {
      try reply.ok(operation)
    }
    #expect(try reply.opaque() == sub)
    try reply.ok(.restoreFilehandle)
    try reply.ok(.getFilehandle)
    #expect(try reply.opaque() == server.rootHandle())
  }

  @Test func thePublicFilehandleIsTheRoot() throws {
    let server = try TestServer()
    let reply = try server.call(CompoundBuilder().operation(.putPublicFilehandle).getHandle())
    try reply.ok(.putPublicFilehandle)
    try reply.ok(.getFilehandle)
    #expect(try reply.opaque() == server.rootHandle())
  }

  @Test func bytesThatNoServerMadeAreABadHandle() throws {
    let server = try TestServer()
    let root = try server.rootHandle()
    #expect(try server.call(CompoundBuilder().handle([1, 2, 3])).status == .badHandle)
    #expect(try server.call(CompoundBuilder().handle([])).status == .badHandle)
    for position in [0, 8, 20, 27] {
      var bytes = root
      bytes[position] ^= 0x80
      #expect(try server.call(CompoundBuilder().handle(bytes)).status == .badHandle)
    }
    #expect(
      try server.call(CompoundBuilder().handle([UInt8](repeating: 0, count: 129))).status == .badXDR)
  }

  @Test func aHandleOfAnotherRunOrAnotherFileIsStale() throws {
    let server = try TestServer()
    let root = try server.rootHandle()
    for position in [4, 12, 16] {
      var bytes = root
      bytes[position] ^= 0x80
      #expect(try server.call(CompoundBuilder().handle(bytes)).status == .stale)
    }
  }

  @Test func theHandleOfARemovedFileIsStaleEvenIfItsInodeIsUsedAgain() throws {
    let server = try TestServer()
    let old = try server.makeDirectory("old")
    let fileid = try server.attributes(old).fileid
    #expect(try server.call(CompoundBuilder().root().remove("old")).status == .ok)
    #expect(try server.call(CompoundBuilder().handle(old)).status == .stale)
    let new = try server.makeDirectory("new")
    #expect(try server.attributes(new).fileid == fileid)
    #expect(try server.call(CompoundBuilder().handle(old).getAttributes(.size)).status == .stale)
    #expect(try server.call(CompoundBuilder().handle(new).getAttributes(.size)).status == .ok)
  }

  @Test func aFileRemovedInTheSameCompoundIsStale() throws {
    let server = try TestServer()
    _ = try server.makeDirectory("d")
    let reply = try server.call(
      CompoundBuilder().root().lookup("d").save().root().remove("d").restore().getAttributes(.size))
    #expect(reply.status == .stale)
    #expect(reply.count == 6)
  }
}
