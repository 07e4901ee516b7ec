// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Experiment
import Foundation
import KernelMemory

/// Measures every ratio, or those of the allocator models that are named, prints it beside its committed threshold, and exits with 1 where one is below.
@main
struct Ratios {
  static func main() throws {
    guard isPinnedToOneCPU() else {
      print("not pinned to one CPU: run scripts/benchmark, or put taskset -c 0 in front")
      exit(2)
    }
    let thresholds = try loadThresholds()
    var failed = false
    func report(_ name: String, _ value: Double, _ note: String) {
      let threshold = thresholds[name]
      let ok = threshold.map { value >= $0 } ?? true
      if !ok { failed = true }
      let bound = threshold.map { "threshold \($0)" } ?? "no threshold"
      let shown = value >= 1000 ? "\(Int(value.rounded()))" : "\((value * 1000).rounded() / 1000)"
      print("\(ok ? "ok  " : "LOW ") \(name) = \(shown)  (\(bound)) \(note)")
    }
    let wanted = Set(CommandLine.arguments.dropFirst())
    for flavour in Workload.Client.Flavour.allCases where wanted.isEmpty {
      report("memory.\(flavour.rawValue).rpcs_per_cpu_second", try MemoryTier(flavour: flavour).measure(), "")
    }
    for flavour in Workload.Client.Flavour.allCases where wanted.isEmpty {
      let tcp = try TCPTier(flavour: flavour).measure()
      report("tcp.\(flavour.rawValue).ratio_to_ping_pong", tcp.ratio, "\(Int(tcp.rate)) RPCs/s")
    }
    for type in AllocatorRegistry.all where wanted.isEmpty || wanted.contains(type.identifier) {
      try AllocatorRatios(type: type).measure(report)
    }
    if failed { exit(1) }
  }

  private static func loadThresholds() throws -> [String: Double] {
    let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appendingPathComponent("Thresholds/ratios.json")
    return try JSONDecoder().decode([String: Double].self, from: Data(contentsOf: path))
  }
}
