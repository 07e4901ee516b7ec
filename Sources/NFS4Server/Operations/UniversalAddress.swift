// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4

/// Callback addresses of IPv4, `h1.h2.h3.h4.p1.p2` (RFC 5665 section 5.2.3.3), in a struct sockaddr_in.
enum UniversalAddress {
  private static let parts = 6
  private static let dot = UInt8(ascii: ".")

  /// Stores an address in 16 bytes: length, family, port, address; zeros where the text is no IPv4 address.
  static func store(_ text: UnsafeRawBufferPointer, into bytes: UnsafeMutableRawPointer) {
    guard let value = parse(text) else { return }
    bytes.storeBytes(of: 16, toByteOffset: 0, as: UInt8.self)
    bytes.storeBytes(of: 2, toByteOffset: 1, as: UInt8.self)
    bytes.storeBytes(of: UInt16(truncatingIfNeeded: value).bigEndian, toByteOffset: 2, as: UInt16.self)
    bytes.storeBytes(of: UInt32(truncatingIfNeeded: value >> 16).bigEndian, toByteOffset: 4, as: UInt32.self)
  }

  /// Address and port as one number, the port in the lower 16 bits; nil for anything else than six numbers below 256.
  static func parse(_ text: UnsafeRawBufferPointer) -> UInt64? {
    var value: UInt64 = 0
    var part: UInt64 = 0
    var digits = 0
    var count = 0
    for byte in text {
      if byte == dot {
        guard digits > 0 else { return nil }
        value = value << 8 | part
        count += 1
        part = 0
        digits = 0
      } else {
        guard byte >= 48, byte <= 57, digits < 3 else { return nil }
        part = part * 10 + UInt64(byte - 48)
        digits += 1
        guard part < 256 else { return nil }
      }
    }
    guard digits > 0, count == parts - 1 else { return nil }
    return value << 8 | part
  }

  /// Whether a network id is that of TCP over IPv4 (RFC 5665 section 5.2.3.3).
  static func isStream(_ network: UnsafeRawBufferPointer) -> Bool { network.elementsEqual("tcp".utf8) }

  /// Host and port from the first eight bytes of a struct sockaddr_in; nil where one of them is zero or the family is another.
  static func endpoint(_ words: UInt64) -> (host: String, port: UInt16)? {
    withUnsafeBytes(of: words) { bytes in
      let port = UInt16(bytes[2]) << 8 | UInt16(bytes[3])
      guard bytes[1] == 2, port != 0, bytes[4] | bytes[5] | bytes[6] | bytes[7] != 0 else { return nil }
      return ("\(bytes[4]).\(bytes[5]).\(bytes[6]).\(bytes[7])", port)
    }
  }

  /// Writes the text of an address from the first eight bytes of a struct sockaddr_in.
  static func put(_ words: UInt64, _ writer: inout XDRWriter) {
    withUnsafeBytes(of: words) { bytes in
      writer.putString("\(bytes[4]).\(bytes[5]).\(bytes[6]).\(bytes[7]).\(bytes[2]).\(bytes[3])")
    }
  }
}
