// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// Which processor serves an RPC: drawn from the seed, so that runs repeat.
///
/// An nfsd thread may run on any processor (FreeBSD 6 sys/kern/sched_4bsd.c has one run queue); an even draw is the simplest
/// model of that (inferred).
struct ProcessorChoice {
  private let count: UInt64
  private var state: UInt64

  init(count: Int, seed: UInt64) {
    self.count = UInt64(max(count, 1))
    state = seed
  }

  /// The processor for the next RPC, 0 to count − 1 (SplitMix64).
  @inline(__always)
  mutating func next() -> Int {
    guard count > 1 else { return 0 }
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return Int(truncatingIfNeeded: (mixed ^ (mixed >> 31)) % count)
  }
}
