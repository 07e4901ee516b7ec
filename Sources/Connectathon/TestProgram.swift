// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4Client

/// exit(3) with a status that is not a success.
struct ProgramExit: Error {
  /// What the script sees.
  ///
  /// test4 exits 0 after a failing chmod.
  var status: Int32
}

/// One run of one test program: its file system, its streams, its errno and its stop watch (basic/subr.c).
final class TestProgram {
  let fileSystem: any FileSystemUnderTest
  let names: TestNames
  /// NFSTESTDIR.
  let testDirectory: UnsafeRawBufferPointer
  /// True for `-t`.
  let timed: Bool
  /// BUFSZ bytes for test5, MAXPATHLEN bytes for paths.
  let buffer: UnsafeMutableRawBufferPointer
  /// errno: the last failure's, never cleared, as in a C program.
  var errno: Int32 = 0
  /// First line of the standard error, kept for reports.
  private(set) var firstError: String?
  /// Sum of what the stop watch measured, nanoseconds.
  private(set) var timedNanoseconds: UInt64 = 0

  private let myName: StaticString
  private let output: (any TextSink)?
  private let errors: (any TextSink)?
  private let clock: any ClientClock
  private var startNanoseconds: UInt64 = 0

  init(
    _ myName: StaticString, fileSystem: any FileSystemUnderTest, resources: RunnerResources,
    testDirectory: UnsafeRawBufferPointer, timed: Bool
  ) {
    self.myName = myName
    self.fileSystem = fileSystem
    self.testDirectory = testDirectory
    self.timed = timed
    names = resources.names
    buffer = resources.buffer
    output = resources.output
    errors = resources.errors
    clock = resources.clock
  }

  // MARK: Streams

  /// printf() to the standard output; costs nothing when nobody listens.
  @inline(__always)
  func say(_ text: @autoclosure () -> String) {
    if let output { output.write(text()) }
  }

  /// The title line.
  func title(_ title: StaticString) { say("\(myName): \(title)\n") }

  /// complete(): the line that decides.
  func complete() { say("\t\(myName) ok.\n") }

  /// fprintf() to the standard error, a whole line.
  func complain(_ line: String) {
    if firstError == nil { firstError = String(line.drop { $0 == "\t" }) }
    errors?.write(line + "\n")
  }

  /// error(): the message with the working directory in front and the text of errno, unless it is 0, behind.
  func error(_ message: String) throws(ProgramExit) {
    let oldErrno = errno
    do throws(SystemCallError) {
      let length = try fileSystem.getcwd(into: buffer)
      let path = text(UnsafeRawBufferPointer(rebasing: buffer[0..<length]))
      let reason = oldErrno == 0 ? "" : " : \(SystemCallError.text(oldErrno))"
      complain("\t\(myName): (\(path)) \(message)\(reason)")
    } catch {
      // The original runs the two messages together on one line, and then exits.
      let reason = oldErrno == 0 ? "" : " : \(SystemCallError.text(oldErrno))"
      complain("\(myName): getcwd failed")
      complain("\(message)\(reason)")
      throw ProgramExit(status: 1)
    }
    errno = oldErrno
  }

  /// error() and exit(1), as one value to throw.
  func failed(_ message: String) -> ProgramExit {
    do throws(ProgramExit) { try error(message) } catch { return error }
    return ProgramExit(status: 1)
  }

  /// Makes a system call that must succeed; otherwise error(message) and exit(1).
  @inline(__always)
  func must<T>(
    _ message: @autoclosure () -> String, _ call: () throws(SystemCallError) -> T
  ) throws(ProgramExit) -> T {
    do throws(SystemCallError) { return try call() } catch {
      errno = error.code
      throw failed(message())
    }
  }

  // MARK: Stop watch

  /// starttime().
  func startTime() { startNanoseconds = clock.nanoseconds }

  /// endtime(): nanoseconds since startTime().
  func endTime() -> UInt64 {
    let elapsed = clock.nanoseconds &- startNanoseconds
    timedNanoseconds &+= elapsed
    return elapsed
  }

  /// Whole seconds, a dot and hundredths that are not padded in front but behind (`%ld.%-2ld`): "0.5 " is 0.05 s.
  static func seconds(_ nanoseconds: UInt64) -> String {
    let microseconds = nanoseconds / 1000
    let hundredths = microseconds % 1_000_000 / 10_000
    return "\(microseconds / 1_000_000).\(hundredths)\(hundredths < 10 ? " " : "")"
  }

  /// ` in S.HH seconds` for `-t`, nothing for `-f`.
  func timing(_ nanoseconds: UInt64) -> String { timed ? " in \(Self.seconds(nanoseconds)) seconds" : "" }

  // MARK: Test directory (testdir(), mtestdir())

  /// testdir(): removes an old test directory, makes a new one and goes there.
  func makeTestDirectory() throws(ProgramExit) {
    let directory = testDirectory
    var exists = true
    do throws(SystemCallError) { _ = try fileSystem.stat(directory) } catch {
      errno = error.code
      exists = false
    }
    if exists {
      // system("rm -r DIR"): a process of its own, whose errno stays there.
      if !removeTree(directory, on: fileSystem, complain: { self.complain($0) }) {
        throw failed("can't remove old test directory \(text(directory))")
      }
    }
    try must("can't create test directory \(text(directory))") { () throws(SystemCallError) in
      try fileSystem.mkdir(directory, mode: 0o777)
    }
    try must("can't chdir to test directory \(text(directory))") { () throws(SystemCallError) in
      try fileSystem.chdir(directory)
    }
  }

  /// mtestdir(): goes to the test directory; false after an error line if that fails.
  func enterTestDirectory() throws(ProgramExit) -> Bool {
    do throws(SystemCallError) { try fileSystem.chdir(testDirectory) } catch {
      errno = error.code
      try self.error("can't chdir to test directory \(text(testDirectory))")
      return false
    }
    return true
  }
}
