// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Foundation
import Testing

/// The same workload and seed make the same allocator events, whichever way the RPCs go.
@Suite("Digest of the allocator events")
struct DigestTests {
  let scratch: ScratchDirectory

  init() throws { scratch = try ScratchDirectory() }

  private func run(_ workload: String, _ options: [String]) throws -> RunDocument {
    let run = try RunDocument.of([workload] + options, in: scratch)
    #expect(run.digest.count == 16)
    #expect(run.digest.allSatisfy { $0.isHexDigit && !$0.isUppercase })
    return run
  }

  @Test("The tcp and memory transports agree", arguments: Flavour.allCases, [1, 2])
  func transports(flavour: Flavour, cpus: Int) throws {
    let workload = try WorkloadText.basic(flavour, .timed, in: scratch)
    let options = ["--passes", "2", "--cpus", "\(cpus)"]
    let memory = try run(workload, options + ["--transport", "memory"])
    let tcp = try run(workload, options + ["--transport", "tcp"])
    #expect(tcp.digest == memory.digest)
    #expect(tcp.totals.nfsOps == memory.totals.nfsOps)
    #expect(tcp.totals.clientRpcs == memory.totals.clientRpcs)
    #expect(tcp.totals.mallocCallsByType == memory.totals.mallocCallsByType)
    #expect(tcp.totals.virtualSeconds == memory.totals.virtualSeconds)
    #expect(tcp.map.usedBytes == memory.map.usedBytes)
  }

  @Test("The transports agree with two clients and on the other model, up to the panic")
  func transportsAtTheEdges() throws {
    let two = ["--passes", "1", "--clients", "2", "--model", "freebsd-4"]
    let basic = Installation.workload("connectathon-basic")
    #expect(
      try run(basic, two + ["--transport", "memory"]).digest == run(basic, two + ["--transport", "tcp"]).digest)
    // One path buffer in two is forgotten, so that the map is full after a few passes.
    let leak = ["--fault", "leak: {zone: NAMEI, every: 2}", "--map", "12MiB", "--until-panic", "--max-passes", "50"]
    let panics = try ["memory", "tcp"].map {
      try RunDocument.of([basic] + leak + ["--transport", $0], expecting: 3, in: scratch)
    }
    #expect(panics[0].digest == panics[1].digest)
    #expect(panics[0].panic?.call == panics[1].panic?.call)
    #expect(panics[0].panic?.message == panics[1].panic?.message)
    #expect(panics[0].panic != nil)
  }

  @Test("The same seed gives the same run, another seed another one")
  func seeds() throws {
    let workload = Installation.workload("connectathon-basic")
    let options = ["--passes", "2", "--cpus", "2"]
    let first = try run(workload, options)
    let default1 = try run(workload, options + ["--seed", "1"])
    let other = try run(workload, options + ["--seed", "2"])
    #expect(first.digest == default1.digest)
    #expect(first.map.usedBytes == default1.map.usedBytes)
    #expect(other.seed == 2)
    #expect(other.digest != first.digest)
    // A seed draws the processors, not what the tests do.
    #expect(other.totals.nfsOps == first.totals.nfsOps)
  }

  @Test("Another model and another pass give another digest")
  func digestsDiffer() throws {
    let workload = Installation.workload("connectathon-basic")
    let digests = try [
      ["--passes", "1"], ["--passes", "2"], ["--passes", "1", "--model", "freebsd-4"],
      ["--passes", "1", "--fault", "leak: {zone: NAMEI, every: 100}"],
    ].map { try run(workload, $0).digest }
    #expect(Set(digests).count == digests.count)
  }
}
