// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Connectathon
import Glibc
import NFS4Client
import Testing

/// A directory that is removed at the end of a test.
final class TemporaryDirectory {
  let path: String

  init() throws {
    let folder = getenv("TMPDIR").map { String(cString: $0) } ?? P_tmpdir
    var template = Array("\(folder)/nfschurn-test-XXXXXX".utf8CString)
    let made = template.withUnsafeMutableBufferPointer { buffer in
      buffer.baseAddress.flatMap { mkdtemp($0) } != nil
    }
    guard made else { throw SystemCallError(errno) }
    path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  deinit {
    for name in ["/bigfile", "/dir/file", "/file"] { unlink(path + name) }
    rmdir(path)
  }
}

/// A clock that moves by the same step whenever it is looked at.
final class SteppingClock: ClientClock {
  private var now: UInt64 = 0
  private let step: UInt64

  init(step: UInt64) { self.step = step }

  var nanoseconds: UInt64 {
    now += step
    return now
  }

  func wait(nanoseconds: UInt64) { now += nanoseconds }
}

/// One pass or more over a local directory, possibly through something that stands in front of it.
struct LocalRun {
  let directory: TemporaryDirectory
  let output = TextCollector()
  let errors = TextCollector()
  let runner: ConnectathonRunner
  var failure: ConnectathonFailure?

  init(
    _ variant: ConnectathonOptions.Variant, passes: Int = 1, keep: Bool = false, clock: any ClientClock = ManualClock(),
    wrap: (LocalFileSystem) -> any FileSystemUnderTest = { $0 }
  ) throws {
    directory = try TemporaryDirectory()
    let local = try LocalFileSystem(path: directory.path)
    runner = ConnectathonRunner(
      fileSystems: [wrap(local)],
      options: ConnectathonOptions(variant: variant, passes: passes, keep: keep),
      output: output, errors: errors, clock: clock)
    do throws(ConnectathonFailure) { try runner.run() } catch { failure = error }
    if failure != nil || keep {
      // What the failed program left.
      _ = removeLeftovers(local)
    }
  }

  /// The test directory as the lines name it.
  var testDirectory: String { runner.testDirectory }

  private func removeLeftovers(_ local: LocalFileSystem) -> Int32 {
    local.endProgram()
    return system("rm -rf '\(testDirectory)'")
  }
}
