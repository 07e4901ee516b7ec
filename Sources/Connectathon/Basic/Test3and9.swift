// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4Client

extension TestProgram {
  /// test3: lookups up and down across the mount point.
  func test3() throws(ProgramExit) {
    let count = timed ? 250 : 1
    fileSystem.umask(0)
    title("lookups across mount point")
    try makeTestDirectory()
    startTime()
    for _ in 0..<count {
      let length: Int
      do throws(SystemCallError) { length = try fileSystem.getcwd(into: buffer) } catch {
        errno = error.code
        complain("./test3: getcwd failed")
        throw ProgramExit(status: 1)
      }
      let path = UnsafeRawBufferPointer(rebasing: buffer[0..<length])
      _ = try must("can't stat \(text(path)) after getcwd") { () throws(SystemCallError) in
        try fileSystem.stat(path)
      }
    }
    let elapsed = endTime()
    say("\t\(count * 2) getcwd and stat calls\(timing(elapsed))\n")
    complete()
  }

  /// test9: statfs.
  func test9() throws(ProgramExit) {
    let count = timed ? 1500 : 1
    fileSystem.umask(0)
    try makeTestDirectory()
    title("statfs")
    startTime()
    for _ in 0..<count {
      _ = try must("can't do statfs on \".\"") { () throws(SystemCallError) in try fileSystem.statfs(currentPath) }
    }
    let elapsed = endTime()
    say("\t\(count) statfs calls\(timing(elapsed))\n")
    complete()
  }
}
