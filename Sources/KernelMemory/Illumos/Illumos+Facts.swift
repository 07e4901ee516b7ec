// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension Illumos {
  /// What the model is, with its facts and their sources.
  public static let factSheet = FactSheet(
    systems: "illumos, and Solaris 8 to 10 in substance; x86 of 64 and 32 bits",
    summary: "kmem size caches and object caches: magazines for each processor, a depot, slabs; one heap",
    outline: .init(
      architectures: [.i386, .amd64], map: "one heap",
      layers: "29 size caches, slabs, depot, two magazines per CPU",
      exhaustion: "reap, then sleeps and tries again every 15 s"),
    sources: [
      "usr/src/uts/common/os/kmem.c (all of the slab, magazine, depot, update and reap layers)",
      "Solaris modular debugger guide (::kmastat)",
    ],
    facts: [
      .init(
        "size caches", "29 from 8 to 4096 bytes, then 8192 to 131072 (32768 on 32 bits); above: whole pages", .source),
      .init("slab size", "a page for buffers below 512 bytes; else up to 8 buffers, least waste for each", .source),
      .init(
        "slab structure", "at the end of the page, 72 bytes (44 on 32 bits); outside for larger buffers", .recollection),
      .init("colors", "the first buffer moves by the alignment from slab to slab", .source),
      .init("partial slabs", "the one with most buffers in use first, in bins", .source),
      .init("empty slab", "back to the heap at once", .source),
      .init("magazines", "1, 3, 7, 15, 31, 47, 63, 95 or 143 rounds; the first type by buffer size", .source),
      .init("processor layer", "a loaded and a previous magazine, filled by frees alone", .source),
      .init(
        "magazine size", "the next type where the depot was contended more than 3 times in 15 s; only grows", .source),
      .init("contention", "none in a single thread; a share of depot calls can be configured", .inferred),
      .init("update", "every 15 s: hash tables, working set of the depot, magazine size", .source),
      .init("reap", "on shortage of memory alone, at most every 15 s: magazines outside of the working set", .source),
      .init("full heap, KM_SLEEP", "caches are reaped, the caller sleeps; tries again every 15 s", .recollection),
      .init("full heap, KM_NOSLEEP", "null", .source),
      .init(
        "heap", "one map, first fit; the arenas between heap and slabs and their quantum caches are left out", .inferred
      ),
      .init("left out", "consolidator (needs callbacks of owners), kmem_cache_t structures, segkp", .inferred),
      .init("corruption", "kernel heap corruption detected; the finding stands on the console", .source),
      .init(
        "object caches", "vn_cache, ufs_inode_cache, streams_dblk, sock_cache, tcp_conn_cache; sizes", .recollection),
      .init(
        "name cache", "kmem_alloc of the entry with its name; ncsize = 1.01 × (4 × (v_proc + maxusers) + 320)",
        .recollection),
    ])
}
