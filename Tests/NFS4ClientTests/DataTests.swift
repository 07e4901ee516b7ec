// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4
import NFS4Client
import Testing

/// A seeded generator (splitmix64), so that a failure can be had again.
struct Seeded: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var value = state
    value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
    value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
    return value ^ (value >> 31)
  }
}

@Suite struct DataTests {
  @Test(arguments: ClientFlavour.allCases, [UInt64](1...6))
  func randomReadsAndWritesAreThoseOfAnArray(_ flavour: ClientFlavour, _ seed: UInt64) throws {
    // Small blocks and a cache of eight of them, so that everything happens: holes, partial blocks, eviction,
    // write-back.
    let m = try Mounted(flavour) {
      $0.readSize = 1024
      $0.writeSize = 1024
      $0.dataCacheSize = 8 * 1024
      $0.nameCacheLimit = 256
    }
    m.server.records = false
    var random = Seeded(state: seed)
    let names: [StaticString] = ["x", "y", "z"]
    var model: [[UInt8]] = [[], [], []]
    for _ in 0..<60 {
      let which = Int.random(in: 0..<3, using: &random)
      let truncates = Int.random(in: 0..<5, using: &random) == 0
      var flags: OpenFlags = [.read, .write, .create]
      if truncates {
        flags.insert(.truncate)
        model[which] = []
      }
      let descriptor = try m.client.open(p(names[which]), flags: flags, mode: 0o666)
      var offset = 0
      for _ in 0..<Int.random(in: 1...6, using: &random) {
        let length = Int.random(in: 1...3000, using: &random)
        if Bool.random(using: &random) {
          let bytes = (0..<length).map { _ in UInt8.random(in: 0...255, using: &random) }
          _ = try bytes.withUnsafeBytes { try m.client.write(descriptor, from: $0) }
          let end = offset + length
          if model[which].count < end { model[which] += [UInt8](repeating: 0, count: end - model[which].count) }
          model[which].replaceSubrange(offset..<end, with: bytes)
          offset = end
        } else {
          var buffer = [UInt8](repeating: 0xEE, count: length)
          let count = try buffer.withUnsafeMutableBytes { try m.client.read(descriptor, into: $0) }
          let expected = Array(model[which].dropFirst(offset).prefix(length))
          #expect(Array(buffer[0..<count]) == expected, "seed \(seed)")
          offset += count
        }
      }
      try m.client.checkInvariants()
      try m.client.close(descriptor)
      #expect(try m.client.stat(p(names[which])).size == UInt64(model[which].count), "seed \(seed)")
      try m.client.checkInvariants()
    }
    for (name, bytes) in zip(names, model) where !bytes.isEmpty {
      #expect(try m.read(name) == bytes, "seed \(seed)")
      let entry = try #require(m.server.files[0].entries.first { $0.name == Array("\(name)".utf8) })
      #expect(m.server.files[entry.file].data == bytes, "seed \(seed)")
    }
    #expect(m.server.protocolErrors == 0)
    #expect(m.client.lastFailure == nil)
  }

  @Test(arguments: ClientFlavour.allCases)
  func dataThatTheServerLostIsWrittenAgain(_ flavour: ClientFlavour) throws {
    let m = try Mounted(flavour)
    let data = (0..<100_000).map { UInt8(truncatingIfNeeded: $0) }
    let descriptor = try m.client.open(p("file"), flags: .creat, mode: 0o666)
    _ = try data.withUnsafeBytes { try m.client.write(descriptor, from: $0) }
    // The server restarts between the WRITEs and the COMMIT: another verifier, and the data is gone.
    m.server.beforeCommit = { server in
      server.writeVerifier += 1
      server.files[1].data = []
      server.beforeCommit = nil
    }
    try m.client.close(descriptor)
    #expect(m.server.files[1].data == data)
    #expect(m.client.rpcCounts[.commit] == 2)
    #expect(m.client.rpcCounts[.write] == 8)
    try m.client.checkInvariants()
  }

  @Test(arguments: ClientFlavour.allCases)
  func aServerThatLosesDataAllTheTimeIsAnError(_ flavour: ClientFlavour) throws {
    let m = try Mounted(flavour)
    let descriptor = try m.client.open(p("file"), flags: .creat, mode: 0o666)
    _ = try [UInt8](repeating: 1, count: 10).withUnsafeBytes { try m.client.write(descriptor, from: $0) }
    m.server.beforeCommit = { $0.writeVerifier += 1 }
    #expect(m.failure { () throws(SystemCallError) in try m.client.close(descriptor) } == .inputOutput)
    #expect(m.client.lastFailure == .unstableData)
    // The file is closed all the same.
    #expect(m.server.opens.isEmpty)
  }

  @Test(arguments: ClientFlavour.allCases)
  func aFullServerIsReportedByClose(_ flavour: ClientFlavour) throws {
    let m = try Mounted(flavour)
    let descriptor = try m.client.open(p("file"), flags: .creat, mode: 0o666)
    _ = try [UInt8](repeating: 1, count: 10).withUnsafeBytes { try m.client.write(descriptor, from: $0) }
    m.server.planned = [(.write, .noSpace)]
    #expect(
      m.failure { () throws(SystemCallError) in try m.client.close(descriptor) }?.description
        == "No space left on device")
    #expect(m.server.opens.isEmpty)
  }

  @Test func transfersKeepToWhatTheServerTakes() throws {
    let server = FakeServer()
    server.maximumTransfer = 1000
    let m = try Mounted(.linux, server: server)
    try m.make("file", [UInt8](repeating: 3, count: 2500))
    #expect(m.client.rpcCounts[.write] == 3)
    #expect(server.files[1].data.count == 2500)
  }

  @Test func descriptorsAreForReadingOrWriting() throws {
    let m = try Mounted(.linux)
    let writer = try m.client.open(p("file"), flags: .creat, mode: 0o666)
    var buffer = [UInt8](repeating: 0, count: 1)
    #expect(
      m.failure { () throws(SystemCallError) in
        _ = try m.client.read(writer, into: UnsafeMutableRawBufferPointer(start: nil, count: 0))
      } == .badDescriptor)
    try m.client.close(writer)
    let reader = try m.client.open(p("file"), flags: .read, mode: 0)
    #expect(try buffer.withUnsafeMutableBytes { try m.client.read(reader, into: $0) } == 0)
    #expect(throws: SystemCallError.badDescriptor) {
      _ = try buffer.withUnsafeBytes { try m.client.write(reader, from: $0) }
    }
  }
}
