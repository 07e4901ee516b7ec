// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import KernelModel
import NFS4
import ONCRPC

/// PUTFH, PUTPUBFH, PUTROOTFH, GETFH, SAVEFH, RESTOREFH (RFC 7530 sections 16.8, 16.20 to 16.22, 16.29, 16.30).
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

  /// Whether the caller's flavor gets at files.
  @inline(__always)
  func isServed(_ principal: Principal) -> Bool {
    configuration.allowsAuthNone || principal.flavor != RPCFlavor.none.rawValue
  }

  /// Checks the flavor where a filehandle comes into the compound.
  ///
  /// A SECINFO right behind must have its filehandle, or a client could never learn what to use (RFC 7530 section 16.31.5).
  ///
  /// - Throws: NFS4ERR_WRONGSEC.
  @inline(__always)
  private func checkFlavor(_ c: borrowing Compound) throws(NFSStatus) {
    if isServed(c.principal) { return }
    var next = c.reader
    guard let number = try? next.uint32(), number == NFSOperation.securityInformation.rawValue else {
      throw .wrongSecurity
    }
  }

  func putFilehandle(_ c: inout Compound) throws(NFSStatus) {
    let bytes = try c.opaque(limit: NFS4Protocol.filehandleLimit)
    let reference = try ServerFilehandle.decode(bytes, fileSystem: fileSystemID)
    guard files.exists(reference.index, generation: reference.generation) else { throw .stale }
    try checkFlavor(c)
    touchVnode(reference.index)
    c.current = reference
  }

  func putRootFilehandle(_ c: inout Compound) throws(NFSStatus) {
    try checkFlavor(c)
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
    try checkFlavor(c)
    c.current = c.saved
  }

  /// Writes an nfs_fh4.
  func put(_ reference: FileReference, _ writer: inout XDRWriter) {
    writer.put(UInt32(ServerFilehandle.byteCount))
    guard let room = writer.reserve(ServerFilehandle.byteCount), let base = room.baseAddress else { return }
    ServerFilehandle.encode(reference, fileSystem: fileSystemID, into: base)
  }
}
