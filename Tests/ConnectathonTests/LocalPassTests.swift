// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Connectathon
import NFS4Client
import Testing

@Suite struct LocalPassTests {
  static func timedLines(_ directory: String, seconds: String = "0.0 ", rate: String = "(> 10485760 bytes/sec)")
    -> [String]
  {
    [
      "", "Starting BASIC tests: test directory \(directory) (arg: -t)",
      "", "./test1: File and directory creation test",
      "\tcreated 155 files 62 directories 5 levels deep in \(seconds) seconds", "\t./test1 ok.",
      "", "./test2: File and directory removal test",
      "\tremoved 155 files 62 directories 5 levels deep in \(seconds) seconds", "\t./test2 ok.",
      "", "./test3: lookups across mount point",
      "\t500 getcwd and stat calls in \(seconds) seconds", "\t./test3 ok.",
      "", "./test4: setattr, getattr, and lookup",
      "\t1000 chmods and stats on 10 files in \(seconds) seconds", "\t./test4 ok.",
      "", "./test5: read and write",
      "\twrote 1048576 byte file 10 times in \(seconds) seconds \(rate)",
      "\tread 1048576 byte file 10 times in \(seconds) seconds \(rate)", "\t./test5 ok.",
      "TESTARG=-t", "./test6: readdir",
      "\t20500 entries read, 200 files in \(seconds) seconds", "\t./test6 ok.",
      "", "./test7: link and rename",
      "\t200 renames and links on 10 files in \(seconds) seconds", "\t./test7 ok.",
      "", "./test8: symlink and readlink",
      "\t400 symlinks and readlinks on 10 files in \(seconds) seconds", "\t./test8 ok.",
      "", "./test9: statfs",
      "\t1500 statfs calls in \(seconds) seconds", "\t./test9 ok.",
      "", "Congratulations, you passed the basic tests!",
    ]
  }

  static func functionalLines(_ directory: String) -> [String] {
    [
      "", "Starting BASIC tests: test directory \(directory) (arg: -f)",
      "", "./test1: File and directory creation test", "\tcreated 6 files 6 directories 2 levels deep", "\t./test1 ok.",
      "", "./test2: File and directory removal test", "\tremoved 6 files 6 directories 2 levels deep", "\t./test2 ok.",
      "", "./test3: lookups across mount point", "\t2 getcwd and stat calls", "\t./test3 ok.",
      "", "./test4: setattr, getattr, and lookup", "\t20 chmods and stats on 10 files", "\t./test4 ok.",
      "", "./test5: read and write", "\twrote 1048576 byte file 1 times", "\tread 1048576 byte file 1 times",
      "\t./test5 ok.",
      "TESTARG=-f", "./test6: readdir", "\t202 entries read, 200 files", "\t./test6 ok.",
      "", "./test7: link and rename", "\t20 renames and links on 10 files", "\t./test7 ok.",
      "", "./test8: symlink and readlink", "\t20 symlinks and readlinks on 10 files", "\t./test8 ok.",
      "", "./test9: statfs", "\t1 statfs calls", "\t./test9 ok.",
      "", "Congratulations, you passed the basic tests!",
    ]
  }

  @Test func aTimedPassPrintsTheOriginalsLines() throws {
    let run = try LocalRun(.timed)
    #expect(run.failure == nil)
    #expect(run.errors.text == "")
    #expect(run.output.lines == Self.timedLines(run.testDirectory) + ["", "All tests completed"])
    #expect(run.runner.results.map(\.name) == (1...9).map { "test\($0)" })
    #expect(run.runner.results.allSatisfy { $0.ok && $0.status == 0 && $0.error == nil })
  }

  @Test func aFunctionalPassPrintsTheOriginalsLines() throws {
    let run = try LocalRun(.functional)
    #expect(run.failure == nil)
    #expect(run.errors.text == "")
    #expect(run.output.lines == Self.functionalLines(run.testDirectory) + ["", "All tests completed"])
    // The test directory is made in the directory under test, and nowhere else.
    #expect(run.testDirectory == (try LocalFileSystem(path: run.directory.path)).path + "/nfschurn.test")
  }

  @Test func severalPassesPrintTheirNumbersAndCompleteOnce() throws {
    let run = try LocalRun(.functional, passes: 2)
    let pass = Self.functionalLines(run.testDirectory)
    #expect(
      run.output.lines == ["... Pass 1 ..."] + pass + ["... Pass 2 ..."] + pass + ["", "All tests completed"])
  }

  @Test func hundredthsAreNotPaddedInFront() throws {
    // Both loops look at the clock twice: each takes one step of 50 ms, which prints as 0.5 with a blank behind it.
    let run = try LocalRun(.timed, clock: SteppingClock(step: 50_000_000))
    #expect(
      run.output.lines
        == Self.timedLines(run.testDirectory, seconds: "0.5 ", rate: "(209715200 bytes/sec)")
        + ["", "All tests completed"])
    #expect(run.runner.results.map(\.timedNanoseconds) == [1, 1, 1, 1, 2, 1, 1, 1, 1].map { $0 * 50_000_000 })
  }

  @Test func bytesPerSecondOverflowAThirtyTwoBitInteger() throws {
    let run = try LocalRun(.timed, clock: SteppingClock(step: 1000))
    #expect(run.output.lines.contains("\twrote 1048576 byte file 10 times in 0.0  seconds (-2147483648 bytes/sec)"))
    let slow = try LocalRun(.timed, clock: SteppingClock(step: 12_340_000_000))
    #expect(slow.output.lines.contains("\tread 1048576 byte file 10 times in 12.34 seconds (849737 bytes/sec)"))
  }

  @Test func keptDirectoriesStay() throws {
    let removed = try LocalRun(.functional)
    #expect(try entries(removed.directory.path).isEmpty)
    let directory = try TemporaryDirectory()
    let local = try LocalFileSystem(path: directory.path)
    let runner = ConnectathonRunner(
      fileSystems: [local],
      options: ConnectathonOptions(variant: .functional, keep: true, testDirectory: "\(local.path)/dir"), output: nil,
      errors: nil, clock: ManualClock())
    try runner.run()
    #expect(try entries(directory.path) == ["dir"])
    local.startProgram()
    try local.rmdir(StaticString("dir").path)
  }

  @Test func anOldTestDirectoryIsComplainedOfAndMadeNew() throws {
    let directory = try TemporaryDirectory()
    let local = try LocalFileSystem(path: directory.path)
    local.startProgram()
    try local.mkdir(StaticString("dir").path, mode: 0o777)
    _ = try local.open(StaticString("dir/old").path, flags: .creat, mode: 0o666)
    local.endProgram()
    let errors = TextCollector()
    let runner = ConnectathonRunner(
      fileSystems: [local], options: ConnectathonOptions(variant: .functional, testDirectory: "\(local.path)/dir"),
      output: nil, errors: errors, clock: ManualClock())
    try runner.runPass(1)
    #expect(errors.lines == ["mkdir: cannot create directory '\(local.path)/dir': File exists"])
    #expect(try entries(directory.path).isEmpty)
  }

  @Test func aTestDirectoryThatCannotBeMadeEndsThePass() throws {
    let directory = try TemporaryDirectory()
    let output = TextCollector()
    let runner = ConnectathonRunner(
      fileSystems: [try LocalFileSystem(path: directory.path)],
      options: ConnectathonOptions(testDirectory: "/no/such/place"), output: output, errors: nil, clock: ManualClock())
    #expect {
      try runner.runPass(1)
    } throws: { error in
      (error as? ConnectathonFailure)?.description
        == "basic tests failed in pass 1, (client 0): can't make directory /no/such/place: No such file or directory"
    }
    #expect(output.lines.suffix(2) == ["Can't make directory /no/such/place", "basic tests failed"])
  }

  @Test func severalClientsRunEveryProgramInTurn() throws {
    let directory = try TemporaryDirectory()
    let systems = [try LocalFileSystem(path: directory.path), try LocalFileSystem(path: directory.path)]
    let runner = ConnectathonRunner(
      fileSystems: systems,
      options: ConnectathonOptions(variant: .functional, testDirectory: "\(systems[0].path)/dir"), output: nil,
      errors: nil, clock: ManualClock())
    var order: [String] = []
    runner.afterTest = { order.append("\($0.name) \($0.client)") }
    try runner.runPass(1)
    #expect(order == (1...9).flatMap { ["test\($0) 0", "test\($0) 1"] })
    #expect(try entries(directory.path).isEmpty)
  }

  private func entries(_ path: String) throws -> [String] {
    let local = try LocalFileSystem(path: path)
    local.startProgram()
    let directory = try local.opendir(StaticString(".").path)
    defer { local.closedir(directory) }
    var names: [String] = []
    while let entry = try local.readdir(directory) { names.append(string(entry.name)) }
    return names.filter { $0 != "." && $0 != ".." }.sorted()
  }
}

extension StaticString {
  /// The bytes of a literal as a path.
  var path: UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: UnsafeRawPointer(utf8Start), count: utf8CodeUnitCount)
  }
}
