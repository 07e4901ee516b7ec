// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4
import Testing

@testable import NFS4Server

/// A server with a client and a few files, made anew for every case.
///
/// In the root: the file `f` (0644, open for both by `client`), the directory `d`, the symbolic link `l`; all belong to root.
final class ConformanceStage {
  let server: TestServer
  let client: TestClient
  let owner = TestOwner("owner one")
  let root: [UInt8]
  let file: TestClient.OpenFile
  let directory: [UInt8]
  let link: [UInt8]

  init(_ configure: (inout ServerConfiguration) -> Void = { _ in }, replyBytes: Int = 2 << 20) throws {
    server = try TestServer(replyBytes: replyBytes, configure)
    client = try TestClient(server)
    root = try server.rootHandle()
    file = try client.open("f", in: root, owner: owner)
    directory = try server.makeDirectory("d")
    let reply = try server.call(CompoundBuilder().root().makeLink("l", to: "f").getHandle())
    try reply.ok(.putRootFilehandle)
    try reply.ok(.create)
    _ = try reply.change()
    _ = try reply.mask()
    try reply.ok(.getFilehandle)
    link = try reply.opaque()
  }

  /// A compound that begins with the handle of the open file.
  func atFile() -> CompoundBuilder { CompoundBuilder().handle(file.handle) }
  /// A compound that begins with the handle of the directory.
  func atDirectory() -> CompoundBuilder { CompoundBuilder().handle(directory) }
  /// A compound that begins with the handle of the symbolic link.
  func atLink() -> CompoundBuilder { CompoundBuilder().handle(link) }
  /// A compound that begins with the root's handle as the saved and the current one.
  func atRoot() -> CompoundBuilder { CompoundBuilder().root().save() }

  /// Makes a file in the root and removes it behind its own handle, which RESTOREFH then makes the current one.
  func atRemovedFile() throws -> CompoundBuilder {
    let gone = try client.open("gone", in: root, owner: owner)
    try client.close(gone, owner: owner)
    return CompoundBuilder().handle(gone.handle).save().root().remove("gone").restore()
  }

  /// The handle of a file that has been removed.
  func removedFile() throws -> [UInt8] {
    let gone = try client.open("gone", in: root, owner: owner)
    try client.close(gone, owner: owner)
    try server.call(CompoundBuilder().root().remove("gone")).ok(.putRootFilehandle)
    return gone.handle
  }

  /// Sends a compound as the stage's client.
  func send(_ compound: CompoundBuilder, uid: UInt32 = 0, gid: UInt32 = 0) throws -> CompoundReply {
    try server.call(compound, uid: uid, gid: gid)
  }
}
