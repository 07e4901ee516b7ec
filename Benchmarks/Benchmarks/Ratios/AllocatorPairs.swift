// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Glibc
import KernelMemory

/// malloc+free pairs per second of a model with its statistics on, against glibc's on the same sizes and lifetimes.
struct AllocatorPairs {
  private static let live = 10_000
  private static let pairs = 5_000_000
  private static let rounds = 5

  /// SplitMix64, so that both contenders see the same sequence.
  private struct Sequence {
    var state: UInt64

    mutating func next() -> UInt64 {
      state &+= 0x9E37_79B9_7F4A_7C15
      var mixed = state
      mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
      mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
      return mixed ^ (mixed >> 31)
    }
  }

  /// - Returns: million pairs per second of the model, and the ratio to glibc; medians of the rounds.
  func measure<Model: AllocatorModel>(_ type: Model.Type) throws -> (rate: Double, ratio: Double) {
    var rates: [Double] = []
    var ratios: [Double] = []
    for _ in 0..<Self.rounds {
      let model = try Self.model(type)
      let libc = Self.glibc()
      rates.append(model)
      ratios.append(model / libc)
    }
    return (middle(rates), middle(ratios))
  }

  private static func model<Model: AllocatorModel>(_ type: Model.Type) throws -> Double {
    let model = try Model(ModelConfiguration(physicalMemory: 512 << 20))
    let temp = model.mallocType(named: "temp")
    let held = UnsafeMutablePointer<KernelAddress>.allocate(capacity: live)
    defer { held.deallocate() }
    var sequence = Sequence(state: 7)
    for index in 0..<live { held[index] = model.malloc(size(sequence.next()), temp, .wait) }
    let start = seconds(CLOCK_THREAD_CPUTIME_ID)
    for _ in 0..<pairs {
      let draw = sequence.next()
      let slot = Int(draw >> 32) % live
      model.free(held[slot], temp)
      held[slot] = model.malloc(size(draw), temp, .wait)
    }
    return Double(pairs) / (seconds(CLOCK_THREAD_CPUTIME_ID) - start) / 1e6
  }

  private static func glibc() -> Double {
    let held = UnsafeMutablePointer<UnsafeMutableRawPointer?>.allocate(capacity: live)
    defer { held.deallocate() }
    var sequence = Sequence(state: 7)
    for index in 0..<live { held[index] = malloc(size(sequence.next())) }
    let start = seconds(CLOCK_THREAD_CPUTIME_ID)
    for _ in 0..<pairs {
      let draw = sequence.next()
      let slot = Int(draw >> 32) % live
      free(held[slot])
      held[slot] = malloc(size(draw))
    }
    let rate = Double(pairs) / (seconds(CLOCK_THREAD_CPUTIME_ID) - start) / 1e6
    for index in 0..<live { free(held[index]) }
    return rate
  }

  private static func size(_ draw: UInt64) -> Int { 16 + Int(draw & 0x7FF) % 2033 }
}
