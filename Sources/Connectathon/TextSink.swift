// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Glibc

/// Where lines of text go: the standard output or the standard error of the test programs.
public protocol TextSink: AnyObject {
  /// Takes text as it is; line ends are in it.
  func write(_ text: String)
}

/// Keeps the text.
public final class TextCollector: TextSink {
  /// All that was written.
  public private(set) var text = ""

  /// Starts empty.
  public init() {}

  /// Appends.
  public func write(_ more: String) { text += more }

  /// The text in lines, without their ends.
  public var lines: [String] {
    var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    if lines.last == "" { lines.removeLast() }
    return lines
  }
}

/// Writes to a file descriptor, unbuffered, as the programs do after `setbuf(stdout, NULL)`.
public final class DescriptorSink: TextSink {
  private let descriptor: Int32

  /// Writes to `descriptor`, which stays open.
  public init(descriptor: Int32) { self.descriptor = descriptor }

  /// The standard output.
  public static func standardOutput() -> DescriptorSink { DescriptorSink(descriptor: 1) }
  /// The standard error.
  public static func standardError() -> DescriptorSink { DescriptorSink(descriptor: 2) }

  /// Writes all of `text`; an error of write(2) ends it silently.
  public func write(_ text: String) {
    var copy = text
    copy.withUTF8 { bytes in
      var done = 0
      while done < bytes.count {
        guard let base = bytes.baseAddress else { return }
        let count = Glibc.write(descriptor, base + done, bytes.count - done)
        if count < 0 && errno == EINTR { continue }
        if count <= 0 { return }
        done += count
      }
    }
  }
}
