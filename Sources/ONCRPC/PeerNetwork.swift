// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Glibc

/// A set of addresses: a network in CIDR notation (RFC 4632 section 3.1, RFC 4291 section 2.3).
public struct PeerNetwork: Equatable, Sendable, CustomStringConvertible {
  private static let addressBytes = 16
  /// Where an IPv4 address lies in one that is mapped to IPv6 (RFC 4291 section 2.5.5.2).
  private static let mappedPrefixBits = 96

  /// As it was written.
  public let description: String
  /// An IPv6 address; that of an IPv4 network is mapped.
  private let address: [UInt8]
  /// Leading bits that count, of 128.
  private let prefixBits: Int

  /// Reads `192.0.2.0/24`, `2001:db8::/32`, or an address that stands for itself.
  ///
  /// - Returns: nil for anything else: no address, a prefix that is longer than the address, bits set behind the prefix.
  public init?(_ text: String) {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count <= 2, let host = parts.first, let bytes = Self.parse(String(host)) else { return nil }
    let isIPv4 = !host.contains(":")
    let longest = isIPv4 ? 32 : Self.addressBytes * 8
    var bits = longest
    if parts.count == 2 {
      guard let given = Int(parts[1]), parts[1].allSatisfy(\.isWholeNumber), given <= longest else { return nil }
      bits = given
    }
    description = text
    address = bytes
    prefixBits = bits + (isIPv4 ? Self.mappedPrefixBits : 0)
    guard Self.masked(bytes, prefixBits) == bytes else { return nil }
  }

  /// Whether a peer's address belongs to the network.
  func contains(_ peer: PeerAddress) -> Bool { Self.masked(peer.bytes, prefixBits) == address }

  private static func masked(_ bytes: [UInt8], _ bits: Int) -> [UInt8] {
    bytes.indices.map { index in
      let kept = min(max(bits - index * 8, 0), 8)
      return bytes[index] & UInt8(truncatingIfNeeded: 0xFF << (8 - kept))
    }
  }

  private static func parse(_ text: String) -> [UInt8]? {
    var bytes = [UInt8](repeating: 0, count: addressBytes)
    if text.contains(":") { return inet_pton(AF_INET6, text, &bytes) == 1 ? bytes : nil }
    var four = [UInt8](repeating: 0, count: 4)
    guard inet_pton(AF_INET, text, &four) == 1 else { return nil }
    return PeerAddress.mapped(four)
  }
}

/// Where a connection comes from: an IPv6 address, or an IPv4 address mapped to one.
struct PeerAddress: Equatable, Sendable {
  let bytes: [UInt8]

  /// The peer of a connected socket; nil where it has gone already.
  init?(of descriptor: Int32) {
    var storage = sockaddr_storage()
    var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
    let code = withUnsafeMutablePointer(to: &storage) { storage in
      storage.withMemoryRebound(to: sockaddr.self, capacity: 1) { getpeername(descriptor, $0, &size) }
    }
    guard code == 0 else { return nil }
    bytes = withUnsafeBytes(of: storage) { raw in
      // sin_addr lies at byte 4, sin6_addr at byte 8.
      storage.ss_family == AF_INET6 ? [UInt8](raw[8..<24]) : Self.mapped([UInt8](raw[4..<8]))
    }
  }

  static func mapped(_ four: [UInt8]) -> [UInt8] {
    [UInt8](repeating: 0, count: 10) + [0xFF, 0xFF] + four
  }
}

/// Who may call a server, and how it must say who it is.
public struct RPCAccess: Equatable, Sendable {
  /// Networks whose calls are carried out; empty for everybody.
  public let networks: [PeerNetwork]
  /// Flavors that are taken.
  public let flavors: Set<RPCFlavor>

  /// Everybody, with AUTH_NONE and AUTH_SYS, unless told otherwise.
  public init(networks: [PeerNetwork] = [], flavors: Set<RPCFlavor> = [.none, .sys]) {
    self.networks = networks
    self.flavors = flavors
  }

  /// Whether calls from a connection are refused: MSG_DENIED with AUTH_TOOWEAK, as FreeBSD's server says to hosts outside of its exports
  /// (sys/fs/nfsserver/nfs_nfsdport.c; recollection).
  ///
  /// The NULL procedure is answered to all: it asks whether the server is there and has no credential (RFC 5531 section 12.1).
  func refuses(_ descriptor: Int32) -> Bool {
    guard !networks.isEmpty else { return false }
    guard let peer = PeerAddress(of: descriptor) else { return true }
    return !networks.contains { $0.contains(peer) }
  }
}
