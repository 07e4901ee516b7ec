// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Foundation
import Synchronization

/// A directory of one test, removed with everything in it when the object goes away.
final class ScratchDirectory: Sendable {
  let root: String
  private let serial = Atomic<Int>(0)

  init() throws {
    var template = Array((NSTemporaryDirectory() + "nfschurn-e2e-XXXXXX").utf8CString)
    guard let made = mkdtemp(&template) else {
      throw EndToEndFailure("cannot make a scratch directory: \(String(cString: strerror(errno)))")
    }
    root = String(cString: made)
  }

  deinit { try? FileManager.default.removeItem(atPath: root) }

  /// A number that nobody else in this directory has.
  func nextSerial() -> Int { serial.add(1, ordering: .relaxed).newValue }

  /// Path of a name in the directory.
  func path(_ name: String) -> String { "\(root)/\(name)" }

  /// Writes a file and returns its path.
  func write(_ name: String, _ text: String) throws -> String { try write(name, Data(text.utf8)) }

  /// Writes a file of bytes and returns its path.
  func write(_ name: String, _ data: Data) throws -> String {
    try data.write(to: URL(fileURLWithPath: path(name)))
    return path(name)
  }

  /// Makes a directory and returns its path.
  func makeDirectory(_ name: String) throws -> String {
    try FileManager.default.createDirectory(atPath: path(name), withIntermediateDirectories: false)
    return path(name)
  }
}
