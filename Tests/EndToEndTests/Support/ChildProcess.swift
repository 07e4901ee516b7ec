// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Foundation
import Synchronization

/// How a child process ended.
enum Termination: Equatable, Sendable, CustomStringConvertible {
  case exited(Int32)
  case signalled(Int32)

  var description: String {
    switch self {
    case .exited(let code): "exit \(code)"
    case .signalled(let number): "signal \(number)"
    }
  }
}

/// A program that a test started, with its outputs in files, so that no pipe fills up and nobody has to read along.
///
/// A child that is still there when the object goes away is killed, by its own process id, and reaped.
final class ChildProcess: Sendable {
  let pid: pid_t
  let name: String
  private let outputPath: String
  private let errorPath: String
  private let ended = Mutex<Termination?>(nil)

  /// Seconds after which a child is taken for hanging: far beyond what any of them needs, on a busy machine and in a debug build.
  static let deadlineSeconds = 600.0

  /// More descriptors than a test process has open.
  private static let descriptorLimit: Int32 = 1024

  /// Starts a program.
  ///
  /// - Parameters:
  ///   - executable: path, or a name to look up in PATH.
  ///   - arguments: without the program's own name.
  ///   - directory: where the outputs are kept.
  /// - Throws: ``EndToEndFailure`` where the program cannot be started.
  init(_ executable: String, _ arguments: [String], outputsIn directory: ScratchDirectory) throws {
    name = ([(executable as NSString).lastPathComponent] + arguments).joined(separator: " ")
    let serial = directory.nextSerial()
    outputPath = directory.path("child-\(serial).out")
    errorPath = directory.path("child-\(serial).err")

    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 1, outputPath, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    posix_spawn_file_actions_addopen(&actions, 2, errorPath, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    // Descriptors of other tests that run at the same time are not for this child.
    for descriptor in 3..<Self.descriptorLimit { posix_spawn_file_actions_addclose(&actions, descriptor) }

    // Signals as a shell would hand them on, whatever the test process did with its own.
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var signals = sigset_t()
    sigemptyset(&signals)
    posix_spawnattr_setsigmask(&attributes, &signals)
    for number in [SIGINT, SIGTERM, SIGPIPE] { sigaddset(&signals, number) }
    posix_spawnattr_setsigdefault(&attributes, &signals)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))

    var words: [UnsafeMutablePointer<CChar>?] = ([executable] + arguments).map { strdup($0) }
    words.append(nil)
    defer { for word in words { free(word) } }
    var started: pid_t = 0
    let status = posix_spawnp(&started, executable, &actions, &attributes, words, environ)
    guard status == 0 else {
      throw EndToEndFailure("cannot start \(executable): \(String(cString: strerror(status)))")
    }
    pid = started
  }

  deinit {
    guard poll() == nil else { return }
    kill(pid, SIGKILL)
    var status: Int32 = 0
    while waitpid(pid, &status, 0) < 0, errno == EINTR {}
  }

  /// What the child has written on its standard output so far.
  var output: String { Self.text(outputPath) }
  /// What the child has written on its standard error so far.
  var errors: String { Self.text(errorPath) }
  /// The standard output as bytes.
  var outputBytes: Data { FileManager.default.contents(atPath: outputPath) ?? Data() }

  private static func text(_ path: String) -> String {
    String(decoding: FileManager.default.contents(atPath: path) ?? Data(), as: UTF8.self)
  }

  /// How the child ended, nil while it runs.
  func poll() -> Termination? {
    ended.withLock { ended in
      if ended == nil {
        var status: Int32 = 0
        if waitpid(pid, &status, WNOHANG) == pid { ended = Self.termination(status) }
      }
      return ended
    }
  }

  // The macros of <sys/wait.h>, which Swift does not import.
  private static func termination(_ status: Int32) -> Termination {
    let number = status & 0x7f
    return number == 0 ? .exited((status >> 8) & 0xff) : .signalled(number)
  }

  /// Sends a signal to a child that has not been reaped.
  func send(_ number: Int32) {
    ended.withLock { if $0 == nil { kill(pid, number) } }
  }

  /// Waits for the end; a child that does not end in time is killed, which is a failure.
  @discardableResult
  func wait(seconds: Double = deadlineSeconds) throws -> Termination {
    let limit = Deadline(seconds: seconds)
    while !limit.isOver {
      if let termination = poll() { return termination }
      usleep(2000)
    }
    send(SIGKILL)
    while poll() == nil { usleep(2000) }
    throw EndToEndFailure("\(name): no end after \(seconds) s; stderr: \(errors.suffix(500))")
  }

  /// Waits until something holds, or the child has ended, or the time is over.
  func waitUntil(_ what: String, seconds: Double = deadlineSeconds, _ condition: () throws -> Bool) throws {
    let limit = Deadline(seconds: seconds)
    while !limit.isOver {
      if try condition() { return }
      if let termination = poll() {
        if try condition() { return }
        throw EndToEndFailure("\(name): \(termination) before \(what); stderr: \(errors.suffix(500))")
      }
      usleep(2000)
    }
    throw EndToEndFailure("\(name): no \(what) after \(seconds) s")
  }
}

/// A moment after which nobody waits any longer; it ends tests that fail anyway and decides nothing else.
struct Deadline {
  private let end: UInt64

  init(seconds: Double) { end = DispatchTime.now().uptimeNanoseconds + UInt64(seconds * 1e9) }

  var isOver: Bool { DispatchTime.now().uptimeNanoseconds >= end }
}

/// Why a test cannot go on, in one line.
struct EndToEndFailure: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}
