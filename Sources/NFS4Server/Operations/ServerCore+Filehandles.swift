// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import KernelModel
import NFS4

/// PUTFH, PUTPUBFH, PUTROOTFH, GETFH, SAVEFH, RESTOREFH (RFC 7530 sections 16.10, 16.22 to 16.24, 16.31, 16.32).
extension ServerCore {
  /// The file of the current filehandle.
  ///
  /// - Throws: NFS4ERR_NOFILEHANDLE, NFS4ERR_STALE.
  @inline(__always)
  func currentFile(_ c: borrowing Compound) throws(NFSStatus) -> Int { try file(c.current) }

  /// The file of a filehandle.
  @inline(__always)
  func file(_ reference: FileReference) throws(NFSStatus) -> Int {
    guard !reference.isNone else { throw .noFilehandle }
    guard files.exists(reference.index, generation: reference.generation) else { throw .stale }
    return reference.index
  }

  /// The directory of the current filehandle.
  ///
  /// - Throws: NFS4ERR_NOTDIR beside the errors of ``currentFile(_:)``.
  @inline(__always)
  func currentDirectory(_ c: borrowing Compound) throws(NFSStatus) -> Int {
    let file = try file(c.current)
    guard files.inodes[file].isDirectory else { throw .notDirectory }
    return file
  }

  /// The filehandle of a file.
  @inline(__always)
  func reference(_ file: Int) -> FileReference {
    FileReference(file: Int32(truncatingIfNeeded: file), generation: files.inodes[file].generation)
  }

  /// The file's vnode is needed (VFS_FHTOVP, VFS_VGET).
  @inline(__always)
  func touchVnode(_ file: Int) {
    let kind: VnodeKind =
      switch files.inodes[file].kind {
      case NFSFileType.regular.rawValue: .regular
      case NFSFileType.directory.rawValue: .directory
      case NFSFileType.symbolicLink.rawValue: .link
      default: .other
      }
    vfs.reference(file, kind: kind)
  }

  func putFilehandle(_ c: inout Compound) throws(NFSStatus) {
    let bytes = try c.opaque(limit: NFS4Protocol.filehandleLimit)
    let reference = try ServerFilehandle.decode(bytes, fileSystem: fileSystemID)
    guard files.exists(reference.index, generation: reference.generation) else { throw .stale }
    touchVnode(reference.index)
    c.current = reference
  }

  func putRootFilehandle(_ c: inout Compound) {
    c.current = reference(MemoryFileSystem.root)
    touchVnode(MemoryFileSystem.root)
  }

  func getFilehandle(_ c: inout Compound) throws(NFSStatus) {
    _ = try currentFile(c)
    put(c.current, &c.writer)
  }

  func saveFilehandle(_ c: inout Compound) throws(NFSStatus) {
    _ = try currentFile(c)
    c.saved = c.current
  }

  func restoreFilehandle(_ c: inout Compound) throws(NFSStatus) {
    guard !c.saved.isNone else { throw .restoreFilehandle }
    _ = try file(c.saved)
    c.current = c.saved
  }

  /// Writes an nfs_fh4.
  func put(_ reference: FileReference, _ writer: inout XDRWriter) {
    writer.put(UInt32(ServerFilehandle.byteCount))
    guard let room = writer.reserve(ServerFilehandle.byteCount), let base = room.baseAddress else { return }
    ServerFilehandle.encode(reference, fileSystem: fileSystemID, into: base)
  }
}
