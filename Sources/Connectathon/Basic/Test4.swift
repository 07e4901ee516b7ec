// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4Client

extension TestProgram {
  /// test4: setattr, getattr and lookup.
  func test4() throws(ProgramExit) {
    let files = 10
    let count = timed ? 50 : 1
    fileSystem.umask(0)
    try makeTestDirectory()
    var totals = TreeTotals()
    try makeTree(levels: 1, files: files, directories: 0, totals: &totals)
    title("setattr, getattr, and lookup")
    startTime()
    for _ in 0..<count {
      for index in 0..<files {
        let name = names.file[index]
        try changeMode(name, to: 0)
        let none = try must("can't stat \(text(name)) after CMOD_NONE") { () throws(SystemCallError) in
          try fileSystem.stat(name)
        }
        if none.mode & 0o777 != 0 { throw failed("\(text(name)) has mode \(octal(none.mode)) after chmod 0") }
        try changeMode(name, to: 0o666)
        let readWrite = try must("can't stat \(text(name)) after CHMOD_RW") { () throws(SystemCallError) in
          try fileSystem.stat(name)
        }
        if readWrite.mode & 0o777 != 0o666 {
          throw failed("\(text(name)) has mode \(octal(readWrite.mode)) after chmod 0666")
        }
      }
    }
    let elapsed = endTime()
    say("\t\(files * count * 2) chmods and stats on \(files) files\(timing(elapsed))\n")
    complete()
  }

  /// chmod(2); a failure prints its error and exits **0**, as in basic/test4.c.
  private func changeMode(_ name: UnsafeRawBufferPointer, to mode: UInt32) throws(ProgramExit) {
    do throws(SystemCallError) { try fileSystem.chmod(name, mode: mode) } catch {
      errno = error.code
      try self.error("can't chmod \(octal(mode)) \(text(name))")
      throw ProgramExit(status: 0)
    }
  }

  private func octal(_ mode: UInt32) -> String { String(mode & 0o777, radix: 8) }
}
