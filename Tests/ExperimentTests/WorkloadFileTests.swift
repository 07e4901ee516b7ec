// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Experiment
import Foundation
import KernelMemory
import KernelModel
import Testing

private let complete = """
  name: all-keys
  description: every key of the interface
  client:
    suite: basic
    variant: functional
    flavour: linux
    clients: 3
    passes: 77
  server:
    era: macklem-2007
    delegations: false
    lease: 90s
  kernel:
    model: freebsd-4
    arch: i386
    memory: 256MiB
    map: 64MiB
    cpus: 2
  clock:
    rpc: 500us
    idle: 2s
  faults:
    - leak: {malloc: "NFSD V4state", every: 1000}
    - leak: {zone: NAMEI, every: 5000}
    - lose: {pages: 1, every: 100000, of: calls}
    - lose: {pages: 2, every: 60s}
  """

/// The error of a workload text, as the user sees it.
private func message(_ text: String) -> String {
  do {
    _ = try WorkloadFile.parse(text, file: "w.yaml")
    return "no error"
  } catch {
    return "\(error)"
  }
}

@Suite struct WorkloadFileTests {
  @Test func everyKeyIsRead() throws {
    let workload = try WorkloadFile.parse(complete, file: "w.yaml")
    #expect(workload.name == "all-keys" && workload.description == "every key of the interface")
    #expect(workload.client.variant == .functional && workload.client.flavour == .linux)
    #expect(workload.client.clients == 3 && workload.client.passes == 77)
    #expect(workload.leaseSeconds == 90 && workload.model == "freebsd-4" && workload.cpus == 2)
    #expect(workload.memoryBytes == 256 << 20 && workload.mapBytes == 64 << 20)
    #expect(workload.clock.rpc == 500_000 && workload.clock.idle == 2_000_000_000 && workload.clock.pass == nil)
    #expect(
      workload.faults == [
        .leakMalloc(type: "NFSD V4state", every: 1000), .leakZone(zone: "NAMEI", every: 5000),
        .losePerCalls(pages: 1, every: 100_000), .losePerTime(pages: 2, every: 60_000_000_000),
      ])
  }

  @Test func aNameAloneTakesTheDefaultsOfTheInterface() throws {
    let workload = try WorkloadFile.parse("name: x", file: "w.yaml")
    #expect(workload.client.variant == .timed && workload.client.flavour == .bsd && workload.client.passes == 1000)
    #expect(workload.model == "freebsd-6" && workload.mapBytes == nil && workload.memoryBytes == 512 << 20)
    #expect(workload.leaseSeconds == 120 && workload.faults.isEmpty)
  }

  @Test(
    arguments: [
      (
        "name: x\nkernel:\n  modle: freebsd-6",
        "w.yaml:3: unknown key 'kernel.modle': expected one of model, arch, memory, map, cpus"
      ),
      (
        "name: x\nkernel:\n  memory: 12Q",
        "w.yaml:3: 'kernel.memory': '12Q': expected a size such as 512MiB (units KiB, MiB, GiB)"
      ),
      (
        "name: x\nkernel:\n  model: freebsd-5",
        "w.yaml:3: 'kernel.model': 'freebsd-5': expected one of \(AllocatorRegistry.all.map { $0.identifier }.joined(separator: ", "))"
      ),
      ("name: x\nclient:\n  passes: 0", "w.yaml:3: 'client.passes': '0': expected an integer from 1 to 1000000000"),
      ("name: x\nclient:\n  flavour: sun", "w.yaml:3: 'client.flavour': 'sun': expected bsd or linux"),
      ("name: x\nclock: {pass: 15s, rpc: 1ms}", "w.yaml:2: 'clock.rpc': expected either 'pass' or 'rpc', not both"),
      (
        "name: x\nextra: 1",
        "w.yaml:2: unknown key 'extra': expected one of name, description, client, server, kernel, clock, faults"
      ),
      ("description: x", "w.yaml: key 'name' is missing"),
      (
        "- a\n- b",
        "w.yaml:1: the file: expected keys and values (name, description, client, server, kernel, clock, faults)"
      ),
      ("", "w.yaml: is empty"),
      (
        "name: x\nserver:\n  delegations: true",
        "w.yaml:3: 'server.delegations': expected false: the clients of an experiment cannot be called back"
      ),
      (
        "name: x\nserver:\n  lease: 90",
        "w.yaml:3: 'server.lease': '90': expected a duration such as 15s (units us, ms, s, m, h, d)"
      ),
      ("name: x\nfaults:\n  - leak: {every: 5}", "w.yaml:3: 'leak.malloc': expected either 'malloc' or 'zone'"),
      (
        "name: x\nfaults:\n  - leek: {zone: NAMEI, every: 5}",
        "w.yaml:3: unknown key 'faults.leek': expected one of leak, lose, limit, fragment, pin, burst"
      ),
      (
        "name: x\nfaults:\n  - leak: {zone: NAMEI, every: 0}",
        "w.yaml:3: 'leak.every': '0': expected an integer from 1 to 9223372036854775807"
      ),
      (
        "name: x\nfaults:\n  - pin: {replies: clusters, reconnect: 10}",
        "w.yaml:3: 'faults.pin': this fault is not built yet: expected leak or lose"
      ),
    ])
  func anErrorNamesFileLineAndKeyAndWhatWasExpected(text: String, expected: String) {
    #expect(message(text) == expected)
  }

  @Test(arguments: ["name: [", "name: x\nname: y", "name: x\nkernel: {cpus: 1, cpus: 2}", "\tname: x", "name: &a [*a]"])
  func brokenYAMLIsOneLine(text: String) {
    #expect(message(text) != "no error")
    #expect(!message(text).contains("\n"))
    #expect(message(text).hasPrefix("w.yaml"))
  }

  @Test func aMissingFileIsOneLine() {
    do {
      _ = try WorkloadFile.load("/nonexistent/w.yaml")
      Issue.record("loaded a file that does not exist")
    } catch {
      #expect("\(error)" == "/nonexistent/w.yaml: cannot be read: no such file, or no permission")
    }
  }

  @Test func everyStockWorkloadIsReadable() throws {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appendingPathComponent("workloads").path
    let files = try FileManager.default.contentsOfDirectory(atPath: root).filter { $0.hasSuffix(".yaml") }
    #expect(files.count >= 4)
    for file in files { _ = try WorkloadFile.load("\(root)/\(file)") }
  }

  @Test func aFaultOptionHasTheGrammarOfTheFile() throws {
    #expect(
      try FaultSpecification.parse(option: "leak: {zone: NAMEI, every: 5000}") == .leakZone(zone: "NAMEI", every: 5000))
    #expect(throws: WorkloadError.self) { try FaultSpecification.parse(option: "nonsense") }
    #expect(throws: WorkloadError.self) { try FaultSpecification.parse(option: "") }
    #expect(throws: WorkloadError.self) { try FaultSpecification.parse(option: "leak: {zone: NAMEI, every: ten}") }
  }
}
