// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Foundation
import Testing

/// `nfschurn cthon`: the lines of the original programs, on a directory and on a server.
@Suite("The Connectathon tests alone")
struct CthonTests {
  let scratch: ScratchDirectory

  init() throws { scratch = try ScratchDirectory() }

  @Test("A local directory and a server give the lines of the original programs", arguments: Variant.allCases)
  func sameLines(variant: Variant) throws {
    let expected = CthonText.basic(variant)
    let directory = try scratch.makeDirectory("local-\(variant)")
    let local = try Execution.nfschurn(["cthon", "basic", "--local", directory, variant.option], in: scratch)
    try expect(local, says: expected)
    #expect(try FileManager.default.contentsOfDirectory(atPath: directory).isEmpty)

    let server = try ServeProcess(in: scratch)
    for flavour in Flavour.allCases {
      let remote = try Execution.nfschurn(
        ["cthon", "basic", "--server", server.url, variant.option, "--flavour", flavour.rawValue], in: scratch)
      try expect(remote, says: expected)
    }
    try server.expectCleanEnd()
  }

  private func expect(
    _ execution: Execution, says expected: String, _ location: SourceLocation = #_sourceLocation
  ) throws {
    #expect(execution.termination == .exited(0), "\(execution.errors)", sourceLocation: location)
    #expect(execution.errors == "", sourceLocation: location)
    #expect(CthonText.normalised(execution.output) == expected, sourceLocation: location)
  }

  @Test("-N repeats the pass and counts them, on a directory and on a server")
  func passes() throws {
    let directory = try scratch.makeDirectory("local")
    let server = try ServeProcess(in: scratch)
    for place in [["--local", directory], ["--server", server.url]] {
      let done = try Execution.nfschurn(["cthon", "basic", "-f", "-N", "3"] + place, in: scratch)
      #expect(done.termination == .exited(0), "\(done.errors)")
      #expect(CthonText.normalised(done.output) == CthonText.basic(.functional, passes: 3))
    }
    try server.expectCleanEnd()
  }

  @Test("--keep leaves the test directory, a run without it leaves nothing")
  func keep() throws {
    let directory = try scratch.makeDirectory("local")
    for (options, entries) in [([], 0), (["--keep"], 1)] {
      let done = try Execution.nfschurn(["cthon", "basic", "-f", "--local", directory] + options, in: scratch)
      #expect(done.termination == .exited(0), "\(done.errors)")
      #expect(try FileManager.default.contentsOfDirectory(atPath: directory).count == entries)
    }
  }

  @Test("--json names every test and counts the RPCs of the original system calls", arguments: Flavour.allCases)
  func document(flavour: Flavour) throws {
    struct Document: Decodable {
      struct Test: Decodable {
        let name: String
        let ok: Bool
      }
      let schemaVersion: Int
      let command: String
      let passed: Bool
      let tests: [Test]
      let clientRpcs: [String: UInt64]
    }
    let server = try ServeProcess(in: scratch)
    let file = scratch.path("cthon.json")
    let done = try Execution.nfschurn(
      ["cthon", "basic", "-t", "--server", server.url, "--flavour", flavour.rawValue, "--json", file], in: scratch)
    #expect(done.termination == .exited(0), "\(done.errors)")
    let data = try Data(contentsOf: URL(fileURLWithPath: file))
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    let document = try decoder.decode(Document.self, from: data)
    #expect(document.schemaVersion == 1)
    #expect(document.command == "cthon")
    #expect(document.passed)
    #expect(document.tests.map(\.name) == (1...9).map { "test\($0)" })
    #expect(document.tests.filter { !$0.ok }.map(\.name).isEmpty)
    for (kind, count) in BasicCountTests.forcedRPCs(flavour, .timed) where !["WRITE", "COMMIT"].contains(kind) {
      #expect(document.clientRpcs[kind, default: 0] == count, "RPC \(kind)")
    }
    try server.expectCleanEnd()
  }

  @Test("A test that fails ends the run with exit 1, its error on standard error")
  func failure() throws {
    // Nobody can make a directory there, not even root.
    let done = try Execution.nfschurn(["cthon", "basic", "-f", "--local", "/proc"], in: scratch)
    #expect(done.termination == .exited(1))
    #expect(done.output.contains("basic tests failed\n"))
    #expect(!done.output.contains("All tests completed"))
    #expect(!done.errors.isEmpty)
  }
}
