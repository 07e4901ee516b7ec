// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import KernelMemory
import KernelModel

/// Where the value of a workload's key comes from.
public enum ValueOrigin: Equatable, Sendable {
  /// A line of a workload file.
  case file(String, line: Int?)
  /// An option of the command line, for instance `--map`.
  case option(String)
}

extension Workload {
  /// The error of the kernel as one of the key or option that it is about.
  func explain(_ error: KernelError) -> WorkloadError {
    switch error {
    case .unknownModel: blame("kernel.model", "\(error)")
    case .model(.architecture): blame("kernel.arch", "\(error)")
    case .model(.processors): blame("kernel.cpus", "\(error)")
    case .model(.mapSize): blame("kernel.map", "\(error)")
    case .model(.physicalMemory): blame("kernel.memory", "\(error)")
    case .noAddressSpace: WorkloadError(file: name, problem: "\(error)")
    }
  }

  /// The error of a fault as one of the key or option that it is about.
  func explain(_ error: FaultError) -> WorkloadError { blame("faults", "\(error)") }

  private func blame(_ key: String, _ problem: String) -> WorkloadError {
    switch origins[key] {
    case .file(let file, let line): WorkloadError(file: file, line: line, problem: "'\(key)': \(problem)")
    case .option(let option): WorkloadError(file: option, problem: problem)
    case nil: WorkloadError(file: name, problem: "'\(key)': \(problem)")
    }
  }
}
