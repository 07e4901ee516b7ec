// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// Results of a CB_COMPOUND with one operation: CB_COMPOUND4res (RFC 7530 section 15.2).
public struct CallbackResult: Equatable, Sendable {
  /// The status as a number: a client may answer what RFC 7530 does not know.
  public var status: UInt32
  /// size of a successful CB_GETATTR, bytes, where the client gave it.
  public var size: UInt64? = nil
  /// change of a successful CB_GETATTR, where the client gave it.
  public var change: UInt64? = nil

  /// A result.
  public init(status: NFSStatus, size: UInt64? = nil, change: UInt64? = nil) {
    self.status = status.rawValue
    self.size = size
    self.change = change
  }

  /// Reads a CB_COMPOUND4res of a peer that may say anything.
  ///
  /// - Parameters:
  ///   - reader: the bytes.
  ///   - operation: the number of the only operation that was sent.
  /// - Throws: ``XDRError`` where the bytes are no result of that operation.
  public init(from reader: inout XDRReader, operation: UInt32) throws(XDRError) {
    status = try reader.uint32()
    _ = try reader.opaque(limit: NFS4Protocol.tagLimit)
    let count = try reader.uint32()
    // A client may fail before the first operation, for want of what it takes to look at it.
    guard count > 0 else {
      guard status != NFSStatus.ok.rawValue else { throw .badValue(count) }
      return
    }
    guard count == 1 else { throw .badValue(count) }
    let number = try reader.uint32()
    let result = try reader.uint32()
    guard number == operation || result != NFSStatus.ok.rawValue else { throw .badValue(number) }
    guard result == status else { throw .badValue(result) }
    guard status == NFSStatus.ok.rawValue, operation == NFS4Callback.getAttributes else { return }
    var attributes = FileAttributes()
    try reader.fileAttributes(into: &attributes)
    if attributes.mask.contains(.size) { size = attributes.size }
    if attributes.mask.contains(.change) { change = attributes.change }
  }

  /// Writes a CB_COMPOUND4res, as a client does.
  public func encode(operation: UInt32, into writer: inout XDRWriter) {
    writer.put(status)
    writer.put(0 as UInt32)
    writer.put(1 as UInt32)
    writer.put(operation)
    writer.put(status)
    guard status == NFSStatus.ok.rawValue, operation == NFS4Callback.getAttributes else { return }
    var attributes = FileAttributes()
    var mask: AttributeMask = []
    if let change {
      mask.insert(.change)
      attributes.change = change
    }
    if let size {
      mask.insert(.size)
      attributes.size = size
    }
    attributes.encode(mask, into: &writer)
  }
}
