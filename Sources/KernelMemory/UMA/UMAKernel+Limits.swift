// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension UMAKernel {
  /// uma_zone_set_max: limits the items of a zone, rounded up to whole slabs; at the limit a waiting caller sleeps on
  /// "zonelimit".
  public final func setLimit(of zone: ZoneID, items: Int) {
    guard zone.index >= 0, zone.index < state.pointee.zoneCount else { return }
    uma.setMaximum(zone.index, items: items)
  }

  /// Sets the limits of a stock kernel: nmbclusters on mbuf_cluster, and maxsockets on socket, inpcb and tcpcb.
  ///
  /// maxsockets is the larger of 2 × maxproc (maxfiles) and nmbclusters (recollection). Which zones have limits is
  /// sourced (reference page "kernel-allocators", chapter 18).
  public final func applyKernelLimits() {
    let sockets = sizing.maxSockets
    for (name, items) in [
      ("mbuf_cluster", sizing.mbufClusters), ("socket", sockets), ("inpcb", sockets), ("tcpcb", sockets),
    ] {
      if let zone = zone(named: name) { setLimit(of: zone, items: items) }
    }
  }

  /// Reclaims that a full map has caused so far: none on kernels that panic at once.
  public final var mapReclaims: Int { state.pointee.mapReclaims }

  /// Virtual nanoseconds that callers have slept on "nokva" so far; always 0 but on 8.x and 9.x, where eight sleeps of
  /// 0.25 s to 2 s come before the panic.
  ///
  /// The allocator has no clock: the caller adds what this grew by during a call to its own clock, and then tells the
  /// allocator the time with `advance(to:)`.
  public final var sleptNanoseconds: UInt64 { state.pointee.sleptNanoseconds }

  /// The handlers of the event vm_lowmem, which a full map raises on 7.x and later, before each uma_reclaim().
  ///
  /// A handler may allocate and free. It must not ask for zones by name, which may create them, and must not keep the
  /// allocator alive.
  public final var lowMemoryHandler: (() -> Void)? {
    get { uma.hooks.lowMemory }
    set { uma.hooks.lowMemory = newValue }
  }

  /// What others do while a caller sleeps on "nokva" for so many virtual nanoseconds; under the rules of
  /// ``lowMemoryHandler``.
  public final var sleepHandler: ((UInt64) -> Void)? {
    get { uma.hooks.whileSleeping }
    set { uma.hooks.whileSleeping = newValue }
  }
}
