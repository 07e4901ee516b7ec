// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// The names that the tests use, made once as bytes so that no system call costs a string.
final class TestNames {
  /// What `sprintf("%s%d")` gives for one prefix and a range of numbers.
  struct Family {
    fileprivate let base: UnsafeMutableRawPointer
    fileprivate let lengths: UnsafeMutablePointer<UInt8>
    fileprivate let stride: Int

    subscript(_ index: Int) -> UnsafeRawBufferPointer {
      UnsafeRawBufferPointer(start: base + index &* stride, count: Int(lengths[index]))
    }
  }

  /// Most numbers of a family: MAXFILES of test6.
  static let limit = 512

  /// `file.N`.
  let file: Family
  /// `dir.N`.
  let directory: Family
  /// `newfile.N`.
  let newFile: Family
  /// `/this/is/a/symlinkN`.
  let linkText: Family

  init() {
    file = Self.family("file.")
    directory = Self.family("dir.")
    newFile = Self.family("newfile.")
    linkText = Self.family("/this/is/a/symlink")
  }

  deinit {
    for family in [file, directory, newFile, linkText] {
      family.base.deallocate()
      family.lengths.deallocate()
    }
  }

  private static func family(_ prefix: String) -> Family {
    let stride = prefix.utf8.count + 4
    let base = UnsafeMutableRawPointer.allocate(byteCount: stride * limit, alignment: 8)
    let lengths = UnsafeMutablePointer<UInt8>.allocate(capacity: limit)
    for index in 0..<limit {
      let text = "\(prefix)\(index)"
      lengths[index] = UInt8(text.utf8.count)
      var offset = index * stride
      for byte in text.utf8 {
        base.storeBytes(of: byte, toByteOffset: offset, as: UInt8.self)
        offset += 1
      }
    }
    return Family(base: base, lengths: lengths, stride: stride)
  }
}

/// A path kept as bytes.
final class BytePath {
  /// The bytes, without an end mark.
  let bytes: UnsafeRawBufferPointer

  init(_ text: String) {
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: max(text.utf8.count, 1), alignment: 1)
    buffer.copyBytes(from: text.utf8)
    bytes = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer)[0..<text.utf8.count])
  }

  deinit { bytes.deallocate() }
}

extension StaticString {
  /// The bytes of a literal; they live for ever.
  var pathBytes: UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: UnsafeRawPointer(utf8Start), count: utf8CodeUnitCount)
  }
}

/// The bytes as text, for messages.
func text(_ bytes: UnsafeRawBufferPointer) -> String { String(decoding: bytes, as: UTF8.self) }

/// `..` as a path.
var parentPath: UnsafeRawBufferPointer { StaticString("..").pathBytes }

/// `.` as a path.
var currentPath: UnsafeRawBufferPointer { StaticString(".").pathBytes }
