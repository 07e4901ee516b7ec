// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4
import NFS4Client
import Testing

extension StaticString {
  /// The bytes of a literal as a path.
  var path: UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: UnsafeRawPointer(utf8Start), count: utf8CodeUnitCount)
  }
}

/// Gives the bytes of a text to a call.
func withPath<Value>(_ text: String, _ body: (UnsafeRawBufferPointer) throws -> Value) rethrows -> Value {
  try Array(text.utf8).withUnsafeBytes(body)
}

func string(_ bytes: UnsafeRawBufferPointer) -> String { String(decoding: bytes, as: UTF8.self) }

/// A client that has mounted the fake server, in its first program.
struct Mounted {
  let server: FakeServer
  let clock = ManualClock(nanoseconds: 5_000_000_000)
  let client: NFSClient

  init(
    _ flavour: ClientFlavour, server: FakeServer = FakeServer(),
    _ change: (inout NFSClientConfiguration) -> Void = { _ in }
  ) throws {
    self.server = server
    var configuration = NFSClientConfiguration(flavour: flavour)
    change(&configuration)
    client = NFSClient(transport: server, clock: clock, configuration: configuration)
    try client.mount()
    server.records = true
  }

  /// The operations of every compound that `body` causes.
  func compounds(_ body: () throws -> Void) throws -> [[NFSOperation]] {
    server.calls.removeAll()
    try body()
    return server.calls.map(\.operations)
  }

  /// The errno that `body` fails with, nil if it does not.
  func failure(_ body: () throws(SystemCallError) -> Void) -> SystemCallError? {
    do throws(SystemCallError) {
      try body()
      return nil
    } catch { return error }
  }

  /// Makes a file with some bytes.
  func make(_ name: StaticString, _ data: [UInt8] = []) throws {
    let descriptor = try client.open(name.path, flags: .creat, mode: 0o644)
    if !data.isEmpty { _ = try data.withUnsafeBytes { try client.write(descriptor, from: $0) } }
    try client.close(descriptor)
  }

  /// Everything in a file.
  func read(_ name: StaticString) throws -> [UInt8] {
    let descriptor = try client.open(name.path, flags: .read, mode: 0)
    defer { try? client.close(descriptor) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 5000)
    while true {
      let count = try buffer.withUnsafeMutableBytes { try client.read(descriptor, into: $0) }
      if count == 0 { return bytes }
      bytes += buffer[0..<count]
    }
  }

  /// The names of a directory in its order.
  func list(_ name: StaticString) throws -> [String] {
    let directory = try client.opendir(name.path)
    defer { client.closedir(directory) }
    var names: [String] = []
    while let entry = try client.readdir(directory) { names.append(string(entry.name)) }
    return names
  }
}

/// A literal as a path.
func p(_ text: StaticString) -> UnsafeRawBufferPointer { text.path }
