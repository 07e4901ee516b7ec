// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Foundation
import Testing

/// `nfschurn serve` on a free port of this machine.
struct ServeProcess {
  let child: ChildProcess
  let port: UInt16
  private let scratch: ScratchDirectory
  private let host: String

  /// Starts a server, in a namespace where one is given, and waits until it says that it listens.
  init(_ arguments: [String] = [], in scratch: ScratchDirectory, namespace: NetworkNamespace? = nil) throws {
    self.scratch = scratch
    let host = namespace == nil ? "127.0.0.1" : NetworkNamespace.serverAddress
    self.host = host
    let served = ["serve", "--listen", "\(host):0"] + arguments
    let (executable, words) = try namespace?.command(Installation.binary, served) ?? (Installation.binary, served)
    let child = try ChildProcess(executable, words, outputsIn: scratch)
    self.child = child
    var said = ""
    try child.waitUntil("listening line") {
      said = child.output
      return said.hasSuffix("\n")
    }
    let prefix = "listening on \(host):"
    guard said.hasPrefix(prefix), let port = UInt16(said.dropFirst(prefix.count).dropLast()), port > 0 else {
      throw EndToEndFailure("\(child.name): expected '\(prefix)PORT', got '\(said)'")
    }
    self.port = port
  }

  /// The server's root as `cthon --server` takes it.
  var url: String { "nfs://127.0.0.1:\(port)/" }

  /// A file or directory as libnfs's tools take it.
  ///
  /// libnfs takes what stands before the last slash for the export, which has to be "/".
  func libnfsURL(_ name: String = "") -> String { "nfs://127.0.0.1//\(name)?version=4&nfsport=\(port)" }

  /// Runs the quick form of the basic tests against the server: the proof that it is unharmed.
  func expectServes(
    after what: String, _ location: SourceLocation = #_sourceLocation
  ) throws {
    let done = try Execution.nfschurn(["cthon", "basic", "--server", url, "-f"], in: scratch)
    #expect(done.termination == .exited(0), "after \(what): \(done.errors)", sourceLocation: location)
    #expect(done.output.hasSuffix("\nAll tests completed\n"), "after \(what)", sourceLocation: location)
  }

  /// Ends the server with SIGTERM and expects that it ends cleanly, having said nothing else.
  func expectCleanEnd(_ location: SourceLocation = #_sourceLocation) throws {
    #expect(child.poll() == nil, "the server ended too early: \(child.errors)", sourceLocation: location)
    child.send(SIGTERM)
    let termination = try child.wait()
    #expect(termination == .exited(0), "stderr: \(child.errors)", sourceLocation: location)
    #expect(child.errors == "", sourceLocation: location)
    #expect(child.output == "listening on \(host):\(port)\n", sourceLocation: location)
  }

  /// The server's largest size so far in KiB: a line of /proc/PID/status.
  func peakKiB(_ field: String) throws -> Int {
    guard
      let status = FileManager.default.contents(atPath: "/proc/\(child.pid)/status"),
      let line = String(decoding: status, as: UTF8.self).split(separator: "\n").first(where: { $0.hasPrefix(field) }),
      let value = Int(line.filter(\.isNumber))
    else { throw EndToEndFailure("no \(field) of process \(child.pid)") }
    return value
  }
}
