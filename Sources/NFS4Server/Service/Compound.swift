// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4

/// One COMPOUND while it is carried out: what is left of the arguments, the results so far, and the two filehandles.
struct Compound {
  var reader: XDRReader
  var writer: XDRWriter
  var current = FileReference.none
  var saved = FileReference.none
  let principal: Principal
  /// The request's entry in the duplicate request cache.
  let entry: ReplyRecord
  /// mbufs of the request: what a WRITE describes with its iovec.
  let requestMbufs: Int
  /// Names of users and groups.
  let owners: OwnerTable
  /// An operation was carried out whose reply is saved (ND_SAVEREPLY): CREATE, LINK, REMOVE, RENAME, SETATTR, WRITE.
  var savesReply = false
  /// No operation so far had an effect: the compound can be carried out again from its start.
  var mayRepeat = true

  init(
    arguments: UnsafeRawBufferPointer, reply: UnsafeMutableRawBufferPointer, principal: Principal,
    entry: ReplyRecord, requestMbufs: Int, owners: OwnerTable
  ) {
    reader = XDRReader(arguments)
    writer = XDRWriter(reply)
    self.principal = principal
    self.entry = entry
    self.requestMbufs = requestMbufs
    self.owners = owners
  }

  // MARK: arguments; each throws NFS4ERR_BADXDR where the bytes do not fit the type

  @inline(__always)
  mutating func word() throws(NFSStatus) -> UInt32 {
    do { return try reader.uint32() } catch { throw .badXDR }
  }

  @inline(__always)
  mutating func long() throws(NFSStatus) -> UInt64 {
    do { return try reader.uint64() } catch { throw .badXDR }
  }

  @inline(__always)
  mutating func stateid() throws(NFSStatus) -> Stateid {
    do { return try reader.stateid() } catch { throw .badXDR }
  }

  @inline(__always)
  mutating func opaque(limit: Int) throws(NFSStatus) -> UnsafeRawBufferPointer {
    do { return try reader.opaque(limit: limit) } catch { throw .badXDR }
  }

  /// A component name, not checked yet.
  @inline(__always)
  mutating func name() throws(NFSStatus) -> UnsafeRawBufferPointer {
    try opaque(limit: NFS4Protocol.componentReadLimit)
  }

  @inline(__always)
  mutating func mask() throws(NFSStatus) -> (mask: AttributeMask, beyond: Bool) {
    do { return try reader.attributeMask() } catch { throw .badXDR }
  }

  /// The attributes that a request wants to set.
  mutating func settable(
    into attributes: inout SettableAttributes
  ) throws(NFSStatus) -> SettableAttributesResult {
    let owners = owners
    do {
      return try reader.settableAttributes(into: &attributes) { owners.resolve($0, isGroup: $1) }
    } catch { throw .badXDR }
  }
}

extension SettableAttributesResult {
  /// What the client is told where the attributes cannot be set.
  var status: NFSStatus {
    switch self {
    case .settable: .ok
    case .readOnly, .badValue: .invalid
    case .notSupported: .attributeNotSupported
    }
  }
}
