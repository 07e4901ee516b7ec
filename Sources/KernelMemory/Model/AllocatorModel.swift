// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// A modelled kernel allocator: malloc(9), zones, and the map that they share.
///
/// A model is deterministic: the same calls give the same addresses. It has no clock of its own (``advance(to:)`` tells it the time), does
/// no I/O and draws no random numbers. After a failure every allocation returns null and every free does nothing. Models are not
/// thread-safe.
public protocol AllocatorModel: AnyObject, SendableMetatype {
  /// The model's name on the command line, for instance `freebsd-6`.
  static var identifier: String { get }
  /// What the model is, with its facts and their sources.
  static var factSheet: FactSheet { get }

  /// Boots the allocator.
  init(_ configuration: ModelConfiguration) throws(ModelConfigurationError)

  /// The handle of a malloc type; a new name is registered.
  func mallocType(named name: String) -> MallocType
  /// The zone that serves a canonical (FreeBSD 6) zone name, nil where the model has no zone for it.
  func zone(named canonical: String) -> ZoneID?
  /// Makes a zone for a trace that names one the model does not have; nil where the model has no room for it.
  ///
  /// `size` is that of an item in bytes, at least 1; the pages of a `noFree` zone are never given back.
  func makeZone(named name: String, size: Int, noFree: Bool) -> ZoneID?
  /// Where a kernel object comes from; `nameLength` in bytes matters for name-cache entries alone.
  func source(of object: KernelObject, nameLength: Int) -> ObjectSource

  /// The processor on which the following calls run, 0 to `cpus` − 1.
  var currentCPU: Int { get set }

  /// malloc(9) of `size` bytes, at least 1; null where there is nothing to give.
  func malloc(_ size: Int, _ type: MallocType, _ wait: WaitPolicy) -> KernelAddress
  /// free(9) of an address that ``malloc(_:_:_:)`` returned.
  func free(_ address: KernelAddress, _ type: MallocType)
  /// Takes one item of a zone; null where there is nothing to give.
  func zoneAlloc(_ zone: ZoneID, _ wait: WaitPolicy) -> KernelAddress
  /// Gives one item back to its zone.
  func zoneFree(_ zone: ZoneID, _ address: KernelAddress)

  /// The virtual clock stands at `nanoseconds` since boot: the allocator's own callouts run for every mark passed.
  func advance(to nanoseconds: UInt64)
  /// What the page daemon asks for on a shortage of physical pages.
  func reclaim()
  /// Takes pages out of the map into nobody's books (an injected fault); without room it ends as a waiting caller would.
  func loseAddressSpace(pages: Int)

  /// Virtual nanoseconds that callers have slept for memory so far in sleeps that had an end; 0 on kernels without such sleeps.
  ///
  /// The allocator has no clock: its caller adds what this grew by to its own, and then tells the time with ``advance(to:)``.
  var sleptNanoseconds: UInt64 { get }
  /// The handlers of the event vm_lowmem, run by kernels that raise it on a shortage of address space; on others nobody calls it.
  ///
  /// A handler may allocate and free. It must not ask for zones by name, which may create them, and must not keep the allocator
  /// alive.
  var lowMemoryHandler: (() -> Void)? { get set }

  /// What the kernel died of; nil while it lives.
  var failure: KernelFailure? { get }
  /// True once ``failure`` is there: one word that a replay reads after every event.
  var hasEnded: Bool { get }

  /// Size of the kernel map, bytes.
  var mapCapacityBytes: Int { get }
  /// Bytes of the kernel map in use.
  var mapUsedBytes: Int { get }
  /// The most that ``mapUsedBytes`` ever was.
  var mapHighWaterBytes: Int { get }
  /// The largest free range of the kernel map, bytes.
  var largestFreeBytes: Int { get }
  /// The soft limit on vnodes that this kernel computes (desiredvnodes).
  var desiredVnodes: Int { get }

  /// Every byte of ``mapUsedBytes``, by account.
  func ledger() -> Ledger
  /// Statistics by malloc type, in the order of registration.
  func mallocTypeStatistics() -> [MallocTypeStatistics]
  /// Statistics by zone, in the order of creation.
  func zoneStatistics() -> [ZoneStatistics]
  /// `vmstat -m` as this system prints it.
  func vmstatM() -> String
  /// `vmstat -z` as this system prints it.
  func vmstatZ() -> String

  /// What ``malloc(_:_:_:)`` can serve from the cache of the current processor at once; replays ask for this first.
  ///
  /// - Parameters:
  ///   - size: bytes.
  ///   - type: the malloc type.
  ///   - address: set to what malloc would have returned, everything counted.
  /// - Returns: false where it takes more than this, and then nothing has happened.
  func mallocFromCache(_ size: Int, _ type: MallocType, _ address: inout KernelAddress) -> Bool
  /// A ``free(_:_:)`` that ends in the cache of the current processor.
  ///
  /// - Returns: false where it takes more than this, and then nothing has happened.
  func freeToCache(_ address: KernelAddress, _ type: MallocType) -> Bool

  /// Has the memory fetched that a free of this address will read, an address that the model once gave or null; nothing changes.
  func prefetchFree(_ address: KernelAddress)

  /// Plays events until the last one or until the kernel ends; `addresses` has a place for every slot of an event.
  ///
  /// - Returns: how many events were played, that of the failure included.
  func play(
    _ events: UnsafeBufferPointer<AllocatorEvent>, addresses: UnsafeMutableBufferPointer<KernelAddress>
  ) -> Int

  /// Sets the limits on items that a stock kernel sets on zones at boot; traces run without them.
  func applyKernelLimits()

  /// Checks every invariant of the model.
  ///
  /// - Throws: the first violation, with its values.
  func checkInvariants() throws(InvariantViolation)
}

extension AllocatorModel {
  /// Nothing: most models have their limits built in.
  public func applyKernelLimits() {}

  /// False: every call is the whole of it.
  @inline(__always)
  public func mallocFromCache(_ size: Int, _ type: MallocType, _ address: inout KernelAddress) -> Bool { false }

  /// False: every call is the whole of it.
  @inline(__always)
  public func freeToCache(_ address: KernelAddress, _ type: MallocType) -> Bool { false }

  /// Nothing.
  @inline(__always)
  public func prefetchFree(_ address: KernelAddress) {}

  /// The loop that every model has, compiled for each.
  public func play(
    _ events: UnsafeBufferPointer<AllocatorEvent>, addresses: UnsafeMutableBufferPointer<KernelAddress>
  ) -> Int { playEvents(events, addresses) }

  /// 0: most kernels panic, fail or sleep for ever.
  public var sleptNanoseconds: UInt64 { 0 }
  /// None: most kernels raise no event where address space is short.
  public var lowMemoryHandler: (() -> Void)? {
    get { nil }
    set {}
  }
}

/// The allocator models: a new one is one line here.
public enum AllocatorRegistry {
  /// Every model, in the order in which `nfschurn models` lists them.
  public static let all: [any AllocatorModel.Type] = [
    FreeBSD4.self, FreeBSD54.self, FreeBSD6.self, FreeBSD7.self, FreeBSD9.self, FreeBSD11.self, FreeBSD14.self,
    OpenBSD39.self, NetBSD.self, Illumos.self, LinuxSLUB.self, DragonFly.self, XNU.self,
  ]

  /// The model with this identifier.
  public static func model(named identifier: String) -> (any AllocatorModel.Type)? {
    all.first { $0.identifier == identifier }
  }
}
