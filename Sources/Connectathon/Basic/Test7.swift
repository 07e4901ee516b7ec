// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Glibc
import NFS4Client

extension TestProgram {
  /// test7: link and rename.
  func test7() throws(ProgramExit) {
    let files = 10
    let count = timed ? 10 : 1
    fileSystem.umask(0)
    title("link and rename")
    try makeTestDirectory()
    var totals = TreeTotals()
    try makeTree(levels: 1, files: files, directories: 0, totals: &totals)
    startTime()
    for _ in 0..<count {
      for index in 0..<files {
        if !(try renameAndLink(names.file[index], names.newFile[index])) {
          complete()
          return
        }
      }
    }
    let elapsed = endTime()
    say("\t\(files * count * 2) renames and links on \(files) files\(timing(elapsed))\n")
    try removeKnownTree(levels: 1, files: files, directories: 0, ignore: true, totals: &totals)
    complete()
  }

  /// One round for one file; false where the file system has no hard links, which ends the test as a pass.
  private func renameAndLink(
    _ name: UnsafeRawBufferPointer, _ new: UnsafeRawBufferPointer
  ) throws(ProgramExit) -> Bool {
    try must("can't rename \(text(name)) to \(text(new))") { () throws(SystemCallError) in
      try fileSystem.rename(name, to: new)
    }
    var oldExists = true
    do throws(SystemCallError) { _ = try fileSystem.stat(name) } catch {
      errno = error.code
      oldExists = false
    }
    if oldExists { throw failed("\(text(name)) exists after rename to \(text(new))") }
    try expectLinks(
      1, of: new, "after rename", cannotStat: "can't stat \(text(new)) after rename from \(text(name))")
    do throws(SystemCallError) { try fileSystem.link(new, to: name) } catch {
      errno = error.code
      try self.error("can't link \(text(new)) to \(text(name))")
      if errno == EOPNOTSUPP { return false }
      throw ProgramExit(status: 1)
    }
    try expectLinks(2, of: new, "after link", cannotStat: "can't stat \(text(new)) after link")
    try expectLinks(2, of: name, "after link", cannotStat: "can't stat \(text(name)) after link")
    try must("can't unlink \(text(new))") { () throws(SystemCallError) in try fileSystem.unlink(new) }
    try expectLinks(1, of: name, "after unlink", cannotStat: "can't stat \(text(name)) after unlink \(text(new))")
    return true
  }

  @inline(__always)
  private func expectLinks(
    _ count: UInt32, of name: UnsafeRawBufferPointer, _ when: StaticString, cannotStat: @autoclosure () -> String
  ) throws(ProgramExit) {
    let status = try must(cannotStat()) { () throws(SystemCallError) in try fileSystem.stat(name) }
    if status.linkCount != count {
      throw failed("\(text(name)) has \(status.linkCount) links \(when) (expect \(count))")
    }
  }
}
