// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import ArgumentParser
import Experiment
import KernelMemory

/// Options that say how a modelled kernel is set up, for `run` and `serve`.
struct KernelOptions: ParsableArguments {
  @Option(help: "Allocator model (see: nfschurn models).")
  var model: String?

  @Option(help: "Architecture: i386 or amd64.")
  var arch: String?

  @Option(help: "Size of the kernel map, for instance 64MiB; 'default' takes the model's own formula.")
  var map: String?

  @Option(help: "Physical memory, for instance 512MiB.")
  var memory: String?

  @Option(help: "Processors, 1 to 16.")
  var cpus: String?

  /// Puts what was given in place of what the workload says.
  func apply(to workload: inout Workload) throws(CommandFailure) {
    for (key, value) in [("model", model), ("arch", arch), ("map", map), ("memory", memory), ("cpus", cpus)]
    where value != nil {
      workload.origins["kernel.\(key)"] = .option("--\(key)")
    }
    if let model { workload.model = model }
    if let arch {
      guard let architecture = Architecture(rawValue: arch) else {
        throw .badInput("--arch '\(arch)': expected i386 or amd64")
      }
      workload.architecture = architecture
    }
    if let map { workload.mapBytes = map == "default" ? nil : try Self.size(map, option: "--map") }
    if let memory { workload.memoryBytes = try Self.size(memory, option: "--memory") }
    if let cpus { workload.cpus = try Self.count(cpus, option: "--cpus", in: 1...16) }
  }

  static func size(_ text: String, option: String) throws(CommandFailure) -> Int {
    do { return try Quantity.bytes(text) } catch { throw .badInput("\(option) \(error)") }
  }

  static func count(_ text: String, option: String, in range: ClosedRange<Int>) throws(CommandFailure) -> Int {
    guard let value = Int(text), range.contains(value) else {
      throw .badInput("\(option) '\(text)': expected an integer from \(range.lowerBound) to \(range.upperBound)")
    }
    return value
  }
}
