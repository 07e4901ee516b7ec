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
    let isNarrow = addresses.count <= ReplayLookAhead.narrowSlots
    return isNarrow
      ? playNear(first, first + events.count, slots, capacity) : playFar(first, first + events.count, slots, capacity)
  }

  /// Plays events whose slots fit in a cache of the machine.
  @inline(__always)
  private func playNear(
    _ first: UnsafePointer<AllocatorEvent>, _ end: UnsafePointer<AllocatorEvent>,
    _ slots: UnsafeMutablePointer<KernelAddress>, _ capacity: UInt32
  ) -> Int {
    var event = first
    while event < end {
      guard playShort(event, slots, capacity) || playLong(event, slots, capacity) else { break }
      event += 1
    }
    return played(first, event, end, capacity)
  }

  /// Plays events whose slots do not fit: a replay knows what comes, and so the places of later events are fetched first, and
  /// what their frees will read behind them.
  @inline(__always)
  private func playFar(
    _ first: UnsafePointer<AllocatorEvent>, _ end: UnsafePointer<AllocatorEvent>,
    _ slots: UnsafeMutablePointer<KernelAddress>, _ capacity: UInt32
  ) -> Int {
    var event = first
    while event < end {
      let far = min(event + 2 &* ReplayLookAhead.events, end - 1).pointee.slot
      nfschurn_prefetch(slots + Int(far < capacity ? far : 0))
      let near = min(event + ReplayLookAhead.events, end - 1).pointee
      if near.kind == .free, near.slot < capacity { prefetchFree(slots[Int(near.slot)]) }
      guard playShort(event, slots, capacity) || playLong(event, slots, capacity) else { break }
      event += 1
    }
    return played(first, event, end, capacity)
  }

  /// Events played where a replay stands at `event`: without it where its slot lies beyond the table.
  private func played(
    _ first: UnsafePointer<AllocatorEvent>, _ event: UnsafePointer<AllocatorEvent>,
    _ end: UnsafePointer<AllocatorEvent>, _ capacity: UInt32
  ) -> Int { event - first + (event < end && event.pointee.slot < capacity ? 1 : 0) }

  /// Plays an event that the cache of the processor can serve; no kernel ends with one.
  ///
  /// There is no call behind this, so the state of the loop stays in registers.
  ///
  /// - Returns: false where nothing was done.
  @inline(__always)
  private func playShort(
    _ event: UnsafePointer<AllocatorEvent>, _ slots: UnsafeMutablePointer<KernelAddress>, _ capacity: UInt32
  ) -> Bool {
    guard event.pointee.slot < capacity else { return false }
    let slot = slots + Int(event.pointee.slot)
    let type = MallocType(index: Int(event.pointee.handle))
    if event.pointee.kind == .malloc {
      return mallocFromCache(Int(event.pointee.size), type, &slot.pointee)
    }
    return event.pointee.kind == .free && freeToCache(slot.pointee, type)
  }

  /// Plays one event.
  ///
  /// - Returns: false where the replay ends with it.
  @inline(never)
  private func playLong(
    _ place: UnsafePointer<AllocatorEvent>, _ slots: UnsafeMutablePointer<KernelAddress>, _ capacity: UInt32
  ) -> Bool {
    let event = place.pointee
    guard event.slot < capacity else { return false }
    let slot = slots + Int(event.slot)
    switch event.kind {
    case .malloc: slot.pointee = malloc(Int(event.size), MallocType(index: Int(event.handle)), .wait)
    case .free: free(slot.pointee, MallocType(index: Int(event.handle)))
    case .zoneAlloc: slot.pointee = zoneAlloc(ZoneID(index: Int(event.handle)), .wait)
    case .zoneFree: if slot.pointee != .null { zoneFree(ZoneID(index: Int(event.handle)), slot.pointee) }
    case .mallocNoWait: slot.pointee = malloc(Int(event.size), MallocType(index: Int(event.handle)), .noWait)
    case .zoneAllocNoWait: slot.pointee = zoneAlloc(ZoneID(index: Int(event.handle)), .noWait)
    case .cpu: currentCPU = Int(event.handle)
    case .time: advance(to: event.nanoseconds)
    case .reclaim: reclaim()
    case .lose: loseAddressSpace(pages: Int(event.size))
    }
    return !hasEnded
  }
}
