// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4

/// Writes the arguments of one COMPOUND (RFC 7530 section 15.2) straight into the transport's buffer.
struct CompoundEncoder {
  /// Most operations of one compound of these clients; a mount of a deep path has one more LOOKUP each.
  static let operationLimit = 8

  var writer: XDRWriter
  /// The operations in order, for the counters.
  private(set) var operations: InlineArray<8, UInt8> = InlineArray(repeating: 0)
  private(set) var count = 0
  private let countPosition: Int

  init(_ buffer: UnsafeMutableRawBufferPointer, tag: StaticString) {
    writer = XDRWriter(buffer)
    writer.putOpaque(UnsafeRawBufferPointer(start: UnsafeRawPointer(tag.utf8Start), count: tag.utf8CodeUnitCount))
    writer.put(0 as UInt32)
    countPosition = writer.position
    writer.put(0 as UInt32)
  }

  /// Starts an operation; its arguments follow.
  @inline(__always)
  mutating func begin(_ operation: NFSOperation) {
    if count < Self.operationLimit { operations[count] = UInt8(truncatingIfNeeded: operation.rawValue) }
    count &+= 1
    writer.put(operation.rawValue)
  }

  /// Writes the number of operations; returns the length of the arguments, nil if they do not fit.
  mutating func finish() -> Int? {
    writer.patch(UInt32(truncatingIfNeeded: count), at: countPosition)
    return writer.overflowed || count > Self.operationLimit ? nil : writer.position
  }

  /// PUTFH.
  mutating func putFilehandle(_ node: UnsafeMutablePointer<Node>) {
    begin(.putFilehandle)
    node.pointee.filehandle.withBytes { writer.putOpaque($0) }
  }

  /// GETATTR.
  mutating func getAttributes(_ mask: AttributeMask) {
    begin(.getAttributes)
    writer.put(mask)
  }

  /// LOOKUP.
  mutating func lookup(_ name: UnsafeRawBufferPointer) {
    begin(.lookup)
    writer.putOpaque(name)
  }

  /// Writes a fattr4 of mode and size, as far as they are given.
  mutating func attributes(mode: UInt32?, size: UInt64?) {
    var mask: AttributeMask = []
    var length: UInt32 = 0
    if mode != nil {
      mask.insert(.mode)
      length &+= 4
    }
    if size != nil {
      mask.insert(.size)
      length &+= 8
    }
    writer.put(mask)
    writer.put(length)
    if let size { writer.put(size) }
    if let mode { writer.put(mode) }
  }
}

/// change_info4 (RFC 7530 section 2.2.8).
struct ChangeInfo {
  var atomic = false
  var before: UInt64 = 0
  var after: UInt64 = 0
}

/// Reads the results of one COMPOUND, operation by operation.
struct CompoundReply {
  var reader: XDRReader
  let kind: RPCKind

  /// Goes to the result of the next operation, which must be `operation`.
  ///
  /// - Throws: ``NFSClientFailure/status(_:_:)`` if it failed; nothing follows it then.
  @inline(__always)
  mutating func next(_ operation: NFSOperation) throws(NFSClientFailure) {
    let number: UInt32
    let status: UInt32
    do throws(XDRError) {
      number = try reader.uint32()
      status = try reader.uint32()
    } catch { throw .malformedReply(error, kind) }
    guard number == operation.rawValue else { throw .unexpectedOperation(number, kind) }
    if status != 0 {
      guard let known = NFSStatus(rawValue: status) else { throw .unknownStatus(status, kind) }
      throw .status(known, kind)
    }
  }

  /// Reads values; wraps what XDR does not like.
  @inline(__always)
  mutating func read<Value>(
    _ body: (inout XDRReader) throws(XDRError) -> Value
  ) throws(NFSClientFailure) -> Value {
    do throws(XDRError) { return try body(&reader) } catch { throw .malformedReply(error, kind) }
  }

  /// GETATTR's result.
  mutating func attributes(into decoded: inout DecodedAttributes) throws(NFSClientFailure) {
    try next(.getAttributes)
    do throws(XDRError) { try reader.decodedAttributes(into: &decoded) } catch { throw .malformedReply(error, kind) }
  }

  /// GETFH's result; an empty filehandle is none.
  mutating func filehandle() throws(NFSClientFailure) -> UnsafeRawBufferPointer {
    try next(.getFilehandle)
    let bytes = try read { reader throws(XDRError) in try reader.filehandle() }
    if bytes.isEmpty { throw .malformedReply(.tooLong(length: 0, limit: 0), kind) }
    return bytes
  }

  /// A change_info4.
  mutating func changeInfo() throws(NFSClientFailure) -> ChangeInfo {
    try read { reader throws(XDRError) in
      var info = ChangeInfo()
      info.atomic = try reader.bool()
      info.before = try reader.uint64()
      info.after = try reader.uint64()
      return info
    }
  }
}
