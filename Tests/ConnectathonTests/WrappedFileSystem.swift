// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Connectathon
import NFS4Client

/// A file system that passes every call on; tests override what they want to break or count.
class WrappedFileSystem: FileSystemUnderTest {
  let base: any FileSystemUnderTest

  init(_ base: any FileSystemUnderTest) { self.base = base }

  var mountPoint: String { base.mountPoint }
  var removalAsksForFileSystemType: Bool { base.removalAsksForFileSystemType }
  func startProgram() { base.startProgram() }
  func endProgram() { base.endProgram() }
  func umask(_ mask: UInt32) { base.umask(mask) }
  func mkdir(_ path: UnsafeRawBufferPointer, mode: UInt32) throws(SystemCallError) {
    try base.mkdir(path, mode: mode)
  }
  func rmdir(_ path: UnsafeRawBufferPointer) throws(SystemCallError) { try base.rmdir(path) }
  func unlink(_ path: UnsafeRawBufferPointer) throws(SystemCallError) { try base.unlink(path) }
  func rename(_ old: UnsafeRawBufferPointer, to new: UnsafeRawBufferPointer) throws(SystemCallError) {
    try base.rename(old, to: new)
  }
  func link(_ old: UnsafeRawBufferPointer, to new: UnsafeRawBufferPointer) throws(SystemCallError) {
    try base.link(old, to: new)
  }
  func symlink(_ text: UnsafeRawBufferPointer, at path: UnsafeRawBufferPointer) throws(SystemCallError) {
    try base.symlink(text, at: path)
  }
  func readlink(
    _ path: UnsafeRawBufferPointer, into buffer: UnsafeMutableRawBufferPointer
  ) throws(SystemCallError) -> Int {
    try base.readlink(path, into: buffer)
  }
  func chmod(_ path: UnsafeRawBufferPointer, mode: UInt32) throws(SystemCallError) {
    try base.chmod(path, mode: mode)
  }
  func stat(_ path: UnsafeRawBufferPointer) throws(SystemCallError) -> FileStatus { try base.stat(path) }
  func lstat(_ path: UnsafeRawBufferPointer) throws(SystemCallError) -> FileStatus { try base.lstat(path) }
  func statfs(_ path: UnsafeRawBufferPointer) throws(SystemCallError) -> FileSystemStatus { try base.statfs(path) }
  func chdir(_ path: UnsafeRawBufferPointer) throws(SystemCallError) { try base.chdir(path) }
  func getcwd(into buffer: UnsafeMutableRawBufferPointer) throws(SystemCallError) -> Int {
    try base.getcwd(into: buffer)
  }
  func open(_ path: UnsafeRawBufferPointer, flags: OpenFlags, mode: UInt32) throws(SystemCallError) -> Int32 {
    try base.open(path, flags: flags, mode: mode)
  }
  func close(_ descriptor: Int32) throws(SystemCallError) { try base.close(descriptor) }
  func read(_ descriptor: Int32, into buffer: UnsafeMutableRawBufferPointer) throws(SystemCallError) -> Int {
    try base.read(descriptor, into: buffer)
  }
  func write(_ descriptor: Int32, from bytes: UnsafeRawBufferPointer) throws(SystemCallError) -> Int {
    try base.write(descriptor, from: bytes)
  }
  func mmap(_ descriptor: Int32, length: Int) throws(SystemCallError) -> Int32 {
    try base.mmap(descriptor, length: length)
  }
  func msyncInvalidate(_ mapping: Int32) throws(SystemCallError) { try base.msyncInvalidate(mapping) }
  func munmap(_ mapping: Int32) throws(SystemCallError) { try base.munmap(mapping) }
  func opendir(_ path: UnsafeRawBufferPointer) throws(SystemCallError) -> Int32 { try base.opendir(path) }
  func rewinddir(_ directory: Int32) { base.rewinddir(directory) }
  func readdir(_ directory: Int32) throws(SystemCallError) -> DirectoryEntry? { try base.readdir(directory) }
  func closedir(_ directory: Int32) { base.closedir(directory) }
}

func string(_ bytes: UnsafeRawBufferPointer) -> String { String(decoding: bytes, as: UTF8.self) }
