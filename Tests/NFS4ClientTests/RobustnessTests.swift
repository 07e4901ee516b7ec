// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4
import NFS4Client
import ONCRPC
import Testing

/// Hands the fake server's replies on, spoiled from a certain call on.
private final class SpoilingTransport: RPCTransport {
  let server = FakeServer()
  var spoils: (([UInt8]) -> [UInt8])?
  private var kept: UnsafeMutableRawBufferPointer?

  var argumentBuffer: UnsafeMutableRawBufferPointer { server.argumentBuffer }
  func close() {}

  func call(procedure: UInt32, argumentLength: Int) throws(RPCError) -> UnsafeRawBufferPointer {
    let reply = try server.call(procedure: procedure, argumentLength: argumentLength)
    guard let spoils else { return reply }
    let bytes = spoils(Array(reply))
    kept?.deallocate()
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: max(bytes.count, 1), alignment: 8)
    buffer.copyBytes(from: bytes)
    kept = buffer
    return UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer)[0..<bytes.count])
  }

  deinit { kept?.deallocate() }
}

/// The bytes of a server are not to be trusted.
@Suite struct RobustnessTests {
  /// A walk through most calls; errors are what is expected.
  private func exercise(_ client: NFSClient) {
    client.startProgram()
    var buffer = [UInt8](repeating: 0, count: 100)
    try? client.mkdir(p("dir"), mode: 0o777)
    try? client.chdir(p("dir"))
    if let descriptor = try? client.open(p("file"), flags: .creat, mode: 0o666) {
      _ = try? [UInt8](repeating: 1, count: 50_000).withUnsafeBytes { try client.write(descriptor, from: $0) }
      try? client.close(descriptor)
    }
    try? client.symlink(p("text"), at: p("link"))
    _ = try? buffer.withUnsafeMutableBytes { try client.readlink(p("link"), into: $0) }
    try? client.rename(p("file"), to: p("new"))
    try? client.link(p("new"), to: p("file"))
    _ = try? client.stat(p("new"))
    try? client.chmod(p("new"), mode: 0o600)
    if let directory = try? client.opendir(p(".")) {
      var count = 0
      while count < 10_000, let entry = try? client.readdir(directory) {
        count += 1
        _ = entry.name.count
      }
      client.closedir(directory)
    }
    if let descriptor = try? client.open(p("new"), flags: .read, mode: 0) {
      _ = try? buffer.withUnsafeMutableBytes { try client.read(descriptor, into: $0) }
      try? client.close(descriptor)
    }
    _ = try? client.statfs(p("."))
    try? client.unlink(p("link"))
    try? client.unlink(p("new"))
    try? client.unlink(p("file"))
    try? client.chdir(p("/"))
    try? client.rmdir(p("dir"))
    client.endProgram()
  }

  @Test(arguments: ClientFlavour.allCases)
  func aReplyThatIsCutShortIsAnError(_ flavour: ClientFlavour) throws {
    for length in stride(from: 0, to: 400, by: 4) {
      let transport = SpoilingTransport()
      let client = NFSClient(
        transport: transport, clock: ManualClock(),
        configuration: NFSClientConfiguration(flavour: flavour, delayRetries: 1, nameCacheLimit: 256))
      try client.mount()
      transport.spoils = { Array($0.prefix(length)) }
      exercise(client)
      try client.checkInvariants()
      if length < 12 {
        #expect(client.lastFailure != nil)
      }
    }
  }

  @Test(arguments: ClientFlavour.allCases, [UInt64](1...40))
  func aReplyWithWrongBitsHarmsNothing(_ flavour: ClientFlavour, _ seed: UInt64) throws {
    let transport = SpoilingTransport()
    let client = NFSClient(
      transport: transport, clock: ManualClock(),
      configuration: NFSClientConfiguration(flavour: flavour, delayRetries: 1, nameCacheLimit: 256))
    try client.mount()
    var random = Seeded(state: seed)
    transport.spoils = { bytes in
      var bytes = bytes
      if bytes.isEmpty || Int.random(in: 0..<3, using: &random) > 0 { return bytes }
      for _ in 0..<Int.random(in: 1...3, using: &random) {
        let place = Int.random(in: 0..<bytes.count, using: &random)
        bytes[place] = UInt8.random(in: 0...255, using: &random)
      }
      return bytes
    }
    for _ in 0..<3 { exercise(client) }
    do { try client.checkInvariants() } catch { Issue.record("seed \(seed): \(error)") }
  }

  @Test func aMountOfGarbageFails() {
    for length in [0, 4, 8, 12, 40] {
      let transport = SpoilingTransport()
      transport.spoils = { Array($0.prefix(length)) }
      let client = NFSClient(
        transport: transport, clock: ManualClock(), configuration: NFSClientConfiguration(flavour: .linux))
      #expect(throws: NFSClientFailure.self) { try client.mount() }
    }
  }

  @Test func aListingThatNeverEndsIsAnError() throws {
    // A READDIR without entries and without the end.
    let server = FakeServer()
    let m = try Mounted(.linux, server: server)
    server.neverEndsListings = true
    let directory = try m.client.opendir(p("."))
    _ = try m.client.readdir(directory)
    _ = try m.client.readdir(directory)
    #expect(throws: SystemCallError.inputOutput) { _ = try m.client.readdir(directory) }
  }
}
