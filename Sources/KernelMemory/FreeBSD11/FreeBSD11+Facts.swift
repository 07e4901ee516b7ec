// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension FreeBSD11 {
  /// The model's name on the command line.
  public static let identifier = "freebsd-11"

  /// What the model is, with its facts and their sources.
  public static let factSheet = FactSheet(
    systems: "FreeBSD 10.x and 11.x, i386 and amd64",
    summary: "malloc(9) over thirteen UMA zones, slabs and per-CPU buckets, over the vmem arena \"kmem arena\"",
    outline: .init(
      architectures: [.i386, .amd64], map: "kmem arena (vmem); amd64: one-page slabs in the direct map",
      layers: "thirteen malloc zones, slabs, two buckets per CPU", exhaustion: "reclaim worker, then sleeps for ever"),
    sources: [
      "FreeBSD HEAD of December 2015: sys/vm/uma_core.c, vm_kern.c, sys/kern/kern_malloc.c, subr_vmem.c",
      "FreeBSD 10.4: sys/vm/uma_core.c, sys/kern/subr_vmem.c",
      "FreeBSD 9.2: sys/{i386,amd64}/include/vmparam.h; FreeBSD HEAD of December 2015: sys/kern/vfs_subr.c",
    ],
    facts: [
      .init(
        "size classes", "16 to 65536 bytes in powers of two, to 4096 with at most 128 MB; whole pages above", .source),
      .init("arena", "\"kmem arena\", quantum of a page, no quantum caches, M_BESTFIT", .source),
      .init(
        "arena size", "max(12 MB + nmbclusters × 4096, pages / 3), at most 2/5 of KVA; amd64 pages, 3/5 of KVA",
        .inferred),
      .init("free segments", "exact lists up to 32 pages, powers of two above; merged at free", .source),
      .init("full arena", "a waiting caller wakes the reclaim worker and sleeps on \"kmem arena\"; no panic", .source),
      .init("waiting for ever", "the worker runs once and what it does not free never comes: stuck", .inferred),
      .init("reclaim worker", "drains buckets, slabs and the caches of every processor", .source),
      .init(
        "reclaim worker's turn", "woken by who does not wait, too: at the next miss or tick, once a second", .inferred),
      .init("page daemon", "uma_reclaim on physical shortage; per-CPU caches below v_free_min", .source),
      .init("bucket sizes", "4, 6, 8, 12, 16, 32, 64, 128, 256 words, three of them header; by item size", .source),
      .init("bucket steps", "item sizes 4096, 3072, 2048, 1536, 1024, 512, 256, 128, 64", .source),
      .init("wanted bucket size", "grows by one where the zone's lock is contended; shrinks in drains", .source),
      .init("contention", "none, unless contendedLocksPerThousand says so", .inferred),
      .init("item order", "the free item with the lowest index of the slab", .source),
      .init("amd64", "slabs of one page lie in the direct map and outside of the arena", .inferred),
      .init("amd64 window", "arena of at most 496 MiB and direct map share the window of i386", .inferred),
      .init("direct map order", "the lowest free page", .inferred),
      .init("zone limit", "whole slabs; a waiting caller sleeps on \"keglimit\"", .source),
      .init("zone hash", "doubled by the callout every 20 s, from malloc type UMAHash", .source),
      .init("large malloc", "one item of \"UMA Slabs\" and pages of the arena, back at free", .source),
      .init("vnodes", "min(maxproc + pages / 16 + 3 × min(393216, pages) / 16, a tenth of the arena)", .source),
      .init("structure sizes", "amd64 from listings of vmstat -z, i386 estimated", .recollection),
      .init("boundary tags", "charged to nobody", .inferred),
      .init("boot pages", "64, outside of the arena, for UMA's own zones", .recollection),
      .init("maxsockets, nmbclusters", "max(2 × maxproc, pages / 8); an eighth of memory in clusters", .recollection),
    ])

  /// In what FreeBSD 11 differs from its successors, with structure sizes (recollection).
  static func policy(_ architecture: Architecture, largestMallocZone: Int) -> VMemUMA.Policy {
    let isSmall = architecture == .i386
    let header = isSmall ? 56 : 80
    return VMemUMA.Policy(
      architecture: architecture, slabHeaderBytes: header, hasVariableHeader: false, hasHashes: true,
      largeMallocHasHeader: true, hasWorkingSet: false, limitsItems: false, countsDirectMap: false,
      softLimitBytes: nil, arenaWakesWorker: true, arenaChannel: "kmem arena", limitChannel: "keglimit",
      kegBytes: isSmall ? 192 : 384,
      zoneBytes: isSmall ? 256 : 384, cacheBytes: 64, headerZones: [("UMA Slabs", header, 256)], mallocPrefix: "",
      // struct malloc_type_internal: 64 bytes for each of 32 or 256 processors.
      statisticsZone: ("mt_zone", isSmall ? 2064 : 16_400), largestMallocZone: largestMallocZone)
  }

  /// The zones, with sizes of vmstat -z listings of 10.x and 11.x on amd64 and estimates for i386 (recollection).
  ///
  /// The estimates take the sizes of 9.3 and half of what amd64 grew by. Zones with functions of their own for new items
  /// keep what is in them, as ZINIT zones do.
  static let zones = VMemUMAKernelZones(
    atBoot: [
      .init("VM OBJECT", 160, 256, .noFree),
      .init("MAP ENTRY", 76, 128),
      .init("mbuf", 256, 256, alignmentMask: 255, .maxBucket),
      .init("mbuf_cluster", 2048, 2048),
      .init("socket", 440, 728),
      .init("NAMEI", 1024, 1024),
      .init("VNODE", 268, 472, .zeroInit),
      .init("S VFS Cache", 72, 108, .zeroInit),
      .init("L VFS Cache", 292, 328, .zeroInit),
      .init("FFS inode", 112, 160),
      .init("FFS2 dinode", 256, 256),
    ],
    onDemand: [
      .init("inpcb", as: "tcp_inpcb", 308, 488, .noFree),
      .init("tcpcb", 716, 1032),
      .init("Files", 56, 80, .noFree),
      .init("mbuf_jumbo_page", 4096, 4096),
      .init("mbuf_jumbo_9k", 9216, 9216),
      .init("mbuf_jumbo_16k", 16_384, 16_384),
    ], shortName: 35)
}
