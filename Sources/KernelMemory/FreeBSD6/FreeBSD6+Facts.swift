// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension FreeBSD6 {
  /// The model's name on the command line.
  public static let identifier = "freebsd-6"

  /// What the model is, with its facts and their sources.
  public static let factSheet = FactSheet(
    systems: "FreeBSD 6.0 to 6.2, i386 and amd64",
    summary: "malloc(9) over nine UMA zones, slabs and per-CPU buckets, on i386 all of it in kmem_map",
    outline: .init(
      architectures: [.i386, .amd64], map: "kmem_map; amd64: one-page slabs in the direct map",
      layers: "nine malloc zones, slabs, two buckets per CPU", exhaustion: "panic at once"),
    sources: [
      "FreeBSD HEAD of early 2006: sys/vm/uma_core.c 1.136, uma_int.h, vm_kern.c, sys/kern/kern_malloc.c 1.153",
      "FreeBSD HEAD of early 2006: sys/kern/subr_param.c, kern_mbuf.c, vfs_subr.c, usr.bin/vmstat/vmstat.c",
      "FreeBSD HEAD of early 2006: sys/amd64/amd64/uma_machdep.c, sys/amd64/include/vmparam.h",
      "allocation traces that the original allocator sources ran",
    ],
    facts: UMAKernelFacts.common + UMAKernelFacts.map6 + [
      .init("full map", "a waiting caller panics at once; a caller that does not wait gets NULL", .source),
      .init("uma_reclaim", "called by the page daemon on a shortage of physical pages and on nothing else", .source),
      .init("vnodes", "desiredvnodes = min(maxproc + pages / 4, 2/5 of the map, 100000)", .source),
      .init("structure sizes", "HEAD of 2006 and 12 bytes more per embedded mutex", .computed),
      .init("release branches", "6.0 to 6.2 are taken to decide as HEAD of early 2006", .inferred),
    ] + UMAKernelFacts.amd64)
}
