// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import CPrefetch

private enum ReplayLookAhead {
  /// Events between a fetch of memory and its use: enough to hide a miss of every cache, few enough to stay in the first.
  static let events = 12
  /// Slots of which the addresses and all that their frees read fit in a second-level cache.
  static let narrowSlots = 1 << 15
}

extension AllocatorModel {
  /// Plays events until the last one or until the kernel ends.
  ///
  /// This is the hot loop of every replay: it lies in this module and every model has it compiled for itself, so that
  /// an event costs no dispatch, no reference count and no allocation.
  ///
  /// - Parameters:
  ///   - events: the calls; one with a slot beyond the table ends the replay before it.
  ///   - addresses: what each slot holds.
  /// - Returns: how many events were played, that of the failure included.
  @inline(__always)
  func playEvents(
    _ events: UnsafeBufferPointer<AllocatorEvent>, _ addresses: UnsafeMutableBufferPointer<KernelAddress>
  ) -> Int {
    guard let first = events.baseAddress, let slots = addresses.baseAddress else { return 0 }
    let capacity = UInt32(clamping: addresses.count)
    // A replay knows what comes: where the objects are too many for the caches, the places of later events are fetched
    // first, and what their frees will read behind them.
    let isWide = addresses.count > ReplayLookAhead.narrowSlots
    let last = events.count &- 1
    for index in 0..<events.count {
      if isWide {
        let far = first[min(index &+ 2 &* ReplayLookAhead.events, last)].slot
        nfschurn_prefetch(slots + Int(far < capacity ? far : 0))
        let near = first[min(index &+ ReplayLookAhead.events, last)]
        if near.kind == .free, near.slot < capacity { prefetchFree(slots[Int(near.slot)]) }
      }
      let event = first[index]
      guard event.slot < capacity else { return index }
      let slot = slots + Int(event.slot)
      // The two most frequent calls first: a jump through a table costs more.
      if event.kind == .malloc {
        slot.pointee = malloc(Int(event.size), MallocType(index: Int(event.handle)), .wait)
        if slot.pointee == .null, hasEnded { return index + 1 }
        continue
      }
      if event.kind == .free {
        free(slot.pointee, MallocType(index: Int(event.handle)))
        if hasEnded { return index + 1 }
        continue
      }
      switch event.kind {
      case .zoneAlloc:
        slot.pointee = zoneAlloc(ZoneID(index: Int(event.handle)), .wait)
        if slot.pointee == .null, hasEnded { return index + 1 }
      case .zoneFree:
        if slot.pointee != .null { zoneFree(ZoneID(index: Int(event.handle)), slot.pointee) }
        if hasEnded { return index + 1 }
      default:
        playRare(event, slot)
        if hasEnded { return index + 1 }
      }
    }
    return events.count
  }

  @inline(never)
  private func playRare(_ event: AllocatorEvent, _ slot: UnsafeMutablePointer<KernelAddress>) {
    switch event.kind {
    case .mallocNoWait: slot.pointee = malloc(Int(event.size), MallocType(index: Int(event.handle)), .noWait)
    case .zoneAllocNoWait: slot.pointee = zoneAlloc(ZoneID(index: Int(event.handle)), .noWait)
    case .cpu: currentCPU = Int(event.handle)
    case .time: advance(to: event.nanoseconds)
    case .reclaim: reclaim()
    case .lose: loseAddressSpace(pages: Int(event.size))
    default: break
    }
  }
}
