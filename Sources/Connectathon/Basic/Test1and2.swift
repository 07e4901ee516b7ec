// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension TestProgram {
  /// Levels, files and directories of tests 1 and 2.
  private var treeShape: (levels: Int, files: Int, directories: Int) { timed ? (5, 5, 2) : (2, 2, 2) }

  /// test1: file and directory creation.
  func test1() throws(ProgramExit) {
    title("File and directory creation test")
    let (totals, elapsed) = try createTree()
    say(
      "\tcreated \(totals.files) files \(totals.directories) directories \(treeShape.levels) levels deep"
        + "\(timing(elapsed))\n")
    complete()
  }

  private func createTree() throws(ProgramExit) -> (TreeTotals, UInt64) {
    try makeTestDirectory()
    var totals = TreeTotals()
    let shape = treeShape
    startTime()
    try makeTree(levels: shape.levels, files: shape.files, directories: shape.directories, totals: &totals)
    return (totals, endTime())
  }

  /// test2: file and directory removal of what test1 left; makes the tree itself if the test directory is not there.
  func test2() throws(ProgramExit) {
    title("File and directory removal test")
    if !(try enterTestDirectory()) {
      // system("test1 -s ..."): the same program, silent.
      do throws(ProgramExit) { _ = try createTree() } catch {
        throw failed("can't make directroy tree to remove")
      }
      if !(try enterTestDirectory()) { throw failed("still can't go to test directory") }
    }
    var totals = TreeTotals()
    let shape = treeShape
    startTime()
    try removeKnownTree(
      levels: shape.levels, files: shape.files, directories: shape.directories, ignore: false, totals: &totals)
    let elapsed = endTime()
    say(
      "\tremoved \(totals.files) files \(totals.directories) directories \(shape.levels) levels deep"
        + "\(timing(elapsed))\n")
    complete()
  }
}
