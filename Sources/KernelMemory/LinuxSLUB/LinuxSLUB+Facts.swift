// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension LinuxSLUB {
  /// What the model is, with its facts and their sources.
  public static let factSheet = FactSheet(
    systems: "Linux 6.8 to 6.17 (SLUB before sheaves), x86_64; i386 with sizes of older kernels",
    summary: "kmalloc caches and object caches of SLUB over the buddy system; no map, no limit but memory",
    outline: .init(
      architectures: [.i386, .amd64], map: "none: the page allocator",
      layers: "kmalloc caches, slabs, a slab and a partial list per CPU", exhaustion: "reclaim, OOM killer, panic"),
    sources: [
      "mm/slub.c of 6.8 (slab_alloc, get_partial_node, __slab_free, put_cpu_partial, __put_partials, deactivate_slab)",
      "mm/slab_common.c, mm/page_alloc.c, mm/oom_kill.c",
      "/proc/slabinfo, /sys/kernel/slab and /proc/config.gz of Linux 6.18 with 2 processors",
    ],
    facts: [
      .init("size classes", "8 to 8192 bytes, with 96 and 192; above: a block of 2^n pages", .measured),
      .init("slab order", "at least 4 × (fls(processors) + 1) objects, waste at most 1/16, order at most 3", .measured),
      .init("slab header", "none", .source),
      .init("free list", "a processor takes the whole list of its slab over; first object first", .source),
      .init(
        "per-CPU partial list", "120, 52, 24 or 6 objects by size, as slabs: ceil(2 × objects / per slab)", .source),
      .init("full per-CPU list", "the whole list goes to the tail of the node's", .source),
      .init("node partial list", "keeps min_partial empty slabs: log2(size) / 2 within 5 to 10", .source),
      .init("pages return", "an empty slab above min_partial at once, when it leaves a list", .source),
      .init("reclaim", "no slab cache is emptied by a shortage; shrinkers free objects", .source),
      .init("no memory, NOWAIT", "null", .source),
      .init("no memory, waiting", "reclaim once, then the OOM killer; nothing to kill: panic", .source),
      .init("order above 3", "null and a line in the log, no OOM killer", .recollection),
      .init("lower order", "a slab of the smallest order where no block of the wanted one is free", .source),
      .init("page allocator", "buddy system, orders 0 to 10, low half first", .recollection),
      .init(
        "left out", "per-CPU page lists, watermarks, merging of caches, shuffled free lists, memory cgroups", .inferred),
      .init("object sizes, x86_64", "object_size of the same caches under /sys/kernel/slab of 6.18", .measured),
      .init("object sizes, i386", "32-bit kernels of the 2.6 to 4.x series", .recollection),
      .init("vnodes", "no limit; the model gives what memory holds", .inferred),
      .init("address window", "low memory of i386; the same addresses up to 0xFFC00000 stand for amd64", .inferred),
    ])
}
