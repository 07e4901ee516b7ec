// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension FreeBSD9 {
  /// The model's name on the command line.
  public static let identifier = "freebsd-9"

  /// What the model is, with its facts and their sources.
  public static let factSheet = FactSheet(
    systems: "FreeBSD 8.x and 9.x, i386 and amd64",
    summary: "UMA over kmem_map with eight rounds of reclaim and growing sleeps before the panic of a full map",
    outline: .init(
      architectures: [.i386, .amd64], map: "kmem_map; amd64: one-page slabs in the direct map",
      layers: "nine malloc zones, slabs, two buckets per CPU", exhaustion: "eight reclaims with 9 s of sleeps, panic"),
    sources: [
      "FreeBSD 9 sys/vm/vm_kern.c (kmem_malloc), uma_core.c, uma_int.h, sys/kern/vfs_subr.c",
      "FreeBSD 9 sys/i386/include/vmparam.h, sys/amd64/include/vmparam.h, usr.bin/vmstat/vmstat.c",
      "FreeBSD 9.3 sys/sys/vnode.h, socketvar.h, sys/vm/vm_object.h, sys/netinet/in_pcb.h, tcp_var.h, sys/ufs/ufs/inode.h",
    ],
    facts: UMAKernelFacts.common + [
      .init("full map", "a waiting caller: 8 × (vm_lowmem, uma_reclaim, retry, sleep), then the panic", .source),
      .init("sleeps", "\"nokva\", hz / 4 × (i + 1): 0.25 s to 2 s, 9 s in all", .computed),
      .init("full map, not waiting", "NULL without any reclaim", .source),
      .init("kmem_map", "the shape of 6.x; i386 at most 40 % of KVA; amd64 scale 1, at most 3/5 of KVA", .source),
      .init("shape of the map's size", "max(12 MB + nmbclusters × 4096, pages / scale), at most 2 × RAM", .inferred),
      .init("amd64: KVA", "512 GB", .recollection),
      .init("nmbclusters and maxusers", "the formulas of 6.x", .inferred),
      .init(
        "vnodes", "min(maxproc + pages / 16 + 3 × min(393216, pages) / 16, 1/7 of the map at vnode and object)", .source
      ),
      .init("structure sizes", "from the field lists of 9.3", .computed),
      .init("locks, file, map entry, ucred", "the field lists behind their sizes", .recollection),
      .init("off-page headers", "room for 64 items in \"UMA Slabs\" and \"UMA RCntSlabs\"", .source),
      .init(
        "mt_zone", "statistics of 32 processors for a malloc type on i386 (2060 bytes), of 64 on amd64", .recollection),
      .init("boot pages", "64, outside of kmem_map", .source),
      .init("short names", "up to 35 bytes; entries of 72 and 108 bytes", .recollection),
      .init("credential", "its array of groups, a second small malloc, is left out", .inferred),
      .init("vmstat -z", "columns FAIL and SLEEP; SLEEP counts waits at a zone's limit", .source),
    ] + UMAKernelFacts.amd64)
}
