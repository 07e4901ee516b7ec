// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Foundation
import Testing

/// What a person at a terminal sees.
@Suite("Command line")
struct CommandLineTests {
  let scratch: ScratchDirectory

  init() throws { scratch = try ScratchDirectory() }

  private func succeed(_ arguments: [String]) throws -> Execution {
    let done = try Execution.nfschurn(arguments, in: scratch)
    #expect(done.termination == .exited(0), "\(done.command): \(done.errors)")
    #expect(done.errors == "", "\(done.command)")
    return done
  }

  @Test("Every command has help with an example", arguments: ["run", "serve", "cthon", "models"])
  func help(command: String) throws {
    let done = try succeed([command, "--help"])
    #expect(done.output.contains("EXAMPLE"))
    #expect(done.output.contains("nfschurn \(command) "))
    #expect(try succeed(["--help"]).output.contains("  \(command) "))
  }

  @Test("The version is one line")
  func version() throws {
    #expect(try succeed(["--version"]).output.wholeMatch(of: /nfschurn \d+\.\d+\.\d+\n/) != nil)
  }

  @Test("models lists both models, and one model with its sources and facts")
  func models() throws {
    let list = try succeed(["models"]).outputLines.filter { !$0.hasPrefix(" ") }.map { $0.prefix { $0 != " " } }
    #expect(Set(list).isSuperset(of: ["freebsd-4", "freebsd-6"]))
    for (model, source) in [("freebsd-6", "uma_core.c"), ("freebsd-4", "kern_malloc.c")] {
      let sheet = try succeed(["models", model]).outputLines
      #expect(sheet.first?.hasPrefix("\(model) ") == true)
      let sources = try #require(sheet.firstIndex(of: "  Sources:"), "\(model)")
      #expect(sheet[(sources + 1)...].contains { $0.contains(source) }, "\(model)")
    }
  }

  @Test("models --json gives the same facts to programs")
  func modelsDocument() throws {
    struct Document: Decodable {
      struct Model: Decodable {
        let id: String
        let sources: [String]
      }
      let models: [Model]
    }
    let done = try succeed(["models", "--json", "-"])
    let models = try JSONDecoder().decode(Document.self, from: done.outputBytes).models
    #expect(Set(models.map(\.id)).isSuperset(of: ["freebsd-4", "freebsd-6"]))
    for model in models { #expect(!model.sources.isEmpty, "\(model.id)") }
  }

  @Test("The report of a run begins and ends with the seed and shows calls, ledger, correlation and the end")
  func report() throws {
    let done = try succeed(["run", Installation.workload("connectathon-basic"), "--passes", "4", "--seed", "77"])
    let lines = done.outputLines
    #expect(lines.first == "seed 77")
    #expect(lines.last == "seed 77")
    for heading in ["Calls per pass", "Ledger", "Correlation of map use with each clock", "No panic."] {
      #expect(lines.filter { $0.hasPrefix(heading) }.count == 1, "\(heading)")
    }
    #expect(lines.contains { $0.contains("The sum equals the used bytes of the map.") })
    #expect(lines.contains { $0.contains("this run cannot tell which of them the map follows") })
    let document = try RunDocument.of(
      [Installation.workload("connectathon-basic"), "--passes", "4", "--seed", "77"], in: scratch)
    #expect(document.seed == 77)
    #expect(lines.contains { $0.hasSuffix("digest \(document.digest)") })
    // The table has the four passes, each once.
    let header = try #require(lines.firstIndex { $0.contains("pass  malloc") })
    let passes = lines[(header + 1)...].prefix { !$0.isEmpty }.compactMap {
      $0.split(separator: " ").first.map(String.init)
    }
    #expect(passes == ["1", "2", "3", "4"])
  }

  @Test("--vmstat prints the tables of the modelled kernel, with the types of the server in them")
  func vmstat() throws {
    let workload = Installation.workload("connectathon-basic")
    let output = try succeed(["run", workload, "--passes", "1", "--vmstat"]).output
    for word in ["NFSD V4state", "NFSD lckfile", "NFSD srvcache", "InUse", "MemUse", "ITEM", "NAMEI", "VNODE"] {
      #expect(output.contains(word), "\(word)")
    }
  }

  @Test("A terminal shows a progress line with the time that is left, and nothing else does")
  func progress() throws {
    let script = try Installation.tool("script", package: "bsdutils")
    // Standard error is the terminal, standard output is not.
    let run = "'\(Installation.binary)' run '\(Installation.workload("connectathon-basic"))' --passes 3"
    func terminal(_ options: String) throws -> String {
      try Execution.successful(script, ["-qec", "\(run) \(options) >/dev/null", "/dev/null"], in: scratch).output
    }
    let shown = try terminal("")
    #expect(shown.contains("\r\u{1B}[Kpass 1 "))
    #expect(shown.contains("ETA"))
    #expect(shown.hasSuffix("\r\u{1B}[K"))
    #expect(try terminal("--no-progress") == "")
    #expect(try terminal("--quiet") == "")
  }

  @Test("--for ends with the pass in which the virtual time is over")
  func duration() throws {
    let run = try RunDocument.of([Installation.workload("connectathon-basic"), "--for", "50s"], in: scratch)
    #expect(run.totals.passes == 4)
    #expect((60..<60.1).contains(run.totals.virtualSeconds))
    #expect(run.workload.passes == nil)
  }

  @Test("Options take the place of what the workload says")
  func options() throws {
    let run = try RunDocument.of(
      [
        Installation.workload("connectathon-basic"), "--passes", "1", "--model", "freebsd-4", "--arch", "i386", "--map",
        "48MiB",
        "--memory", "256MiB", "--cpus", "2", "--seed", "18446744073709551615",
      ], in: scratch)
    #expect(run.kernel.model == "freebsd-4")
    #expect(run.kernel.arch == "i386")
    #expect(run.kernel.mapBytes == 48 << 20)
    #expect(run.kernel.memoryBytes == 256 << 20)
    #expect(run.kernel.cpus == 2)
    #expect(run.seed == .max)
  }
}
