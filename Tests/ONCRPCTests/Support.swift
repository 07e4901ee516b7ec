// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Glibc
import ONCRPC
import Testing

/// Waits for what another thread does.
enum Eventually {
  /// Polls a condition until it holds; the bound only ends a test that fails anyway.
  @discardableResult
  static func holds(_ condition: () -> Bool) -> Bool {
    for _ in 0..<20_000 {
      if condition() { return true }
      usleep(1000)
    }
    return condition()
  }
}

/// Seeded numbers (xorshift64*), so that a failing case can be run again.
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64
  init(seed: UInt64) { state = seed == 0 ? 0x9E37_79B9_7F4A_7C15 : seed }
  mutating func next() -> UInt64 {
    state ^= state >> 12
    state ^= state << 25
    state ^= state >> 27
    return state &* 0x2545_F491_4F6C_DD1D
  }
}

extension RPCTransport {
  /// One call with a body of bytes.
  func call(_ procedure: UInt32, _ body: [UInt8] = []) throws(RPCError) -> [UInt8] {
    body.withUnsafeBytes { argumentBuffer.copyMemory(from: $0) }
    return Array(try call(procedure: procedure, argumentLength: body.count))
  }
}

/// A server on a free port and a client for it.
struct Served {
  let service = RecordingService()
  let server: TCPServer

  init(limits: RPCLimits = RPCLimits(), access: RPCAccess = RPCAccess()) throws {
    server = try TCPServer(host: "127.0.0.1", port: 0, service: service, limits: limits, access: access)
    try server.start()
  }

  func client(
    _ credential: RPCClientCredential = .none, program: UInt32 = RecordingService.programNumber,
    version: UInt32 = RecordingService.versionNumber, timeoutMilliseconds: Int = 20_000,
    limits: RPCLimits = RPCLimits()
  ) throws(RPCError) -> TCPTransport {
    try TCPTransport(
      host: "127.0.0.1", port: server.port, program: program, version: version, credential: credential,
      timeoutMilliseconds: timeoutMilliseconds, limits: limits)
  }

  /// A good call on a new connection, the proof that the server is unharmed.
  func expectAlive(_ location: SourceLocation = #_sourceLocation) throws {
    let client = try client(.sys(uid: 1, gid: 2))
    #expect(try client.call(RecordingService.Procedure.echo, [1, 2, 3, 4]) == [1, 2, 3, 4], sourceLocation: location)
    client.close()
  }
}

/// Bytes of words, as XDR has them.
func words(_ values: UInt32...) -> [UInt8] { words(values) }

/// Bytes of words, as XDR has them.
func words(_ values: [UInt32]) -> [UInt8] {
  values.flatMap { value in (0..<4).map { UInt8(truncatingIfNeeded: value >> (24 - 8 * $0)) } }
}

/// A record of one fragment.
func record(_ body: [UInt8]) -> [UInt8] { fragment(body, isLast: true) }

/// One fragment with its mark.
func fragment(_ body: [UInt8], isLast: Bool) -> [UInt8] {
  words((isLast ? 0x8000_0000 : 0) | UInt32(body.count)) + body
}

/// A call message made by hand, field by field (RFC 5531 section 9).
struct HandMadeCall {
  var xid: UInt32 = 77
  var direction: UInt32 = 0
  var rpcVersion: UInt32 = 2
  var program = RecordingService.programNumber
  var version = RecordingService.versionNumber
  var procedure = RecordingService.Procedure.echo
  var flavor: UInt32 = 0
  var credentialLength: UInt32?
  var credential: [UInt8] = []
  var verifierFlavor: UInt32 = 0
  var verifierLength: UInt32?
  var verifier: [UInt8] = []
  var body: [UInt8] = []

  var bytes: [UInt8] {
    let head = words(xid, direction, rpcVersion, program, version, procedure)
    let credential = words(flavor, credentialLength ?? UInt32(credential.count)) + credential
    return head + credential + words(verifierFlavor, verifierLength ?? UInt32(verifier.count)) + verifier + body
  }
}
