// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import CPrefetch

/// DragonFly BSD of 2005 on i386: the slab allocator and vm_zone, both in kernel_map.
///
/// There is no kmem_map. `mapUsedBytes` counts the bytes of kernel_map that the allocator has taken; other users of
/// kernel_map (buffers, pipes, stacks) are not modelled, so that the capacity is what they would leave at best. An
/// explicit `mapBytes` stands for a kernel with that much KVA: zone size and limits follow it.
///
/// Processors matter: a zone belongs to one of them, and a free on another one is a message that the owner takes when
/// it runs next, when its queue is full, or when time passes (``advance(to:)``).
public final class DragonFly: AllocatorModel {
  /// The name on the command line.
  public static let identifier = "dragonfly"

  /// Where the allocator's part of kernel_map starts.
  public static let mapStart = KernelAddress(rawValue: 0xC100_0000)
  /// The end of kernel_map; the last 4 MiB are left to the alternate page tables (recollection).
  public static let mapEnd = KernelAddress(rawValue: 0xFFC0_0000)
  /// Sizes that ``ModelConfiguration/mapBytes`` may have, bytes.
  public static let mapSizes = 1 << 20...Int(mapEnd.rawValue - mapStart.rawValue)
  /// Sizes that the physical memory may have, bytes.
  public static let memorySizes = 16 << 20...4 << 30
  /// Numbers of processors that are accepted.
  public static let processorCounts = 1...16

  /// kernel_map.
  public let map: WiredMap
  /// malloc(9).
  public let slabs: SlabAllocator
  /// vm_zone.
  public let zones: ZoneAllocator

  /// What the kernel died of or waits for; nil while it lives.
  public internal(set) var failure: KernelFailure? {
    didSet {
      hot.pointee.isDead = failure != nil
      slabs.limitShortPaths()
    }
  }
  /// True once ``failure`` is there.
  @inline(__always)
  public var hasEnded: Bool { hot.pointee.isDead }
  /// The soft limit on vnodes.
  public let desiredVnodes: Int
  /// Address space that ``loseAddressSpace(pages:)`` took, bytes.
  public private(set) var lostBytes = 0

  /// Pages of the kmemusage array.
  let kmemusagePages: Int
  let objects: Objects
  private let isChecked: Bool
  /// What every call reads: the variables of ``slabs``.
  private let hot: UnsafeMutablePointer<SlabAllocator.State>

  /// Boots DragonFly.
  ///
  /// - Throws: an error that names the value out of range.
  public init(_ configuration: ModelConfiguration) throws(ModelConfigurationError) {
    try configuration.check(
      model: Self.identifier, only: .i386, processors: Self.processorCounts, memory: Self.memorySizes,
      map: Self.mapSizes)
    let managed = PhysicalPages.managedPages(ofMemory: configuration.physicalMemory)
    let addressSpace = configuration.mapBytes ?? Self.kernelAddressSpace
    let pages = (configuration.mapBytes ?? Self.mapSizes.upperBound) / kernelPageSize
    let limitSize = Self.limitSize(managedPages: managed, addressSpace: addressSpace)
    desiredVnodes = Self.desiredVnodes(managedPages: managed, addressSpace: addressSpace)

    let backing = configuration.checked ? configuration.backing : nil
    isChecked = backing != nil
    let space = AddressMap(start: Self.mapStart, pages: pages)
    map = WiredMap(space: space, physical: configuration.pages)
    kmemusagePages =
      (addressSpace / kernelPageSize * Self.kmemusageBytes + kernelPageSize - 1) / kernelPageSize
    _ = map.allocate(pages: kmemusagePages, .wait)
    slabs = SlabAllocator(
      map: map, zoneSize: Self.zoneSize(limitSize: limitSize), cpus: configuration.cpus,
      typeLimit: Self.typeLimit(limitSize: limitSize), checkedBacking: backing)
    hot = slabs.state
    zones = ZoneAllocator(map: map, checkedBacking: backing)
    objects = Objects(zones: zones, slabs: slabs)
  }

  /// The processor of the following calls, 0 to cpus − 1.
  public var currentCPU: Int {
    get { slabs.currentCPU }
    set { slabs.currentCPU = newValue }
  }

  // MARK: malloc(9)

  /// The handle of a malloc type; a new name is registered.
  public func mallocType(named name: String) -> MallocType { MallocType(index: slabs.register(name)) }

  /// malloc(9) of `size` bytes, at least 1 (sys/kern/kern_slaballoc.c); null where there is nothing to give.
  @inline(__always)
  public func malloc(_ size: Int, _ type: MallocType, _ wait: WaitPolicy) -> KernelAddress {
    var address = KernelAddress.null
    return mallocFromCache(size, type, &address) ? address : mallocLong(size, type, wait)
  }

  /// The short path of malloc: a chunk of the first zone of a class.
  ///
  /// - Returns: false where the long path has to do the call, from its beginning.
  @inline(__always)
  public func mallocFromCache(_ size: Int, _ type: MallocType, _ address: inout KernelAddress) -> Bool {
    SlabAllocator.take(hot, size, type.index, &address)
  }

  @inline(never)
  private func mallocLong(_ size: Int, _ type: MallocType, _ wait: WaitPolicy) -> KernelAddress {
    guard !hot.pointee.isDead else { return .null }
    let address = slabs.malloc(size, type.index, wait)
    if address == .null { mallocRefused(size, type.index, wait) }
    if isChecked { reportModified() }
    return address
  }

  /// free(9) of an address that malloc returned.
  ///
  /// Any other address and a second free end the kernel with the words of an INVARIANTS kernel; a free of null does
  /// nothing. The bytes are taken off the type given here, for the kernel keeps no note of the type of a chunk.
  @inline(__always)
  public func free(_ address: KernelAddress, _ type: MallocType) {
    if !freeToCache(address, type) { freeLong(address, type) }
  }

  /// The short path of free: a live chunk of a zone of the current processor that keeps other live ones.
  ///
  /// - Returns: false where the long path has to do the call, from its beginning.
  @inline(__always)
  public func freeToCache(_ address: KernelAddress, _ type: MallocType) -> Bool {
    SlabAllocator.give(hot, address, type.index)
  }

  @inline(never)
  private func freeLong(_ address: KernelAddress, _ type: MallocType) {
    guard !hot.pointee.isDead, address != .null else { return }
    slabs.free(address, type.index)
    if slabs.state.pointee.freeError != .none { freeRefused(address) }
  }

  /// Fetches what ``free(_:_:)`` of this address will read.
  @inline(__always)
  public func prefetchFree(_ address: KernelAddress) {
    if let word = SlabAllocator.word(hot, address) { nfschurn_prefetch(word) }
  }

  // MARK: Zones

  /// zalloc() (sys/vm/vm_zone.c): one item, or null where there is nothing to give.
  public func zoneAlloc(_ zone: ZoneID, _ wait: WaitPolicy) -> KernelAddress {
    guard !hot.pointee.isDead else { return .null }
    let address = zones.allocate(zone.index, wait)
    if address == .null { zoneRefused(zone.index, wait) }
    if isChecked { reportModified() }
    return address
  }

  /// zfree(): the item goes to the head of its list.
  public func zoneFree(_ zone: ZoneID, _ address: KernelAddress) {
    guard !hot.pointee.isDead, address != .null else { return }
    let result = zones.free(zone.index, address)
    if result != .none { zoneFreeRefused(result) }
  }

  // MARK: Clock and faults

  /// Time passes: every processor takes the frees that were sent to it.
  ///
  /// There are no callouts.
  public func advance(to nanoseconds: UInt64) {
    guard failure == nil else { return }
    slabs.takeAllMessages()
  }

  /// Does nothing: free zones go back in malloc(), not for the page daemon (inferred).
  public func reclaim() {}

  /// Takes pages out of kernel_map into nobody's books; physical pages are not touched.
  public func loseAddressSpace(pages: Int) {
    guard failure == nil, pages > 0 else { return }
    guard map.space.allocate(pages: pages) >= 0 else { return panicNoSpace(bytes: pages * kernelPageSize) }
    lostBytes += pages * kernelPageSize
  }

  // MARK: Map

  /// Size of the allocator's part of kernel_map, bytes.
  public var mapCapacityBytes: Int { map.space.capacityPages * kernelPageSize }
  /// Bytes of kernel_map that the allocator has taken.
  public var mapUsedBytes: Int { map.space.usedPages * kernelPageSize }
  /// The most that ``mapUsedBytes`` ever was.
  public var mapHighWaterBytes: Int { map.space.highWaterPages * kernelPageSize }
  /// The largest free range, bytes.
  public var largestFreeBytes: Int { map.space.largestFreeRun * kernelPageSize }
}
