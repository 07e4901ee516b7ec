// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import KernelMemory

/// The one way to the allocator: counts every request, takes it into the digest and lets the injected faults act.
///
/// The allocator below knows nothing of counts, digests or faults, and the layers above know the allocator by this class alone.
public final class KernelHeap {
  /// The allocator model.
  public let allocator: any AllocatorModel
  /// What was asked for since boot.
  public var counters: KernelCounters { state.pointee.counters }
  /// Digest of every allocator event since boot.
  public var digest: EventDigest { state.pointee.digest }

  /// What changes with every call, behind one pointer: the hot path then has no checks of exclusive access.
  struct State {
    var counters = KernelCounters()
    var digest = EventDigest()
    var mallocLeak = LeakFault()
    var objectLeak = LeakFault()
    var lose = LoseFault()
    /// The kernel has failed: what the layers above still ask for and give back is no call of a kernel any more.
    var hasFailed = false
  }

  let state: UnsafeMutablePointer<State>

  /// The record of every event, where the kernel was booted to keep one.
  public let recording: EventRecording?

  private let space: AddressSpace
  private let bytesBase: UnsafeMutableRawPointer
  private let sources: UnsafeMutablePointer<ObjectSource>
  private let nameSources: UnsafeMutablePointer<ObjectSource>
  /// What stands in for objects that the recorded model has inside of others: other models allocate them.
  private let standIn: MallocType?
  private static let standInBytes = 64

  /// Longest name that has a source of its own in the table, bytes (NAME_MAX).
  public static let nameLimit = 255

  init(_ configuration: KernelConfiguration, pages: PhysicalPages) throws(KernelError) {
    guard let modelType = AllocatorRegistry.model(named: configuration.model) else {
      throw .unknownModel(configuration.model, known: AllocatorRegistry.all.map { $0.identifier })
    }
    space = try AddressSpace()
    bytesBase = space.bytes.base - Int(AddressSpace.start)
    var model = ModelConfiguration(physicalMemory: configuration.memoryBytes)
    model.architecture = configuration.architecture
    model.mapBytes = configuration.mapBytes
    model.cpus = configuration.cpus
    model.checked = configuration.checked
    model.backing = configuration.addressesOnly ? nil : space.bytes
    model.pages = pages
    do {
      allocator = try modelType.init(model)
    } catch {
      throw .model(error)
    }
    allocator.applyKernelLimits()
    recording = configuration.recordsEvents ? try EventRecording() : nil
    standIn = configuration.recordsEvents ? allocator.mallocType(named: "embedded") : nil
    state = .allocate(capacity: 1)
    state.initialize(to: State())
    sources = .allocate(capacity: KernelObject.allCases.count)
    nameSources = .allocate(capacity: Self.nameLimit + 1)
    for object in KernelObject.allCases {
      (sources + object.rawValue).initialize(to: allocator.source(of: object, nameLength: 0))
    }
    for length in 0...Self.nameLimit {
      (nameSources + length).initialize(to: allocator.source(of: .nameCacheEntry, nameLength: length))
    }
  }

  deinit {
    state.pointee.mallocLeak.deallocate()
    state.pointee.objectLeak.deallocate()
    state.deinitialize(count: 1).deallocate()
    sources.deinitialize(count: KernelObject.allCases.count).deallocate()
    nameSources.deinitialize(count: Self.nameLimit + 1).deallocate()
  }

  /// What the kernel died of, nil while it lives.
  @inline(__always)
  public var failure: KernelFailure? { allocator.failure }

  /// The handle of a malloc type, which is registered where it is new (MALLOC_DEFINE).
  public func mallocType(_ name: String) -> MallocType {
    let type = allocator.mallocType(named: name)
    recording?.register(type, named: name)
    return type
  }

  /// Takes memory from malloc(9).
  ///
  /// - Parameters:
  ///   - size: bytes, at least 1.
  ///   - type: the malloc type to charge.
  ///   - wait: M_WAITOK or M_NOWAIT.
  /// - Returns: the address; null where a caller that may not wait got nothing, and always after the kernel has failed.
  public func malloc(_ size: Int, _ type: MallocType, _ wait: WaitPolicy = .wait) -> KernelAddress {
    let address = take(size, type, wait)
    guard address != .null else { return .null }
    if let recording { recording.malloc(size, type, wait, at: address) }
    loseWhereDue()
    return address
  }

  /// Gives memory back to malloc(9); null is ignored.
  public func free(_ address: KernelAddress, _ type: MallocType) {
    guard address != .null else { return }
    let forgotten = state.pointee.mallocLeak.forgetsNextFree(kind: type.index)
    give(address, type, forgotten: forgotten)
    if let recording { recording.free(address, type, forgotten: forgotten) }
    loseWhereDue()
  }

  /// The bytes of an allocation; valid until it is freed.
  @inline(__always)
  public func pointer(_ address: KernelAddress) -> UnsafeMutableRawPointer {
    bytesBase + Int(truncatingIfNeeded: address.rawValue)
  }

  /// Takes a generic kernel object from wherever the model keeps it.
  ///
  /// - Returns: the address; null where the model embeds the object in another, where a caller that may not wait got nothing, and
  ///   always after the kernel has failed.
  public func allocate(_ object: KernelObject, _ wait: WaitPolicy = .wait) -> KernelAddress {
    let address = take(from: sources[object.rawValue], wait)
    guard address != .null else { return .null }
    if let recording { recording.take(wait == .wait ? .object : .objectNoWait, object.rawValue, at: address) }
    if case .malloc = sources[object.rawValue] { loseWhereDue() }
    return address
  }

  /// Gives a generic kernel object back; null is ignored.
  public func free(_ object: KernelObject, _ address: KernelAddress) {
    guard address != .null else { return }
    let source = sources[object.rawValue]
    let forgotten = forgetsNextFree(kind: object.rawValue, source)
    give(address, to: source, forgotten: forgotten)
    if let recording { recording.give(forgotten ? .forgottenObject : .objectFree, object.rawValue, at: address) }
    if case .malloc = source { loseWhereDue() }
  }

  /// Takes a name-cache entry for a name of `length` bytes, at most ``nameLimit``.
  func allocateNameEntry(length: Int) -> KernelAddress {
    let length = min(length, Self.nameLimit)
    let address = take(from: nameSources[length], .wait)
    guard address != .null else { return .null }
    if let recording { recording.take(.name, length, at: address) }
    if case .malloc = nameSources[length] { loseWhereDue() }
    return address
  }

  /// Gives a name-cache entry back.
  func freeNameEntry(length: Int, _ address: KernelAddress) {
    guard address != .null else { return }
    let length = min(length, Self.nameLimit)
    let source = nameSources[length]
    let kind = ObjectZone.kind(of: .nameCacheEntry, longName: length > ObjectZone.shortNameLimit)
    let forgotten = forgetsNextFree(kind: kind, source)
    give(address, to: source, forgotten: forgotten)
    if let recording { recording.give(forgotten ? .forgottenName : .nameFree, length, at: address) }
    if case .malloc = source { loseWhereDue() }
  }

  /// malloc(9) with its counts, without the faults.
  @inline(__always)
  private func take(_ size: Int, _ type: MallocType, _ wait: WaitPolicy) -> KernelAddress {
    guard !state.pointee.hasFailed else { return .null }
    let address = allocator.malloc(size, type, wait)
    state.pointee.digest.combine(
      UInt64(truncatingIfNeeded: size) << 16 | UInt64(truncatingIfNeeded: type.index) << 1, address.rawValue)
    guard address != .null else {
      noteNothing()
      return .null
    }
    state.pointee.counters.mallocCalls &+= 1
    state.pointee.counters.mallocBytes &+= UInt64(truncatingIfNeeded: size)
    if size > KernelHeap.pageBytes { state.pointee.counters.largeAllocations &+= 1 }
    return address
  }

  /// A request got nothing: its caller may not wait, or the kernel has failed.
  private func noteNothing() {
    state.pointee.counters.noWaitFailures &+= 1
    noteFailure()
  }

  private func noteFailure() {
    if allocator.failure != nil { state.pointee.hasFailed = true }
  }

  /// free(9) with its counts; a forgotten one leaves the memory where it is, except in a recorded kernel, which must outlive its trace.
  @inline(__always)
  func give(_ address: KernelAddress, _ type: MallocType, forgotten: Bool) {
    guard !state.pointee.hasFailed else { return }
    state.pointee.counters.freeCalls &+= 1
    state.pointee.digest.combine(UInt64(truncatingIfNeeded: type.index) << 1 | 1, address.rawValue)
    if forgotten { state.pointee.counters.forgottenFrees &+= 1 }
    if !forgotten || recording != nil { allocator.free(address, type) }
  }

  private func take(from source: ObjectSource, _ wait: WaitPolicy) -> KernelAddress {
    switch source {
    case .embedded:
      guard let standIn else { return .null }
      return allocator.malloc(Self.standInBytes, standIn, wait)
    case .malloc(let type, let size): return take(size, type, wait)
    case .zone(let zone):
      guard !state.pointee.hasFailed else { return .null }
      let address = allocator.zoneAlloc(zone, wait)
      state.pointee.digest.combine(Self.zoneMark | UInt64(truncatingIfNeeded: zone.index) << 1, address.rawValue)
      if address == .null {
        noteNothing()
      } else {
        state.pointee.counters.zoneAllocations &+= 1
      }
      return address
    }
  }

  private func give(_ address: KernelAddress, to source: ObjectSource, forgotten: Bool) {
    switch source {
    case .embedded:
      if let standIn { allocator.free(address, standIn) }
    case .malloc(let type, _): give(address, type, forgotten: forgotten)
    case .zone(let zone):
      guard !state.pointee.hasFailed else { return }
      if forgotten { state.pointee.counters.forgottenFrees &+= 1 }
      state.pointee.counters.zoneFrees &+= 1
      state.pointee.digest.combine(Self.zoneMark | UInt64(truncatingIfNeeded: zone.index) << 1 | 1, address.rawValue)
      if !forgotten || recording != nil { allocator.zoneFree(zone, address) }
    }
  }

  /// Whether the free of an object is to be forgotten: as one of its zone's, or as one of the malloc type that it comes from.
  @inline(__always)
  private func forgetsNextFree(kind: Int, _ source: ObjectSource) -> Bool {
    if state.pointee.objectLeak.forgetsNextFree(kind: kind) { return true }
    if case .malloc(let type, _) = source { return state.pointee.mallocLeak.forgetsNextFree(kind: type.index) }
    return false
  }

  /// An object or name was freed by the trace that is being played; `forgotten` says what the faults made of it.
  func play(free object: KernelObject, _ address: KernelAddress, forgotten: Bool) {
    if address != .null { give(address, to: sources[object.rawValue], forgotten: forgotten) }
  }

  /// The same for a name-cache entry.
  func play(freeName length: Int, _ address: KernelAddress, forgotten: Bool) {
    if address != .null { give(address, to: nameSources[length], forgotten: forgotten) }
  }

  /// Takes the change of processor into the digest and tells the allocator.
  func select(cpu: Int) {
    guard allocator.currentCPU != cpu else { return }
    recording?.processor(cpu)
    allocator.currentCPU = cpu
    state.pointee.digest.combine(Self.processorMark, UInt64(truncatingIfNeeded: cpu))
  }

  /// Tells the allocator of the virtual time, so that its own callouts run (FreeBSD 6 uma_timeout).
  func advance(to nanoseconds: UInt64) {
    recording?.time(nanoseconds)
    allocator.advance(to: nanoseconds)
    noteFailure()
  }

  /// Sets a fault up.
  func inject(_ fault: Fault, clock: VirtualClock) throws(FaultError) {
    switch fault {
    case .leakMalloc(let type, let every):
      guard every > 0 else { throw .zero("'every'") }
      let known = allocator.mallocTypeStatistics().map(\.name)
      guard let index = known.firstIndex(of: type) else { throw .unknownType(type, known: known) }
      state.pointee.mallocLeak.set(kind: index, every: every)
    case .leakZone(let zone, let every):
      guard every > 0 else { throw .zero("'every'") }
      guard let kind = ObjectZone.kind(named: zone) else {
        throw .unknownZone(zone, known: ObjectZone.table.map { $0.name })
      }
      state.pointee.objectLeak.set(kind: kind, every: every)
    case .losePerCalls(let pages, let every):
      guard every > 0, pages > 0 else { throw .zero("'pages' and 'every'") }
      state.pointee.lose = LoseFault(pages: pages, every: every)
    case .losePerTime(let pages, let every):
      guard every > 0, pages > 0 else { throw .zero("'pages' and 'every'") }
      clock.addCallout(every: every) { [unowned self] in losePages(pages) }
    }
  }

  @inline(__always)
  private func loseWhereDue() {
    if state.pointee.lose.losesAfterThisCall() { losePages(state.pointee.lose.pages) }
  }

  /// Loses address space; a recorded kernel notes it and keeps its own, since it must outlive its trace.
  func losePages(_ pages: Int) {
    guard allocator.failure == nil else { return }
    if let recording {
      recording.lose(pages: pages)
      return
    }
    state.pointee.counters.lostPages &+= UInt64(truncatingIfNeeded: pages)
    allocator.loseAddressSpace(pages: pages)
    noteFailure()
  }

  private static let pageBytes = 4096
  private static let zoneMark: UInt64 = 1 << 62
  private static let processorMark: UInt64 = 1 << 61
}
