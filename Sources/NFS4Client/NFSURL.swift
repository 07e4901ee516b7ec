// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// Why a text is no server address.
public enum NFSURLError: Error, Equatable, Sendable, CustomStringConvertible {
  /// It does not begin with `nfs://`.
  case scheme(String)
  /// Nothing between the slashes and the port or path.
  case noHost(String)
  /// What stands behind the colon is no number from 1 to 65535.
  case port(String, in: String)
  /// A bracket of an IPv6 address is not closed, or something else than a port or path follows it.
  case bracket(String)
  /// A percent sign without two hexadecimal digits, or a NUL byte.
  case path(String)

  /// One line with the text.
  public var description: String {
    switch self {
    case .scheme(let text): "'\(text)' is no server address: expected nfs://HOST[:PORT]/PATH"
    case .noHost(let text): "'\(text)' names no host: expected nfs://HOST[:PORT]/PATH"
    case .port(let port, let text): "port '\(port)' in '\(text)' is no number from 1 to 65535"
    case .bracket(let text): "'\(text)' has a malformed [address]: expected nfs://[ADDRESS][:PORT]/PATH"
    case .path(let text): "the path of '\(text)' has a malformed %XX"
    }
  }
}

/// The address of an export: `nfs://HOST[:PORT]/PATH` (RFC 2224's form; the path is absolute in the server's name
/// space).
public struct NFSURL: Equatable, Sendable, CustomStringConvertible {
  /// The port of NFSv4 (RFC 7530 section 3.1).
  public static let defaultPort: UInt16 = 2049

  /// Host name or address; an IPv6 address without its brackets.
  public var host: String
  /// TCP port.
  public var port: UInt16
  /// Absolute path with one slash at the beginning and none at the end, unless it is `/` alone; percent signs are
  /// decoded.
  public var path: String

  /// Reads an address.
  ///
  /// - Parameter text: `nfs://HOST[:PORT][/PATH]`.
  /// - Throws: ``NFSURLError`` that names the text.
  public init(_ text: String) throws(NFSURLError) {
    let prefix = "nfs://"
    guard text.lowercased().hasPrefix(prefix) else { throw .scheme(text) }
    let rest = text.dropFirst(prefix.count)
    let slash = rest.firstIndex(of: "/") ?? rest.endIndex
    let authority = rest[..<slash]
    var portText: Substring?
    if authority.first == "[" {
      guard let close = authority.firstIndex(of: "]") else { throw .bracket(text) }
      host = String(authority[authority.index(after: authority.startIndex)..<close])
      let tail = authority[authority.index(after: close)...]
      if let first = tail.first {
        guard first == ":" else { throw .bracket(text) }
        portText = tail.dropFirst()
      }
    } else if let colon = authority.firstIndex(of: ":") {
      host = String(authority[..<colon])
      portText = authority[authority.index(after: colon)...]
    } else {
      host = String(authority)
    }
    guard !host.isEmpty else { throw .noHost(text) }
    port = Self.defaultPort
    if let portText {
      guard portText.utf8.allSatisfy({ $0 >= 48 && $0 <= 57 }), let number = UInt16(portText), number > 0 else {
        throw .port(String(portText), in: text)
      }
      port = number
    }
    guard let decoded = Self.decode(rest[slash...]) else { throw .path(text) }
    let components = decoded.split(separator: "/", omittingEmptySubsequences: true)
    path = "/" + components.joined(separator: "/")
  }

  private static func decode(_ text: Substring) -> String? {
    var bytes: [UInt8] = []
    var iterator = text.utf8.makeIterator()
    while let byte = iterator.next() {
      if byte == 37 {
        guard let high = iterator.next(), let low = iterator.next(),
          let value = UInt8(String(decoding: [high, low], as: UTF8.self), radix: 16), high != 43, high != 45, value != 0
        else { return nil }
        bytes.append(value)
      } else {
        if byte == 0 { return nil }
        bytes.append(byte)
      }
    }
    return String(validating: bytes, as: UTF8.self)
  }

  /// The address in its full form.
  public var description: String {
    let shown = host.contains(":") ? "[\(host)]" : host
    return "nfs://\(shown):\(port)\(path)"
  }
}
