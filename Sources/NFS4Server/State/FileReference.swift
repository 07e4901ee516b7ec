// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4

/// A file by index and generation: the current or saved filehandle of a compound.
struct FileReference: Equatable {
  var file: Int32
  var generation: UInt32

  /// No filehandle.
  static let none = FileReference(file: -1, generation: 0)

  @inline(__always) var isNone: Bool { file < 0 }
  @inline(__always) var index: Int { Int(file) }
}

/// The filehandles of this server: fsid, then a struct ufid, as a fhandle_t of FreeBSD is laid out (recollection).
enum ServerFilehandle {
  /// Bytes: fsid 8, length 2, reserved 2, inode 4, generation 4, unused 8.
  static let byteCount = 28
  private static let identifierLength: UInt32 = 12
  private static let fileSystemType: UInt32 = 0x4E46_5343

  /// Writes a filehandle into ``byteCount`` bytes.
  ///
  /// Nothing in it changes with a restart of the service: the files are still there, as on the disk of a rebooted server, and clients go
  /// on with their filehandles.
  @inline(__always)
  static func encode(_ reference: FileReference, fileSystem: UInt32, into bytes: UnsafeMutableRawPointer) {
    bytes[word: 0] = fileSystemType
    bytes[word: 4] = fileSystem
    bytes[word: 8] = identifierLength
    bytes[word: 12] = UInt32(bitPattern: reference.file)
    bytes[word: 16] = reference.generation
    bytes[long: 20] = 0
  }

  /// Reads a filehandle.
  ///
  /// - Throws: NFS4ERR_BADHANDLE for what this server never made, NFS4ERR_STALE for one of another file system, which is what an
  ///   earlier process served.
  @inline(__always)
  static func decode(_ bytes: UnsafeRawBufferPointer, fileSystem: UInt32) throws(NFSStatus) -> FileReference {
    guard bytes.count == byteCount, bytes.loadUnaligned(as: UInt32.self) == fileSystemType,
      bytes.loadUnaligned(fromByteOffset: 8, as: UInt32.self) == identifierLength,
      bytes.loadUnaligned(fromByteOffset: 20, as: UInt64.self) == 0
    else { throw .badHandle }
    guard bytes.loadUnaligned(fromByteOffset: 4, as: UInt32.self) == fileSystem else { throw .stale }
    let file = bytes.loadUnaligned(fromByteOffset: 12, as: UInt32.self)
    guard file <= UInt32(Int32.max) else { throw .badHandle }
    return FileReference(
      file: Int32(truncatingIfNeeded: file), generation: bytes.loadUnaligned(fromByteOffset: 16, as: UInt32.self))
  }
}
