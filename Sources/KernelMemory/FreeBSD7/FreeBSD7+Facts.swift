// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension FreeBSD7 {
  /// The model's name on the command line.
  public static let identifier = "freebsd-7"

  /// What the model is, with its facts and their sources.
  public static let factSheet = FactSheet(
    systems: "FreeBSD 7.0 and 7.x, i386 and amd64",
    summary: "freebsd-6 with one reclaim and one retry before the panic of a full kmem_map",
    outline: .init(
      architectures: [.i386, .amd64], map: "kmem_map; amd64: one-page slabs in the direct map",
      layers: "nine malloc zones, slabs, two buckets per CPU", exhaustion: "reclaim, one retry, panic"),
    sources: [
      "FreeBSD sys/vm/vm_kern.c of August 2007 (kmem_malloc)",
      "FreeBSD HEAD of early 2006: sys/vm/uma_core.c 1.136, uma_int.h, sys/kern/kern_malloc.c 1.153",
      "FreeBSD HEAD of early 2006: sys/kern/subr_param.c, kern_mbuf.c, vfs_subr.c, usr.bin/vmstat/vmstat.c",
      "FreeBSD HEAD of early 2006: sys/amd64/amd64/uma_machdep.c, sys/amd64/include/vmparam.h",
    ],
    facts: UMAKernelFacts.common + UMAKernelFacts.map6 + [
      .init(
        "full map", "a waiting caller: vm_lowmem, uma_reclaim, one retry, then the panic; another one: NULL", .source),
      .init("uma_reclaim", "called by the page daemon on a shortage of physical pages, and by a full map", .source),
      .init("vnodes", "desiredvnodes = min(maxproc + pages / 4, 2/5 of the map, 100000)", .inferred),
      .init("map size", "the formula of 6.x", .inferred),
      .init("structure sizes", "equal to those of 6.x", .inferred),
      .init("vmstat -z", "the columns of 6.x; releases of 7.x may add one for failures", .inferred),
      .init("origin", "the retry came into HEAD in April 2007", .recollection),
    ] + UMAKernelFacts.amd64)
}
