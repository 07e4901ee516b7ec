// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Glibc
import NFS4Client

extension TestProgram {
  /// test8: symlink and readlink.
  func test8() throws(ProgramExit) {
    let files = 10
    let count = timed ? 20 : 1
    fileSystem.umask(0)
    try makeTestDirectory()
    title("symlink and readlink")
    startTime()
    for _ in 0..<count {
      for index in 0..<files {
        if !(try linkReadAndUnlink(names.file[index], names.linkText[index])) {
          complete()
          return
        }
      }
    }
    let elapsed = endTime()
    say("\t\(files * count * 2) symlinks and readlinks on \(files) files\(timing(elapsed))\n")
    complete()
  }

  /// One round for one link; false where the file system has no symbolic links, which ends the test as a pass.
  private func linkReadAndUnlink(
    _ name: UnsafeRawBufferPointer, _ linkText: UnsafeRawBufferPointer
  ) throws(ProgramExit) -> Bool {
    do throws(SystemCallError) { try fileSystem.symlink(linkText, at: name) } catch {
      errno = error.code
      try self.error("can't make symlink \(text(name))")
      if errno == EOPNOTSUPP { return false }
      throw ProgramExit(status: 1)
    }
    let status = try must("can't stat \(text(name)) after symlink") { () throws(SystemCallError) in
      try fileSystem.lstat(name)
    }
    if !status.isSymbolicLink { throw failed("mode of \(text(name)) not symlink") }
    var length = -1
    do throws(SystemCallError) { length = try fileSystem.readlink(name, into: buffer) } catch { errno = error.code }
    if length != linkText.count {
      throw failed("readlink \(text(name)) ret \(length), expect \(linkText.count)")
    }
    if !linkText.elementsEqual(UnsafeRawBufferPointer(rebasing: buffer[0..<length])) {
      throw failed("readlink \(text(name)) returned bad linkname")
    }
    try must("can't unlink \(text(name))") { () throws(SystemCallError) in try fileSystem.unlink(name) }
    return true
  }
}
