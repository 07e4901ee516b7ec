// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import KernelMemory

/// One allocator model against glibc's malloc and jemalloc, and with many objects against few.
struct AllocatorRatios {
  let type: any AllocatorModel.Type

  private static let rounds = 5
  /// Few large sizes, most lives short: a processor's cache serves nearly every call.
  private static let cached = PairRate(
    trace: PairTrace(live: 10_000, pairs: 200_000, sizes: 16...2048, lifetime: .logarithmic), repeats: 20)
  /// The same with every object as likely to die as every other.
  private static let uniform = PairRate(
    trace: PairTrace(live: 10_000, pairs: 200_000, sizes: 16...2048, lifetime: .uniform), repeats: 20)
  /// Two in three sizes are whole pages, and half of the objects die together every so often: the map is at work.
  private static let phased = PairRate(
    trace: PairTrace(live: 10_000, pairs: 300_000, sizes: 16...12_288, lifetime: .uniform, phase: 50_000), repeats: 4)

  /// Reports medians of rounds in which all contenders alternate.
  func measure(_ report: (String, Double, String) -> Void) throws {
    for (name, load) in [("cached", Self.cached), ("uniform", Self.uniform), ("phased", Self.phased)] {
      var rates: [Double] = []
      var toGlibc: [Double] = []
      var toJemalloc: [Double] = []
      for _ in 0..<Self.rounds {
        let rate = try load.rate(of: type)
        rates.append(rate)
        toGlibc.append(rate / load.rateOfGlibc())
        if let other = load.rateOfJemalloc() { toJemalloc.append(rate / other) }
      }
      let note = "\((middle(rates) * 10).rounded() / 10) M pairs/s"
      report("\(type.identifier).\(name).ratio_to_glibc", middle(toGlibc), note)
      if toJemalloc.count == Self.rounds {
        report("\(type.identifier).\(name).ratio_to_jemalloc", middle(toJemalloc), note)
      }
    }
    try measureMany(report)
  }

  /// Ten million live objects against ten thousand, the oldest dying first, and any.
  private func measureMany(_ report: (String, Double, String) -> Void) throws {
    for (name, lifetime) in [("oldest_first", PairTrace.Lifetime.oldest), ("uniform", .uniform)] {
      let few = PairRate(
        trace: PairTrace(live: 10_000, pairs: 1_000_000, sizes: 1...16, lifetime: lifetime), repeats: 4)
      let many = PairRate(
        trace: PairTrace(live: 10_000_000, pairs: 4_000_000, sizes: 1...16, lifetime: lifetime), repeats: 1)
      var ratios: [Double] = []
      for _ in 0..<3 { ratios.append(try many.rate(of: type) / few.rate(of: type)) }
      report("\(type.identifier).ten_million_live.\(name).ratio_to_ten_thousand", middle(ratios), "")
    }
  }
}
