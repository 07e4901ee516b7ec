// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4

/// An ``IDMapping`` as bytes that live as long as the server: looked up without allocation.
struct OwnerTable {
  private struct Entry {
    var number: UInt32
    var isGroup: Bool
    /// `name@domain`, of which the name is the first `nameLength` bytes.
    var offset: Int
    var length: Int
    var nameLength: Int
  }

  private let entries: UnsafeMutableBufferPointer<Entry>
  private let text: UnsafeMutableRawBufferPointer
  private let acceptsNumbers: Bool
  /// Whether ``text(of:isGroup:)`` has names.
  let sendsNames: Bool

  init(_ mapping: IDMapping) {
    acceptsNumbers = mapping.acceptsNumbers
    sendsNames = mapping.sendsNames
    entries = .allocate(capacity: mapping.users.count + mapping.groups.count)
    var bytes: [UInt8] = []
    var index = 0
    for (isGroup, list) in [(false, mapping.users), (true, mapping.groups)] {
      for entry in list {
        let name = [UInt8](entry.name.utf8)
        let whole = name + [Self.at] + [UInt8](mapping.domain.utf8)
        entries.initializeElement(
          at: index,
          to: Entry(
            number: entry.number, isGroup: isGroup, offset: bytes.count, length: whole.count, nameLength: name.count))
        bytes += whole
        index += 1
      }
    }
    text = .allocate(byteCount: max(bytes.count, 1), alignment: 1)
    text.copyBytes(from: bytes)
  }

  func deallocate() {
    entries.deallocate()
    text.deallocate()
  }

  private static let at = UInt8(ascii: "@")
  private static let nobody: StaticString = "nobody"

  /// What an owner string stands for.
  func resolve(_ string: UnsafeRawBufferPointer, isGroup: Bool) -> OwnerResolution {
    guard !string.isEmpty, NameRules.isUTF8(string) else { return .malformed }
    if let number = decimalOwner(string) {
      // Leading zeros make it no number (RFC 7530 section 5.9).
      let isPlain = string.count == 1 || string[0] != UInt8(ascii: "0")
      return acceptsNumbers && isPlain ? .number(number) : .unknown
    }
    guard let split = string.lastIndex(of: Self.at) else {
      let nobody = UnsafeRawBufferPointer(start: Self.nobody.utf8Start, count: Self.nobody.utf8CodeUnitCount)
      return equalBytes(string, nobody) ? .number(Principal.nobody) : .unknown
    }
    guard Self.isDomain(UnsafeRawBufferPointer(rebasing: string[(split + 1)...])) else { return .malformed }
    for entry in entries where entry.isGroup == isGroup && entry.nameLength == split && entry.length == string.count {
      let own = UnsafeRawBufferPointer(rebasing: text[entry.offset..<(entry.offset + entry.length)])
      var same = true
      for index in 0..<entry.length where own[index] != string[index] {
        same = same && index > split && Self.lower(own[index]) == Self.lower(string[index])
      }
      if same { return .number(entry.number) }
    }
    return .unknown
  }

  /// The owner string of a number, nil where it has no name or names are not sent.
  func text(of number: UInt32, isGroup: Bool) -> UnsafeRawBufferPointer? {
    guard sendsNames else { return nil }
    for entry in entries where entry.number == number && entry.isGroup == isGroup {
      return UnsafeRawBufferPointer(rebasing: text[entry.offset..<(entry.offset + entry.length)])
    }
    return nil
  }

  /// Labels of at most 63 bytes with dots between; one of ASCII alone has letters, digits and inner hyphens (RFC 7530 section 12.6).
  private static func isDomain(_ domain: UnsafeRawBufferPointer) -> Bool {
    var start = 0
    var index = 0
    while index <= domain.count {
      if index == domain.count || domain[index] == UInt8(ascii: ".") {
        guard isLabel(UnsafeRawBufferPointer(rebasing: domain[start..<index])) else { return false }
        start = index + 1
      }
      index += 1
    }
    return true
  }

  private static func isLabel(_ label: UnsafeRawBufferPointer) -> Bool {
    guard let first = label.first, let last = label.last, label.count <= 63 else { return false }
    if label.contains(where: { $0 >= 0x80 }) { return true }
    let hyphen = UInt8(ascii: "-")
    guard first != hyphen, last != hyphen else { return false }
    return label.allSatisfy { byte in
      let letter = lower(byte)
      return byte == hyphen || (byte >= 48 && byte <= 57) || (letter >= 97 && letter <= 122)
    }
  }

  private static func lower(_ byte: UInt8) -> UInt8 { byte >= 65 && byte <= 90 ? byte | 0x20 : byte }
}
