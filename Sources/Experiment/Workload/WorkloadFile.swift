// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Foundation
import KernelMemory
import KernelModel
import Yams

/// Reads workload files.
public enum WorkloadFile {
  /// Largest file that is read, bytes.
  public static let sizeLimit = 1 << 20

  /// Largest number of passes and of clients.
  static let passLimit = 1_000_000_000
  static let clientLimit = 64

  /// Reads a workload from a file.
  ///
  /// - Throws: ``WorkloadError`` that names file, line and key.
  public static func load(_ path: String) throws(WorkloadError) -> Workload {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw WorkloadError(file: path, problem: "cannot be read: no such file, or no permission")
    }
    guard data.count <= sizeLimit else {
      throw WorkloadError(file: path, problem: "\(data.count) bytes: expected at most \(sizeLimit)")
    }
    guard let text = String(data: data, encoding: .utf8) else {
      throw WorkloadError(file: path, problem: "is not UTF-8 text")
    }
    return try parse(text, file: path)
  }

  /// Reads a workload from text.
  ///
  /// - Parameters:
  ///   - text: YAML.
  ///   - file: the name that errors give.
  /// - Returns: the workload, with defaults where the text says nothing.
  /// - Throws: ``WorkloadError``.
  public static func parse(_ text: String, file: String) throws(WorkloadError) -> Workload {
    let top = try StrictMapping(
      try compose(text, file: file), file: file, path: "",
      known: ["name", "description", "client", "server", "kernel", "clock", "faults"])
    guard let name = try top.text("name"), !name.isEmpty else {
      throw WorkloadError(file: file, problem: "key 'name' is missing")
    }
    var workload = Workload(name: name)
    workload.origins = top.origins
    workload.description = try top.text("description") ?? ""
    if let node = top.node("client") { try readClient(node, file, into: &workload) }
    if let node = top.node("server") { try readServer(node, file, into: &workload) }
    if let node = top.node("kernel") { try readKernel(node, file, into: &workload) }
    if let node = top.node("clock") { try readClock(node, file, into: &workload) }
    if let node = top.node("faults") {
      guard let items = node.sequence else { throw top.error("faults", "expected a list") }
      for item in items { workload.faults.append(try FaultSpecification.read(item, file: file)) }
    }
    return workload
  }

  private static func compose(_ text: String, file: String) throws(WorkloadError) -> Node {
    do {
      guard let node = try Yams.compose(yaml: text) else { throw WorkloadError(file: file, problem: "is empty") }
      return node
    } catch let error as WorkloadError {
      throw error
    } catch let error as YamlError {
      throw yamlError(error, file: file)
    } catch {
      throw WorkloadError(file: file, problem: "is not YAML")
    }
  }

  private static func yamlError(_ error: YamlError, file: String) -> WorkloadError {
    switch error {
    case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
      .composer(_, let problem, let mark, _):
      WorkloadError(file: file, line: mark.line, problem: "is not YAML: \(problem)")
    case .duplicatedKeysInMapping(let duplicates, let context):
      WorkloadError(
        file: file, line: context.mark.line, problem: "key '\(duplicates.joined(separator: "', '"))' stands twice")
    case .reader(let problem, _, _, _): WorkloadError(file: file, problem: "is not YAML: \(problem)")
    default: WorkloadError(file: file, problem: "is not YAML")
    }
  }

  private static func readClient(_ node: Node, _ file: String, into workload: inout Workload) throws(WorkloadError) {
    let keys = try StrictMapping(
      node, file: file, path: "client", known: ["suite", "variant", "flavour", "clients", "passes", "steps"])
    if keys.node("steps") != nil { throw keys.error("steps", "lists of steps are not built yet: expected 'suite'") }
    if let suite = try keys.text("suite"), suite != "basic" {
      throw keys.error("suite", "'\(suite)': expected basic (general, special and lock are not built yet)")
    }
    if let variant = try keys.choice("variant", Workload.Client.Variant.self) { workload.client.variant = variant }
    if let flavour = try keys.choice("flavour", Workload.Client.Flavour.self) { workload.client.flavour = flavour }
    if let clients = try keys.integer("clients", in: 1...clientLimit) { workload.client.clients = clients }
    if let passes = try keys.integer("passes", in: 1...passLimit) { workload.client.passes = UInt64(passes) }
  }

  private static func readServer(_ node: Node, _ file: String, into workload: inout Workload) throws(WorkloadError) {
    let keys = try StrictMapping(node, file: file, path: "server", known: ["era", "delegations", "lease"])
    if let era = try keys.text("era") {
      guard era == "macklem-2007" else {
        throw keys.error("era", "'\(era)': expected macklem-2007 (freebsd-8 and knfsd are not built yet)")
      }
      workload.era = era
    }
    if try keys.bool("delegations") == true {
      throw keys.error("delegations", "expected false: the clients of an experiment cannot be called back")
    }
    if let lease = try keys.nanoseconds("lease") {
      let seconds = lease / 1_000_000_000
      guard lease.isMultiple(of: 1_000_000_000), (1...86_400).contains(seconds) else {
        throw keys.error("lease", "expected whole seconds from 1s to 1d")
      }
      workload.leaseSeconds = Int(seconds)
    }
  }

  private static func readKernel(_ node: Node, _ file: String, into workload: inout Workload) throws(WorkloadError) {
    let keys = try StrictMapping(node, file: file, path: "kernel", known: ["model", "arch", "memory", "map", "cpus"])
    workload.origins.merge(keys.origins) { $1 }
    if let model = try keys.text("model") {
      guard AllocatorRegistry.model(named: model) != nil else {
        let known = AllocatorRegistry.all.map { $0.identifier }.joined(separator: ", ")
        throw keys.error("model", "'\(model)': expected one of \(known)")
      }
      workload.model = model
    }
    if let architecture = try keys.choice("arch", Architecture.self) { workload.architecture = architecture }
    if let memory = try keys.bytes("memory") { workload.memoryBytes = memory }
    if let map = try keys.text("map"), map != "default" { workload.mapBytes = try keys.bytes("map") }
    if let cpus = try keys.integer("cpus", in: 1...16) { workload.cpus = cpus }
  }

  private static func readClock(_ node: Node, _ file: String, into workload: inout Workload) throws(WorkloadError) {
    let keys = try StrictMapping(node, file: file, path: "clock", known: ["pass", "rpc", "idle"])
    if keys.node("pass") != nil, keys.node("rpc") != nil {
      throw keys.error("rpc", "expected either 'pass' or 'rpc', not both")
    }
    workload.clock.pass = try keys.nanoseconds("pass")
    if let rpc = try keys.nanoseconds("rpc") { workload.clock.rpc = rpc }
    if let idle = try keys.nanoseconds("idle") { workload.clock.idle = idle }
  }
}
