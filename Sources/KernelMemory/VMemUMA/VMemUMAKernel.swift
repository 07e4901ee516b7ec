// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// What FreeBSD 11 and 14 share: malloc(9) over ``VMemUMA``, and the zones of a server's kernel.
///
/// A sibling brings its arena, its ``VMemUMA/Policy`` and its zones, the four calls of the hot path, which are inlined
/// from there, and what it prints.
public class VMemUMAKernel {
  let uma: VMemUMA
  let state: UnsafeMutablePointer<VMemUMA.State>
  let zones: VMemUMAKernelZones
  /// The sizes that the kernel computes for this machine.
  public let sizing: VMemKernelSizing
  /// vm_kmem_size, in whole pages, as configured or as the kernel computes it, bytes.
  let memoryBytes: Int
  /// The soft limit on vnodes (desiredvnodes), for kernel memory as configured.
  public let desiredVnodes: Int

  init(
    _ configuration: ModelConfiguration, _ sizing: VMemKernelSizing, memoryBytes: Int, policy: VMemUMA.Policy,
    arena: VMem, zones: VMemUMAKernelZones
  ) {
    let architecture = configuration.architecture
    self.sizing = sizing
    self.zones = zones
    self.memoryBytes = memoryBytes / kernelPageSize * kernelPageSize
    desiredVnodes = sizing.desiredVnodes(
      kernelMemoryBytes: self.memoryBytes, vnodeCost: zones.vnodeCost(architecture))
    uma = VMemUMA(
      policy: policy, arena: arena,
      directPages: VMemWindow.directPages(architecture, arenaPages: arena.capacity, machinePages: sizing.pages),
      cpus: configuration.cpus, physical: configuration.pages, checked: configuration.checked,
      backing: configuration.backing)
    state = uma.state
    zones.boot(uma, configuration.bootPages)
  }

  /// How many of a thousand takings of a zone's lock meet another processor, 0 to 1000: the wanted bucket size of the
  /// zone grows then and only then.
  ///
  /// A single-threaded model has no contention of its own: 0 unless set.
  public final var contendedLocksPerThousand: Int {
    get { state.pointee.contention }
    set { state.pointee.contention = min(max(newValue, 0), 1000) }
  }

  /// uma_zone_set_max: limits the items of a zone; at the limit a waiting caller sleeps.
  ///
  /// FreeBSD 11 rounds up to whole slabs and sleeps on "keglimit"; FreeBSD 14 counts items, those in its caches
  /// included, and sleeps on "zonelimit".
  public final func setLimit(of zone: ZoneID, items: Int) {
    if uma.isZone(zone) { uma.setMaximum(zone.index, items: items) }
  }

  /// Sets the limits of a stock kernel: on clusters, and maxsockets on socket, inpcb and tcpcb (recollection).
  public final func applyKernelLimits() { zones.applyLimits(uma, sizing, kernelMemoryBytes: memoryBytes) }

  /// The handle of a malloc type; a new name takes an item for its statistics.
  public final func mallocType(named name: String) -> MallocType { zones.mallocType(named: name, in: uma) }

  /// The zone of a FreeBSD 6 name or of the kernel's own.
  ///
  /// - Returns: nil for the allocator's own zones and for names of no zone.
  public final func zone(named canonical: String) -> ZoneID? { zones.zone(named: canonical, in: uma) }

  /// Makes a zone as uma_zcreate does, with pointer alignment.
  ///
  /// - Returns: nil where there is no room for one more.
  public final func makeZone(named name: String, size: Int, noFree: Bool) -> ZoneID? {
    uma.createZone(name, size: size, flags: noFree ? .noFree : []).map { ZoneID(index: $0) }
  }

  /// Where a kernel object comes from: its zone, and malloc type "cred" for credentials.
  public final func source(of object: KernelObject, nameLength: Int) -> ObjectSource {
    zones.source(of: object, nameLength: nameLength, in: uma)
  }

  /// The processor on which the following calls run; a number out of range changes nothing.
  public final var currentCPU: Int {
    get { uma.currentCPU }
    set { uma.currentCPU = newValue }
  }

  /// The clock: at every mark of 20 s that has passed hashes grow and an interval of the working-set estimates ends, where
  /// there are such things; the reclaim worker runs where it is due.
  public final func advance(to nanoseconds: UInt64) { uma.advance(to: nanoseconds) }

  /// uma_reclaim, from the page daemon: buckets and free slabs, on FreeBSD 14 those above the working set; the per-CPU
  /// caches, too, where free pages are below v_free_min.
  public final func reclaim() { uma.reclaimForPageDaemon() }

  /// The handlers of the event vm_lowmem, which the reclaim worker raises before each of its drains.
  ///
  /// A handler may allocate and free. It must not ask for zones by name, which may create them, and must not keep the
  /// allocator alive.
  public final var lowMemoryHandler: (() -> Void)? {
    get { uma.hooks.lowMemory }
    set { uma.hooks.lowMemory = newValue }
  }

  /// Takes pages of the arena into nobody's books.
  public final func loseAddressSpace(pages: Int) { uma.loseAddressSpace(pages: pages) }

  /// What the kernel died of or sleeps on; nil while it lives.
  public final var failure: KernelFailure? { uma.failure }
  /// True once ``failure`` is there.
  @inline(__always)
  public final var hasEnded: Bool { state.pointee.isDead }

  /// Bytes in the accounts: on FreeBSD 11 those of the arena, on FreeBSD 14 all that UMA holds (uma_kmem_total).
  public final var mapUsedBytes: Int { uma.usedBytes }
  /// The most that ``mapUsedBytes`` ever was.
  public final var mapHighWaterBytes: Int { uma.highWaterBytes }
  /// Bytes of the direct map that UMA holds; 0 on i386.
  public final var directMapBytes: Int { (uma.directMap?.usedPages ?? 0) * kernelPageSize }
  /// How often the reclaim worker ran.
  public final var reclaimWorkerRuns: Int { state.pointee.workerRuns }

  /// Every byte of ``mapUsedBytes``, by account.
  public final func ledger() -> Ledger { uma.ledger() }
  /// Statistics by malloc type, in the order of registration.
  public final func mallocTypeStatistics() -> [MallocTypeStatistics] { uma.typeStatistics() }
  /// Statistics by zone, in the order of creation.
  public final func zoneStatistics() -> [ZoneStatistics] { uma.zoneStatistics() }

  /// Checks every invariant of the model.
  ///
  /// - Throws: the first violation, with its values.
  public final func checkInvariants() throws(InvariantViolation) { try uma.checkInvariants() }
}
