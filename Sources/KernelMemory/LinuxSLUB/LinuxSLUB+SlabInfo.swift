// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension LinuxSLUB {
  /// One row a cache of `/proc/slabinfo`, in the order of the file: the newest cache first.
  public func slabInfo() -> [SlabInfo] { slub.slabInfo().reversed() }

  /// `/proc/slabinfo`, version 2.1 (mm/slab_common.c, print_slabinfo_header and cache_show).
  public func vmstatM() -> String {
    var text = "slabinfo - version: 2.1\n"
    text += "# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab>"
    text += " : tunables <limit> <batchcount> <sharedfactor>"
    text += " : slabdata <active_slabs> <num_slabs> <sharedavail>\n"
    for row in slabInfo() {
      text += "\(TextColumn.left(row.name, 17)) \(TextColumn.right(row.activeObjects, 6))"
      text += " \(TextColumn.right(row.objects, 6)) \(TextColumn.right(row.objectSize, 6))"
      text += " \(TextColumn.right(row.objectsPerSlab, 4)) \(TextColumn.right(row.pagesPerSlab, 4))"
      text += " : tunables    0    0    0 : slabdata"
      text += " \(TextColumn.right(row.slabs, 6)) \(TextColumn.right(row.slabs, 6)) \(TextColumn.right(0, 6))\n"
    }
    return text
  }

  /// `/proc/buddyinfo` (mm/vmstat.c, frag_show_print): free blocks of each order, 0 to 10.
  public func vmstatZ() -> String {
    var text = "Node 0, zone \(TextColumn.right(architecture == .i386 ? "Normal" : "DMA32", 8)) "
    for order in 0...BuddyAllocator.largestOrder { text += "\(TextColumn.right(buddy.freeBlocks(order: order), 6)) " }
    return text + "\n"
  }

  /// Checks the ledger, every cache, every slab and the page allocator.
  ///
  /// - Throws: the first violation, with its values.
  public func checkInvariants() throws(InvariantViolation) {
    try ledger().check(mapUsedBytes: mapUsedBytes, of: "the linear map")
    try slub.checkInvariants()
    var bytes = slub.state.pointee.largePages * kernelPageSize
    var inUse = slub.state.pointee.largeCount
    for index in 0..<slub.state.pointee.caches.count where slub.caches[index].flags.contains(.malloc) {
      bytes += slub.caches[index].live * slub.caches[index].size
      inUse += slub.caches[index].live
    }
    try types.checkInvariants(bytes: bytes, inUse: inUse)
  }
}
