// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Experiment
import Foundation
import KernelMemory

/// Measures every ratio, prints it beside its committed threshold, and exits with 1 where one is below.
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
    for flavour in Workload.Client.Flavour.allCases {
      report("memory.\(flavour.rawValue).rpcs_per_cpu_second", try MemoryTier(flavour: flavour).measure(), "")
    }
    for flavour in Workload.Client.Flavour.allCases {
      let tcp = try TCPTier(flavour: flavour).measure()
      report("tcp.\(flavour.rawValue).ratio_to_ping_pong", tcp.ratio, "\(Int(tcp.rate)) RPCs/s")
    }
    for type in AllocatorRegistry.all { try measure(type, report) }
    if failed { exit(1) }
  }

  private static let rounds = 5

  /// A model's pairs per second against both C allocators on the cached path and on a load with phases, and with many objects
  /// against few; medians of rounds in which all contenders alternate.
  private static func measure(
    _ type: any AllocatorModel.Type, _ report: (String, Double, String) -> Void
  ) throws {
    let cached = PairLoad()
    let phased = PairLoad(pairs: 3_000_000, sizes: 16...12_288, phase: 500_000)
    let many = PairLoad(live: 10_000_000, pairs: 3_000_000, sizes: 1...16)
    let few = PairLoad(pairs: 3_000_000, sizes: 1...16)
    for (name, load) in [("cached_pairs", cached), ("phased_pairs", phased)] {
      var rates: [Double] = []
      var toGlibc: [Double] = []
      var toJemalloc: [Double] = []
      for _ in 0..<rounds {
        let rate = try load.rate(of: type)
        rates.append(rate)
        toGlibc.append(rate / load.rateOfGlibc())
        if let other = load.rateOfJemalloc() { toJemalloc.append(rate / other) }
      }
      let note = "\((middle(rates) * 10).rounded() / 10) M pairs/s"
      report("\(type.identifier).\(name).ratio_to_glibc", middle(toGlibc), note)
      if toJemalloc.count == rounds { report("\(type.identifier).\(name).ratio_to_jemalloc", middle(toJemalloc), note) }
    }
    var ratios: [Double] = []
    for _ in 0..<3 { ratios.append(try many.rate(of: type) / few.rate(of: type)) }
    report("\(type.identifier).ten_million_live.ratio_to_ten_thousand", middle(ratios), "")
  }

  private static func loadThresholds() throws -> [String: Double] {
    let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appendingPathComponent("Thresholds/ratios.json")
    return try JSONDecoder().decode([String: Double].self, from: Data(contentsOf: path))
  }
}
