// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import KernelMemory

/// A trace of malloc+free pairs, made before anything is timed.
///
/// `filling` makes the live objects; `churn` frees one object and takes another, over and over, and ends with as many live objects of
/// the same sizes as it began with.
struct PairTrace {
  private(set) var filling: [AllocatorEvent] = []
  private(set) var churn: [AllocatorEvent] = []
  private(set) var pairs = 0
  let slots: Int

  /// Which object dies next.
  enum Lifetime {
    /// Every object is as likely to die as every other: the worst case for every cache.
    case uniform
    /// The oldest: each object lives for as many pairs as there are objects.
    case oldest
    /// The logarithm of the age at death is uniform: most die young, some live long, as in a server.
    case logarithmic
  }

  /// SplitMix64: every run sees the same sequence.
  private struct Sequence: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
      state &+= 0x9E37_79B9_7F4A_7C15
      var mixed = state
      mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
      mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
      return mixed ^ (mixed >> 31)
    }
  }

  /// A trace of `pairs` pairs over `live` objects of uniformly drawn sizes in bytes.
  ///
  /// With a `phase`, every so many pairs the first half of the objects is freed and taken again in another order of sizes.
  init(live: Int, pairs: Int, sizes: ClosedRange<Int>, lifetime: Lifetime, phase: Int = 0) {
    var sequence = Sequence(state: 7)
    slots = live
    var sizeOf = (0..<live).map { _ in UInt32(Int.random(in: sizes, using: &sequence)) }
    filling = (0..<live).map { AllocatorEvent(.malloc, slot: UInt32($0), size: sizeOf[$0]) }
    let initial = sizeOf
    func replace(_ slot: Int, _ size: UInt32, _ events: inout [AllocatorEvent]) {
      events.append(AllocatorEvent(.free, slot: UInt32(slot)))
      events.append(AllocatorEvent(.malloc, slot: UInt32(slot), size: size))
      sizeOf[slot] = size
    }
    var events: [AllocatorEvent] = []
    events.reserveCapacity(2 * pairs + 2 * live)
    var oldest = 0
    for pair in 0..<pairs {
      let slot: Int
      switch lifetime {
      case .uniform: slot = Int.random(in: 0..<live, using: &sequence)
      case .oldest:
        slot = oldest
        oldest = (oldest + 1) % live
      case .logarithmic:
        // Without a logarithm: a uniform number of bits, then a uniform number of that many bits.
        let bits = Int.random(in: 0...(Int.bitWidth - (live - 1).leadingZeroBitCount), using: &sequence)
        slot = Int.random(in: 0..<(1 << bits), using: &sequence) % live
      }
      replace(slot, UInt32(Int.random(in: sizes, using: &sequence)), &events)
      if phase > 0, (pair + 1).isMultiple(of: phase) {
        let half = Array(0..<live / 2)
        for slot in half { events.append(AllocatorEvent(.free, slot: UInt32(slot))) }
        for slot in half.shuffled(using: &sequence) {
          sizeOf[slot] = UInt32(Int.random(in: sizes, using: &sequence))
          events.append(AllocatorEvent(.malloc, slot: UInt32(slot), size: sizeOf[slot]))
        }
      }
    }
    // Back to the sizes of the beginning, so that the churn can be played again and again.
    if live <= 100_000 {
      for slot in 0..<live where sizeOf[slot] != initial[slot] { replace(slot, initial[slot], &events) }
    }
    churn = events
    self.pairs = events.count / 2
  }
}
