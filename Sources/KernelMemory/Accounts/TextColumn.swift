// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// Fields of fixed width, as printf writes them: a field that is too long pushes the rest to the right.
enum TextColumn {
  /// `%*s` or `%*d`.
  static func right(_ value: some CustomStringConvertible, _ width: Int) -> String {
    let text = value.description
    return String(repeating: " ", count: max(0, width - text.utf8.count)) + text
  }

  /// `%-*s`.
  static func left(_ value: some CustomStringConvertible, _ width: Int) -> String {
    let text = value.description
    return text + String(repeating: " ", count: max(0, width - text.utf8.count))
  }

  /// KiB, rounded up, as vmstat's (x + 1023) / 1024.
  static func kilobytes(_ bytes: Int) -> Int { (bytes + 1023) / 1024 }

  /// `%lx` behind 0x.
  static func hexadecimal(_ value: UInt64) -> String { "0x" + String(value, radix: 16) }
}
