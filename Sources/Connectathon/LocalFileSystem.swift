// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Glibc
import NFS4Client

/// A directory of this machine as the file system under test.
///
/// System calls are the `*at` forms relative to a descriptor, so that the working directory of the real process is not
/// touched. Absolute paths are those of the machine: the test directory of the options begins with ``path``.
public final class LocalFileSystem: FileSystemUnderTest {
  /// The directory with all symbolic links resolved; programs start in it.
  public let path: String
  private let root: Int32
  private var workingDirectory: Int32
  private var creationMask: mode_t = 0o022
  private var descriptors: [Int32] = []
  private var mappings: [(address: UnsafeMutableRawPointer, length: Int)?] = []
  private var directories: [OpaquePointer?] = []
  private let path1: UnsafeMutablePointer<CChar>
  private let path2: UnsafeMutablePointer<CChar>

  /// Opens the directory.
  ///
  /// - Parameter path: an existing directory; the test directory is made in it.
  /// - Throws: ``SystemCallError`` if it cannot be opened.
  public init(path: String) throws(SystemCallError) {
    let top = Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard top >= 0 else { throw SystemCallError(errno) }
    root = top
    workingDirectory = dup(top)
    path1 = .allocate(capacity: Int(PATH_MAX) + 1)
    path2 = .allocate(capacity: Int(PATH_MAX) + 1)
    var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX) + 1)
    let length = buffer.withUnsafeMutableBytes { Self.name(of: top, into: $0) }
    self.path = length > 0 ? String(decoding: buffer[0..<length], as: UTF8.self) : path
  }

  deinit {
    endProgram()
    _ = Glibc.close(root)
    if workingDirectory >= 0 { _ = Glibc.close(workingDirectory) }
    path1.deallocate()
    path2.deallocate()
  }

  /// The directory.
  public var mountPoint: String { path }

  /// GNU rm is not asked; this removes files itself.
  public var removalAsksForFileSystemType: Bool { false }

  // MARK: Helpers

  private func failure() -> SystemCallError { SystemCallError(errno) }

  private func check(_ result: Int32) throws(SystemCallError) {
    if result < 0 { throw SystemCallError(errno) }
  }

  /// A path with its end mark; the descriptor that it is relative to.
  private func terminated(
    _ path: UnsafeRawBufferPointer, in buffer: UnsafeMutablePointer<CChar>
  ) throws(SystemCallError) -> Int32 {
    guard let start = path.baseAddress, !path.isEmpty else { throw .noEntry }
    guard path.count < Int(PATH_MAX) else { throw .nameTooLong }
    UnsafeMutableRawPointer(buffer).copyMemory(from: start, byteCount: path.count)
    buffer[path.count] = 0
    return workingDirectory
  }

  /// The name that the kernel has for an open directory.
  private static func name(of descriptor: Int32, into buffer: UnsafeMutableRawBufferPointer) -> Int {
    guard let base = buffer.baseAddress else { return -1 }
    return "/proc/self/fd/\(descriptor)".withCString {
      Glibc.readlink($0, base.assumingMemoryBound(to: CChar.self), buffer.count)
    }
  }

  private func status(_ raw: stat) -> FileStatus {
    FileStatus(
      mode: raw.st_mode, linkCount: UInt32(truncatingIfNeeded: raw.st_nlink), size: UInt64(raw.st_size),
      fileid: UInt64(raw.st_ino), owner: raw.st_uid, group: raw.st_gid)
  }

  // MARK: Process

  /// Back to the directory, umask 022.
  public func startProgram() {
    endProgram()
    creationMask = 0o022
    if workingDirectory >= 0 { _ = Glibc.close(workingDirectory) }
    workingDirectory = dup(root)
  }

  /// Closes what is still open.
  public func endProgram() {
    for descriptor in descriptors { _ = Glibc.close(descriptor) }
    descriptors.removeAll(keepingCapacity: true)
    for index in mappings.indices { try? munmap(Int32(index)) }
    mappings.removeAll(keepingCapacity: true)
    for index in directories.indices { closedir(Int32(index)) }
    directories.removeAll(keepingCapacity: true)
  }

  /// Kept here and applied to the modes of open and mkdir; the real one, which belongs to the whole process, applies as
  /// well.
  public func umask(_ mask: UInt32) { creationMask = mask & 0o777 }

  // MARK: Names

  /// mkdirat(2).
  public func mkdir(_ path: UnsafeRawBufferPointer, mode: UInt32) throws(SystemCallError) {
    let base = try terminated(path, in: path1)
    try check(mkdirat(base, path1, mode & ~creationMask))
  }

  /// unlinkat(2) with AT_REMOVEDIR.
  public func rmdir(_ path: UnsafeRawBufferPointer) throws(SystemCallError) {
    let base = try terminated(path, in: path1)
    try check(unlinkat(base, path1, AT_REMOVEDIR))
  }

  /// unlinkat(2).
  public func unlink(_ path: UnsafeRawBufferPointer) throws(SystemCallError) {
    let base = try terminated(path, in: path1)
    try check(unlinkat(base, path1, 0))
  }

  /// renameat(2).
  public func rename(_ old: UnsafeRawBufferPointer, to new: UnsafeRawBufferPointer) throws(SystemCallError) {
    let oldBase = try terminated(old, in: path1)
    let newBase = try terminated(new, in: path2)
    try check(renameat(oldBase, path1, newBase, path2))
  }

  /// linkat(2).
  public func link(_ old: UnsafeRawBufferPointer, to new: UnsafeRawBufferPointer) throws(SystemCallError) {
    let oldBase = try terminated(old, in: path1)
    let newBase = try terminated(new, in: path2)
    try check(linkat(oldBase, path1, newBase, path2, 0))
  }

  /// symlinkat(2); the text is taken as it is.
  public func symlink(_ text: UnsafeRawBufferPointer, at path: UnsafeRawBufferPointer) throws(SystemCallError) {
    guard let start = text.baseAddress, !text.isEmpty else { throw .noEntry }
    guard text.count < Int(PATH_MAX) else { throw .nameTooLong }
    let base = try terminated(path, in: path1)
    UnsafeMutableRawPointer(path2).copyMemory(from: start, byteCount: text.count)
    path2[text.count] = 0
    try check(symlinkat(path2, base, path1))
  }

  /// readlinkat(2).
  public func readlink(
    _ path: UnsafeRawBufferPointer, into buffer: UnsafeMutableRawBufferPointer
  ) throws(SystemCallError) -> Int {
    let base = try terminated(path, in: path1)
    guard let start = buffer.baseAddress else { throw .invalid }
    let length = readlinkat(base, path1, start.assumingMemoryBound(to: CChar.self), buffer.count)
    if length < 0 { throw failure() }
    return length
  }

  /// fchmodat(2).
  public func chmod(_ path: UnsafeRawBufferPointer, mode: UInt32) throws(SystemCallError) {
    let base = try terminated(path, in: path1)
    try check(fchmodat(base, path1, mode, 0))
  }

  /// fstatat(2).
  public func stat(_ path: UnsafeRawBufferPointer) throws(SystemCallError) -> FileStatus {
    let base = try terminated(path, in: path1)
    var raw = Glibc.stat()
    try check(fstatat(base, path1, &raw, 0))
    return status(raw)
  }

  /// fstatat(2) with AT_SYMLINK_NOFOLLOW.
  public func lstat(_ path: UnsafeRawBufferPointer) throws(SystemCallError) -> FileStatus {
    let base = try terminated(path, in: path1)
    var raw = Glibc.stat()
    try check(fstatat(base, path1, &raw, AT_SYMLINK_NOFOLLOW))
    return status(raw)
  }

  /// fstatvfs(3) of the opened path.
  public func statfs(_ path: UnsafeRawBufferPointer) throws(SystemCallError) -> FileSystemStatus {
    let base = try terminated(path, in: path1)
    let descriptor = openat(base, path1, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    if descriptor < 0 { throw failure() }
    defer { _ = Glibc.close(descriptor) }
    var raw = statvfs()
    try check(fstatvfs(descriptor, &raw))
    let unit = UInt64(raw.f_frsize)
    return FileSystemStatus(
      totalBytes: UInt64(raw.f_blocks) &* unit, freeBytes: UInt64(raw.f_bfree) &* unit,
      totalFiles: UInt64(raw.f_files), freeFiles: UInt64(raw.f_ffree))
  }

  /// Opens the directory and makes it the one that relative paths begin at.
  public func chdir(_ path: UnsafeRawBufferPointer) throws(SystemCallError) {
    let base = try terminated(path, in: path1)
    let descriptor = openat(base, path1, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    if descriptor < 0 { throw failure() }
    _ = Glibc.close(workingDirectory)
    workingDirectory = descriptor
  }

  /// The kernel's name of the working directory.
  public func getcwd(into buffer: UnsafeMutableRawBufferPointer) throws(SystemCallError) -> Int {
    let length = Self.name(of: workingDirectory, into: buffer)
    if length < 0 { throw failure() }
    return length
  }
}

// MARK: - Open files and directories

extension LocalFileSystem {
  /// openat(2).
  public func open(
    _ path: UnsafeRawBufferPointer, flags: OpenFlags, mode: UInt32
  ) throws(SystemCallError) -> Int32 {
    let base = try terminated(path, in: path1)
    var bits: Int32 = O_CLOEXEC
    if flags.contains([.read, .write]) {
      bits |= O_RDWR
    } else if flags.contains(.write) {
      bits |= O_WRONLY
    }
    if flags.contains(.create) { bits |= O_CREAT }
    if flags.contains(.truncate) { bits |= O_TRUNC }
    if flags.contains(.exclusive) { bits |= O_EXCL }
    let descriptor = openat(base, path1, bits, mode & ~creationMask)
    if descriptor < 0 { throw failure() }
    descriptors.append(descriptor)
    return descriptor
  }

  /// close(2).
  public func close(_ descriptor: Int32) throws(SystemCallError) {
    guard let index = descriptors.lastIndex(of: descriptor) else { throw .badDescriptor }
    descriptors.remove(at: index)
    try check(Glibc.close(descriptor))
  }

  /// read(2).
  public func read(
    _ descriptor: Int32, into buffer: UnsafeMutableRawBufferPointer
  ) throws(SystemCallError) -> Int {
    let count = Glibc.read(descriptor, buffer.baseAddress, buffer.count)
    if count < 0 { throw failure() }
    return count
  }

  /// write(2).
  public func write(_ descriptor: Int32, from bytes: UnsafeRawBufferPointer) throws(SystemCallError) -> Int {
    let count = Glibc.write(descriptor, bytes.baseAddress, bytes.count)
    if count < 0 { throw failure() }
    return count
  }

  /// mmap(2).
  public func mmap(_ descriptor: Int32, length: Int) throws(SystemCallError) -> Int32 {
    guard let address = Glibc.mmap(nil, length, PROT_READ, MAP_PRIVATE, descriptor, 0),
      UInt(bitPattern: address) != UInt.max
    else { throw failure() }
    mappings.append((address, length))
    return Int32(mappings.count - 1)
  }

  /// msync(2) with MS_INVALIDATE.
  public func msyncInvalidate(_ mapping: Int32) throws(SystemCallError) {
    guard mapping >= 0, Int(mapping) < mappings.count, let entry = mappings[Int(mapping)] else { throw .invalid }
    try check(msync(entry.address, entry.length, Int32(MS_INVALIDATE)))
  }

  /// munmap(2).
  public func munmap(_ mapping: Int32) throws(SystemCallError) {
    guard mapping >= 0, Int(mapping) < mappings.count, let entry = mappings[Int(mapping)] else { throw .invalid }
    mappings[Int(mapping)] = nil
    try check(Glibc.munmap(entry.address, entry.length))
  }

  /// fdopendir(3).
  public func opendir(_ path: UnsafeRawBufferPointer) throws(SystemCallError) -> Int32 {
    let base = try terminated(path, in: path1)
    let descriptor = openat(base, path1, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK)
    if descriptor < 0 { throw failure() }
    guard let directory = fdopendir(descriptor) else {
      let error = failure()
      _ = Glibc.close(descriptor)
      throw error
    }
    directories.append(directory)
    return Int32(directories.count - 1)
  }

  private func directory(_ number: Int32) -> OpaquePointer? {
    number >= 0 && Int(number) < directories.count ? directories[Int(number)] : nil
  }

  /// rewinddir(3).
  public func rewinddir(_ number: Int32) {
    if let directory = directory(number) { Glibc.rewinddir(directory) }
  }

  /// readdir(3).
  public func readdir(_ number: Int32) throws(SystemCallError) -> DirectoryEntry? {
    guard let directory = directory(number) else { throw .badDescriptor }
    errno = 0
    guard let entry = Glibc.readdir(directory) else {
      if errno != 0 { throw failure() }
      return nil
    }
    // The name is as long as it is: the record behind it may end before sizeof(dirent).
    let offset = MemoryLayout<dirent>.offset(of: \dirent.d_name) ?? 19
    let name = UnsafeRawPointer(entry) + offset
    let length = strlen(name.assumingMemoryBound(to: CChar.self))
    let type = UInt32((UnsafeRawPointer(entry) + offset - 1).load(as: UInt8.self)) << 12
    return DirectoryEntry(
      name: UnsafeRawBufferPointer(start: name, count: length), fileid: UInt64(entry.pointee.d_ino), type: type)
  }

  /// closedir(3).
  public func closedir(_ number: Int32) {
    guard let directory = directory(number) else { return }
    directories[Int(number)] = nil
    _ = Glibc.closedir(directory)
  }
}
