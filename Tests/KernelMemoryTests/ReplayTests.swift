// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Testing

@testable import KernelMemory

@Suite("Replay of events in memory")
struct ReplayTests {
  /// A seeded mixture of mallocs, frees and zone calls on `slots` slots, with clock and processor.
  private func events(seed: UInt64, count: Int, slots: Int, zone: ZoneID) -> [AllocatorEvent] {
    var random = TestRandom(seed: seed)
    var kinds = [AllocatorEvent.Kind?](repeating: nil, count: slots)
    var events: [AllocatorEvent] = []
    for index in 0..<count {
      let slot = Int.random(in: 0..<slots, using: &random)
      switch kinds[slot] {
      case nil where Bool.random(using: &random):
        kinds[slot] = .malloc
        let kind: AllocatorEvent.Kind = index.isMultiple(of: 7) ? .mallocNoWait : .malloc
        events.append(AllocatorEvent(kind, slot: UInt32(slot), size: UInt32.random(in: 1...9000, using: &random)))
      case nil:
        kinds[slot] = .zoneAlloc
        let kind: AllocatorEvent.Kind = index.isMultiple(of: 5) ? .zoneAllocNoWait : .zoneAlloc
        events.append(AllocatorEvent(kind, slot: UInt32(slot), handle: UInt16(zone.index)))
      case .malloc:
        kinds[slot] = nil
        events.append(AllocatorEvent(.free, slot: UInt32(slot)))
      default:
        kinds[slot] = nil
        events.append(AllocatorEvent(.zoneFree, slot: UInt32(slot), handle: UInt16(zone.index)))
      }
      if index.isMultiple(of: 1000) { events.append(.time(UInt64(index) << 20)) }
      if index.isMultiple(of: 300) { events.append(AllocatorEvent(.cpu, handle: UInt16(index / 300 % 2))) }
      if index.isMultiple(of: 5000) { events.append(AllocatorEvent(.reclaim)) }
    }
    return events
  }

  private func machine(map: Int) -> ModelConfiguration {
    var configuration = ModelConfiguration(physicalMemory: 512 << 20)
    configuration.mapBytes = map
    configuration.cpus = 2
    return configuration
  }

  /// The same events by calls of the protocol, one at a time.
  private func call(_ model: any AllocatorModel, _ events: [AllocatorEvent], _ addresses: inout [KernelAddress]) -> Int
  {
    for (index, event) in events.enumerated() {
      let slot = Int(event.slot)
      let type = MallocType(index: Int(event.handle))
      let zone = ZoneID(index: Int(event.handle))
      switch event.kind {
      case .malloc: addresses[slot] = model.malloc(Int(event.size), type, .wait)
      case .mallocNoWait: addresses[slot] = model.malloc(Int(event.size), type, .noWait)
      case .free: model.free(addresses[slot], type)
      case .zoneAlloc: addresses[slot] = model.zoneAlloc(zone, .wait)
      case .zoneAllocNoWait: addresses[slot] = model.zoneAlloc(zone, .noWait)
      case .zoneFree: if addresses[slot] != .null { model.zoneFree(zone, addresses[slot]) }
      case .cpu: model.currentCPU = Int(event.handle)
      case .time: model.advance(to: event.nanoseconds)
      case .reclaim: model.reclaim()
      case .lose: model.loseAddressSpace(pages: Int(event.size))
      }
      if model.failure != nil { return index + 1 }
    }
    return events.count
  }

  @Test("Played events and single calls leave every model in the same state", arguments: AllocatorRegistry.all.indices)
  func playedEventsAndSingleCallsAgree(index: Int) throws {
    let type = AllocatorRegistry.all[index]
    // More slots than the loop without look-ahead takes, so that both loops are run: the first events by the narrow one.
    for slots in [300, 40_000] {
      let (played, called) = (try type.init(machine(map: 24 << 20)), try type.init(machine(map: 24 << 20)))
      _ = (played.mallocType(named: "temp"), called.mallocType(named: "temp"))
      let zone = try #require(played.makeZone(named: "objects", size: 200, noFree: false))
      #expect(called.makeZone(named: "objects", size: 200, noFree: false) == zone)
      let events = events(seed: 11, count: 60_000, slots: slots, zone: zone)
      let table = UnsafeMutableBufferPointer<KernelAddress>.allocate(capacity: slots)
      table.initialize(repeating: .null)
      defer { table.deallocate() }
      var addresses = [KernelAddress](repeating: .null, count: slots)
      let count = events.withUnsafeBufferPointer { played.play($0, addresses: table) }
      #expect(count == call(called, events, &addresses))
      #expect(Array(table) == addresses)
      #expect(played.mapUsedBytes == called.mapUsedBytes)
      #expect(played.vmstatM() == called.vmstatM())
      #expect(played.hasEnded == (played.failure != nil))
      #expect(called.hasEnded == played.hasEnded)
      try played.checkInvariants()
    }
  }

  @Test("A replay ends with the event at which the kernel ends", arguments: AllocatorRegistry.all.indices)
  func aReplayEndsWithTheKernel(index: Int) throws {
    let model = try AllocatorRegistry.all[index].init(machine(map: 24 << 20))
    _ = model.mallocType(named: "temp")
    let table = UnsafeMutableBufferPointer<KernelAddress>.allocate(capacity: 1)
    table.initialize(repeating: .null)
    defer { table.deallocate() }
    // Nothing is freed: every model runs out of something, of address space, of pages or of what a type may hold.
    let events = [AllocatorEvent](repeating: AllocatorEvent(.malloc, size: 4000), count: 1_000_000)
    let count = events.withUnsafeBufferPointer { model.play($0, addresses: table) }
    if model.failure == nil { #expect(count == events.count) } else { #expect(count < events.count) }
    #expect(model.failure == nil || events.withUnsafeBufferPointer { model.play($0, addresses: table) } == 1)
  }

  @Test("A slot beyond the table ends the replay before its event")
  func aSlotBeyondTheTableEndsTheReplay() throws {
    let model = try FreeBSD6(machine(map: 24 << 20))
    let type = UInt16(model.mallocType(named: "temp").index)
    let table = UnsafeMutableBufferPointer<KernelAddress>.allocate(capacity: 2)
    table.initialize(repeating: .null)
    defer { table.deallocate() }
    let events = (1...2).map { AllocatorEvent(.malloc, slot: $0, size: 8, handle: type) }
    #expect(events.withUnsafeBufferPointer { model.play($0, addresses: table) } == 1)
    #expect(model.mallocTypeStatistics().first { $0.name == "temp" }?.requests == 1)
  }

  @Test("An event of the clock keeps its time to 64 nanoseconds")
  func anEventOfTheClockKeepsItsTime() {
    for time: UInt64 in [0, 64, 1_000_000_000, 86_400_000_000_000 * 14] {
      #expect(AllocatorEvent.time(time).nanoseconds == time & ~63)
    }
    #expect(AllocatorEvent.time(.max).nanoseconds == ((1 << 48) - 1) << 6)
    #expect(MemoryLayout<AllocatorEvent>.stride == 12)
  }
}
