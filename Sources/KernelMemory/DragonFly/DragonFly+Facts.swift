// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension DragonFly {
  /// What the model is, with its facts and their sources.
  public static let factSheet = FactSheet(
    systems: "DragonFly BSD of 2005, i386",
    summary: "slab zones owned by one processor each and vm_zone zones, all in kernel_map; remote frees by message",
    outline: .init(
      architectures: [.i386], map: "kernel_map",
      layers: "72 chunk classes in slab zones owned by one CPU, vm_zone", exhaustion: "panic at once"),
    sources: [
      "sys/kern/kern_slaballoc.c rev 1.35 (2005-06)", "sys/kern/kern_slaballoc.c (2003)", "sys/kern/vfs_subr.c",
      "sys/vm/vm_zone.c",
    ],
    facts: [
      .init("backing map", "kernel_map; there is no kmem_map", .source),
      .init("zone size", "32 to 128 KiB, about memory / 1024", .source),
      .init(
        "chunk classes", "steps of 8 bytes below 128, 16 below 256, doubling to 1 KiB below 16 KiB: 72 classes",
        .source),
      .init("large requests", "from ZoneSize / 4 (at most 16 KiB) on and whole pages: kernel_map at once", .source),
      .init("zone header", "180 bytes at the start of the zone", .computed),
      .init("per-CPU layer", "a zone belongs to the processor that made it; a remote free is a message to it", .source),
      .init("message queue", "16 entries; the owner takes them when it runs or when the queue is full", .recollection),
      .init(
        "free zones", "a wholly free zone leaves its class if the class has another one with free chunks", .source),
      .init("pages return", "malloc() gives free zones back while its processor has more than 2", .source),
      .init("M_NOWAIT", "gives no zone back; contains M_NULLOK, so that it gets NULL", .recollection),
      .init("type limit", "a tenth of min(memory, KVA); a caller without M_NULLOK panics", .source),
      .init("full kernel_map", "a caller without M_NULLOK panics, another one gets NULL", .source),
      .init("kmemusage", "4 bytes for each page of the address space, taken at boot", .source),
      .init("vm_zone", "retained: VNODE, VM OBJECT, MAP ENTRY, NAMEI", .source),
      .init("which objects are zones, their sizes", "see the list of objects", .recollection),
      .init("zone without room in kernel_map", "reported as \"kernel_map exhausted\"", .inferred),
      .init("mbufs", "malloc types; the object caches before them are left out", .recollection),
      .init("desiredvnodes", "min(maxproc + pages / 4, KVA x 2/5 / (object + vnode))", .source),
      .init("physical shortage", "nothing is given back for it", .inferred),
    ])
}
