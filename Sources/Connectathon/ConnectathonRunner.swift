// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4Client

/// What all runs of all programs share.
final class RunnerResources {
  let names = TestNames()
  let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 8192, alignment: 16)
  let output: (any TextSink)?
  let errors: (any TextSink)?
  let clock: any ClientClock

  init(output: (any TextSink)?, errors: (any TextSink)?, clock: any ClientClock) {
    self.output = output
    self.errors = errors
    self.clock = clock
  }

  deinit { buffer.deallocate() }
}

/// Runs the suite pass after pass, as `runtests -b -N passes` does.
///
/// With several clients each program is run by every client in turn, each in a test directory of its own. Used from one
/// thread.
public final class ConnectathonRunner {
  /// What is tested, one per client.
  public let fileSystems: [any FileSystemUnderTest]
  /// How it is run.
  public let options: ConnectathonOptions
  /// The results of the last pass, in the order in which the programs ran.
  public private(set) var results: [TestResult] = []
  /// Called after every program.
  public var afterTest: ((TestResult) -> Void)?

  private let resources: RunnerResources
  private let suite = BasicSuite.suite
  private let directories: [BytePath]
  /// NFSTESTDIR of the first client, as the lines name it.
  public let testDirectory: String

  /// Prepares runs; nothing is done yet.
  ///
  /// - Parameters:
  ///   - fileSystems: one or more, one per client.
  ///   - options: `-t` or `-f`, passes, test directory.
  ///   - output: takes the standard output; nil for none, which then costs nothing.
  ///   - errors: takes the standard error; nil for none.
  ///   - clock: what gettimeofday(2) tells the programs.
  public init(
    fileSystems: [any FileSystemUnderTest], options: ConnectathonOptions, output: (any TextSink)?,
    errors: (any TextSink)?, clock: any ClientClock
  ) {
    self.fileSystems = fileSystems
    self.options = options
    resources = RunnerResources(output: output, errors: errors, clock: clock)
    let names = fileSystems.enumerated().map { number, fileSystem in
      let top = fileSystem.mountPoint == "/" ? "" : fileSystem.mountPoint
      return (options.testDirectory ?? "\(top)/nfschurn.test") + (number == 0 ? "" : "\(number)")
    }
    directories = names.map { BytePath($0) }
    testDirectory = names.first ?? ""
    results.reserveCapacity(fileSystems.count * suite.programs.count)
  }

  /// Runs all passes with all lines, up to `All tests completed`.
  ///
  /// - Throws: ``ConnectathonFailure`` after the first pass that fails; the test directory is then left as it is.
  public func run() throws(ConnectathonFailure) {
    for number in 1...max(options.passes, 1) { try runPass(number) }
    resources.output?.write("\nAll tests completed\n")
  }

  /// Runs one pass and removes the test directory, unless it is the last of the options and they say to keep it.
  ///
  /// - Parameter number: which pass, from 1; printed unless the options have one pass only.
  /// - Throws: ``ConnectathonFailure``; ``results`` tells which programs ended how.
  public func runPass(_ number: Int) throws(ConnectathonFailure) {
    results.removeAll(keepingCapacity: true)
    if let output = resources.output {
      if options.passes != 1 { output.write("... Pass \(number) ...\n") }
      output.write(
        "\n\(suite.heading) test directory \(testDirectory) (arg: \(options.variant.rawValue))\n")
    }
    for client in fileSystems.indices { try prepare(client, pass: number) }
    for program in suite.programs {
      for client in fileSystems.indices { try run(program, client: client, pass: number) }
    }
    resources.output?.write("\n\(suite.farewell)\n")
    if options.keep && number >= options.passes { return }
    for client in fileSystems.indices { try cleanUp(client, pass: number) }
  }

  private func run(_ definition: TestSuite.Program, client: Int, pass: Int) throws(ConnectathonFailure) {
    let fileSystem = fileSystems[client]
    if let output = resources.output {
      let before = definition.before
      output.write(before == "\n" ? before : before.replacing("%", with: options.variant.rawValue))
    }
    fileSystem.startProgram()
    let program = TestProgram(
      definition.name, fileSystem: fileSystem, resources: resources, testDirectory: directories[client].bytes,
      timed: options.variant == .timed)
    var status: Int32 = 0
    var ok = true
    do throws(ProgramExit) { try definition.body(program) } catch {
      status = error.status
      ok = false
    }
    fileSystem.endProgram()
    let result = TestResult(
      name: String("\(definition.name)".dropFirst(2)), client: client, ok: ok, status: status,
      timedNanoseconds: program.timedNanoseconds, error: program.firstError)
    results.append(result)
    afterTest?(result)
    if status != 0 {
      resources.output?.write("\(suite.name) tests failed\n")
      throw ConnectathonFailure(
        suite: suite.name, pass: pass, test: result.name, client: client,
        message: result.error ?? "exit status \(status)")
    }
  }

  /// The script before the first program: makes the test directory and looks whether it is one.
  ///
  /// One that is there already is complained of and used, as in basic/runtests; test1 then makes it new.
  private func prepare(_ client: Int, pass: Int) throws(ConnectathonFailure) {
    let fileSystem = fileSystems[client]
    let path = directories[client].bytes
    fileSystem.startProgram()
    defer { fileSystem.endProgram() }
    do throws(SystemCallError) { try fileSystem.mkdir(path, mode: 0o777) } catch {
      resources.errors?.write("mkdir: cannot create directory '\(text(path))': \(error)\n")
    }
    do throws(SystemCallError) {
      if try fileSystem.stat(path).isDirectory { return }
      throw SystemCallError.notDirectory
    } catch {
      resources.output?.write("Can't make directory \(text(path))\n\(suite.name) tests failed\n")
      throw ConnectathonFailure(
        suite: suite.name, pass: pass, test: nil, client: client,
        message: "can't make directory \(text(path)): \(error)")
    }
  }

  private func cleanUp(_ client: Int, pass: Int) throws(ConnectathonFailure) {
    let fileSystem = fileSystems[client]
    fileSystem.startProgram()
    defer { fileSystem.endProgram() }
    try remove(client, pass: pass)
  }

  private func remove(_ client: Int, pass: Int) throws(ConnectathonFailure) {
    let path = directories[client].bytes
    var firstLine: String?
    let removed = removeTree(path, on: fileSystems[client]) { line in
      if firstLine == nil { firstLine = line }
      resources.errors?.write(line + "\n")
    }
    if !removed {
      throw ConnectathonFailure(
        suite: suite.name, pass: pass, test: nil, client: client,
        message: firstLine ?? "can't remove test directory \(text(path))")
    }
  }
}
