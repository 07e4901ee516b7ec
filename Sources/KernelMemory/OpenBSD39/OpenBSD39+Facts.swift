// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension OpenBSD39 {
  /// What the model is, with its facts and their sources.
  public static let factSheet = FactSheet(
    systems: "OpenBSD 3.9 and 4.0, i386 and amd64",
    summary: "power-of-two bucket malloc with a limit for each type in kmem_map, pool(9) for all else outside of it",
    outline: .init(
      architectures: [.i386, .amd64], map: "kmem_map for malloc; pools: page cache, amd64 direct map",
      layers: "buckets of powers of two, pools, no per-CPU layer", exhaustion: "panic at once"),
    sources: [
      "sys/kern/kern_malloc.c (4.3/4.4, the algorithm taken for 3.9)",
      "sys/kern/subr_pool.c (1.53 of 2007-05, the style of 3.6 to 4.0)",
      "sys/uvm/uvm_km.c (4.4)", "sys/kern/uipc_mbuf.c", "sys/conf/param.c", "usr.bin/vmstat/vmstat.c",
    ],
    facts: [
      .init("map size", "a quarter of the memory between 8 MiB and 64 MiB", .source),
      .init("map size, cap of 3.9 i386", "64 MiB, as in 4.4", .recollection),
      .init("map size, amd64", "cap 128 MiB (4.4)", .source),
      .init("type limit", "60 % of kmem_map; a waiting caller sleeps, another one gets NULL", .source),
      .init("size classes", "16 bytes to 8 KiB, FIFO lists, pages never returned; larger: whole pages", .source),
      .init("full kmem_map", "a waiting caller panics at once, another one gets NULL", .source),
      .init("more than 65535 pages", "panic, whether the caller may wait or not", .source),
      .init(
        "kernel objects", "vnodes, inodes, dinodes, names, mbufs, clusters, sockets: pools outside kmem_map", .source),
      .init("path buffers, credentials", "pools \"namei\" and \"ucredpl\"", .recollection),
      .init("VM objects", "inside vnodes", .recollection),
      .init("page header", "in the page for items below 256 bytes, else in \"phpool\"; 32 bytes, amd64 64", .computed),
      .init("idle pages", "8 a pool; the next one is freed at once", .source),
      .init("cluster pool", "limit nmbclusters, which is its number of idle pages too", .source),
      .init("nmbclusters", "6144; a waiting caller gets NULL at the limit (PR_LIMITFAIL)", .recollection),
      .init("low water marks", "16 mbufs, 8 clusters free", .inferred),
      .init("pools, i386", "all take pages from the page cache, vnodes and names too", .source),
      .init(
        "page cache, i386", "memory / 256 between 128 and 2048 pages, at most 512 after boot; primed 4 times", .source),
      .init("page cache, refill", "16 pages at a time by a kernel thread, at once when it is woken", .inferred),
      .init("page cache, release", "never: pages that pools free stay in it", .source),
      .init("amd64 pools", "direct map; pages go back to the system", .source),
      .init("physical shortage", "pool_reclaim by the page daemon; malloc gives nothing back", .source),
      .init("physical shortage, scope", "every pool in one scan", .inferred),
      .init(
        "pool item sizes", "vnodes 156, ffsino 184, nchpl 72, sockpl 212, tcpcbpl 400 bytes on i386", .recollection),
      .init("names", "up to 31 bytes enter the name cache", .recollection),
      .init("desiredvnodes", "2 x (20 + 16 x maxusers) + NTEXT + 100 = 1310", .inferred),
      .init("per-CPU caches", "none", .source),
      .init("vmstat -m", "pool table with Releases; which generation 3.9 has is not established", .inferred),
    ])
}
