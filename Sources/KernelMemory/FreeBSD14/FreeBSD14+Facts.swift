// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension FreeBSD14 {
  /// The model's name on the command line.
  public static let identifier = "freebsd-14"

  /// What the model is, with its facts and their sources.
  public static let factSheet = FactSheet(
    systems: "FreeBSD 12.x, 13.x and 14.x, i386 and amd64, one memory domain",
    summary: "malloc(9) over thirteen UMA zones with working-set trimming, over the kernel arena; a soft limit only",
    outline: .init(
      architectures: [.i386, .amd64], map: "kernel arena (vmem); amd64: one-page slabs in the direct map",
      layers: "thirteen malloc zones, slabs, buckets per CPU and domain",
      exhaustion: "reclaim worker, then sleeps for ever"),
    sources: [
      "FreeBSD HEAD of December 2019: sys/vm/uma_core.c; FreeBSD r326347 (2017); FreeBSD review D22040 (2019)",
      "FreeBSD 12 and later: sys/kern/kern_malloc.c, usr.bin/vmstat/vmstat.c",
    ],
    facts: [
      .init("size classes", "16 to 65536 bytes in powers of two; whole pages above", .inferred),
      .init("soft limit", "uma_kmem_limit = the old vm_kmem_size; above it the reclaim worker is woken", .source),
      .init("reclaim worker", "vm_lowmem, then everything with the per-CPU caches, at most once a second", .source),
      .init(
        "worker's turn", "at the next call that misses the caches, and when the clock advances", .inferred),
      .init(
        "arena", "\"kernel arena domain\" imports pieces of a superpage from \"kernel arena\" and keeps them", .source),
      .init("import size", "4 MiB on i386, 2 MiB on amd64", .recollection),
      .init("full arena", "the reclaim worker runs, then a waiting caller sleeps: stuck; no panic", .inferred),
      .init("working set", "wss = (4 × delta + wss) / 5, every 20 s", .source),
      .init("page daemon", "UMA_RECLAIM_TRIM; UMA_RECLAIM_DRAIN_CPU below v_free_min", .source),
      .init("trim", "buckets of the cold end, down to max(wss, items − least of the interval)", .source),
      .init("wanted bucket size", "one smaller at each reclaim, half way to its minimum at a severe one", .source),
      .init("wanted bucket growth", "where the zone's lock is contended: none, unless configured", .inferred),
      .init("bucket sizes", "4, 6, 8, 12, 16, 32, 64, 128, 256 words, three of them header; by item size", .source),
      .init("later bucket sizes", "2020 and later have literal sizes 2, 4, 8, 16 first: not modelled", .recollection),
      .init("memory domains", "one: XDOM is 0", .inferred),
      .init("item order", "the free item with the lowest index of the slab", .source),
      .init("slab header", "a bit for each item behind it; no slab hashes", .recollection),
      .init(
        "slab size", "one page, or the pages of one item: later multi-page layouts are not modelled", .recollection),
      .init("zone limit", "items, caches included; a waiting caller sleeps on \"zonelimit\"", .source),
      .init("large malloc", "pages of the arena alone, without a header, as in 13 and later", .recollection),
      .init("amd64", "slabs of one page lie in the direct map", .inferred),
      .init("window", "752 MiB of arena on i386, 496 MiB and the direct map on amd64", .inferred),
      .init("vnodes", "min(maxproc + pages / 16 + 3 × min(393216, pages) / 16, a tenth of the soft limit)", .inferred),
      .init("structure sizes", "amd64 from listings of vmstat -z, i386 estimated", .recollection),
      .init("malloc zone names", "malloc-16 and so on, of 13 and later; malloc-384 is not modelled", .recollection),
      .init("cache zones", "what D22040 calls a bug is not modelled: no zone here is a cache zone", .inferred),
    ])

  /// KVA_QUANTUM: a superpage, in pages (recollection).
  static func importPages(_ architecture: Architecture) -> Int { architecture == .i386 ? 1024 : 512 }

  /// In what FreeBSD 12 to 14 differ from their predecessors, with structure sizes (recollection).
  static func policy(_ architecture: Architecture, largestMallocZone: Int, softLimitBytes: Int) -> VMemUMA.Policy {
    let isSmall = architecture == .i386
    return VMemUMA.Policy(
      architecture: architecture, slabHeaderBytes: isSmall ? 12 : 24, hasVariableHeader: true, hasHashes: false,
      largeMallocHasHeader: false, hasWorkingSet: true, limitsItems: true, countsDirectMap: true,
      softLimitBytes: softLimitBytes, arenaWakesWorker: false, arenaChannel: "kernel arena", limitChannel: "zonelimit",
      kegBytes: isSmall ? 256 : 384, zoneBytes: isSmall ? 384 : 640, cacheBytes: 64,
      headerZones: [("UMA Slabs 0", isSmall ? 56 : 80, 256), ("UMA Slabs 1", isSmall ? 88 : 112, 512)],
      mallocPrefix: "malloc-",
      statisticsZone: ("mt_stats_zone", 64), largestMallocZone: largestMallocZone)
  }

  /// The zones, with sizes of vmstat -z listings of 13.x on amd64 and estimates for i386 (recollection).
  ///
  /// The estimates take the sizes of 9.3 and half of what amd64 grew by. Zones with functions of their own for new items
  /// keep what is in them, as ZINIT zones do.
  static let zones = VMemUMAKernelZones(
    atBoot: [
      .init("VM OBJECT", 164, 264, .noFree),
      .init("MAP ENTRY", 64, 96),
      .init("mbuf", 256, 256, alignmentMask: 255, .maxBucket),
      .init("mbuf_cluster", 2048, 2048),
      .init("socket", 560, 944),
      .init("NAMEI", 1024, 1024),
      .init("VNODE", 256, 448, .zeroInit),
      .init("S VFS Cache", 72, 104, .zeroInit),
      .init("L VFS Cache", 288, 320, .zeroInit),
      .init("FFS inode", 100, 144),
      .init("FFS2 dinode", 256, 256),
    ],
    onDemand: [
      .init("inpcb", as: "tcp_inpcb", 312, 496),
      .init("tcpcb", 736, 1064),
      .init("Files", 56, 80, .noFree),
      .init("mbuf_jumbo_page", 4096, 4096),
      .init("mbuf_jumbo_9k", 9216, 9216),
      .init("mbuf_jumbo_16k", 16_384, 16_384),
    ], shortName: 45)
}
