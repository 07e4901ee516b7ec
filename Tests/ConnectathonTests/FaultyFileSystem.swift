// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Connectathon
import Glibc
import NFS4Client

/// One thing that a file system does wrong.
enum Fault: Sendable, CaseIterable {
  case createFails, closeFails, mkdirFails, chdirFails, chdirUpFails
  case unlinkInTreeFails, rmdirInTreeFails, directoryNotEmpty
  case getcwdFails, statOfOwnPathFails
  case chmodFails, chmodIsWrong, chmodOfReadWriteDoesNothing, statAfterChmodFails
  case truncationDoesNothing, writeIsShort, writeFails, sizeIsWrong, wordIsWrong, readIsShort, mmapFails, msyncFails
  case munmapFails, bigFileIsGone, bigFileStays
  case dotIsMissing, dotDotIsMissing, dotTwice, dotDotTwice, entryIsMissing, entryTwice, entryIsForeign
  case removedEntryStays, unlinkInListFails, opendirFails
  case renameFails, oldNameStays, newNameIsMissing, linksAfterRename, linksAfterLinkOfNew, linksAfterLinkOfOld
  case linksAfterUnlink, linkFails, linkNotSupported
  case symlinkFails, symlinkNotSupported, symlinkIsFile, linkTextTooLong, linkTextIsWrong, readlinkFails
  case statfsFails
}

/// A local directory with one fault.
final class FaultyFileSystem: WrappedFileSystem {
  private let fault: Fault
  private var program = 0
  private var linked = false
  private var unlinked = false
  private var renamed = false
  private var repeated = 0
  private var pass = 0
  private var kept = [UInt8]()

  init(_ base: any FileSystemUnderTest, _ fault: Fault) {
    self.fault = fault
    super.init(base)
  }

  private static let io = SystemCallError(EIO)

  override func startProgram() {
    program += 1
    super.startProgram()
  }

  /// The script is program 1, so test N is program N + 1.
  private var test: Int { program - 1 }

  override func open(_ path: UnsafeRawBufferPointer, flags: OpenFlags, mode: UInt32) throws(SystemCallError) -> Int32 {
    if fault == .createFails && test == 1 && string(path) == "file.1" { throw Self.io }
    if fault == .bigFileIsGone && flags == .read { throw .noEntry }
    var flags = flags
    if fault == .truncationDoesNothing && string(path) == "bigfile" { flags.remove(.truncate) }
    return try super.open(path, flags: flags, mode: mode)
  }

  override func close(_ descriptor: Int32) throws(SystemCallError) {
    try super.close(descriptor)
    if fault == .closeFails && test == 1 { throw Self.io }
  }

  override func mkdir(_ path: UnsafeRawBufferPointer, mode: UInt32) throws(SystemCallError) {
    if fault == .mkdirFails && string(path) == "dir.1" { throw .accessDenied }
    try super.mkdir(path, mode: mode)
  }

  override func chdir(_ path: UnsafeRawBufferPointer) throws(SystemCallError) {
    if fault == .chdirFails && string(path) == "dir.1" { throw .accessDenied }
    if fault == .chdirUpFails && string(path) == ".." { throw Self.io }
    try super.chdir(path)
  }

  override func unlink(_ path: UnsafeRawBufferPointer) throws(SystemCallError) {
    let name = string(path)
    if fault == .unlinkInTreeFails && test == 2 { throw Self.io }
    if fault == .directoryNotEmpty && test == 2 && name == "file.1" { return }
    if fault == .bigFileStays && name == "bigfile" { throw .busy }
    if fault == .unlinkInListFails && test == 6 && name == "file.0" { throw .busy }
    if test == 7 && name == "newfile.3" { unlinked = true }
    if fault == .removedEntryStays && test == 6 && name == "file.0" && pass == 1 { return }
    try super.unlink(path)
  }

  override func rmdir(_ path: UnsafeRawBufferPointer) throws(SystemCallError) {
    if fault == .rmdirInTreeFails && test == 2 { throw Self.io }
    try super.rmdir(path)
  }

  override func getcwd(into buffer: UnsafeMutableRawBufferPointer) throws(SystemCallError) -> Int {
    if fault == .getcwdFails && test == 3 { throw .noEntry }
    return try super.getcwd(into: buffer)
  }

  override func chmod(_ path: UnsafeRawBufferPointer, mode: UInt32) throws(SystemCallError) {
    if fault == .chmodFails { throw SystemCallError(EPERM) }
    if fault == .chmodIsWrong && string(path) == "file.4" { return try super.chmod(path, mode: 0o606) }
    if fault == .chmodOfReadWriteDoesNothing && mode == 0o666 { return }
    try super.chmod(path, mode: mode)
  }

  override func write(_ descriptor: Int32, from bytes: UnsafeRawBufferPointer) throws(SystemCallError) -> Int {
    if fault == .writeFails { throw SystemCallError(ENOSPC) }
    if fault == .writeIsShort { return try super.write(descriptor, from: .init(rebasing: bytes[0..<100])) }
    return try super.write(descriptor, from: bytes)
  }

  override func read(_ descriptor: Int32, into buffer: UnsafeMutableRawBufferPointer) throws(SystemCallError) -> Int {
    let length = try super.read(descriptor, into: buffer)
    if fault == .readIsShort { return length / 2 }
    if fault == .wordIsWrong { buffer[4 * 1000 + 1] ^= 0x40 }
    return length
  }

  override func mmap(_ descriptor: Int32, length: Int) throws(SystemCallError) -> Int32 {
    if fault == .mmapFails { throw SystemCallError(ENODEV) }
    return try super.mmap(descriptor, length: length)
  }

  override func msyncInvalidate(_ mapping: Int32) throws(SystemCallError) {
    if fault == .msyncFails { throw .busy }
    try super.msyncInvalidate(mapping)
  }

  override func munmap(_ mapping: Int32) throws(SystemCallError) {
    if fault == .munmapFails { throw .invalid }
    try super.munmap(mapping)
  }

  override func stat(_ path: UnsafeRawBufferPointer) throws(SystemCallError) -> FileStatus {
    let name = string(path)
    if fault == .statOfOwnPathFails && test == 3 && repeated > 0 { throw .accessDenied }
    if test == 3 { repeated += 1 }
    if fault == .statAfterChmodFails && test == 4 && name == "file.0" { throw Self.io }
    if fault == .newNameIsMissing && name == "newfile.2" { throw .noEntry }
    if fault == .oldNameStays && name == "file.5" && renamed {
      return FileStatus(mode: FileMode.regular, linkCount: 1, size: 0, fileid: 1, owner: 0, group: 0)
    }
    var status = try super.stat(path)
    if fault == .sizeIsWrong && name == "bigfile" && status.size > 0 { status.size -= 1 }
    if test == 7 && name.hasSuffix("file.3") {
      if fault == .linksAfterRename && !linked { status.linkCount = 3 }
      if fault == .linksAfterLinkOfNew && linked && name == "newfile.3" { status.linkCount = 1 }
      if fault == .linksAfterLinkOfOld && linked && !unlinked && name == "file.3" { status.linkCount = 1 }
      if fault == .linksAfterUnlink && unlinked { status.linkCount = 2 }
    }
    return status
  }

  override func lstat(_ path: UnsafeRawBufferPointer) throws(SystemCallError) -> FileStatus {
    var status = try super.lstat(path)
    if fault == .symlinkIsFile && test == 8 && status.isSymbolicLink { status.mode = FileMode.regular | 0o777 }
    return status
  }

  override func statfs(_ path: UnsafeRawBufferPointer) throws(SystemCallError) -> FileSystemStatus {
    if fault == .statfsFails { throw Self.io }
    return try super.statfs(path)
  }

  override func rename(_ old: UnsafeRawBufferPointer, to new: UnsafeRawBufferPointer) throws(SystemCallError) {
    if fault == .renameFails && string(old) == "file.7" { throw .exists }
    try super.rename(old, to: new)
    if string(old) == "file.5" { renamed = true }
  }

  override func link(_ old: UnsafeRawBufferPointer, to new: UnsafeRawBufferPointer) throws(SystemCallError) {
    if fault == .linkFails { throw SystemCallError(EMLINK) }
    if fault == .linkNotSupported { throw SystemCallError(EOPNOTSUPP) }
    try super.link(old, to: new)
    if string(old) == "newfile.3" { linked = true }
  }

  override func symlink(_ text: UnsafeRawBufferPointer, at path: UnsafeRawBufferPointer) throws(SystemCallError) {
    if fault == .symlinkFails { throw SystemCallError(ENOSPC) }
    if fault == .symlinkNotSupported { throw SystemCallError(EOPNOTSUPP) }
    try super.symlink(text, at: path)
  }

  override func readlink(
    _ path: UnsafeRawBufferPointer, into buffer: UnsafeMutableRawBufferPointer
  ) throws(SystemCallError) -> Int {
    if fault == .readlinkFails { throw Self.io }
    let length = try super.readlink(path, into: buffer)
    if fault == .linkTextTooLong { return length + 1 }
    if fault == .linkTextIsWrong { buffer[3] ^= 1 }
    return length
  }

  override func opendir(_ path: UnsafeRawBufferPointer) throws(SystemCallError) -> Int32 {
    if fault == .opendirFails && string(path) == "." { throw .accessDenied }
    return try super.opendir(path)
  }

  override func rewinddir(_ directory: Int32) {
    pass += 1
    repeated = 0
    super.rewinddir(directory)
  }

  override func readdir(_ directory: Int32) throws(SystemCallError) -> DirectoryEntry? {
    guard test == 6, pass > 0 else { return try super.readdir(directory) }
    if !kept.isEmpty {
      defer { kept = [] }
      let name = UnsafeMutableRawBufferPointer.allocate(byteCount: kept.count, alignment: 1)
      name.copyBytes(from: kept)
      extraNames.append(name)
      return DirectoryEntry(name: UnsafeRawBufferPointer(name), fileid: 0, type: 0)
    }
    guard let entry = try super.readdir(directory) else { return nil }
    let name = string(entry.name)
    switch (fault, name) {
    case (.dotIsMissing, "."), (.dotDotIsMissing, ".."), (.entryIsMissing, "file.77"):
      return try super.readdir(directory)
    case (.dotTwice, "."), (.dotDotTwice, ".."), (.entryTwice, "file.12"): kept = Array(entry.name)
    case (.entryIsForeign, "file.12"): kept = Array("core".utf8)
    default: break
    }
    return entry
  }

  private var extraNames: [UnsafeMutableRawBufferPointer] = []

  deinit { for name in extraNames { name.deallocate() } }
}
