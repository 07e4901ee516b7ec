// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Foundation

/// Where the things under test are.
enum Installation {
  /// The package: three levels above this file's folder.
  static let root: String = {
    var url = URL(fileURLWithPath: #filePath)
    for _ in 0..<4 { url.deleteLastPathComponent() }
    return url.path
  }()

  /// The program: what NFSCHURN_BINARY names, else the debug build beside the tests.
  static let binary =
    ProcessInfo.processInfo.environment["NFSCHURN_BINARY"] ?? "\(root)/.build/debug/nfschurn"

  /// The Python interpreter that has nfs-rs.
  static func peerPython() throws -> String {
    let venv = ProcessInfo.processInfo.environment["NFSCHURN_PEERS"] ?? "\(root)/.build/peers"
    let python = "\(venv)/bin/python"
    guard FileManager.default.isExecutableFile(atPath: python) else {
      throw EndToEndFailure("no \(python): scripts/test makes this environment and installs nfs-rs there")
    }
    return python
  }

  /// A program of Debian's packages.
  static func tool(_ name: String, package: String) throws -> String {
    for folder in ["/usr/bin", "/usr/sbin", "/bin"] {
      let path = "\(folder)/\(name)"
      if FileManager.default.isExecutableFile(atPath: path) { return path }
    }
    throw EndToEndFailure("\(name) is missing: scripts/setup test installs it (package \(package))")
  }

  static func workload(_ name: String) -> String { "\(root)/workloads/\(name).yaml" }
}

/// What a program did, start to end.
struct Execution {
  let command: String
  let termination: Termination
  let outputBytes: Data
  let errors: String

  /// The standard output as text; for the output of nfs-cat, which is none, nobody should ask.
  var output: String { String(decoding: outputBytes, as: UTF8.self) }

  /// Runs any program to its end.
  static func of(_ executable: String, _ arguments: [String], in scratch: ScratchDirectory) throws -> Execution {
    let child = try ChildProcess(executable, arguments, outputsIn: scratch)
    let termination = try child.wait()
    return Execution(
      command: child.name, termination: termination, outputBytes: child.outputBytes, errors: child.errors)
  }

  /// Runs nfschurn to its end.
  static func nfschurn(_ arguments: [String], in scratch: ScratchDirectory) throws -> Execution {
    guard FileManager.default.isExecutableFile(atPath: Installation.binary) else {
      throw EndToEndFailure("no program at \(Installation.binary): build it, or set NFSCHURN_BINARY")
    }
    return try of(Installation.binary, arguments, in: scratch)
  }

  /// Runs any program that has to end with exit 0.
  static func successful(
    _ executable: String, _ arguments: [String], in scratch: ScratchDirectory
  ) throws -> Execution {
    let done = try of(executable, arguments, in: scratch)
    guard done.termination == .exited(0) else { throw done.failure("expected exit 0") }
    return done
  }

  /// The lines of the standard error.
  var errorLines: [String] {
    errors.split(separator: "\n", omittingEmptySubsequences: false).dropLast().map(String.init)
  }
  /// The lines of the standard output.
  var outputLines: [String] {
    output.split(separator: "\n", omittingEmptySubsequences: false).dropLast().map(String.init)
  }

  /// A failure that says what was run and what came of it.
  func failure(_ expected: String) -> EndToEndFailure {
    EndToEndFailure(
      "\(command): \(termination), \(expected); stderr: \(errors.suffix(600)); stdout: \(output.suffix(300))")
  }
}
