// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// FreeBSD 12.x to 14.x: malloc(9) over UMA with working-set trimming, over the kernel arena of one memory domain.
///
/// There is no kernel map any more. vm_kmem_size became a soft limit, uma_kmem_limit: above it the reclaim worker runs,
/// at most once a second of the virtual clock, and nothing is refused. `mapBytes` of the configuration is that limit.
/// Address space comes from "kernel arena domain", which imports pieces of the size of a superpage from "kernel arena";
/// the two are as large as the window of addresses allows (752 MiB on i386, 496 MiB on amd64; a real i386 of these
/// releases has most of 4 GiB). On amd64 slabs of one page come from the direct map behind the arena. The map of this
/// model, its ledger and its high-water mark are everything that UMA holds: the arena and the direct map.
public final class FreeBSD14: VMemUMAKernel, AllocatorModel {
  /// The arena that the domain's arena imports from.
  let kernelArena: VMem
  /// uma_kmem_limit, bytes.
  public var softLimitBytes: Int { memoryBytes }

  /// Boots the kernel's allocator.
  ///
  /// - Throws: ``ModelConfigurationError`` where a number is out of range.
  public init(_ configuration: ModelConfiguration) throws(ModelConfigurationError) {
    let sizing = try VMemWindow.check(configuration)
    let architecture = configuration.architecture
    let bytes = (configuration.mapBytes ?? sizing.kernelMemoryBytes) / kernelPageSize * kernelPageSize
    let arenaPages = VMemWindow.arenaSizes(architecture).upperBound / kernelPageSize
    kernelArena = VMem(name: "kernel arena", start: VMemWindow.start, capacity: arenaPages)
    kernelArena.addSpan(first: 0, quanta: arenaPages)
    let domain = VMem(
      name: "kernel arena domain", start: VMemWindow.start, capacity: arenaPages, source: kernelArena,
      importQuantum: Self.importPages(architecture))
    super.init(
      configuration, sizing, memoryBytes: bytes,
      policy: Self.policy(architecture, largestMallocZone: sizing.largestMallocZone, softLimitBytes: bytes),
      arena: domain, zones: Self.zones)
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

  /// What ``reclaim(_:)`` gives back.
  public enum ReclaimRequest: Sendable {
    /// UMA_RECLAIM_TRIM: buckets above the working set, and wholly free slabs.
    case trim
    /// UMA_RECLAIM_DRAIN: every bucket of the zones' caches, and wholly free slabs.
    case drain
    /// UMA_RECLAIM_DRAIN_CPU: the per-CPU caches, too.
    case drainCPU
  }

  /// uma_reclaim of a chosen strength.
  public func reclaim(_ request: ReclaimRequest) {
    switch request {
    case .trim: uma.reclaim(.trim)
    case .drain: uma.reclaim(.drain)
    case .drainCPU: uma.reclaim(.drainCPU)
    }
  }

  /// Size of the kernel arena and the direct map, bytes: nothing is refused below that.
  public var mapCapacityBytes: Int {
    (kernelArena.size + (uma.directMap?.capacityPages ?? 0)) * kernelPageSize
  }
  /// The largest range that one request can have from the arenas, bytes.
  public var largestFreeBytes: Int { max(uma.arena.largestFree, kernelArena.largestFree) * kernelPageSize }

  /// `vmstat -m` through libmemstat, without the column HighUse.
  public func vmstatM() -> String { uma.vmstatM(highUse: false) }

  /// `vmstat -z` with FAIL, SLEEP and the cross-domain frees, whose header runs together; the order is that of creation.
  public func vmstatZ() -> String {
    "ITEM                   SIZE  LIMIT     USED     FREE      REQ FAILSLEEP XDOM\n"
      + uma.vmstatZRows(crossDomain: true)
  }
}
