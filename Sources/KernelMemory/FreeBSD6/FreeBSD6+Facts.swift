// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension FreeBSD6 {
  /// The model's name on the command line.
  public static let identifier = "freebsd-6"

  /// What the model is, with its facts and their sources.
  public static let factSheet = FactSheet(
    systems: "FreeBSD 6.0 to 6.2, i386",
    summary: "malloc(9) over nine UMA zones, slabs and per-CPU buckets, all of it in kmem_map",
    sources: [
      "FreeBSD HEAD of early 2006: sys/vm/uma_core.c 1.136, uma_int.h, vm_kern.c, sys/kern/kern_malloc.c 1.153",
      "FreeBSD HEAD of early 2006: sys/kern/subr_param.c, kern_mbuf.c, vfs_subr.c, usr.bin/vmstat/vmstat.c",
      "allocation traces that the original allocator sources ran",
    ],
    facts: [
      .init("size classes", "16, 32, 64, 128, 256, 512, 1024, 2048, 4096 bytes; whole pages above", .source),
      .init("kmem_map", "max(12 MB + nmbclusters × 4096, pages / 3), at most 320 MB and 2 × RAM", .source),
      .init("full map", "a waiting caller panics at once; a caller that does not wait gets NULL", .source),
      .init("pages return", "mallocs above 4096 bytes at free; slabs in uma_reclaim alone", .source),
      .init("uma_reclaim", "called by the page daemon on a shortage of physical pages and on nothing else", .source),
      .init("per-CPU caches", "two buckets per zone and processor, never drained", .source),
      .init("bucket size", "16 to 128 items; the wanted size grows by one at each miss and never shrinks", .source),
      .init("zone hash", "doubled by the callout every 20 s, from malloc type UMAHash", .source),
      .init("boot pages", "48, outside of kmem_map", .source),
      .init("vnodes", "desiredvnodes = min(maxproc + pages / 4, 2/5 of the map, 100000)", .source),
      .init("structure sizes", "HEAD of 2006 and 12 bytes more per embedded mutex", .computed),
      .init("release branches", "6.0 to 6.2 are taken to decide as HEAD of early 2006", .inferred),
      .init("malloc types", "the types registered at boot are a server's; the order does not matter", .inferred),
      .init("maxsockets", "max(2 × maxproc, nmbclusters), where the kernel's limits are applied", .recollection),
    ])
}
