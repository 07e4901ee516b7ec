// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import KernelMemory

/// The allocation events of a kernel, recorded in slices of bounded memory.
///
/// Events gather in one buffer of ``capacity`` events. ``drain(_:)`` hands them on and empties the buffer; a buffer that fills up in the middle of a
/// pass drains itself. A recorded kernel frees what a fault forgets and keeps the address space that a fault loses: both stand in the trace, act
/// on whoever plays it, and leave the recorded kernel alive, however long the trace grows.
public final class EventRecording {
  /// Events in memory at most: 12 MiB of them.
  public static let capacity = 1 << 20

  /// What becomes of a slice of events; the names are those of the malloc types of the trace so far.
  public typealias Consumer = (_ events: UnsafeBufferPointer<HeapEvent>, _ typeNames: [String]) -> Void

  private struct State {
    var count = 0
    var totals = TraceTotals()
    var digest = EventDigest()
    var newSlot: UInt32 = 0
    var freeSlots = GrowingColumn<UInt32>(filler: 0)
    var freeSlotCount = 0
    /// The recorded number of every malloc type of the recorded allocator, by its index there; −1 where it was never registered by name.
    var numbers = GrowingColumn<Int>(filler: -1, capacity: 64)
  }

  private let events: UnsafeMutablePointer<HeapEvent>
  private let state: UnsafeMutablePointer<State>
  private let slots: SlotTable
  private var consumer: Consumer?
  /// Names of the malloc types, in the order of their registration.
  private var typeNames: [String] = []

  init() throws(KernelError) {
    slots = try SlotTable()
    events = .allocate(capacity: Self.capacity)
    state = .allocate(capacity: 1)
    state.initialize(to: State())
  }

  deinit {
    state.pointee.freeSlots.deallocate()
    state.pointee.numbers.deallocate()
    state.deinitialize(count: 1).deallocate()
    events.deallocate()
  }

  /// What was recorded since boot.
  public var totals: TraceTotals {
    var totals = state.pointee.totals
    totals.digest = state.pointee.digest.hexadecimal
    return totals
  }

  /// Says who takes the events of a full buffer.
  public func setConsumer(_ consumer: @escaping Consumer) { self.consumer = consumer }

  /// Hands on what is in the buffer and empties it.
  public func drain() {
    consumer?(UnsafeBufferPointer(start: events, count: state.pointee.count), typeNames)
    state.pointee.count = 0
  }

  /// Marks the end of a pass.
  public func markPass() {
    state.pointee.totals.passes &+= 1
    append(HeapEvent(.pass))
  }

  /// A malloc type was registered, or found registered.
  func register(_ type: MallocType, named name: String) {
    state.pointee.numbers.reach(type.index)
    guard state.pointee.numbers[type.index] < 0 else { return }
    state.pointee.numbers[type.index] = typeNames.count
    typeNames.append(name)
    append(HeapEvent(.type, number: typeNames.count - 1))
  }

  @inline(__always)
  func malloc(_ size: Int, _ type: MallocType, _ wait: WaitPolicy, at address: KernelAddress) {
    append(
      HeapEvent(
        wait == .wait ? .malloc : .mallocNoWait, number: state.pointee.numbers[type.index], slot: newSlot(at: address),
        value: UInt32(truncatingIfNeeded: size)))
  }

  @inline(__always)
  func free(_ address: KernelAddress, _ type: MallocType, forgotten: Bool) {
    append(
      HeapEvent(
        forgotten ? .forgottenFree : .free, number: state.pointee.numbers[type.index], slot: endedSlot(at: address)))
  }

  /// A kernel object or, where `kind` is ``HeapEvent/Kind/name``, a name-cache entry was taken.
  @inline(__always)
  func take(_ kind: HeapEvent.Kind, _ number: Int, at address: KernelAddress) {
    append(HeapEvent(kind, number: number, slot: newSlot(at: address)))
  }

  /// A kernel object or name-cache entry was given back, or its free forgotten, as `kind` says.
  @inline(__always)
  func give(_ kind: HeapEvent.Kind, _ number: Int, at address: KernelAddress) {
    append(HeapEvent(kind, number: number, slot: endedSlot(at: address)))
  }

  func processor(_ cpu: Int) { append(HeapEvent(.processor, number: cpu)) }

  func time(_ nanoseconds: UInt64) {
    state.pointee.totals.virtualNanoseconds = nanoseconds
    append(
      HeapEvent(
        .time, slot: UInt32(truncatingIfNeeded: nanoseconds >> 32), value: UInt32(truncatingIfNeeded: nanoseconds)))
  }

  func safePoint() { append(HeapEvent(.safePoint)) }

  func cachedPages(_ difference: Int) {
    append(HeapEvent(.cachedPages, value: UInt32(bitPattern: Int32(clamping: difference))))
  }

  func lose(pages: Int) { append(HeapEvent(.lose, value: UInt32(clamping: pages))) }

  @inline(__always)
  private func append(_ event: HeapEvent) {
    if state.pointee.count == Self.capacity { drain() }
    (events + state.pointee.count).initialize(to: event)
    state.pointee.count &+= 1
    state.pointee.totals.events &+= 1
    if event.isCall { state.pointee.totals.calls &+= 1 }
    state.pointee.digest.combine(
      UInt64(event.kind.rawValue) << 48 | UInt64(event.number) << 32 | UInt64(event.slot), UInt64(event.value))
  }

  @inline(__always)
  private func newSlot(at address: KernelAddress) -> UInt32 {
    let slot: UInt32
    if state.pointee.freeSlotCount > 0 {
      state.pointee.freeSlotCount &-= 1
      slot = state.pointee.freeSlots[state.pointee.freeSlotCount]
    } else {
      slot = state.pointee.newSlot
      state.pointee.newSlot &+= 1
    }
    slots[address] = slot
    return slot
  }

  @inline(__always)
  private func endedSlot(at address: KernelAddress) -> UInt32 {
    let slot = slots[address]
    state.pointee.freeSlots.reach(state.pointee.freeSlotCount)
    state.pointee.freeSlots[state.pointee.freeSlotCount] = slot
    state.pointee.freeSlotCount &+= 1
    return slot
  }
}

/// What a trace holds in all.
public struct TraceTotals: Equatable, Sendable {
  /// Events.
  public internal(set) var events: UInt64 = 0
  /// Calls of an allocator among them: mallocs, frees, and objects taken and given back, forgotten frees included.
  public internal(set) var calls: UInt64 = 0
  /// Passes.
  public internal(set) var passes: UInt64 = 0
  /// Virtual nanoseconds at the last event.
  public internal(set) var virtualNanoseconds: UInt64 = 0
  /// Digest of the events, sixteen hexadecimal digits.
  public internal(set) var digest = ""

  /// All zero.
  public init() {}
}
