// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4
import ONCRPC
import Testing

/// The results of a COMPOUND, read one after the other.
final class CompoundReply {
  let outcome: RPCReply
  let bytes: [UInt8]
  private(set) var status = NFSStatus.serverFault
  private(set) var tag = ""
  private(set) var count = 0
  private let storage: UnsafeMutableRawBufferPointer
  private var reader: XDRReader

  init(_ outcome: RPCReply, _ reply: UnsafeRawBufferPointer) {
    self.outcome = outcome
    var length = 0
    if case .success(let given) = outcome { length = given }
    bytes = [UInt8](reply.prefix(length))
    storage = .allocate(byteCount: max(length, 8), alignment: 8)
    storage.copyBytes(from: bytes)
    reader = XDRReader(UnsafeRawBufferPointer(rebasing: storage[0..<length]))
    guard length > 0 else { return }
    status = NFSStatus(rawValue: (try? reader.uint32()) ?? 1) ?? .serverFault
    if let text = try? reader.opaque(limit: 1024) { tag = String(decoding: text, as: UTF8.self) }
    count = Int((try? reader.uint32()) ?? 0)
  }

  deinit { storage.deallocate() }

  var remaining: Int { reader.remaining }

  /// Reads the head of the next result.
  @discardableResult
  func result(_ operation: NFSOperation, location: SourceLocation = #_sourceLocation) throws -> NFSStatus {
    let number = try reader.uint32()
    #expect(number == operation.rawValue, sourceLocation: location)
    return NFSStatus(rawValue: try reader.uint32()) ?? .serverFault
  }

  /// Reads the head of the next result, which must be a success.
  func ok(_ operation: NFSOperation, location: SourceLocation = #_sourceLocation) throws {
    #expect(try result(operation, location: location) == .ok, sourceLocation: location)
  }

  func word() throws -> UInt32 { try reader.uint32() }
  func long() throws -> UInt64 { try reader.uint64() }
  func bool() throws -> Bool { try reader.bool() }
  func stateid() throws -> Stateid { try reader.stateid() }
  func opaque() throws -> [UInt8] { [UInt8](try reader.opaque(limit: 1 << 24)) }
  func string() throws -> String { String(decoding: try opaque(), as: UTF8.self) }
  func mask() throws -> AttributeMask { try reader.attributeMask().mask }

  func attributes() throws -> FileAttributes {
    var attributes = FileAttributes()
    try reader.fileAttributes(into: &attributes)
    return attributes
  }

  /// A change_info4, which says that it is not atomic, as FreeBSD's server does.
  func change() throws -> (before: UInt64, after: UInt64) {
    #expect(try bool() == false)
    return (try long(), try long())
  }

  /// The body of a successful OPEN.
  func openBody() throws -> (stateid: Stateid, flags: UInt32, set: AttributeMask) {
    let stateid = try stateid()
    _ = try change()
    let flags = try word()
    let set = try mask()
    #expect(try word() == 0)
    return (stateid, flags, set)
  }

  /// The body of a successful READDIR.
  func directoryBody() throws -> (
    verifier: UInt64, entries: [(cookie: UInt64, name: String, fileid: UInt64)], eof: Bool
  ) {
    let verifier = try long()
    var entries: [(cookie: UInt64, name: String, fileid: UInt64)] = []
    while try bool() {
      let cookie = try long()
      let name = try string()
      entries.append((cookie, name, try attributes().fileid))
    }
    return (verifier, entries, try bool())
  }
}
