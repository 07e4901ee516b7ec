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
  }

  let state: UnsafeMutablePointer<State>

  private let space: AddressSpace
  private let bytesBase: UnsafeMutableRawPointer
  private let sources: UnsafeMutablePointer<ObjectSource>
  private let nameSources: UnsafeMutablePointer<ObjectSource>

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
    model.backing = space.bytes
    model.pages = pages
    do {
      allocator = try modelType.init(model)
    } catch {
      throw .model(error)
    }
    allocator.applyKernelLimits()
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
  public func mallocType(_ name: String) -> MallocType { allocator.mallocType(named: name) }

  /// Takes memory from malloc(9).
  ///
  /// - Parameters:
  ///   - size: bytes, at least 1.
  ///   - type: the malloc type to charge.
  ///   - wait: M_WAITOK or M_NOWAIT.
  /// - Returns: the address; null where a caller that may not wait got nothing, and always after the kernel has failed.
  public func malloc(_ size: Int, _ type: MallocType, _ wait: WaitPolicy = .wait) -> KernelAddress {
    let address = allocator.malloc(size, type, wait)
    state.pointee.digest.combine(
      UInt64(truncatingIfNeeded: size) << 16 | UInt64(truncatingIfNeeded: type.index) << 1, address.rawValue)
    guard address != .null else {
      state.pointee.counters.noWaitFailures &+= 1
      return .null
    }
    state.pointee.counters.mallocCalls &+= 1
    state.pointee.counters.mallocBytes &+= UInt64(truncatingIfNeeded: size)
    if size > KernelHeap.pageBytes { state.pointee.counters.largeAllocations &+= 1 }
    if state.pointee.lose.losesAfterThisCall() { losePages(state.pointee.lose.pages) }
    return address
  }

  /// Gives memory back to malloc(9); null is ignored.
  public func free(_ address: KernelAddress, _ type: MallocType) {
    guard address != .null else { return }
    noteFree(type, address)
    if state.pointee.mallocLeak.forgetsNextFree(kind: type.index) {
      state.pointee.counters.forgottenFrees &+= 1
    } else {
      allocator.free(address, type)
    }
    if state.pointee.lose.losesAfterThisCall() { losePages(state.pointee.lose.pages) }
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
    allocate(from: sources[object.rawValue], wait)
  }

  /// Gives a generic kernel object back; null is ignored.
  public func free(_ object: KernelObject, _ address: KernelAddress) {
    free(address, to: sources[object.rawValue], kind: object.rawValue)
  }

  /// Takes a name-cache entry for a name of `length` bytes, at most ``nameLimit``.
  func allocateNameEntry(length: Int) -> KernelAddress {
    allocate(from: nameSources[min(length, Self.nameLimit)], .wait)
  }

  /// Gives a name-cache entry back.
  func freeNameEntry(length: Int, _ address: KernelAddress) {
    let isLong = length > ObjectZone.shortNameLimit
    free(
      address, to: nameSources[min(length, Self.nameLimit)],
      kind: ObjectZone.kind(of: .nameCacheEntry, longName: isLong))
  }

  private func allocate(from source: ObjectSource, _ wait: WaitPolicy) -> KernelAddress {
    switch source {
    case .embedded: return .null
    case .malloc(let type, let size): return malloc(size, type, wait)
    case .zone(let zone):
      let address = allocator.zoneAlloc(zone, wait)
      state.pointee.digest.combine(Self.zoneMark | UInt64(truncatingIfNeeded: zone.index) << 1, address.rawValue)
      if address == .null {
        state.pointee.counters.noWaitFailures &+= 1
      } else {
        state.pointee.counters.zoneAllocations &+= 1
      }
      return address
    }
  }

  private func free(_ address: KernelAddress, to source: ObjectSource, kind: Int) {
    guard address != .null else { return }
    let forgotten = state.pointee.objectLeak.forgetsNextFree(kind: kind)
    if forgotten { state.pointee.counters.forgottenFrees &+= 1 }
    switch source {
    case .embedded: return
    case .malloc(let type, _):
      if forgotten { noteFree(type, address) } else { free(address, type) }
    case .zone(let zone):
      state.pointee.counters.zoneFrees &+= 1
      state.pointee.digest.combine(Self.zoneMark | UInt64(truncatingIfNeeded: zone.index) << 1 | 1, address.rawValue)
      if !forgotten { allocator.zoneFree(zone, address) }
    }
  }

  private func noteFree(_ type: MallocType, _ address: KernelAddress) {
    state.pointee.counters.freeCalls &+= 1
    state.pointee.digest.combine(UInt64(truncatingIfNeeded: type.index) << 1 | 1, address.rawValue)
  }

  /// Takes the change of processor into the digest and tells the allocator.
  func select(cpu: Int) {
    guard allocator.currentCPU != cpu else { return }
    allocator.currentCPU = cpu
    state.pointee.digest.combine(Self.processorMark, UInt64(truncatingIfNeeded: cpu))
  }

  /// Tells the allocator of the virtual time, so that its own callouts run (FreeBSD 6 uma_timeout).
  func advance(to nanoseconds: UInt64) { allocator.advance(to: nanoseconds) }

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

  private func losePages(_ pages: Int) {
    guard allocator.failure == nil else { return }
    state.pointee.counters.lostPages &+= UInt64(truncatingIfNeeded: pages)
    allocator.loseAddressSpace(pages: pages)
  }

  private static let pageBytes = 4096
  private static let zoneMark: UInt64 = 1 << 62
  private static let processorMark: UInt64 = 1 << 61
}
