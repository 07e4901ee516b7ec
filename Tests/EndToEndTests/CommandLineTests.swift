// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Foundation
import Testing

/// Every model, in the order of the registry.
private let modelNames = [
  "freebsd-4", "freebsd-5.4", "freebsd-6", "freebsd-7", "freebsd-9", "freebsd-11", "freebsd-14", "openbsd-3.9",
  "netbsd", "illumos", "linux-slub", "dragonfly", "xnu",
]

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

  @Test("Every command has help with an example", arguments: ["run", "compare", "serve", "cthon", "models"])
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

  @Test("models prints a table of all thirteen, one line each under aligned headings")
  func models() throws {
    let lines = try succeed(["models"]).outputLines
    #expect(lines.dropFirst().map { String($0.prefix { $0 != " " }) } == modelNames)
    for heading in ["systems", "arch", "map", "layers", "full map, caller may wait"] {
      let column = try #require(lines[0].range(of: "  \(heading)"), "\(heading)")
      let offset = lines[0].distance(from: lines[0].startIndex, to: column.lowerBound)
      for line in lines.dropFirst() {
        #expect(
          line.dropFirst(offset).hasPrefix("  ") && line.dropFirst(offset + 2).first != " ", "\(heading): \(line)")
      }
    }
  }

  @Test("models ID prints sizes as booted, layers, facts with their confidence, and sources", arguments: modelNames)
  func factSheet(model: String) throws {
    let sheet = try succeed(["models", model]).outputLines
    #expect(sheet.first?.hasPrefix("\(model)  ") == true)
    for heading in ["  Outline", "  Facts", "  Sources"] { #expect(sheet.contains(heading), "\(heading)") }
    #expect(sheet.contains { $0.hasPrefix("  layers ") } && sheet.contains { $0.hasPrefix("  As booted on i386") })
    #expect(sheet.contains { $0.hasPrefix("    pathBuffer ") && ($0.hasSuffix("1,024") || $0.hasSuffix("4,096")) })
    let facts = try #require(sheet.firstIndex(of: "  Facts"))
    let sources = try #require(sheet.firstIndex(of: "  Sources"))
    #expect(sources - facts > 10 && sheet.count > sources + 2)
    for fact in sheet[(facts + 1)..<sources] where !fact.isEmpty {
      #expect(fact.contains(/\((source|computed|measured|inferred|recollection)\)$/), "\(fact)")
    }
  }

  @Test("models --json gives the same facts to programs")
  func modelsDocument() throws {
    struct Document: Decodable {
      struct Model: Decodable {
        struct Machine: Decodable {
          struct Object: Decodable {
            let object: String
            let bytes: Int?
          }
          let arch: String
          let objects: [Object]
        }
        let id: String
        let sources: [String]
        let architectures: [String]
        let map: String
        let layers: String
        let exhaustion: String
        let machines: [Machine]
      }
      let models: [Model]
    }
    let done = try succeed(["models", "--json", "-"])
    let models = try JSONDecoder().decode(Document.self, from: done.outputBytes).models
    #expect(models.map(\.id) == modelNames)
    for model in models {
      #expect(!model.sources.isEmpty && !model.map.isEmpty && !model.layers.isEmpty && !model.exhaustion.isEmpty)
      #expect(model.machines.map(\.arch) == model.architectures, "\(model.id)")
    }
    let vnode = models.first { $0.id == "freebsd-6" }?.machines.first?.objects.first { $0.object == "vnode" }
    #expect(vnode?.bytes == 272)
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
