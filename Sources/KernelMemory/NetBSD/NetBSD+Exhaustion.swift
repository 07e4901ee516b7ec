// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// What NetBSD does and says where a request cannot be served (reference page "kernel-allocators", sections 11 and 17).
extension NetBSD {
  /// A malloc(9) that got nothing: null to a caller that may not sleep, the end for one that may.
  ///
  /// malloc(9) does not wait for address space and asks no pool for any: a full kmem_map is a panic at once. For
  /// physical pages it waits, and the page daemon drains pools meanwhile.
  @inline(never)
  func mallocRefused(_ size: Int, _ type: Int, _ wait: WaitPolicy) -> KernelAddress {
    while buckets.refusal == .pagesNeverCome, relieve(source: 0, code: WiredMap.pagesNeverCome) {
      let address = buckets.malloc(size, type, wait)
      if address != .null { return address }
    }
    failure = buckets.outcome(ofRefused: size, type: type, wait)
    return .null
  }

  /// A pool_get() that got nothing: null to a caller that may not sleep, sleep without end for one that may.
  @inline(never)
  func poolRefused(_ index: Int, _ wait: WaitPolicy) {
    guard wait == .wait else { return }
    let reason: String
    switch pools.refusal {
    case .none: return
    case .limit:
      guard let limit = pools.limitReason(index) else { return }
      reason = limit
    case .mapFull:
      let map = pools.pools[index].source == 0 ? "kmem_map" : "kernel_map"
      reason = "vmmapva: \(map) has no room and no pool gives pages back"
    case .noPages, .pagesNeverCome: reason = "plpg: physical pages are short and none is freed"
    }
    failure = .stuck(reason: reason, requestBytes: kernelPageSize)
  }

  /// A free(9) of something that is not allocated.
  @inline(never)
  func freeRefused(_ address: KernelAddress, _ type: Int) {
    guard let outcome = buckets.outcome(ofFreeing: address, type: type, .netBSD) else { return }
    if let line = outcome.console { log.print(line) }
    failure = outcome.failure
  }

  /// A free(9) under a type that had nothing in use; the item is free already when the kernel notices.
  @inline(never)
  func freedUnderWrongType(_ address: KernelAddress) {
    // The page record of a large allocation is gone by now.
    let check = buckets.itemSize(at: address) == 0 ? 1 : 2
    failure = .panic(message: "free \(check): inuse 0, probable double free", requestBytes: 0)
  }

  /// A pool_put() or pool_cache_put() of something that is not out.
  ///
  /// The kernel finds the first two cases when an item reaches its pool. The third is found by kernels with FREECHECK
  /// only; the words for it are of this project.
  @inline(never)
  func poolFreeRefused(_ index: Int, _ address: KernelAddress, _ error: PoolAllocator.FreeError) {
    let hex = TextColumn.hexadecimal(address.rawValue)
    guard let outcome = pools.outcome(ofPutting: index, error, alreadyFree: "item \(hex) is free") else { return }
    if let line = outcome.console { log.print(line) }
    failure = outcome.failure
  }

  /// Checked mode: a free item of malloc was written to, which the kernel prints and goes on.
  func reportModifiedItem() {
    if let line = buckets.modifiedItemLine(.netBSD) { log.print(line) }
  }

  /// Checked mode: the mark of a free pool item is gone.
  func reportModifiedPoolItem() {
    if failure == nil, let found = pools.modifiedItemFailure() { failure = found }
  }
}
