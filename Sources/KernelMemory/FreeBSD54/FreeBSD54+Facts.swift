// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension FreeBSD54 {
  /// The model's name on the command line.
  public static let identifier = "freebsd-5.4"

  /// What the model is, with its facts and their sources.
  public static let factSheet = FactSheet(
    systems: "FreeBSD 5.4, i386 and amd64",
    summary: "freebsd-6 with malloc statistics in the types, HighUse as a number, and the texts of the sysctls",
    outline: .init(
      architectures: [.i386, .amd64], map: "kmem_map; amd64: one-page slabs in the direct map",
      layers: "nine malloc zones, slabs, two buckets per CPU", exhaustion: "panic at once"),
    sources: [
      "FreeBSD sys/kern/kern_malloc.c of 2005 (malloc over UMA, statistics under a mutex per type)",
      "FreeBSD HEAD of early 2006: sys/vm/uma_core.c 1.136, uma_int.h, vm_kern.c, sys/kern/subr_param.c, vfs_subr.c",
      "FreeBSD HEAD of early 2006: sys/amd64/amd64/uma_machdep.c, sys/amd64/include/vmparam.h",
    ],
    facts: UMAKernelFacts.common + UMAKernelFacts.map6 + [
      .init("full map", "a waiting caller panics at once; a caller that does not wait gets NULL", .source),
      .init("uma_reclaim", "called by the page daemon on a shortage of physical pages and on nothing else", .source),
      .init("vnodes", "desiredvnodes = min(maxproc + pages / 4, 2/5 of the map, 100000)", .source),
      .init("malloc statistics", "ks_memuse, ks_inuse, ks_calls and ks_maxused in the type; no mt_zone", .source),
      .init("requests of a type", "count the calls that got nothing, too", .recollection),
      .init("vmstat -m, vmstat -z", "the sysctls kern.malloc and vm.zone", .source),
      .init("guard of the caches", "a mutex for each processor; the policy is the same", .recollection),
      .init("zone_drain", "no working-set term: it was removed in early 2004", .recollection),
      .init("allocation", "5.4 is taken to decide as HEAD of early 2006, with the map's cap of 320 MB", .inferred),
      .init("structure sizes", "equal to those of 6.x", .inferred),
      .init("mbuf zones", "named Mbuf and MbufClust", .recollection),
    ] + UMAKernelFacts.amd64)
}
