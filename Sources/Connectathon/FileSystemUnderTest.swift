// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4Client

/// What the tests need of a file system: system calls as one process makes them.
///
/// Paths are bytes without an end mark, relative to the working directory unless they begin with a slash. One process
/// at a time: ``startProgram()`` to ``endProgram()``.
public protocol FileSystemUnderTest: AnyObject {
  /// Absolute path of the directory that the test directory is made in: MNTPOINT of the scripts.
  var mountPoint: String { get }

  /// A program starts: a new process with the file system's own working directory and the usual umask of 022.
  func startProgram()
  /// The program exits: what it left open is closed.
  func endProgram()
  /// umask(2).
  func umask(_ mask: UInt32)

  /// mkdir(2).
  func mkdir(_ path: UnsafeRawBufferPointer, mode: UInt32) throws(SystemCallError)
  /// rmdir(2).
  func rmdir(_ path: UnsafeRawBufferPointer) throws(SystemCallError)
  /// unlink(2).
  func unlink(_ path: UnsafeRawBufferPointer) throws(SystemCallError)
  /// rename(2).
  func rename(_ old: UnsafeRawBufferPointer, to new: UnsafeRawBufferPointer) throws(SystemCallError)
  /// link(2).
  func link(_ old: UnsafeRawBufferPointer, to new: UnsafeRawBufferPointer) throws(SystemCallError)
  /// symlink(2): `path` becomes a link that says `text`.
  func symlink(_ text: UnsafeRawBufferPointer, at path: UnsafeRawBufferPointer) throws(SystemCallError)
  /// readlink(2); returns the bytes written to `buffer`.
  func readlink(
    _ path: UnsafeRawBufferPointer, into buffer: UnsafeMutableRawBufferPointer
  ) throws(SystemCallError) -> Int
  /// chmod(2).
  func chmod(_ path: UnsafeRawBufferPointer, mode: UInt32) throws(SystemCallError)
  /// stat(2).
  func stat(_ path: UnsafeRawBufferPointer) throws(SystemCallError) -> FileStatus
  /// lstat(2).
  func lstat(_ path: UnsafeRawBufferPointer) throws(SystemCallError) -> FileStatus
  /// statfs(2).
  func statfs(_ path: UnsafeRawBufferPointer) throws(SystemCallError) -> FileSystemStatus
  /// chdir(2).
  func chdir(_ path: UnsafeRawBufferPointer) throws(SystemCallError)
  /// getcwd(3); returns the bytes written to `buffer`.
  func getcwd(into buffer: UnsafeMutableRawBufferPointer) throws(SystemCallError) -> Int

  /// open(2); creat(2) is ``OpenFlags/creat``.
  func open(
    _ path: UnsafeRawBufferPointer, flags: OpenFlags, mode: UInt32
  ) throws(SystemCallError) -> Int32
  /// close(2).
  func close(_ descriptor: Int32) throws(SystemCallError)
  /// read(2) at the descriptor's offset.
  func read(_ descriptor: Int32, into buffer: UnsafeMutableRawBufferPointer) throws(SystemCallError) -> Int
  /// write(2) at the descriptor's offset.
  func write(_ descriptor: Int32, from bytes: UnsafeRawBufferPointer) throws(SystemCallError) -> Int

  /// mmap(2) of the first `length` bytes for reading, MAP_PRIVATE; returns a number that stands for the address.
  func mmap(_ descriptor: Int32, length: Int) throws(SystemCallError) -> Int32
  /// msync(2) of a whole mapping with MS_INVALIDATE.
  func msyncInvalidate(_ mapping: Int32) throws(SystemCallError)
  /// munmap(2) of a whole mapping.
  func munmap(_ mapping: Int32) throws(SystemCallError)

  /// opendir(3); returns a number that stands for the DIR.
  func opendir(_ path: UnsafeRawBufferPointer) throws(SystemCallError) -> Int32
  /// rewinddir(3).
  func rewinddir(_ directory: Int32)
  /// readdir(3); nil at the end. The name is valid until the next call.
  func readdir(_ directory: Int32) throws(SystemCallError) -> DirectoryEntry?
  /// closedir(3).
  func closedir(_ directory: Int32)

  /// True where rm(1) calls fstatfs(2) once for every directory that is not empty, as GNU rm does on Linux (measured:
  /// the 1,501st statfs of a basic pass, reference section 6.4).
  var removalAsksForFileSystemType: Bool { get }
}

/// The NFS client's calls are what the tests need; its mount is the root of its own name space.
extension NFSClient: FileSystemUnderTest {
  /// `/`.
  public var mountPoint: String { "/" }
}
