// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// Whole pages for requests above kalloc's zones: kalloc_map, then kernel_map (XNU osfmk/kern/kalloc.c).
final class KallocLarge {
  /// kalloc_map.
  let kallocMap: WiredMap
  /// kernel_map's share.
  let kernelMap: WiredMap
  /// Pages of the allocation that begins at a page, kalloc_map first.
  private let pages: UnsafeMutablePointer<UInt32>
  /// Bytes of live allocations (kalloc_large_total).
  private(set) var bytes = 0
  /// Live allocations (kalloc_large_inuse).
  private(set) var count = 0
  /// The code of the last refusal.
  private(set) var refusal = 0

  init(kallocMap: WiredMap, kernelMap: WiredMap) {
    self.kallocMap = kallocMap
    self.kernelMap = kernelMap
    let total = kallocMap.space.capacityPages + kernelMap.space.capacityPages
    pages = .allocate(capacity: max(1, total))
    pages.initialize(repeating: 0, count: max(1, total))
  }

  deinit { pages.deallocate() }

  /// kmem_alloc for a caller that may block.
  func allocate(_ size: Int) -> KernelAddress {
    let count =
      size > Int.max - kernelPageSize ? Int.max / kernelPageSize : (size + kernelPageSize - 1) / kernelPageSize
    if size <= XNU.largestKallocMapRequest {
      let page = kallocMap.allocate(pages: count, .wait)
      if page >= 0 { return record(page, count, kallocMap, base: 0) }
    }
    let page = kernelMap.allocate(pages: count, .wait)
    refusal = page
    return page < 0 ? .null : record(page, count, kernelMap, base: kallocMap.space.capacityPages)
  }

  private func record(_ page: Int, _ count: Int, _ map: WiredMap, base: Int) -> KernelAddress {
    pages[base + page] = UInt32(truncatingIfNeeded: count)
    bytes += count * kernelPageSize
    self.count += 1
    return map.space.address(ofPage: page)
  }

  /// Gives an allocation back; its bytes, 0 where none begins there.
  func free(_ address: KernelAddress) -> Int {
    let isKalloc = kallocMap.space.contains(address)
    guard isKalloc || kernelMap.space.contains(address), address.rawValue % UInt64(kernelPageSize) == 0 else {
      return 0
    }
    let map = isKalloc ? kallocMap : kernelMap
    let page = map.space.page(of: address)
    let entry = pages + (isKalloc ? page : kallocMap.space.capacityPages + page)
    let count = Int(entry.pointee)
    guard count > 0 else { return 0 }
    entry.pointee = 0
    map.free(page: page, pages: count)
    bytes -= count * kernelPageSize
    self.count -= 1
    return count * kernelPageSize
  }

  /// Checks pages and accounts against the maps.
  ///
  /// - Throws: the first violation, with its values.
  func checkInvariants() throws(InvariantViolation) {
    try kallocMap.space.checkInvariants(name: "kalloc_map")
    try kernelMap.space.checkInvariants(name: "kernel_map")
    var held = 0
    for page in 0..<kallocMap.space.capacityPages + kernelMap.space.capacityPages { held += Int(pages[page]) }
    guard held * kernelPageSize == bytes, held == kallocMap.space.usedPages + kernelMap.space.usedPages else {
      throw InvariantViolation(
        "kalloc: large allocations of \(held) pages, \(bytes) bytes counted, maps use"
          + " \(kallocMap.space.usedPages) and \(kernelMap.space.usedPages) pages")
    }
  }
}
