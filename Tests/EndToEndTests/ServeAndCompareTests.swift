// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Foundation
import Testing

/// The documents of `serve` and `compare`, and options that stand in for what a workload says.
@Suite("Documents of serve and compare")
struct ServeAndCompareTests {
  let scratch: ScratchDirectory

  init() throws { scratch = try ScratchDirectory() }

  private func object(_ text: String) throws -> [String: Any] {
    try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
  }

  private func integer(_ object: [String: Any], _ path: String...) -> Int? {
    var value: Any? = object
    for key in path { value = (value as? [String: Any])?[key] }
    return (value as? NSNumber)?.intValue
  }

  @Test("--flavour and --variant stand in for the workload's")
  func flavourOption() throws {
    let base = [
      "run", Installation.workload("connectathon-basic"), "--passes", "1", "--json", "-", "--variant", "functional",
    ]
    let linux = try object(try Execution.nfschurn(base + ["--flavour", "linux"], in: scratch).output)
    let bsd = try object(try Execution.nfschurn(base, in: scratch).output)
    #expect(integer(linux, "totals", "nfs_ops", "OPEN") == 229 && integer(bsd, "totals", "nfs_ops", "OPEN") == 229)
    #expect(integer(linux, "totals", "nfs_ops", "READLINK") == nil)
    #expect(integer(bsd, "totals", "nfs_ops", "READLINK") == 10)
  }

  @Test("serve --json writes what the server did and what its kernel holds")
  func serveDocument() throws {
    let path = scratch.path("serve.json")
    let server = try ServeProcess(["--json", path], in: scratch)
    try server.expectServes(after: "its start")
    try server.expectCleanEnd()
    let document = try object(try String(contentsOfFile: path, encoding: .utf8))
    #expect(document["command"] as? String == "serve" && document["panic"] is NSNull)
    #expect(integer(document, "nfs_ops", "OPEN") == 229)
    let accounts = try #require(document["ledger"] as? [String: Int])
    #expect(accounts.values.reduce(0, +) == integer(document, "map", "used_bytes"))
  }

  @Test("SIGUSR1 prints the kernel's statistics while a server and a run go on")
  func statisticsOnSignal() throws {
    let server = try ServeProcess([], in: scratch)
    try server.expectServes(after: "its start")
    let run = try ChildProcess(
      Installation.binary,
      ["run", Installation.workload("connectathon-basic"), "--map", "8MiB", "--passes", "1000000"], outputsIn: scratch)
    for child in [server.child, run] {
      try child.waitUntil("start") { child.output.contains("\n") }
      child.send(SIGUSR1)
      try child.waitUntil("statistics") { child.errors.contains("ledger sum") }
      #expect(child.errors.contains("NFSD V4state") && child.errors.contains("ITEM            SIZE     LIMIT"))
      #expect(child.poll() == nil, "it goes on")
      child.send(SIGTERM)
    }
    #expect(try server.child.wait() == .exited(0))
    #expect(try run.wait() == .exited(130))
  }

  @Test("compare runs every model on the same load and leaves a run directory for each")
  func compare() throws {
    let out = scratch.path("compared")
    let done = try Execution.nfschurn(
      [
        "compare", Installation.workload("connectathon-basic"), "--models", "freebsd-4,freebsd-6", "--map", "8MiB",
        "--passes", "2", "--out", out, "--json", "-",
      ], in: scratch)
    #expect(done.termination == .exited(0) && done.errors == "")
    let document = try object(done.output)
    let rows = try #require(document["rows"] as? [[String: Any]])
    #expect(rows.map { ($0["kernel"] as? [String: Any])?["model"] as? String } == ["freebsd-4", "freebsd-6"])
    #expect(integer(rows[0], "totals", "rpcs") == integer(rows[1], "totals", "rpcs"))
    for model in ["freebsd-4", "freebsd-6"] {
      #expect(FileManager.default.fileExists(atPath: "\(out)/\(model)/samples.sqlite"))
    }
  }

  @Test(
    "compare refuses what it cannot do in one line",
    arguments: ["freebsd-6,freebsd-6", "freebsd-6,", "freebsd-5", ""])
  func compareRefuses(models: String) throws {
    let done = try Execution.nfschurn(
      ["compare", Installation.workload("connectathon-basic"), "--models", models], in: scratch)
    #expect(done.termination == .exited(2) && done.output == "")
    #expect(done.errors.split(separator: "\n").count == 1)
  }
}
