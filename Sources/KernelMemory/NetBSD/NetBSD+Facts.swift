// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension NetBSD {
  /// What the model is, with its facts and their sources.
  public static let factSheet = FactSheet(
    systems: "NetBSD 5.0 to 5.2, i386 (before kmem_map became a vmem arena in 6)",
    summary: "power-of-two bucket malloc, pool(9) and per-CPU pool_cache groups, all in kmem_map",
    outline: .init(
      architectures: [.i386], map: "kmem_map for malloc and pools",
      layers: "buckets of powers of two, pools, groups of 14 per CPU",
      exhaustion: "malloc: panic at once; pools: drain, then sleep"),
    sources: [
      "sys/kern/kern_malloc.c 1.127 (2009-09, taken for 5)", "sys/kern/subr_pool.c 1.142 (2007-12), group paths of 6",
      "sys/sys/pool.h",
      "sys/kern/uipc_mbuf.c", "sys/conf/param.c", "i386 param.h", "usr.bin/vmstat/vmstat.c 1.117 (2003-08)",
    ],
    facts: [
      .init("map size", "the physical memory between 8 and 128 MiB (kern_malloc.c 1.127)", .inferred),
      .init("map size, older", "a quarter of the memory within the same bounds", .source),
      .init("type limit", "60 % of kmem_map; a waiting caller sleeps, another one gets NULL", .source),
      .init("size classes", "16 bytes to 8 KiB, FIFO lists, pages never returned; larger: whole pages", .source),
      .init("full kmem_map, malloc", "a waiting caller panics at once, another one gets NULL", .source),
      .init(
        "full kmem_map, pools", "a waiting caller reclaims pools, then sleeps; another one gets NULL", .recollection),
      .init("more than 65535 pages", "panic, after kmem_map was asked", .source),
      .init("pools", "pages from kmem_map", .source),
      .init("page addresses", "one page at a time; the kernel takes 32 addresses at a time", .recollection),
      .init("pools never used in interrupts", "kernel_map in subr_pool.c 1.142; kmem_map here unless tuned", .inferred),
      .init("page header", "36 bytes, in the page for small items and where it costs none", .computed),
      .init("idle pages", "kept without limit until a drain", .recollection),
      .init("groups", "14 objects, current and previous one for each processor", .source),
      .init("group paths", "those of subr_pool.c in 6, taken for 5", .inferred),
      .init("global lists", "full, partial and empty groups, without limit", .source),
      .init("no group to be had", "the object goes back to its pool at once", .source),
      .init("drain", "page daemon, pools in turn: groups of all processors, then pages idle for 10 s", .recollection),
      .init("idle time", "10 s (pool_inactive_time)", .source),
      .init("cluster pool", "limit nmbclusters; a waiting caller gets NULL there", .source),
      .init("nmbclusters", "memory / 16, at least 1024, at most a quarter of memory or kmem_map", .inferred),
      .init("low water marks", "16 mbufs, 8 clusters free", .source),
      .init("vmstat -m", "text of 2003; pools sorted by name as 6 keeps them", .inferred),
      .init("pool item sizes", "vnodepl 216, ffsino 184, ncache 80, socket 300, tcpcbpl 504 bytes", .recollection),
      .init("names", "up to 31 bytes enter the name cache", .recollection),
      .init("desiredvnodes", "2 x NPROC + NTEXT + 100, or 1 % of the memory / 2048", .recollection),
      .init("VM objects", "inside vnodes", .recollection),
    ])
}
