// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4

/// What a component name may be (RFC 7530 section 12, "UTF-8 Related Errors", and the rules of UFS).
enum NameRules {
  /// Longest name, bytes (NAME_MAX).
  static let nameLimit = 255
  /// Longest text of a symbolic link, bytes (MAXPATHLEN 1,024 with its NUL).
  static let linkTextLimit = 1023

  private static let slash = UInt8(ascii: "/")
  private static let dot = UInt8(ascii: ".")

  /// Checks a name for use in a directory.
  ///
  /// - Returns: ok; NFS4ERR_INVAL for an empty name and for bytes that are no UTF-8; NFS4ERR_NAMETOOLONG; NFS4ERR_BADCHAR for a NUL and
  ///   for a slash, which no UNIX name holds; NFS4ERR_BADNAME for `.` and `..`.
  static func check(_ name: UnsafeRawBufferPointer) -> NFSStatus {
    let count = name.count
    if count == 0 { return .invalid }
    if count > nameLimit { return .nameTooLong }
    var high: UInt8 = 0
    var isBad = false
    var index = 0
    while index < count {
      let byte = name[index]
      high |= byte
      if byte == slash || byte == 0 { isBad = true }
      index &+= 1
    }
    if high >= 0x80 && !isUTF8(name) { return .invalid }
    if isBad { return .badCharacter }
    if name[0] == dot && (count == 1 || (count == 2 && name[1] == dot)) { return .badName }
    return .ok
  }

  /// True for well-formed UTF-8: no overlong forms, no surrogates, nothing above U+10FFFF (RFC 3629), and neither U+FFFE nor U+FFFF, which
  /// are no characters: the first is what a byte order mark reads as in the wrong order.
  static func isUTF8(_ bytes: UnsafeRawBufferPointer) -> Bool {
    var index = 0
    while index < bytes.count {
      let lead = bytes[index]
      index &+= 1
      if lead < 0x80 { continue }
      let following: Int
      var low: UInt8 = 0x80
      var high: UInt8 = 0xBF
      switch lead {
      case 0xC2...0xDF: following = 1
      case 0xE0:
        following = 2
        low = 0xA0
      case 0xED:
        following = 2
        high = 0x9F
      case 0xE1...0xEF: following = 2
      case 0xF0:
        following = 3
        low = 0x90
      case 0xF1...0xF3: following = 3
      case 0xF4:
        following = 3
        high = 0x8F
      default: return false
      }
      guard bytes.count &- index >= following else { return false }
      guard bytes[index] >= low, bytes[index] <= high else { return false }
      var rest = 1
      while rest < following {
        guard bytes[index &+ rest] & 0xC0 == 0x80 else { return false }
        rest &+= 1
      }
      // U+FFFE and U+FFFF are EF BF BE and EF BF BF.
      if lead == 0xEF && bytes[index] == 0xBF && bytes[index &+ 1] >= 0xBE { return false }
      index &+= following
    }
    return true
  }
}
