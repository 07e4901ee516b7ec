// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// The basic tests 1 to 9 in the order of basic/runtests.
enum BasicSuite {
  static let suite = TestSuite(
    name: "basic",
    heading: "Starting BASIC tests:",
    farewell: "Congratulations, you passed the basic tests!",
    programs: [
      TestSuite.Program(name: "./test1", before: "\n", body: { p throws(ProgramExit) in try p.test1() }),
      TestSuite.Program(name: "./test2", before: "\n", body: { p throws(ProgramExit) in try p.test2() }),
      TestSuite.Program(name: "./test3", before: "\n", body: { p throws(ProgramExit) in try p.test3() }),
      TestSuite.Program(name: "./test4", before: "\n", body: { p throws(ProgramExit) in try p.test4() }),
      TestSuite.Program(name: "./test5", before: "\n", body: { p throws(ProgramExit) in try p.test5() }),
      // A debug line of the linux-nfs tree stands where the blank line was (reference section 2).
      TestSuite.Program(name: "./test6", before: "TESTARG=%\n", body: { p throws(ProgramExit) in try p.test6() }),
      TestSuite.Program(name: "./test7", before: "\n", body: { p throws(ProgramExit) in try p.test7() }),
      TestSuite.Program(name: "./test8", before: "\n", body: { p throws(ProgramExit) in try p.test8() }),
      TestSuite.Program(name: "./test9", before: "\n", body: { p throws(ProgramExit) in try p.test9() }),
    ])
}
