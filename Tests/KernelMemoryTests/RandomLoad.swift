// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Testing

@testable import KernelMemory

/// A random load on any model: malloc and items of zones, from one generator of random numbers.
struct RandomLoad<Model: AllocatorModel> {
  private enum Held {
    case memory(KernelAddress, MallocType, size: Int)
    case item(KernelAddress, ZoneID)
  }

  let model: Model
  private let types: [MallocType]
  private let zones: [ZoneID]
  private var random: TestRandom
  private var held: [Held] = []
  private var event = 0
  /// Bytes of live requests up to 8 KiB.
  private(set) var listedBytes = 0

  init(_ model: Model, seed: UInt64, zones names: [String]) throws {
    self.model = model
    random = TestRandom(seed: seed)
    types = ["temp", "NFSD V4state", "NFSD lckfile", "NFSD string"].map { model.mallocType(named: $0) }
    zones = try names.map { try #require(model.zone(named: $0)) }
  }

  /// One allocation or free; the share of allocations swings, so that maps fill and lists grow long.
  mutating func step(cpus: Int) {
    if cpus > 1 { model.currentCPU = random.below(cpus) }
    let share = event / 5000 % 2 == 0 ? 56 : 42
    event += 1
    if random.below(100) < share || held.isEmpty {
      let address: KernelAddress
      if random.below(10) < 4 {
        let shift = random.below(100) < 92 ? random.below(9) : 9 + random.below(4)
        let size = 1 + random.below(16 << shift)
        let type = types[random.below(types.count)]
        address = model.malloc(size, type, .noWait)
        if address != .null {
          held.append(.memory(address, type, size: size))
          if size <= 8192 { listedBytes += size }
        }
      } else {
        let zone = zones[random.below(zones.count)]
        address = model.zoneAlloc(zone, .noWait)
        if address != .null { held.append(.item(address, zone)) }
      }
    } else {
      let index = random.below(held.count)
      held.swapAt(index, held.count - 1)
      release(held.removeLast())
    }
  }

  private mutating func release(_ entry: Held) {
    switch entry {
    case .memory(let address, let type, let size):
      model.free(address, type)
      if size <= 8192 { listedBytes -= size }
    case .item(let address, let zone): model.zoneFree(zone, address)
    }
  }

  /// Gives everything back.
  mutating func finish() {
    while let entry = held.popLast() { release(entry) }
  }

  /// The chance of one in `count`.
  mutating func oneIn(_ count: Int) -> Bool { random.below(count) == 0 }
}
