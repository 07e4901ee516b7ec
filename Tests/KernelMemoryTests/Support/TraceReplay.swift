// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import KernelMemory

/// Plays a trace on a model, event by event.
struct TraceReplay<Model: AllocatorModel> {
  let model: Model
  let trace: LoadedTrace
  private var types: [MallocType] = []
  private var zones: [ZoneID?] = []
  /// Of each live allocation: where it is, and its type or zone.
  private var addresses: [KernelAddress]
  private var owners: [Int32]
  /// Waiting and not waiting allocations that got nothing.
  private(set) var nulls = 0

  init(_ model: Model, _ trace: LoadedTrace) {
    self.model = model
    self.trace = trace
    types = trace.typeNames.map { model.mallocType(named: $0) }
    zones = trace.zoneNames.map { model.zone(named: $0) }
    addresses = Array(repeating: .null, count: trace.largestID + 1)
    owners = Array(repeating: 0, count: trace.largestID + 1)
  }

  /// Plays one event; checkpoints do nothing.
  mutating func play(_ event: TraceEvent) {
    switch event.kind {
    case .time: model.advance(to: event.value)
    case .cpu: model.currentCPU = Int(event.value)
    case .malloc, .mallocNoWait:
      let address = model.malloc(event.size, types[event.name], event.kind == .malloc ? .wait : .noWait)
      if address == .null { nulls += 1 }
      addresses[event.id] = address
      owners[event.id] = Int32(event.name)
    case .free: model.free(addresses[event.id], types[Int(owners[event.id])])
    case .zoneAlloc:
      guard let zone = zones[event.name] else { return }
      let address = model.zoneAlloc(zone, .wait)
      if address == .null { nulls += 1 }
      addresses[event.id] = address
      owners[event.id] = Int32(event.name)
    case .zoneFree:
      guard let zone = zones[Int(owners[event.id])] else { return }
      model.zoneFree(zone, addresses[event.id])
    case .reclaim: model.reclaim()
    case .checkpoint: break
    }
  }
}
