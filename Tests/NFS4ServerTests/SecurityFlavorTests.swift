// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4
import Testing

@testable import NFS4Server

/// AUTH_NONE and AUTH_SYS as configured, SECINFO and NFS4ERR_WRONGSEC (RFC 7530 section 16.31).
@Suite struct SecurityFlavorTests {
  @Test func aCallerWithoutANameIsNobody() throws {
    let server = try TestServer()
    let reply = try server.callWithoutCredential(CompoundBuilder().root().makeDirectory("d").getAttributes(.owner))
    try reply.ok(.putRootFilehandle)
    try reply.ok(.create)
    _ = try reply.change()
    _ = try reply.mask()
    try reply.ok(.getAttributes)
    #expect(try reply.attributes().owner == 65_534)
  }

  @Test func withoutAuthNoneFilehandlesAnswerWrongsec() throws {
    let server = try TestServer { $0.allowsAuthNone = false }
    _ = try server.makeDirectory("d")
    let root = try server.rootHandle()
    #expect(try server.callWithoutCredential(CompoundBuilder().root()).status == .wrongSecurity)
    let publicHandle = CompoundBuilder().operation(.putPublicFilehandle)
    #expect(try server.callWithoutCredential(publicHandle).status == .wrongSecurity)
    #expect(try server.callWithoutCredential(CompoundBuilder().handle(root).getHandle()).status == .wrongSecurity)
    #expect(try server.callWithoutCredential(CompoundBuilder().operation(.renew).long(7)).status == .staleClientID)
  }

  @Test func theFlavorsCanBeAskedForWithAnyFlavorAndNothingElse() throws {
    let server = try TestServer { $0.allowsAuthNone = false }
    _ = try server.makeDirectory("d")
    let reply = try server.callWithoutCredential(
      CompoundBuilder().root().operation(.securityInformation).string("d").getHandle())
    try reply.ok(.putRootFilehandle)
    try reply.ok(.securityInformation)
    #expect(try reply.word() == 1)
    #expect(try reply.word() == 1)
    #expect(try reply.result(.getFilehandle) == .noFilehandle)
    let saved = CompoundBuilder().root().operation(.securityInformation).string("d").save()
    #expect(try server.callWithoutCredential(saved).status == .noFilehandle)
    let asked = try server.call(CompoundBuilder().root().operation(.securityInformation).string("d").getHandle())
    #expect(asked.status == .ok)
  }
}
