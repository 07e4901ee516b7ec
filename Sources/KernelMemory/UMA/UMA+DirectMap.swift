// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// The direct map of amd64 (sys/amd64/amd64/uma_machdep.c): a keg with one page a slab takes a physical page and uses it
/// at its direct-mapped address (UMA_SLAB_PRIV), without any space of kmem_map.
///
/// The model gives these pages addresses behind its kmem_map, the lowest free one first. They are physical pages, so
/// that a direct map without a free page is a shortage of memory, not of address space.
extension UMA {
  /// uma_small_alloc: a waiting caller waits for the page daemon, without end and without any reclaim of its own.
  ///
  /// - Returns: the page number, 0 where there is nothing to give or the kernel ended.
  func smallAlloc(_ space: AddressMap, _ wait: WaitPolicy) -> Int {
    if let physical, !physical.take(1) {
      guard wait == .wait else { return 0 }
      guard physical.waitAndTake(1) else { return waitForMemory() }
    }
    let page = space.allocate(pages: 1)
    guard page >= 0 else {
      physical?.give(1)
      return wait == .wait ? waitForMemory() : 0
    }
    return page &+ firstDirectPage
  }

  /// uma_small_free.
  func smallFree(_ space: AddressMap, page: Int) {
    space.free(page: page &- firstDirectPage, pages: 1)
    physical?.give(1)
  }

  private func waitForMemory() -> Int {
    die(.stuck(reason: WiredMap.vmwait, requestBytes: kernelPageSize))
    return 0
  }
}
