// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// What a `runtests` script of one folder does: a list of programs with the lines between them.
///
/// A further suite is one more value of this type and a folder of programs.
struct TestSuite: Sendable {
  /// One program of the suite.
  struct Program: Sendable {
    /// argv[0], for instance `./test1`.
    var name: StaticString
    /// What the script echoes before it; `%` stands for `-t` or `-f`.
    var before: String
    /// main(); returns for exit(0) after complete().
    var body: @Sendable (TestProgram) throws(ProgramExit) -> Void
  }

  /// The folder: `basic`.
  var name: String
  /// The first line, without the test directory.
  var heading: String
  /// The last line.
  var farewell: String
  /// The programs in order.
  var programs: [Program]
}
