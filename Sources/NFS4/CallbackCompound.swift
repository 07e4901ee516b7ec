// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// Numbers of the callback program (RFC 7530 section 15, RFC 7531): the client serves it, the server calls.
public enum NFS4Callback {
  /// The program number that RFC 7531 gives; a client names its own in SETCLIENTID.
  public static let program: UInt32 = 0x4000_0000
  /// RPC version of the callback program.
  public static let version: UInt32 = 1
  /// Procedure CB_NULL, which proves that the client can be reached.
  public static let nullProcedure: UInt32 = 0
  /// Procedure CB_COMPOUND.
  public static let compoundProcedure: UInt32 = 1
  /// Operation CB_GETATTR.
  public static let getAttributes: UInt32 = 3
  /// Operation CB_RECALL.
  public static let recall: UInt32 = 4
  /// Operation CB_ILLEGAL.
  public static let illegal: UInt32 = 10044
  /// Longest CB_COMPOUND that this module writes, bytes: header 16, one operation with a filehandle of 128 bytes.
  public static let compoundBytes = 256
}

/// limit_by4: how the space that a write delegation may use is limited (RFC 7530 section 16.16).
public enum NFSSpaceLimit {
  /// NFS_LIMIT_SIZE: the space limit is a size of the file in bytes.
  public static let size: UInt32 = 1
  /// NFS_LIMIT_BLOCKS: the space limit is a number of modified blocks.
  public static let blocks: UInt32 = 2
}

/// One operation of a CB_COMPOUND.
public enum CallbackOperation: Equatable, Sendable {
  /// CB_GETATTR: what the holder of a write delegation knows of the file.
  case getAttributes(filehandle: Filehandle, mask: AttributeMask)
  /// CB_RECALL: the delegation is wanted back; `truncate` tells that the data need not be written first.
  case recall(stateid: Stateid, truncate: Bool, filehandle: Filehandle)

  /// The operation's number: nfs_cb_opnum4.
  public var number: UInt32 {
    switch self {
    case .getAttributes: NFS4Callback.getAttributes
    case .recall: NFS4Callback.recall
    }
  }
}

/// Arguments of a CB_COMPOUND with one operation, which is all that a server sends.
public struct CallbackCompound: Equatable, Sendable {
  /// What the client gave as callback_ident in SETCLIENTID.
  public var ident: UInt32
  /// The operation.
  public var operation: CallbackOperation

  /// Puts a compound together.
  public init(ident: UInt32, operation: CallbackOperation) {
    self.ident = ident
    self.operation = operation
  }

  /// Writes a CB_COMPOUND4args with an empty tag and minor version 0.
  public func encode(into writer: inout XDRWriter) {
    writer.put(0 as UInt32)
    writer.put(0 as UInt32)
    writer.put(ident)
    writer.put(1 as UInt32)
    writer.put(operation.number)
    switch operation {
    case .getAttributes(let filehandle, let mask):
      writer.put(filehandle)
      writer.put(mask)
    case .recall(let stateid, let truncate, let filehandle):
      writer.put(stateid)
      writer.put(truncate)
      writer.put(filehandle)
    }
  }

  /// Reads a CB_COMPOUND4args of one operation, as a client does.
  ///
  /// - Throws: ``XDRError`` for bytes that are none, another minor version or number of operations, and an unknown operation.
  public init(from reader: inout XDRReader) throws(XDRError) {
    _ = try reader.opaque(limit: NFS4Protocol.tagLimit)
    let minor = try reader.uint32()
    guard minor == 0 else { throw .badValue(minor) }
    ident = try reader.uint32()
    let count = try reader.uint32()
    guard count == 1 else { throw .badValue(count) }
    let number = try reader.uint32()
    switch number {
    case NFS4Callback.getAttributes:
      let filehandle = try Self.filehandle(&reader)
      operation = .getAttributes(filehandle: filehandle, mask: try reader.attributeMask().mask)
    case NFS4Callback.recall:
      let stateid = try reader.stateid()
      let truncate = try reader.bool()
      operation = .recall(stateid: stateid, truncate: truncate, filehandle: try Self.filehandle(&reader))
    default: throw .badValue(number)
    }
  }

  private static func filehandle(_ reader: inout XDRReader) throws(XDRError) -> Filehandle {
    guard let filehandle = Filehandle(try reader.filehandle()) else { throw .badValue(0) }
    return filehandle
  }
}
