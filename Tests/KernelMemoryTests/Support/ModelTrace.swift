// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Testing

@testable import KernelMemory

/// One boot of a model under random events, watched from outside.
///
/// Everything is drawn from the seed and from the model's own answers, so that two boots which decide alike see the same events.
struct ModelTrace {
  /// What the machine and its load are like.
  struct Plan {
    var pages: Int
    /// Managed physical pages, nil for enough.
    var physicalPages: Int?
    /// Live allocations around which the load swings.
    var live: Int
    /// Share of requests that may wait, per cent.
    var waiting: Int

    /// Room for all; a map that fills; memory that runs short before the map; a full map under callers that never wait.
    static let all = [
      Plan(pages: 4096, live: 900, waiting: 75), Plan(pages: 1024, live: 1200, waiting: 40),
      Plan(pages: 4096, physicalPages: 1400, live: 1200, waiting: 25), Plan(pages: 700, live: 1600, waiting: 0),
    ]
  }

  /// What a boot came to: equal for two boots that took the same decisions.
  struct Outcome: Equatable {
    var events = 0
    var allocations = 0
    var nulls = 0
    /// Every address given out, nulls too, and the bytes in use after each event, folded into one number.
    var digest: UInt64 = 0xCBF2_9CE4_8422_2325
    var highWater = 0
    var failure: KernelFailure?
  }

  struct Live {
    var address: KernelAddress
    var size: Int
    var type: Int
    var zone: ZoneID?
  }

  /// Where size classes, page counts and the largest caches of some model end.
  private static let boundaries = [
    1, 8, 16, 17, 32, 33, 64, 96, 128, 192, 256, 257, 512, 1024, 1025, 2048, 2049, 4095, 4096, 4097, 8191, 8192, 8193,
    12_288,
    16_384, 32_768, 32_769, 65_536, 65_537, 98_304,
  ]
  private static let typeNames = ["temp", "NFSD V4state", "NFSD string", "vfscache", "NFSD lckfile"]
  private static let zoneNames = [
    "VNODE", "VM OBJECT", "NAMEI", "mbuf", "mbuf_cluster", "L VFS Cache", "inpcb", "Files",
  ]

  let model: any AllocatorModel
  let name: String
  private let plan: Plan
  private let cpus: Int
  let bytes: ModelBytes?
  private let physical: PhysicalPages?
  private var random: TestRandom
  var types: [MallocType] = []
  var zones: [ZoneID] = []
  private var zoneSizes: [Int] = []
  var live: [Live] = []
  private var ranges = LiveRanges()
  var liveOfType = Array(repeating: 0, count: ModelTrace.typeNames.count)
  var requestsOfType = Array(repeating: UInt64(0), count: ModelTrace.typeNames.count)
  private var liveOfZone: [Int] = []
  var lastTypes: [MallocTypeStatistics] = []
  var lastZones: [ZoneStatistics] = []
  var lostPages = 0
  var clock: UInt64 = 0
  private var wanted: Int
  private(set) var outcome = Outcome()

  init(_ kernel: ModelCase, _ plan: Plan, seed: UInt64, checked bytes: ModelBytes?) throws {
    self.plan = plan
    self.bytes = bytes
    physical = plan.physicalPages.map { PhysicalPages(totalPages: $0) }
    model = try kernel.boot(pages: plan.pages, checked: bytes, physical: physical)
    name = "\(kernel.testDescription), \(bytes == nil ? "unchecked" : "checked"), \(plan.pages) pages, seed \(seed)"
    cpus = kernel.cpus
    random = TestRandom(seed: seed)
    wanted = plan.live
    let model = model
    types = Self.typeNames.map { model.mallocType(named: $0) }
    zones = Self.zoneNames.compactMap { model.zone(named: $0) }
    zoneSizes = model.zoneStatistics().map(\.size)
  }

  /// Runs until `limit` events have passed or the kernel has ended; all checks come with each of the first `full` and then with every so many.
  mutating func run(events limit: Int, full: Int, every: Int = 64) throws {
    while outcome.events < limit, model.failure == nil {
      step()
      outcome.events += 1
      try checkAccounts()
      if outcome.events <= full || outcome.events % every == 0 { try checkEverything() }
    }
    outcome.failure = model.failure
    outcome.highWater = model.mapHighWaterBytes
    try checkEverything()
    if model.failure == nil { try finish() } else { try checkDead() }
  }

  // MARK: Events

  private mutating func step() {
    if random.below(1500) == 0 { wanted = random.below(plan.live * 3 / 2) }
    switch random.below(200) {
    case 0...2: model.currentCPU = random.below(cpus)
    case 3...4:
      clock += UInt64(random.below(3_000_000_000))
      model.advance(to: clock)
    case 5: if random.below(10) == 0 { model.reclaim() }
    case 6: if random.below(60) == 0 { lose() }
    case 7: if random.below(60) == 0 { makeZone() }
    case let choice:
      if choice < (live.count < wanted ? 150 : 70) { allocate() } else { release() }
    }
    if let physical, physical.pagesNeeded {
      model.reclaim()
      physical.scanFinished()
    }
    outcome.digest = (outcome.digest ^ UInt64(model.mapUsedBytes)) &* 0x100_0000_01B3
  }

  private mutating func lose() {
    let pages = 1 + random.below(3)
    model.loseAddressSpace(pages: pages)
    if model.failure == nil { lostPages += pages }
  }

  private mutating func makeZone() {
    let size = 1 + random.below(3000)
    if let zone = model.makeZone(named: "zone \(zones.count)", size: size, noFree: random.below(2) == 0) {
      zones.append(zone)
    }
    zoneSizes = model.zoneStatistics().map(\.size)
  }

  private mutating func allocate() {
    let wait: WaitPolicy = random.below(100) < plan.waiting ? .wait : .noWait
    var item = Live(address: .null, size: 0, type: 0)
    if random.below(3) == 0 {
      let index = random.below(zones.count)
      item.zone = zones[index]
      item.size = zoneSizes[zones[index].index]
      item.address = model.zoneAlloc(zones[index], wait)
    } else {
      item.type = random.below(types.count)
      item.size = size()
      item.address = model.malloc(item.size, types[item.type], wait)
    }
    outcome.digest = (outcome.digest ^ item.address.rawValue) &* 0x100_0000_01B3
    guard item.address != .null else {
      outcome.nulls += 1
      return
    }
    outcome.allocations += 1
    if let overlapped = ranges.insert(item.address.rawValue, count: item.size) {
      Issue.record("\(name), event \(outcome.events): \(item) overlaps what lives at \(overlapped)")
    }
    if item.zone == nil {
      liveOfType[item.type] += 1
      requestsOfType[item.type] += 1
    }
    mark(item)
    live.append(item)
  }

  private mutating func size() -> Int {
    switch random.below(100) {
    case 0..<15: Self.boundaries[random.below(Self.boundaries.count)]
    case 15..<20: 1 + random.below(96 << 10)
    default: 1 + random.below(8 << random.below(10))
    }
  }

  private mutating func release() {
    guard !live.isEmpty else { return }
    let index = random.below(live.count)
    live.swapAt(index, live.count - 1)
    release(live.removeLast())
  }

  mutating func release(_ item: Live) {
    if !ranges.remove(item.address.rawValue) { Issue.record("\(name): no range for \(item)") }
    verifyMark(item)
    if let zone = item.zone {
      model.zoneFree(zone, item.address)
    } else {
      liveOfType[item.type] -= 1
      model.free(item.address, types[item.type])
    }
  }

  /// What a caller writes to its memory must be there when it frees it; the allocator owns free memory alone.
  private func mark(_ item: Live) {
    guard let bytes else { return }
    let memory = bytes.pointer(item.address).assumingMemoryBound(to: UInt8.self)
    let value = UInt8(truncatingIfNeeded: item.address.rawValue >> 4)
    memory[0] = value
    memory[item.size / 2] = ~value
    memory[item.size - 1] = value ^ 0x5A
  }

  private func verifyMark(_ item: Live) {
    guard let bytes, item.size > 2 else { return }
    let memory = bytes.pointer(item.address).assumingMemoryBound(to: UInt8.self)
    let value = UInt8(truncatingIfNeeded: item.address.rawValue >> 4)
    if memory[0] != value || memory[item.size / 2] != ~value || memory[item.size - 1] != value ^ 0x5A {
      Issue.record("\(name), event \(outcome.events): live memory of \(item) was written to")
    }
  }
}
