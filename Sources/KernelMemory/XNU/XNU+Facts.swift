// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension XNU {
  /// What the model is, with its facts and their sources.
  public static let factSheet = FactSheet(
    systems: "XNU of OS X 10.11 and 10.12, amd64 and its 32-bit layout, in a 32-bit address window",
    summary: "zalloc zones and kalloc over zones in zone_map; pages return in zone_gc() alone",
    outline: .init(
      architectures: [.i386, .amd64], map: "zone_map; large: kalloc_map, kernel_map",
      layers: "kalloc zones, zalloc zones, no per-CPU layer", exhaustion: "retry, zone_gc(), panic"),
    sources: [
      "osfmk/kern/zalloc.c (several versions; 10.11)", "osfmk/kern/kalloc.c", "osfmk/vm/vm_init.c, vm_param.h",
      "bsd/kern/kern_malloc.c",
    ],
    facts: [
      .init("zone_map", "12 MiB to 1 GiB (older), 1.5 GiB (32-bit), 31 to 32 GiB (current)", .source),
      .init("zone_map here", "a quarter of the memory, at most 752 MiB, which is the address window", .recollection),
      .init("metadata", "two pointers and 8 bytes a page, a region at the start of zone_map", .source),
      .init("chunks", "1 to 8 pages, the fewest with the least waste in whole percent", .source),
      .init("order", "chunks with live elements first, then those without; LIFO in the chunk", .source),
      .init("first order of a chunk", "random in the kernel, downwards here", .source),
      .init("kalloc zones", "16 to 8192 bytes (8 on 32 bits); the sizes above 2048", .recollection),
      .init("larger requests", "kalloc_map up to 256 KiB, else or when that is full kernel_map", .recollection),
      .init("malloc types", "counted, without limits", .recollection),
      .init("per-CPU layer", "none in the modelled version", .source),
      .init(
        "pages return", "zone_gc(): every chunk without live elements; for the page daemon and a full map", .source),
      .init(
        "full zone_map", "the second try takes the pages of one element, the third follows zone_gc(), then panic",
        .source),
      .init("caller that may not block", "NULL, and a thread call grows the zone, which may panic", .source),
      .init("jetsam", "later versions kill processes from 95 % of zone_map on; not in this one", .source),
      .init("full kernel_map", "_MALLOC panics for a waiting caller", .source),
      .init("zones of kernel objects and their sizes", "vnodes, namei, HFS node and others", .recollection),
      .init("mbufs", "mb_map, a sixteenth of the memory, pages never returned", .recollection),
      .init("desiredvnodes", "memory / 64 KiB + 1024, at most 263168", .recollection),
    ])
}
