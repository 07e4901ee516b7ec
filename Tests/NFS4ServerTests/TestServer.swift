// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import KernelMemory
import KernelModel
import NFS4
import ONCRPC
import Testing

@testable import NFS4Server

/// A server with its kernel, and a way to send it compounds.
final class TestServer {
  let kernel: Kernel
  let service: NFSService
  private var nextXID: UInt32 = 1
  private let reply: UnsafeMutableRawBufferPointer
  /// Whether the invariants of server and allocator are checked after every call.
  var checksInvariants: Bool

  init(
    model: String = "freebsd-6", checksInvariants: Bool = true, replyBytes: Int = 2 << 20, mapBytes: Int? = nil,
    _ configure: (inout ServerConfiguration) -> Void = { _ in }
  ) throws {
    var kernelConfiguration = KernelConfiguration(model: model)
    kernelConfiguration.checked = true
    kernelConfiguration.mapBytes = mapBytes
    kernel = try Kernel(kernelConfiguration)
    var configuration = ServerConfiguration()
    configure(&configuration)
    service = try NFSService(kernel: kernel, configuration: configuration)
    self.checksInvariants = checksInvariants
    reply = .allocate(byteCount: replyBytes, alignment: 8)
  }

  deinit { reply.deallocate() }

  func call(
    _ compound: CompoundBuilder, xid: UInt32? = nil, connection: UInt64 = 1, uid: UInt32 = 0, gid: UInt32 = 0,
    groups: [UInt32] = [], location: SourceLocation = #_sourceLocation
  ) throws -> CompoundReply {
    try call(
      bytes: compound.bytes, xid: xid, connection: connection, uid: uid, gid: gid, groups: groups, location: location)
  }

  func call(
    bytes: [UInt8], xid: UInt32? = nil, connection: UInt64 = 1, uid: UInt32 = 0, gid: UInt32 = 0,
    groups: [UInt32] = [], location: SourceLocation = #_sourceLocation
  ) throws -> CompoundReply {
    let number = xid ?? nextXID
    nextXID = max(nextXID, number) &+ 1
    let credential = RPCClientCredential.sys(uid: uid, gid: gid, groups: groups)
    let outcome = bytes.withUnsafeBytes { arguments in
      credential.withServerView { view in
        service.handle(
          procedure: 1, xid: number, credential: view, connection: connection, arguments: arguments, reply: reply)
      }
    }
    if checksInvariants { try service.checkInvariants() }
    return CompoundReply(outcome, UnsafeRawBufferPointer(reply))
  }

  /// Sends a compound with AUTH_NONE.
  func callWithoutCredential(_ compound: CompoundBuilder, connection: UInt64 = 1) throws -> CompoundReply {
    let number = nextXID
    nextXID &+= 1
    let outcome = compound.bytes.withUnsafeBytes { arguments in
      RPCClientCredential.none.withServerView { view in
        service.handle(
          procedure: 1, xid: number, credential: view, connection: connection, arguments: arguments, reply: reply)
      }
    }
    if checksInvariants { try service.checkInvariants() }
    return CompoundReply(outcome, UnsafeRawBufferPointer(reply))
  }

  /// Moves the virtual clock by whole seconds.
  func advance(seconds: UInt64) {
    service.withKernel { $0.advance(to: $0.now + seconds * 1_000_000_000) }
  }

  /// The root's filehandle.
  func rootHandle() throws -> [UInt8] {
    let reply = try call(CompoundBuilder().root().getHandle())
    try reply.ok(.putRootFilehandle)
    try reply.ok(.getFilehandle)
    return try reply.opaque()
  }

  /// Makes a directory in the root and returns its filehandle.
  func makeDirectory(_ name: String, mode: UInt32 = 0o755) throws -> [UInt8] {
    let reply = try call(CompoundBuilder().root().makeDirectory(name, mode: mode).getHandle())
    try reply.ok(.putRootFilehandle)
    try reply.ok(.create)
    _ = try reply.change()
    _ = try reply.mask()
    try reply.ok(.getFilehandle)
    return try reply.opaque()
  }

  /// The attributes of a file by its handle.
  func attributes(_ handle: [UInt8], _ mask: AttributeMask = .known) throws -> FileAttributes {
    let reply = try call(CompoundBuilder().handle(handle).getAttributes(mask))
    try reply.ok(.putFilehandle)
    try reply.ok(.getAttributes)
    return try reply.attributes()
  }

  /// Calls and frees by malloc type so far.
  func mallocCounts() -> [String: (mallocs: UInt64, frees: UInt64)] {
    var counts: [String: (mallocs: UInt64, frees: UInt64)] = [:]
    for row in kernel.heap.allocator.mallocTypeStatistics() { counts[row.name] = (row.requests, row.frees) }
    return counts
  }

  /// Items taken and given back by zone so far.
  func zoneCounts() -> [String: (allocations: UInt64, frees: UInt64)] {
    var counts: [String: (allocations: UInt64, frees: UInt64)] = [:]
    for row in kernel.heap.allocator.zoneStatistics() { counts[row.name] = (row.requests, row.frees) }
    return counts
  }
}

/// A client with a confirmed client id.
final class TestClient {
  let server: TestServer
  private(set) var id: UInt64 = 0
  var uid: UInt32 = 0
  let connection: UInt64

  init(
    _ server: TestServer, name: String = "client one", verifier: UInt64 = 1, connection: UInt64 = 1,
    program: UInt32 = 0, address: String = "127.0.0.1.3.232",
    uid: UInt32 = 0
  ) throws {
    self.server = server
    self.connection = connection
    self.uid = uid
    let (id, confirmation) = try setClientID(name, verifier: verifier, program: program, address: address)
    let reply = try server.call(CompoundBuilder().confirmClientID(id, confirmation), connection: connection, uid: uid)
    try reply.ok(.setClientIDConfirm)
    self.id = id
  }

  func setClientID(
    _ name: String, verifier: UInt64, program: UInt32 = 0, address: String = "127.0.0.1.3.232"
  ) throws -> (UInt64, UInt64) {
    let reply = try server.call(
      CompoundBuilder().setClientID(name, verifier: verifier, program: program, address: address),
      connection: connection, uid: uid)
    try reply.ok(.setClientID)
    return (try reply.long(), try reply.long())
  }

  /// A file that is open.
  struct OpenFile {
    var handle: [UInt8]
    var stateid: Stateid
    var flags: UInt32
  }

  /// Opens a name in a directory.
  func open(
    _ name: String, in directory: [UInt8], owner: TestOwner, access: UInt32 = NFSOpen.accessBoth, deny: UInt32 = 0,
    how: OpenHow = .unchecked(.mode(0o644)), location: SourceLocation = #_sourceLocation
  ) throws -> OpenFile {
    let reply = try server.call(
      CompoundBuilder().handle(directory)
        .open(name, client: id, owner: owner.name, sequence: owner.next(), access: access, deny: deny, how: how)
        .getHandle(), connection: connection, uid: uid, location: location)
    try reply.ok(.putFilehandle, location: location)
    try reply.ok(.open, location: location)
    let body = try reply.openBody()
    try reply.ok(.getFilehandle, location: location)
    var file = OpenFile(handle: try reply.opaque(), stateid: body.stateid, flags: body.flags)
    if body.flags & NFSOpen.resultConfirm != 0 {
      let confirm = try server.call(
        CompoundBuilder().handle(file.handle).openConfirm(file.stateid, sequence: owner.next()),
        connection: connection, uid: uid)
      try confirm.ok(.putFilehandle, location: location)
      try confirm.ok(.openConfirm, location: location)
      file.stateid = try confirm.stateid()
    }
    return file
  }

  func close(_ file: OpenFile, owner: TestOwner, location: SourceLocation = #_sourceLocation) throws {
    let reply = try server.call(
      CompoundBuilder().handle(file.handle).close(file.stateid, sequence: owner.next()), connection: connection,
      uid: uid)
    try reply.ok(.putFilehandle, location: location)
    try reply.ok(.close, location: location)
  }
}

/// An open-owner with its sequence number.
final class TestOwner {
  let name: [UInt8]
  var sequence: UInt32

  init(_ name: String, sequence: UInt32 = 1) {
    self.name = [UInt8](name.utf8)
    self.sequence = sequence
  }

  /// The number of the next request.
  func next() -> UInt32 {
    defer { sequence &+= 1 }
    return sequence
  }
}
