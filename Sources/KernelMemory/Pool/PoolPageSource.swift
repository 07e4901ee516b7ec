// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// Where the pages of a pool come from (struct pool_allocator).
public enum PoolPageSource {
  /// One page of a map at a time, given back to it: NetBSD's pools, and OpenBSD's where all memory is mapped directly.
  case map(WiredMap)
  /// OpenBSD's page cache on machines without a direct map (uvm_km_getpage).
  case reserve(PageReserve)

  /// The map behind the pages.
  public var map: WiredMap {
    switch self {
    case .map(let map): map
    case .reserve(let reserve): reserve.map
    }
  }

  /// Takes a page: its index in the map, or a code of ``WiredMap``.
  func take(_ wait: WaitPolicy) -> Int {
    switch self {
    case .map(let map): map.allocate(pages: 1, wait)
    case .reserve(let reserve): reserve.take(wait)
    }
  }

  /// Gives a page back.
  func give(_ page: Int) {
    switch self {
    case .map(let map): map.free(page: page, pages: 1)
    case .reserve(let reserve): reserve.give(page)
    }
  }
}
