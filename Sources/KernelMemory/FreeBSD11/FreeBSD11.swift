// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// FreeBSD 10.x and 11.x: malloc(9) over UMA over the vmem arena "kmem arena", and no panic where that is full.
///
/// On i386 every slab comes from the arena. On amd64 slabs of one page come from the direct map, which is no address
/// space of anybody's: the map of this model, its ledger and its high-water mark are the arena alone there, and hold
/// zones with items above a page and mallocs above 65536 bytes. Both lie in the window of addresses that i386 has,
/// the direct map behind the arena.
public final class FreeBSD11: VMemUMAKernel, AllocatorModel {
  /// vm_kmem_size as the kernel's other limits see it, bytes: the size of the arena, before it is cut to its part of
  /// the window on amd64.
  public var kernelMemoryBytes: Int { memoryBytes }

  /// Boots the kernel's allocator.
  ///
  /// - Throws: ``ModelConfigurationError`` where a number is out of range.
  public init(_ configuration: ModelConfiguration) throws(ModelConfigurationError) {
    let sizing = try VMemWindow.check(configuration)
    let architecture = configuration.architecture
    let bytes = configuration.mapBytes ?? sizing.kernelMemoryBytes
    let arenaPages = min(bytes, VMemWindow.arenaSizes(architecture).upperBound) / kernelPageSize
    let arena = VMem(name: "kmem arena", start: VMemWindow.start, capacity: arenaPages)
    arena.addSpan(first: 0, quanta: arenaPages)
    super.init(
      configuration, sizing, memoryBytes: bytes,
      policy: Self.policy(architecture, largestMallocZone: sizing.largestMallocZone), arena: arena, zones: Self.zones)
  }

  /// malloc(9): one of the zones up to 65536 bytes (4096 on machines with at most 128 MB), whole pages above.
  @inline(__always)
  public func malloc(_ size: Int, _ type: MallocType, _ wait: WaitPolicy) -> KernelAddress {
    allocate(size, type, wait)
  }

  /// free(9); the null address is nothing to free.
  @inline(__always)
  public func free(_ address: KernelAddress, _ type: MallocType) { release(address, type) }

  /// The short path of malloc.
  @inline(__always)
  public func mallocFromCache(_ size: Int, _ type: MallocType, _ address: inout KernelAddress) -> Bool {
    state.mallocFromCache(size, type, &address)
  }

  /// The short path of free.
  @inline(__always)
  public func freeToCache(_ address: KernelAddress, _ type: MallocType) -> Bool { state.freeToCache(address, type) }

  /// Size of the arena, bytes.
  public var mapCapacityBytes: Int { uma.arena.size * kernelPageSize }
  /// The largest free segment of the arena, bytes.
  public var largestFreeBytes: Int { uma.arena.largestFree * kernelPageSize }

  /// `vmstat -m` through libmemstat: HighUse is always "-".
  public func vmstatM() -> String { uma.vmstatM(highUse: true) }

  /// `vmstat -z` with FAIL and SLEEP; the order is that of creation.
  public func vmstatZ() -> String {
    "ITEM                   SIZE  LIMIT     USED     FREE      REQ FAIL SLEEP\n\n" + uma.vmstatZRows(crossDomain: false)
  }
}
