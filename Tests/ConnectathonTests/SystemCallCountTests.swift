// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Connectathon
import NFS4Client
import Testing

/// Counts the calls of the test programs.
private final class CountingFileSystem: WrappedFileSystem {
  var counts: [String: Int] = [:]

  private func count<Value>(_ name: String, _ body: () throws(SystemCallError) -> Value) throws(SystemCallError)
    -> Value
  {
    do throws(SystemCallError) {
      let value = try body()
      counts[name, default: 0] += 1
      return value
    } catch {
      counts["\(name) \(error)", default: 0] += 1
      throw error
    }
  }

  override func open(_ path: UnsafeRawBufferPointer, flags: OpenFlags, mode: UInt32) throws(SystemCallError) -> Int32 {
    try count(flags == .creat ? "creat" : "open") { () throws(SystemCallError) in
      try super.open(path, flags: flags, mode: mode)
    }
  }
  override func close(_ descriptor: Int32) throws(SystemCallError) {
    try count("close") { () throws(SystemCallError) in try super.close(descriptor) }
  }
  override func mkdir(_ path: UnsafeRawBufferPointer, mode: UInt32) throws(SystemCallError) {
    try count("mkdir") { () throws(SystemCallError) in try super.mkdir(path, mode: mode) }
  }
  override func rmdir(_ path: UnsafeRawBufferPointer) throws(SystemCallError) {
    try count("rmdir") { () throws(SystemCallError) in try super.rmdir(path) }
  }
  override func unlink(_ path: UnsafeRawBufferPointer) throws(SystemCallError) {
    try count("unlink") { () throws(SystemCallError) in try super.unlink(path) }
  }
  override func rename(_ old: UnsafeRawBufferPointer, to new: UnsafeRawBufferPointer) throws(SystemCallError) {
    try count("rename") { () throws(SystemCallError) in try super.rename(old, to: new) }
  }
  override func link(_ old: UnsafeRawBufferPointer, to new: UnsafeRawBufferPointer) throws(SystemCallError) {
    try count("link") { () throws(SystemCallError) in try super.link(old, to: new) }
  }
  override func symlink(_ text: UnsafeRawBufferPointer, at path: UnsafeRawBufferPointer) throws(SystemCallError) {
    try count("symlink") { () throws(SystemCallError) in try super.symlink(text, at: path) }
  }
  override func readlink(
    _ path: UnsafeRawBufferPointer, into buffer: UnsafeMutableRawBufferPointer
  ) throws(SystemCallError) -> Int {
    try count("readlink") { () throws(SystemCallError) in try super.readlink(path, into: buffer) }
  }
  override func chmod(_ path: UnsafeRawBufferPointer, mode: UInt32) throws(SystemCallError) {
    try count("chmod") { () throws(SystemCallError) in try super.chmod(path, mode: mode) }
  }
  override func stat(_ path: UnsafeRawBufferPointer) throws(SystemCallError) -> FileStatus {
    try count("stat") { () throws(SystemCallError) in try super.stat(path) }
  }
  override func statfs(_ path: UnsafeRawBufferPointer) throws(SystemCallError) -> FileSystemStatus {
    try count("statfs") { () throws(SystemCallError) in try super.statfs(path) }
  }
  override func chdir(_ path: UnsafeRawBufferPointer) throws(SystemCallError) {
    try count("chdir") { () throws(SystemCallError) in try super.chdir(path) }
  }
  override func getcwd(into buffer: UnsafeMutableRawBufferPointer) throws(SystemCallError) -> Int {
    try count("getcwd") { () throws(SystemCallError) in try super.getcwd(into: buffer) }
  }
  override func read(_ descriptor: Int32, into buffer: UnsafeMutableRawBufferPointer) throws(SystemCallError) -> Int {
    try count("read") { () throws(SystemCallError) in try super.read(descriptor, into: buffer) }
  }
  override func write(_ descriptor: Int32, from bytes: UnsafeRawBufferPointer) throws(SystemCallError) -> Int {
    try count("write") { () throws(SystemCallError) in try super.write(descriptor, from: bytes) }
  }
  override func msyncInvalidate(_ mapping: Int32) throws(SystemCallError) {
    try count("msync") { () throws(SystemCallError) in try super.msyncInvalidate(mapping) }
  }
  override func rewinddir(_ directory: Int32) {
    counts["rewinddir", default: 0] += 1
    super.rewinddir(directory)
  }
}

@Suite struct SystemCallCountTests {
  private func counts(_ variant: ConnectathonOptions.Variant) throws -> [String: Int] {
    var counting: CountingFileSystem?
    let run = try LocalRun(variant) { local in
      let system = CountingFileSystem(local)
      counting = system
      return system
    }
    #expect(run.failure == nil)
    return try #require(counting).counts
  }

  /// Section 4 of the reference.
  ///
  /// mkdir has the eight of the programs and the script's besides; the nineteen removals of `rm -r` are nine rmdir and
  /// ten unlink.
  @Test func aTimedPassMakesTheMeasuredSystemCalls() throws {
    #expect(
      try counts(.timed) == [
        "creat": 385, "open": 11, "close": 396, "mkdir": 62 + 8 + 1, "rmdir": 62 + 9, "unlink": 666 + 10,
        "unlink No such file or directory": 200, "rename": 100, "link": 100, "symlink": 200, "readlink": 200,
        "chmod": 1000, "statfs": 1500, "write": 1280, "read": 1408, "rewinddir": 200, "msync": 11, "getcwd": 250,
        // 250 + 1000 + 20 + 500 of the tests, of which 100 fail; 8 of the test directory and one of the script.
        "stat": 250 + 1000 + 20 + 400 + 8 + 1, "stat No such file or directory": 100,
        "chdir": 2 * 124 + 9,
      ])
  }

  @Test func aFunctionalPassMakesTheMeasuredSystemCalls() throws {
    #expect(
      try counts(.functional) == [
        "creat": 227, "open": 2, "close": 229, "mkdir": 6 + 8 + 1, "rmdir": 6 + 9, "unlink": 237 + 10,
        "unlink No such file or directory": 1, "rename": 10, "link": 10, "symlink": 10, "readlink": 10, "chmod": 20,
        "statfs": 1, "write": 128, "read": 256, "rewinddir": 1, "msync": 2, "getcwd": 1,
        "stat": 1 + 20 + 2 + 40 + 8 + 1, "stat No such file or directory": 10, "chdir": 2 * 12 + 9,
      ])
  }
}
