// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import CPrefetch

private enum ReplayLookAhead {
  /// Events between a fetch of memory and its use: enough to hide a miss of every cache, few enough to stay in the first.
  static let events = 24
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
    guard addresses.count > ReplayLookAhead.narrowSlots else {
      for index in 0..<events.count {
        guard playEvent(first[index], slots, capacity) else { return ended(index, first[index], capacity) }
      }
      return events.count
    }
    // A replay knows what comes: where the objects are too many for the caches, the places of later events are fetched
    // first, and what their frees will read behind them.
    let last = events.count &- 1
    for index in 0..<events.count {
      let far = first[min(index &+ 2 &* ReplayLookAhead.events, last)].slot
      nfschurn_prefetch(slots + Int(far < capacity ? far : 0))
      let near = first[min(index &+ ReplayLookAhead.events, last)]
      if near.kind == .free, near.slot < capacity { prefetchFree(slots[Int(near.slot)]) }
      guard playEvent(first[index], slots, capacity) else { return ended(index, first[index], capacity) }
    }
    return events.count
  }

  /// Events played where the one at `index` was the last: without it where its slot lies beyond the table.
  private func ended(_ index: Int, _ event: AllocatorEvent, _ capacity: UInt32) -> Int {
    event.slot < capacity ? index + 1 : index
  }

  /// Plays one event.
  ///
  /// - Returns: false where the replay ends with it.
  @inline(__always)
  private func playEvent(
    _ event: AllocatorEvent, _ slots: UnsafeMutablePointer<KernelAddress>, _ capacity: UInt32
  ) -> Bool {
    guard event.slot < capacity else { return false }
    let slot = slots + Int(event.slot)
    // The two most frequent calls first: a jump through a table costs more.
    if event.kind == .malloc {
      let address = malloc(Int(event.size), MallocType(index: Int(event.handle)), .wait)
      slot.pointee = address
      return address != .null || !hasEnded
    }
    if event.kind == .free {
      free(slot.pointee, MallocType(index: Int(event.handle)))
      return !hasEnded
    }
    if event.kind == .zoneAlloc {
      let address = zoneAlloc(ZoneID(index: Int(event.handle)), .wait)
      slot.pointee = address
      return address != .null || !hasEnded
    }
    if event.kind == .zoneFree {
      if slot.pointee != .null { zoneFree(ZoneID(index: Int(event.handle)), slot.pointee) }
      return !hasEnded
    }
    playRare(event, slot)
    return !hasEnded
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
