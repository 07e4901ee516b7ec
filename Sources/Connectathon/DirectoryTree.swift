// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4Client

/// What dirtree() and rmdirtree() counted.
struct TreeTotals {
  var files = 0
  var directories = 0
}

extension TestProgram {
  /// dirtree(): `files` files and `directories` directories, `levels` deep, in the working directory.
  func makeTree(levels: Int, files: Int, directories: Int, totals: inout TreeTotals) throws(ProgramExit) {
    if levels == 0 { return }
    for index in 0..<files {
      let name = names.file[index]
      let descriptor = try must("creat \(text(name)) failed") { () throws(SystemCallError) in
        try fileSystem.open(name, flags: .creat, mode: 0o666)
      }
      totals.files += 1
      try must("close \(descriptor) failed") { () throws(SystemCallError) in try fileSystem.close(descriptor) }
    }
    for index in 0..<directories {
      let name = names.directory[index]
      try must("mkdir \(text(name)) failed") { () throws(SystemCallError) in try fileSystem.mkdir(name, mode: 0o777) }
      totals.directories += 1
      try must("chdir \(text(name)) failed") { () throws(SystemCallError) in try fileSystem.chdir(name) }
      try makeTree(levels: levels - 1, files: files, directories: directories, totals: &totals)
      try must("chdir .. failed") { () throws(SystemCallError) in try fileSystem.chdir(parentPath) }
    }
  }

  /// rmdirtree(): removes such a tree and nothing else; with `ignore`, names that are gone are no error.
  ///
  /// As in the original, a failing rmdir is never ignored.
  func removeKnownTree(
    levels: Int, files: Int, directories: Int, ignore: Bool, totals: inout TreeTotals
  ) throws(ProgramExit) {
    if levels == 0 { return }
    for index in 0..<files {
      let name = names.file[index]
      do throws(SystemCallError) { try fileSystem.unlink(name) } catch {
        errno = error.code
        if !ignore { throw failed("unlink \(text(name)) failed") }
      }
      totals.files += 1
    }
    for index in 0..<directories {
      let name = names.directory[index]
      do throws(SystemCallError) { try fileSystem.chdir(name) } catch {
        errno = error.code
        if ignore { continue }
        throw failed("chdir \(text(name)) failed")
      }
      try removeKnownTree(
        levels: levels - 1, files: files, directories: directories, ignore: ignore, totals: &totals)
      try must("chdir .. failed") { () throws(SystemCallError) in try fileSystem.chdir(parentPath) }
      try must("rmdir \(text(name)) failed") { () throws(SystemCallError) in try fileSystem.rmdir(name) }
      totals.directories += 1
    }
  }
}
