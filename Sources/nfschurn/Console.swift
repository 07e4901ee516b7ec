// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Foundation
import Report

/// Exit codes of the interface.
enum ExitStatus: Int32 {
  case done = 0
  case failed = 1
  case badInput = 2
  case panicked = 3
  case interrupted = 130
}

/// The end of a command that did not do what it was asked for: one line on standard error, and an exit code.
struct CommandFailure: Error {
  let status: ExitStatus
  let message: String?

  /// An error of the user's input.
  static func badInput(_ error: some Error) -> CommandFailure {
    CommandFailure(status: .badInput, message: "\(error)")
  }

  /// An error of the user's input, in words.
  static func badInput(_ message: String) -> CommandFailure {
    CommandFailure(status: .badInput, message: message)
  }

  /// A result that is no error of the input: nothing more to say.
  static func silent(_ status: ExitStatus) -> CommandFailure { CommandFailure(status: status, message: nil) }

  func exit() -> Never {
    if let message { Console.error("nfschurn: \(message.replacingOccurrences(of: "\n", with: " "))") }
    Foundation.exit(status.rawValue)
  }
}

/// Standard output for results, standard error for everything else.
enum Console {
  static func output(_ text: String) { write(text, to: FileHandle.standardOutput) }

  static func line(_ text: String) { output(text + "\n") }

  static func error(_ text: String) { write(text + "\n", to: FileHandle.standardError) }

  static func progress(_ text: String) { write(text, to: FileHandle.standardError) }

  private static func write(_ text: String, to handle: FileHandle) {
    // A reader that has gone away is not an error of the run.
    try? handle.write(contentsOf: Data(text.utf8))
  }
}

/// Where `--json` goes.
struct JSONDestination {
  private let path: String

  /// Takes the path after a look at whether a file can be made there: a long run must not end in a document that has no place.
  init(path: String) throws(CommandFailure) {
    self.path = path
    guard path != "-" else { return }
    var isDirectory: ObjCBool = false
    let exists = FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory)
    let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
    guard !isDirectory.boolValue, FileManager.default.isWritableFile(atPath: exists ? path : folder) else {
      throw .badInput("--json \(path): cannot be written there")
    }
  }

  /// True where the document goes to standard output: then nothing else may.
  var isStandardOutput: Bool { path == "-" }

  func write(_ value: some Encodable) throws(CommandFailure) {
    let text: String
    do { text = try JSONText.encode(value) } catch {
      throw CommandFailure(status: .failed, message: "cannot write JSON: \(error)")
    }
    if isStandardOutput {
      Console.output(text)
      return
    }
    do { try Data(text.utf8).write(to: URL(fileURLWithPath: path), options: .atomic) } catch {
      throw .badInput("\(path): cannot write: \((error as NSError).localizedDescription)")
    }
  }
}
