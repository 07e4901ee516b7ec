// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Foundation
import Testing

/// Input that nobody can use: one line on standard error that names it, exit 2, and nothing else.
@Suite("Bad input")
struct BadInputTests {
  let scratch: ScratchDirectory

  init() throws { scratch = try ScratchDirectory() }

  /// Expects exit 2 and one line that contains all of `words`.
  private func expectRefusal(
    _ arguments: [String], naming words: [String], _ location: SourceLocation = #_sourceLocation
  ) throws {
    let done = try Execution.nfschurn(arguments, in: scratch)
    #expect(done.termination == .exited(2), "\(done.command)", sourceLocation: location)
    #expect(done.output == "", "\(done.command)", sourceLocation: location)
    #expect(done.errorLines.count == 1, "\(done.command): \(done.errors)", sourceLocation: location)
    #expect(done.errors.hasSuffix("\n"), "\(done.command)", sourceLocation: location)
    for word in words where !word.isEmpty {
      #expect(done.errors.contains(word), "\(done.command): \(done.errors)", sourceLocation: location)
    }
  }

  /// A workload with one wrong line: what is written in place of what, and what the message has to name.
  struct WrongLine: CustomTestStringConvertible, Sendable {
    let line: String
    let wrong: String
    let words: [String]

    init(_ line: String, _ wrong: String, _ words: String...) {
      self.line = line
      self.wrong = wrong
      self.words = words
    }

    var testDescription: String { wrong }
  }

  static let wrongLines: [WrongLine] = [
    WrongLine("  suite: basic", "  suits: basic", "suits", "suite"),
    WrongLine("  suite: basic", "  suite: basics", "basics", "suite"),
    WrongLine("  variant: timed", "  variant: slow", "slow", "timed", "functional"),
    WrongLine("  flavour: bsd", "  flavour: sun", "sun", "bsd", "linux"),
    WrongLine("  clients: 1", "  clients: 0", "clients", "0"),
    WrongLine("  clients: 1", "  clients: 1000000", "clients", "1000000"),
    WrongLine("  passes: 1000", "  passes: -1", "passes", "-1"),
    WrongLine("  passes: 1000", "  passes: 99999999999999999999", "passes"),
    WrongLine("  era: macklem-2007", "  era: sprite", "era", "sprite", "macklem-2007"),
    WrongLine("  lease: 120s", "  lease: 120", "lease", "120"),
    WrongLine("  lease: 120s", "  lease: 2parsecs", "lease", "2parsecs"),
    WrongLine("  model: freebsd-6", "  model: plan9", "model", "plan9", "freebsd-4"),
    WrongLine("  arch: i386", "  arch: pdp11", "arch", "pdp11", "i386"),
    WrongLine("  memory: 512MiB", "  memory: 12Q", "memory", "12Q"),
    WrongLine("  memory: 512MiB", "  memory: 1MiB", "memory"),
    WrongLine("  map: default", "  map: 12Q", "map", "12Q"),
    WrongLine("  map: default", "  map: 99999999999GiB", "map", "99999999999GiB"),
    WrongLine("  map: default", "  map: 4KiB", "map"),
    WrongLine("  map: default", "  map: [1, 2]", "map"),
    WrongLine("  cpus: 1", "  cpus: 0", "cpus", "0"),
    WrongLine("  pass: 15s", "  pass: -15s", "pass", "-15s"),
    WrongLine("faults: []", "faults: none", "faults"),
    WrongLine("faults: []", "faults:\n  - lick: {zone: NAMEI, every: 5}", "lick", "leak"),
    WrongLine("faults: []", "faults:\n  - leak: {zone: NAMEI, evry: 5}", "evry", "every"),
    WrongLine("faults: []", "faults:\n  - leak: {zone: NAMEI, every: 0}", "every", "0"),
    WrongLine("faults: []", "faults:\n  - leak: {zone: NOZONE, every: 5}", "NOZONE", "NAMEI"),
    WrongLine("faults: []", "faults:\n  - leak: {malloc: \"no such type\", every: 5}", "no such type"),
    WrongLine("faults: []", "faults: []\nfault: []", "fault"),
    WrongLine("faults: []", "faults: []\nfaults: []", "faults"),
    WrongLine("faults: []", "faults: [", "YAML"),
  ]

  @Test("A workload with a wrong line is refused with its name and the key", arguments: wrongLines)
  func wrongWorkload(_ wrong: WrongLine) throws {
    let text = try WorkloadText.changed("connectathon-basic", [:])
    let changed = text.replacingOccurrences(of: "\(wrong.line)\n", with: "\(wrong.wrong)\n")
    #expect(changed != text)
    let file = try scratch.write("wrong.yaml", changed)
    // Were the workload taken, the run would be over soon.
    try expectRefusal(["run", file, "--passes", "1"], naming: [file] + wrong.words)
  }

  @Test("An unknown key is named with its line")
  func lineNumber() throws {
    let file = try scratch.write("line.yaml", "name: x\nkernel:\n  model: freebsd-6\n  modle: freebsd-4\n")
    try expectRefusal(["run", file, "--passes", "1"], naming: ["\(file):4: ", "kernel.modle"])
  }

  @Test(
    "A file that is no workload is refused",
    arguments: [
      "", "\n\n", "- a\n- b\n", "name", "\u{0}\u{1}\u{2}", "name: [", "description: no name\n", "name: *anchor\n",
    ])
  func noWorkload(_ text: String) throws {
    let file = try scratch.write("none.yaml", text)
    try expectRefusal(["run", file, "--passes", "1"], naming: [file])
  }

  @Test("Bytes that are no text are refused, and so are a missing file and a directory")
  func unreadable() throws {
    let binary = try scratch.write("binary.yaml", Data([0xff, 0xfe, 0x80, 0x00, 0xc3]))
    for path in [binary, scratch.path("missing.yaml"), scratch.root, "/proc/self/mem"] {
      try expectRefusal(["run", path, "--passes", "1"], naming: [path])
    }
  }

  /// Options of `run` that are wrong, and what the message has to name.
  static let wrongOptions: [(options: [String], words: [String])] = [
    (["--map", "12Q"], ["--map", "12Q"]),
    (["--map", ""], ["--map"]),
    (["--map", "4KiB"], []),
    (["--memory", "12Q"], ["--memory", "12Q"]),
    (["--memory", "99999999999GiB"], ["--memory", "99999999999GiB"]),
    (["--model", "plan9"], ["plan9", "freebsd-4", "freebsd-6"]),
    (["--arch", "pdp11"], ["--arch", "pdp11", "amd64"]),
    (["--model", "freebsd-4", "--arch", "amd64"], ["--arch", "freebsd-4", "amd64", "expected i386"]),
    (["--cpus", "0"], ["--cpus", "0"]),
    (["--cpus", "many"], ["--cpus", "many"]),
    (["--clients", "0"], ["--clients", "0"]),
    (["--transport", "pigeon"], ["--transport", "pigeon", "memory", "tcp"]),
    (["--seed=-1"], ["--seed", "-1"]),
    (["--seed", "x"], ["--seed", "x"]),
    (["--sample-every", "0"], ["--sample-every", "0"]),
    (["--fault", "leak: {zone: NOZONE, every: 5}"], ["NOZONE", "NAMEI"]),
    (["--fault", "leak"], ["--fault"]),
    (["--fault", ""], ["--fault"]),
    (["--fault", "lose: {pages: 1}"], ["--fault", "every"]),
    (["--passes", "0"], ["--passes", "0"]),
    (["--passes", "1", "--until-panic"], ["--passes", "--until-panic"]),
    (["--for", "12Q"], ["--for", "12Q"]),
    (["--for", "0s"], ["--for"]),
    (["--max-passes", "5"], ["--max-passes"]),
    (["--until-panic", "--max-passes", "0"], ["--max-passes", "0"]),
    (["--log-level", "loud"], ["loud"]),
    (["--json", "/proc/no/such/directory/file.json"], ["/proc/no/such/directory/file.json"]),
    (["--out", "/proc/no/such/directory"], ["/proc/no/such/directory"]),
  ]

  @Test("A wrong option of run is refused", arguments: wrongOptions.indices)
  func wrongOption(index: Int) throws {
    let (options, words) = Self.wrongOptions[index]
    // Few passes, in a file: were the option taken, the run would be over soon.
    let file = try scratch.write("short.yaml", try WorkloadText.changed("connectathon-basic", ["passes": "1"]))
    try expectRefusal(["run", file] + options, naming: words)
  }

  @Test("A run directory that holds something is left alone")
  func runDirectory() throws {
    let directory = try scratch.makeDirectory("full")
    let precious = try scratch.write("full/precious", "do not touch")
    try expectRefusal(
      ["run", Installation.workload("connectathon-basic"), "--passes", "1", "--out", directory], naming: [directory])
    #expect(try String(contentsOfFile: precious, encoding: .utf8) == "do not touch")
    #expect(try FileManager.default.contentsOfDirectory(atPath: directory) == ["precious"])
  }

  @Test("serve refuses a port in use and addresses that are none")
  func serveAddresses() throws {
    let server = try ServeProcess(in: scratch)
    try expectRefusal(["serve", "--listen", "127.0.0.1:\(server.port)"], naming: ["127.0.0.1", "\(server.port)"])
    for address in ["127.0.0.1", "127.0.0.1:x", "127.0.0.1:65536", ":2049", ""] {
      try expectRefusal(["serve", "--listen", address], naming: ["--listen", address])
    }
    // A name that nobody may have (RFC 6761), an address that nobody has (RFC 5737).
    for host in ["no.such.host.invalid", "192.0.2.1"] {
      try expectRefusal(["serve", "--listen", "\(host):0"], naming: [host])
    }
    try expectRefusal(["serve", "--listen", "127.0.0.1:0", "--lease", "0"], naming: ["--lease", "0"])
    try expectRefusal(["serve", "--listen", "127.0.0.1:0", "--model", "plan9"], naming: ["plan9"])
    try expectRefusal(["serve", "--listen", "127.0.0.1:0", "--map", "12Q"], naming: ["--map", "12Q"])
    // The server that was there first is none the worse.
    try server.expectServes(after: "a second server on its port")
    try server.expectCleanEnd()
  }

  @Test("cthon refuses servers that do not answer, addresses that are none, and directories that are not there")
  func cthonPlaces() throws {
    // A port that was free a moment ago and that nobody listens on: the server that had it is gone.
    let server = try ServeProcess(in: scratch)
    let port = server.port
    try server.expectCleanEnd()
    try expectRefusal(["cthon", "basic", "--server", "nfs://127.0.0.1:\(port)/"], naming: ["127.0.0.1", "\(port)"])
    for url in [
      "127.0.0.1", "http://127.0.0.1/", "nfs://", "nfs://127.0.0.1:0/", "nfs://127.0.0.1:x/", "nfs://[::1/",
      "nfs://h/%zz", "",
    ] {
      try expectRefusal(["cthon", "basic", "--server", url], naming: [url])
    }
    try expectRefusal(["cthon", "basic", "--server", "nfs://no.such.host.invalid/"], naming: ["no.such.host.invalid"])
    let missing = scratch.path("missing")
    try expectRefusal(["cthon", "basic", "--local", missing], naming: [missing])
    let file = try scratch.write("file", "")
    try expectRefusal(["cthon", "basic", "--local", file], naming: [file])
  }

  @Test("cthon refuses a directory that the server does not have")
  func missingExport() throws {
    let server = try ServeProcess(in: scratch)
    try expectRefusal(["cthon", "basic", "--server", server.url + "no/such"], naming: ["no/such"])
    try server.expectServes(after: "a refused mount")
    try server.expectCleanEnd()
  }

  @Test("cthon refuses options that contradict one another")
  func cthonOptions() throws {
    let directory = try scratch.makeDirectory("local")
    let cases: [(arguments: [String], words: [String])] = [
      (["basic"], ["--server", "--local"]),
      (["basic", "--local", directory, "--server", "nfs://127.0.0.1/"], ["--server", "--local"]),
      (["basic", "--local", directory, "-f", "-t"], ["-f", "-t"]),
      (["basic", "--local", directory, "-N", "0"], ["-N", "0"]),
      (["basic", "--local", directory, "-f", "--json", "/proc/no/file.json"], ["/proc/no/file.json"]),
      (["basic", "--local", directory, "-f", "--flavour", "sun"], ["--flavour", "sun"]),
      (["basics", "--local", directory], ["basics", "basic"]),
    ]
    for (arguments, words) in cases { try expectRefusal(["cthon"] + arguments, naming: words) }
    #expect(try FileManager.default.contentsOfDirectory(atPath: directory).isEmpty)
  }

  @Test("models refuses a model that there is not")
  func unknownModel() throws {
    try expectRefusal(["models", "plan9"], naming: ["plan9", "freebsd-4", "freebsd-6"])
  }

  @Test(
    "Wrong usage of the command line ends with 64 and says how it is used",
    arguments: [
      ["run"], ["runs"], ["run", "a", "b"], ["run", "a", "--no-such-option"], ["serve", "--listen"],
      ["serve", "extra"],
      ["cthon"], ["cthon", "basic", "-x"], ["models", "freebsd-6", "freebsd-4"], ["--no-such-option"],
    ])
  func wrongUsage(arguments: [String]) throws {
    let done = try Execution.nfschurn(arguments, in: scratch)
    #expect(done.termination == .exited(64))
    #expect(done.output == "")
    #expect(done.errors.contains("Usage: nfschurn"))
  }

  @Test("A recording of a Linux kernel is told by its first line, and refuses other models and machines")
  func recordingOfALinuxKernel() throws {
    let recording = "\(Installation.root)/Tests/ExperimentTests/Fixtures/kmem-6.18-x86_64-2cpu.trace"
    try expectRefusal(
      ["replay", recording, "--model", "freebsd-6"], naming: ["--model freebsd-6", "linux-slub"])
    for option in [["--cpus", "2"], ["--map", "64MiB"], ["--memory", "1GiB"], ["--arch", "amd64"], ["--vmstat"]] {
      try expectRefusal(["replay", recording] + option, naming: [option[0], "recording"])
    }
    let cut = scratch.path("cut.trace")
    try "# nfschurn-kmem-trace 1\nkernel 6.18\n".write(toFile: cut, atomically: true, encoding: .utf8)
    try expectRefusal(["replay", cut], naming: ["cut.trace:3: ", "end"])
    let done = try Execution.successful(
      Installation.binary, ["replay", recording, "--model", "linux-slub", "--json", "-"], in: scratch)
    let document = try #require(try JSONSerialization.jsonObject(with: Data(done.output.utf8)) as? [String: Any])
    let totals = try #require(document["totals"] as? [String: Any])
    #expect(document["command"] as? String == "replay" && totals["growth"] as? Int == 105)
  }
}
