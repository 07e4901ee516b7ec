// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension Illumos {
  /// `::kmastat` of mdb: caches in the order of creation, totals by arena, and the arenas.
  ///
  /// Layout of the modular debugger's guide (source); the rows of arenas and totals are (recollection). BUF IN USE
  /// counts buffers in magazines as free; ALLOC SUCCEED is the sum of the kernel's counters of slabs, processors and
  /// depot.
  public func vmstatM() -> String {
    let rule = "------------------------- ------ ------ ------ --------- --------- -----\n"
    var text = "cache                        buf    buf    buf    memory     alloc alloc\n"
    text += "name                        size in use  total    in use   succeed  fail\n" + rule
    var metadata = Totals()
    var ordinary = Totals()
    for index in kmem.names.indices {
      let cache = kmem.caches[index]
      let inUse = cache.total - cache.inSlabs - cache.inProcessors - cache.inDepot
      let bytes = cache.pages * kernelPageSize
      let requests = kmem.allocations(index)
      text += row(
        kmem.names[index], "\(cache.bufferSize)", "\(inUse)", "\(cache.total)", bytes, requests, cache.failures)
      if cache.flags.contains(.metadata) {
        metadata.add(bytes, requests, cache.failures)
      } else {
        ordinary.add(bytes, requests, cache.failures)
      }
    }
    text += rule
    for (name, sum) in [("Total [kmem_msb]", metadata), ("Total [kmem_default]", ordinary)] {
      text += row(name, "", "", "", sum.bytes, sum.requests, sum.failures)
    }
    return text + rule
  }

  /// The arenas as `::kmastat` lists them behind the caches: bytes in use, total and imported.
  public func vmstatZ() -> String {
    let rule = "------------------------- --------- ---------- ---------\n"
    var text = "vmem                         memory     memory    memory\n"
    text += "name                         in use      total    import\n" + rule
    let ledger = ledger()
    let hash = kmem.state.pointee.hashPages * kernelPageSize
    let metadata = ledger.bucketStructures - hash
    let ordinary = mapUsedBytes - ledger.bucketStructures - ledger.large - ledger.lost
    text += arena("heap", mapUsedBytes, mapCapacityBytes, 0)
    text += arena("    kmem_metadata", ledger.bucketStructures, ledger.bucketStructures, ledger.bucketStructures)
    text += arena("        kmem_msb", metadata, metadata, metadata)
    text += arena("        kmem_hash", kmem.state.pointee.hashBytes, hash, hash)
    text += arena("    kmem_oversize", ledger.large, ledger.large, ledger.large)
    text += arena("    kmem_va", ordinary, ordinary, ordinary)
    text += arena("        kmem_default", ordinary, ordinary, ordinary)
    return text + rule
  }

  private struct Totals {
    var bytes = 0
    var requests: UInt64 = 0
    var failures: UInt64 = 0

    mutating func add(_ bytes: Int, _ requests: UInt64, _ failures: UInt64) {
      self.bytes += bytes
      self.requests &+= requests
      self.failures &+= failures
    }
  }

  private func row(
    _ name: String, _ size: String, _ inUse: String, _ total: String, _ bytes: Int, _ requests: UInt64,
    _ failures: UInt64
  ) -> String {
    "\(TextColumn.left(name, 25)) \(TextColumn.right(size, 6)) \(TextColumn.right(inUse, 6))"
      + " \(TextColumn.right(total, 6)) \(TextColumn.right(bytes, 9)) \(TextColumn.right(requests, 9))"
      + " \(TextColumn.right(failures, 5))\n"
  }

  private func arena(_ name: String, _ inUse: Int, _ total: Int, _ imported: Int) -> String {
    "\(TextColumn.left(name, 25)) \(TextColumn.right(inUse, 9)) \(TextColumn.right(total, 10))"
      + " \(TextColumn.right(imported, 9))\n"
  }

  /// Checks the ledger, every cache, slab and magazine, and the heap.
  ///
  /// - Throws: the first violation, with its values.
  public func checkInvariants() throws(InvariantViolation) {
    try ledger().check(mapUsedBytes: mapUsedBytes, of: "the heap")
    try kmem.checkInvariants()
    var bytes = kmem.state.pointee.oversizePages * kernelPageSize
    var inUse = kmem.state.pointee.oversizeCount
    for index in kmem.names.indices where kmem.caches[index].flags.contains(.malloc) {
      bytes += kmem.caches[index].live * kmem.caches[index].layout.chunkSize
      inUse += kmem.caches[index].live
    }
    try types.checkInvariants(bytes: bytes, inUse: inUse)
  }
}
