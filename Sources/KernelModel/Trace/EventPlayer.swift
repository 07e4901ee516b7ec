// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import KernelMemory

/// An allocator model that plays the events of a recorded kernel, up to the end of the trace or its own.
///
/// Each request goes to the zone, pool or malloc type from which this model takes such an object. The model has physical pages of its own, shared with
/// the page cache of the trace, and a page daemon that runs where its own pages are short. A request that got nothing is not asked for again, and its
/// free does nothing.
public final class EventPlayer {
  /// The model under its counts and its digest.
  public let heap: KernelHeap
  /// Passes that were played to their end.
  public var passes: UInt64 { state.pointee.passes }
  /// RPCs that were played to their end.
  public var rpcs: UInt64 { state.pointee.rpcs }
  /// Virtual nanoseconds at the last event: the time of the trace, and what requests of this model have slept.
  public var now: UInt64 { state.pointee.now }

  /// What changes with the events, behind one pointer: the hot path then has no checks of exclusive access.
  private struct State {
    var passes: UInt64 = 0
    var rpcs: UInt64 = 0
    var now: UInt64 = 0
    var cachedPages = 0
    var typeCount = 0
    var types = GrowingColumn<Int>(filler: 0, capacity: 64)
    var addresses = GrowingColumn<UInt64>(filler: 0)
  }

  private let pages: PhysicalPages
  private let state: UnsafeMutablePointer<State>

  /// Boots a model.
  ///
  /// - Throws: ``KernelError`` for an unknown model, or a configuration that the model refuses.
  public init(_ configuration: KernelConfiguration) throws(KernelError) {
    var configuration = configuration
    configuration.addressesOnly = true
    configuration.recordsEvents = false
    pages = PhysicalPages(totalPages: PhysicalPages.managedPages(ofMemory: configuration.memoryBytes))
    heap = try KernelHeap(configuration, pages: pages)
    state = .allocate(capacity: 1)
    state.initialize(to: State())
    pages.pageDaemon = { [unowned self] in dropCachedPages() }
    heap.countAddressSpaceShortages()
  }

  deinit {
    state.pointee.types.deallocate()
    state.pointee.addresses.deallocate()
    state.deinitialize(count: 1).deallocate()
  }

  /// What the model died of, nil while it lives.
  public var failure: KernelFailure? { heap.failure }

  /// Calls that returned, and frees: malloc, free, zone allocations and zone frees.
  public var calls: UInt64 {
    let counters = heap.counters
    return counters.mallocCalls + counters.freeCalls + counters.zoneAllocations + counters.zoneFrees
  }

  /// Plays events, and stops behind the one that ends the model.
  ///
  /// - Parameters:
  ///   - events: the next slice of the trace.
  ///   - typeNames: names of the malloc types of the trace so far.
  public func play(_ events: UnsafeBufferPointer<HeapEvent>, typeNames: [String]) {
    guard failure == nil else { return }
    let heapState = heap.state
    for event in events {
      play(event, typeNames)
      // Set where a request got nothing, time went on or address space was lost: asking the model for its failure at every event costs more.
      guard !heapState.pointee.hasFailed else {
        passSleep()
        return
      }
    }
  }

  @inline(__always)
  private func play(_ event: HeapEvent, _ typeNames: [String]) {
    let number = Int(event.number)
    switch event.kind {
    case .type: register(typeNames[number])
    case .malloc: put(heap.malloc(Int(event.value), type(number), .wait), event)
    case .mallocNoWait: put(heap.malloc(Int(event.value), type(number), .noWait), event)
    case .free, .forgottenFree:
      let address = take(event)
      if address != .null { heap.give(address, type(number), forgotten: event.kind == .forgottenFree) }
    case .object: put(heap.allocate(object(number), .wait), event)
    case .objectNoWait: put(heap.allocate(object(number), .noWait), event)
    case .objectFree, .forgottenObject:
      heap.play(free: object(number), take(event), forgotten: event.kind == .forgottenObject)
    case .name: put(heap.allocateNameEntry(length: number), event)
    case .nameFree, .forgottenName:
      heap.play(freeName: number, take(event), forgotten: event.kind == .forgottenName)
    case .processor: heap.select(cpu: number)
    case .time:
      // The model is behind the trace by what it has slept.
      state.pointee.now = (UInt64(event.slot) << 32 | UInt64(event.value)) &+ heap.counters.sleptNanoseconds
      heap.advance(to: now)
      passSleep()
    case .safePoint:
      state.pointee.rpcs &+= 1
      if pages.pagesNeeded { runPageDaemon() }
      passSleep()
    case .cachedPages: cache(Int(Int32(bitPattern: event.value)))
    case .lose: heap.losePages(Int(event.value))
    case .pass: state.pointee.passes &+= 1
    }
  }

  /// Raw values of an event come from the recording, which took them from an object.
  @inline(__always)
  private func object(_ number: Int) -> KernelObject { KernelObject(rawValue: number) ?? .vnode }

  @inline(__always)
  private func type(_ number: Int) -> MallocType { MallocType(index: state.pointee.types[number]) }

  private func register(_ name: String) {
    state.pointee.types.reach(state.pointee.typeCount)
    state.pointee.types[state.pointee.typeCount] = heap.mallocType(name).index
    state.pointee.typeCount &+= 1
  }

  @inline(__always)
  private func put(_ address: KernelAddress, _ event: HeapEvent) {
    let slot = Int(event.slot)
    state.pointee.addresses.reach(slot)
    state.pointee.addresses[slot] = address.rawValue
  }

  @inline(__always)
  private func take(_ event: HeapEvent) -> KernelAddress {
    KernelAddress(rawValue: state.pointee.addresses[Int(event.slot)])
  }

  private func cache(_ difference: Int) {
    if difference > 0 {
      if pages.take(difference) { state.pointee.cachedPages += difference }
    } else {
      // What this model's page daemon dropped before is gone already.
      let given = min(-difference, state.pointee.cachedPages)
      pages.give(given)
      state.pointee.cachedPages -= given
    }
  }

  /// One scan of the page daemon, as ``Kernel`` makes it: the allocator reclaims, then the page cache gives pages up.
  private func runPageDaemon() {
    heap.state.pointee.counters.pageDaemonScans &+= 1
    heap.allocator.reclaim()
    dropCachedPages()
    pages.scanFinished()
  }

  /// Lets the time pass that requests slept inside the allocator, as ``Kernel`` does.
  private func passSleep() {
    let slept = heap.allocator.sleptNanoseconds &- heap.counters.sleptNanoseconds
    guard slept > 0 else { return }
    heap.state.pointee.counters.sleptNanoseconds &+= slept
    state.pointee.now &+= slept
    heap.advance(to: now)
  }

  private func dropCachedPages() {
    let dropped = min(max(pages.freeTarget - pages.free, 0), state.pointee.cachedPages)
    pages.give(dropped)
    state.pointee.cachedPages -= dropped
  }
}
