// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4Client

/// One bit per file number: the bitmap of basic/test6.c.
private struct SeenFiles {
  private var words: InlineArray<8, UInt64> = InlineArray(repeating: 0)

  mutating func clear() { words = InlineArray(repeating: 0) }
  func contains(_ number: Int) -> Bool { words[number >> 6] & (1 << UInt64(number & 63)) != 0 }
  mutating func insert(_ number: Int) { words[number >> 6] |= 1 << UInt64(number & 63) }
}

extension TestProgram {
  /// test6: readdir.
  func test6() throws(ProgramExit) {
    let files = 200
    let count = timed ? 200 : 1
    fileSystem.umask(0)
    title("readdir")
    try makeTestDirectory()
    var totals = TreeTotals()
    try makeTree(levels: 1, files: files, directories: 0, totals: &totals)
    startTime()
    let directory = try must("can't opendir .") { () throws(SystemCallError) in try fileSystem.opendir(currentPath) }
    var entries = 0
    for pass in 0..<count {
      fileSystem.rewinddir(directory)
      entries += try readOnce(directory, pass: pass, files: files)
      let name = names.file[pass]
      try must("can't unlink \(text(name))") { () throws(SystemCallError) in try fileSystem.unlink(name) }
    }
    fileSystem.closedir(directory)
    let elapsed = endTime()
    say("\t\(entries) entries read, \(files) files\(timing(elapsed))\n")
    try removeKnownTree(levels: 1, files: files, directories: 0, ignore: true, totals: &totals)
    complete()
  }

  /// Reads the directory to its end and makes every check of the original; returns the number of entries.
  private func readOnce(_ directory: Int32, pass: Int, files: Int) throws(ProgramExit) -> Int {
    var entries = 0
    var dot = false
    var dotDot = false
    var problems = 0
    var seen = SeenFiles()
    while let entry = try nextEntry(directory) {
      entries += 1
      let name = entry.name
      if name.count == 1 && name[0] == 46 {
        if dot { throw failed("'.' dir entry read twice") }
        dot = true
        continue
      }
      if name.count == 2 && name[0] == 46 && name[1] == 46 {
        if dotDot { throw failed("'..' dir entry read twice") }
        dotDot = true
        continue
      }
      guard let number = fileNumber(name), number < TestNames.limit else {
        throw failed("unexpected dir entry '\(text(name))'")
      }
      if seen.contains(number) {
        try error("duplicate '\(text(name))' dir entry read")
        problems += 1
      } else {
        seen.insert(number)
      }
    }
    if !dot {
      try error("didn't read '.' dir entry, pass \(pass)")
      problems += 1
    }
    if !dotDot {
      try error("didn't read '..' dir entry, pass \(pass)")
      problems += 1
    }
    for number in 0..<pass where seen.contains(number) {
      try error("unlinked '\(text(names.file[number]))' dir entry read pass \(pass)")
      problems += 1
    }
    for number in pass..<files where !seen.contains(number) {
      try error("didn't read expected '\(text(names.file[number]))' dir entry, pass \(pass)")
      problems += 1
    }
    if problems > 0 { throw failed("Test failed with \(problems) errors") }
    return entries
  }

  /// readdir(3); the original takes a failure for the end.
  private func nextEntry(_ directory: Int32) throws(ProgramExit) -> DirectoryEntry? {
    do throws(SystemCallError) { return try fileSystem.readdir(directory) } catch {
      errno = error.code
      return nil
    }
  }

  /// The number behind `file.` as atoi(3) reads it: 0 where no digit follows; nil for another prefix or a negative
  /// number.
  private func fileNumber(_ name: UnsafeRawBufferPointer) -> Int? {
    guard name.count >= 5, name[0] == 102, name[1] == 105, name[2] == 108, name[3] == 101, name[4] == 46 else {
      return nil
    }
    var index = 5
    while index < name.count, name[index] == 32 || (name[index] >= 9 && name[index] <= 13) { index += 1 }
    var negative = false
    if index < name.count, name[index] == 43 || name[index] == 45 {
      negative = name[index] == 45
      index += 1
    }
    var number = 0
    while index < name.count, name[index] >= 48, name[index] <= 57, number < TestNames.limit {
      number = number * 10 + Int(name[index] - 48)
      index += 1
    }
    return negative && number > 0 ? nil : number
  }
}
