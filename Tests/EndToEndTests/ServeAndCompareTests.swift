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

  @Test("compare plays one trace on every model and leaves a run directory for each")
  func compare() throws {
    let out = scratch.path("compared")
    let done = try Execution.nfschurn(
      [
        "compare", Installation.workload("connectathon-basic"), "--models", "freebsd-4,freebsd-6", "--map", "8MiB",
        "--cpus", "2", "--memory", "256MiB", "--passes", "2", "--out", out, "--json", "-",
      ], in: scratch)
    #expect(done.termination == .exited(0) && done.errors == "")
    let document = try object(done.output)
    #expect(integer(document, "schema_version") == 1 && document["command"] as? String == "compare")
    let rows = try #require(document["rows"] as? [[String: Any]])
    #expect(rows.map { ($0["kernel"] as? [String: Any])?["model"] as? String } == ["freebsd-4", "freebsd-6"])
    for (row, model) in zip(rows, ["freebsd-4", "freebsd-6"]) {
      #expect(integer(row, "kernel", "map_bytes") == 8 << 20 && integer(row, "kernel", "cpus") == 2)
      #expect(integer(row, "totals", "rpcs") == integer(rows[0], "totals", "rpcs"))
      #expect(row["outcome"] as? String == "ok" && row["panic"] is NSNull)
      let totals = ["malloc_calls", "free_calls", "zone_allocs", "zone_frees"].map { integer(row, "totals", $0) ?? 0 }
      #expect(integer(row, "calls_to_outcome") == totals.reduce(0, +))
      let accounts = try #require(row["ledger"] as? [String: Int])
      #expect(accounts.values.reduce(0, +) == integer(row, "map", "used_bytes"))
      #expect(FileManager.default.fileExists(atPath: "\(out)/\(model)/samples.sqlite"))
    }
    #expect(integer(document, "trace", "passes") == 2)
    #expect((document["trace"] as? [String: Any])?["recorded_model"] as? String == "freebsd-6")
    // The row of the workload's own model is what `run` measures.
    let alone = try object(
      try Execution.nfschurn(
        [
          "run", Installation.workload("connectathon-basic"), "--map", "8MiB", "--cpus", "2", "--memory", "256MiB",
          "--passes", "2", "--json", "-",
        ], in: scratch
      ).output)
    #expect(rows[1]["digest"] as? String == alone["digest"] as? String)
    #expect(rows[1]["ledger"] as? [String: Int] == alone["ledger"] as? [String: Int])
  }

  @Test(
    "compare without --models plays every model that can have the machine, in the order of models, and names the others"
  )
  func compareEveryModel() throws {
    let done = try Execution.nfschurn(
      ["compare", Installation.workload("macklem-zone-leak"), "--arch", "amd64", "--passes", "1"], in: scratch)
    #expect(done.termination == .exited(0) && done.errors == "")
    let models =
      ["freebsd-5.4", "freebsd-6", "freebsd-7", "freebsd-9", "freebsd-11", "freebsd-14", "openbsd-3.9"]
      + ["illumos", "linux-slub", "xnu"]
    let lines = done.outputLines
    let start = try #require(lines.firstIndex { $0.hasPrefix("  model ") })
    let cells = lines[(start + 1)...].prefix(models.count).map { $0.split(separator: " ").first.map(String.init) ?? "" }
    #expect(cells == models)
    let left = lines.filter { $0.hasPrefix("left out: ") }
    #expect(left.count == 3 && left[0] == "left out: model freebsd-4 is not built for amd64: expected i386")
    let refused = try Execution.nfschurn(
      ["compare", Installation.workload("macklem-zone-leak"), "--arch", "amd64", "--models", "freebsd-6,netbsd"],
      in: scratch)
    #expect(refused.termination == .exited(2) && refused.output == "")
    #expect(
      refused.errors.split(separator: "\n").count == 1 && refused.errors.contains("netbsd is not built for amd64"))
  }

  @Test("--view says whose statistics run and compare print, and the verdict's document says it too")
  func views() throws {
    func output(_ command: [String], _ view: String) throws -> String {
      try Execution.nfschurn(command + ["--passes", "3", "--view", view], in: scratch).output
    }
    let run = ["run", Installation.workload("macklem-zone-leak")]
    let compare = ["compare", Installation.workload("macklem-zone-leak"), "--models", "freebsd-6"]
    for command in [run, compare] {
      let (mti, uma, ledger) = try (output(command, "mti"), output(command, "uma"), output(command, "ledger"))
      #expect(mti.contains("NFSD V4state") && !mti.contains("NAMEI:") && !mti.contains("slab_overhead"))
      #expect(uma.contains("NFSD V4state") && uma.contains("NAMEI:") && !uma.contains("slab_overhead"))
      #expect(!ledger.contains("NAMEI:") && ledger.contains("slab_overhead"))
    }
    let document = try object(
      try Execution.nfschurn(run + ["--passes", "5", "--view", "mti", "--json", "-"], in: scratch).output)
    #expect((document["verdict"] as? [String: Any])?["view"] as? String == "mti")
    let refused = try Execution.nfschurn(run + ["--view", "mbuf"], in: scratch)
    #expect(refused.termination == .exited(2))
    #expect(refused.errors == "nfschurn: --view 'mbuf': expected mti or uma or ledger\n")
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
