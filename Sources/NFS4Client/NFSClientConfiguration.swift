// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// Whose manner a client has.
public enum ClientFlavour: String, Sendable, CaseIterable {
  /// Rick Macklem's client of the FreeBSD 8.1 era (reference section 5, BSD column).
  case bsd
  /// The Linux 6.1 kernel client with vers=4.0 (reference section 6.4).
  case linux
}

/// What a client is and mounts.
public struct NFSClientConfiguration: Sendable {
  /// Whose compounds, caches and open-owners.
  public var flavour: ClientFlavour
  /// Path of the mounted directory in the server's name space, absolute.
  public var exportPath: String
  /// Distinguishes the client ids of several clients of one server; any number.
  public var clientNumber: UInt32
  /// Makes the client's boot verifier, so that a restarted client is told from the old one; any number.
  public var seed: UInt64
  /// Bytes of a READ; at most what the server takes.
  ///
  /// The Linux measurements were made with 32 KiB.
  public var readSize: Int
  /// Bytes of a WRITE; at most what the server takes.
  public var writeSize: Int
  /// How often a request is repeated that the server answers with NFS4ERR_DELAY or NFS4ERR_GRACE before the call fails.
  public var delayRetries: Int
  /// Pause before such a repetition, nanoseconds.
  public var delayNanoseconds: UInt64
  /// Bytes of file data that the client keeps.
  public var dataCacheSize: Int
  /// Names and files that the client keeps, each.
  public var nameCacheLimit: Int

  /// Puts a configuration together; the sizes are the defaults of the two clients.
  public init(
    flavour: ClientFlavour, exportPath: String = "/", clientNumber: UInt32 = 1, seed: UInt64 = 1,
    readSize: Int = 32_768, writeSize: Int = 32_768, delayRetries: Int = 30, delayNanoseconds: UInt64 = 1_000_000_000,
    dataCacheSize: Int = 8 << 20, nameCacheLimit: Int = 32_768
  ) {
    self.flavour = flavour
    self.exportPath = exportPath
    self.clientNumber = clientNumber
    self.seed = seed
    self.readSize = readSize
    self.writeSize = writeSize
    self.delayRetries = delayRetries
    self.delayNanoseconds = delayNanoseconds
    self.dataCacheSize = dataCacheSize
    self.nameCacheLimit = nameCacheLimit
  }

  /// What the client says that it is in SETCLIENTID (RFC 7530 section 9.1.1).
  ///
  /// Linux: `Linux NFSv4.0 NODENAME/SERVERADDRESS tcp`, 40 to 60 bytes. BSD: eight bytes that count its clients and its
  /// host UUID, 44 bytes (FreeBSD nfs_clport.c, nfscl_fillclid; the exact layout is a recollection).
  func clientID() -> [UInt8] {
    switch flavour {
    case .linux:
      return Array("Linux NFSv4.0 churn-\(Self.decimal(clientNumber, digits: 10))/127.0.0.1 tcp".utf8)
    case .bsd:
      let uuid = "6e667363-6875-726e-8000-" + Self.decimal(clientNumber, digits: 12)
      return [0, 0, 0, 0, 0, 0, 0, 1] + Array(uuid.utf8)
    }
  }

  /// The eight bytes of the boot verifier, from the seed alone (splitmix64).
  func verifier() -> UInt64 {
    var value = seed &+ UInt64(clientNumber) &* 0x9E37_79B9_7F4A_7C15 &+ 0x9E37_79B9_7F4A_7C15
    value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
    value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
    return value ^ (value >> 31)
  }

  private static func decimal(_ number: UInt32, digits: Int) -> String {
    let text = String(number)
    return String(repeating: "0", count: max(0, digits - text.count)) + text
  }
}
