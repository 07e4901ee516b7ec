// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import ArgumentParser
import Experiment
import KernelMemory

/// Options that say how a modelled kernel is set up, for `run`, `serve` and `replay`.
struct KernelOptions: ParsableArguments {
  @Option(help: "Allocator model (see: nfschurn models).")
  var model: String?

  @OptionGroup var machine: MachineOptions

  /// Puts what was given in place of what the workload says.
  func apply(to workload: inout Workload) throws(CommandFailure) {
    if let model {
      workload.origins["kernel.model"] = .option("--model")
      workload.model = model
    }
    try machine.apply(to: &workload)
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

/// Options that say what machine a modelled kernel runs on.
struct MachineOptions: ParsableArguments {
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
    for (key, value) in [("arch", arch), ("map", map), ("memory", memory), ("cpus", cpus)]
    where value != nil {
      workload.origins["kernel.\(key)"] = .option("--\(key)")
    }
    if let arch {
      guard let architecture = Architecture(rawValue: arch) else {
        throw .badInput("--arch '\(arch)': expected i386 or amd64")
      }
      workload.architecture = architecture
    }
    if let map { workload.mapBytes = map == "default" ? nil : try KernelOptions.size(map, option: "--map") }
    if let memory { workload.memoryBytes = try KernelOptions.size(memory, option: "--memory") }
    if let cpus { workload.cpus = try KernelOptions.count(cpus, option: "--cpus", in: 1...16) }
  }
}
