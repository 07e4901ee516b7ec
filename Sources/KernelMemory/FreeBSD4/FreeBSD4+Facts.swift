// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension FreeBSD4 {
  /// What the model is, with its facts and their sources.
  public static let factSheet = FactSheet(
    systems: "FreeBSD 4.x, i386",
    summary:
      "power-of-two bucket malloc with a limit for each type in kmem_map, vm_zone zones in kernel_map, mbufs in mb_map",
    outline: .init(
      architectures: [.i386], map: "kmem_map; zones: kernel_map; mbufs: mb_map",
      layers: "buckets of powers of two, vm_zone lists, no per-CPU layer", exhaustion: "panic at once"),
    sources: [
      "sys/kern/kern_malloc.c (autumn 2000; the bucket malloc of 4.x in substance)", "sys/vm/vm_zone.c (2001)",
      "sys/vm/vm_kern.c (2002, kmem_malloc)", "4.x sys/i386/include/vmparam.h rev 1.32.2.1",
      "sys/kern/uipc_mbuf.c (2000)", "sys/kern/vfs_subr.c (2001)", "usr.bin/vmstat/vmstat.c",
    ],
    facts: [
      .init("map size", "max(12 MiB, memory / 3), at most 200 MiB and twice the memory; mbuf space is added", .source),
      .init("type limit", "half of vm_kmem_size; a waiting caller sleeps, another one gets NULL", .source),
      .init("size classes", "16 bytes to 8 KiB, LIFO lists, pages never returned; larger: whole pages", .source),
      .init("full kmem_map", "a waiting caller panics at once, another one gets NULL", .source),
      .init("mb_map", "nmbufs x 256 + nmbclusters x 2048 bytes; full: NULL and a warning once a second", .source),
      .init("nmbclusters", "512 + 16 x maxusers, maxusers 32; nmbufs 4 x nmbclusters", .recollection),
      .init("mbufs stop at nmbufs, clusters where mb_map is full", "m_mballoc, m_clalloc of 4.0", .recollection),
      .init("zones", "vnode, VM object, NAMEI, socket, pcb and map entry zones lie in kernel_map", .source),
      .init("zone growth", "VNODE 5 pages, NAMEI 2, others 1; item sizes rounded up to 32 bytes", .source),
      .init("zone item sizes", "VNODE 192, VM OBJECT 96, MAP ENTRY 48, socket 192, tcpcb 544 bytes", .recollection),
      .init("tcpcb zone", "one item holds the inpcb and the tcpcb of a connection (struct inp_tp)", .source),
      .init("FFS inodes", "malloc type \"FFS node\", class of 256 bytes, the dinode inside", .recollection),
      .init("name cache", "malloc type \"vfscache\", 36 bytes + name", .computed),
      .init("desiredvnodes", "maxproc + pages / 4", .source),
      .init("kernel_map full", "reported as \"kernel_map exhausted\"; the kernel has no message of its own", .inferred),
      .init("per-CPU caches", "none", .source),
      .init("physical shortage", "nothing is given back", .source),
    ])
}
