// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import KernelMemory

/// The objects of one cache that were allocated before a recording began, put into a model.
///
/// What is known of them: how many there were, in how many slabs, and how many of those slabs had free objects. The slab
/// of each object is not known. So the model gets as many slabs; the free objects are spread at random (with a fixed
/// seed) over as many of them as the node's list had, none left without an object in use, as a shrink leaves them. A
/// free of an old object takes a random one.
struct KmemWarmStart {
  /// Slabs that the model has at the start.
  private(set) var slabs = 0
  private var addresses: [KernelAddress] = []
  private var random: SlabChoice

  /// Fills the cache as the reading says, then shrinks it.
  ///
  /// - Parameters:
  ///   - reading: `/proc/slabinfo` at the start.
  ///   - model: where the objects go.
  ///   - zone: the model's cache, with no object in use.
  ///   - objectsPerSlab: of the model's cache.
  ///   - seed: of the choice of slabs.
  init(_ reading: KmemTrace.Reading, on model: LinuxSLUB, zone: ZoneID, objectsPerSlab: Int, seed: UInt64) {
    random = SlabChoice(state: seed)
    model.currentCPU = 0
    let total = reading.slabs * objectsPerSlab
    addresses.reserveCapacity(total)
    while addresses.count < total {
      let address = model.zoneAlloc(zone, .wait)
      guard address != .null else { return }
      addresses.append(address)
    }
    let doomed = choice(of: max(0, total - reading.active), reading, objectsPerSlab)
    for index in doomed { model.zoneFree(zone, addresses[index]) }
    model.shrink(zone)
    var isDoomed = [Bool](repeating: false, count: total)
    for index in doomed { isDoomed[index] = true }
    addresses = addresses.indices.filter { !isDoomed[$0] }.map { addresses[$0] }
    slabs = reading.slabs
  }

  /// An old object, which from now on is gone; nil where none is left.
  mutating func takeAny() -> KernelAddress? {
    guard !addresses.isEmpty else { return nil }
    addresses.swapAt(random.next(below: addresses.count), addresses.count - 1)
    return addresses.removeLast()
  }

  /// Old objects that are still there.
  var count: Int { addresses.count }

  /// Objects to leave free: of each slab that has free ones, one at least is free and one at least in use.
  ///
  /// Where the reading cannot be met so (lists that were not shrunk, slabs of one object), fewer are free.
  private mutating func choice(of free: Int, _ reading: KmemTrace.Reading, _ objectsPerSlab: Int) -> [Int] {
    guard objectsPerSlab > 1, free > 0 else { return [] }
    let room = objectsPerSlab - 1
    let fewest = (free + room - 1) / room
    let partial = min(reading.slabs, max(fewest, min(reading.partial ?? reading.slabs, free)))
    var slabs = Array(0..<reading.slabs)
    for index in 0..<partial { slabs.swapAt(index, index + random.next(below: slabs.count - index)) }
    let open = slabs[..<partial]
    var doomed: [Int] = []
    var candidates: [Int] = []
    for slab in open {
      // One object stays, one goes; the others are drawn from all slabs.
      let first = slab * objectsPerSlab
      doomed.append(first)
      candidates.append(contentsOf: first + 1..<first + room)
    }
    let wanted = min(free, partial * room) - doomed.count
    guard wanted > 0 else { return doomed }
    for index in 0..<min(wanted, candidates.count) {
      candidates.swapAt(index, index + random.next(below: candidates.count - index))
      doomed.append(candidates[index])
    }
    return doomed
  }
}

/// SplitMix64 (Steele, Lea, Flood 2014).
private struct SlabChoice {
  var state: UInt64

  mutating func next(below bound: Int) -> Int {
    state &+= 0x9E37_79B9_7F4A_7C15
    var word = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
    word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
    word ^= word >> 31
    return Int(truncatingIfNeeded: word.multipliedFullWidth(by: UInt64(bound)).high)
  }
}
