// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// Facts that the kernels over UMA share.
enum UMAKernelFacts {
  /// Of all four.
  static let common: [FactSheet.Fact] = [
    .init("size classes", "16, 32, 64, 128, 256, 512, 1024, 2048, 4096 bytes; whole pages above", .source),
    .init("pages return", "mallocs above 4096 bytes at free; slabs in uma_reclaim alone", .source),
    .init("per-CPU caches", "two buckets per zone and processor, never drained", .source),
    .init("bucket size", "16 to 128 items; the wanted size grows by one at each miss and never shrinks", .source),
    .init("zone hash", "doubled by the callout every 20 s, from malloc type UMAHash", .source),
    .init("malloc types", "the types registered at boot are a server's; the order does not matter", .inferred),
    .init("maxsockets", "max(2 × maxproc, nmbclusters), where the kernel's limits are applied", .recollection),
    .init("zone at its limit", "a waiting caller sleeps on \"zonelimit\"; another one gets NULL", .source),
    .init("short of physical pages", "a waiting caller waits for the page daemon without end (VM_WAIT)", .source),
  ]

  /// The size of kmem_map of 5.4 to 7.
  static let map6: [FactSheet.Fact] = [
    .init("kmem_map", "max(12 MB + nmbclusters × 4096, pages / 3), at most 320 MB and 2 × RAM; amd64: 400 MB", .source),
    .init("boot pages", "48, outside of kmem_map", .source),
  ]

  /// The 64-bit machine of all four.
  static let amd64: [FactSheet.Fact] = [
    .init("amd64: slabs of one page", "the direct map (UMA_SLAB_PRIV), no space of kmem_map", .source),
    .init("amd64: kmem_map", "kegs with larger slabs and mallocs above 4096 bytes alone are charged to it", .inferred),
    .init("amd64: structure sizes", "from the field lists under the C rules of 64-bit alignment", .computed),
    .init(
      "amd64: addresses", "the model's own: kmem_map of up to 512 MiB, the direct map behind it, below 4 GiB", .inferred
    ),
  ]
}
