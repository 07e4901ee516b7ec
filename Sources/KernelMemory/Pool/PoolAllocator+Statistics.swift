// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// What the kernel counts for one pool (struct pool).
public struct PoolStatistics: Equatable, Sendable {
  /// pr_wchan.
  public var name: String
  /// pr_size, bytes.
  public var size: Int
  /// pr_nget.
  public var requests: UInt64
  /// pr_nfail.
  public var failures: UInt64
  /// pr_nput.
  public var releases: UInt64
  /// pr_npagealloc.
  public var pageRequests: UInt64
  /// pr_npagefree.
  public var pageReleases: UInt64
  /// pr_npages.
  public var pages: Int
  /// pr_hiwat, pages.
  public var highWaterPages: Int
  /// pr_minpages.
  public var minimumPages: Int
  /// pr_maxpages, ``PoolAllocator/unlimited`` for none.
  public var maximumPages: Int
  /// pr_nidle, pages.
  public var idlePages: Int
}

extension PoolAllocator {
  /// What the kernel counts for each pool, in the order of creation.
  public func poolStatistics() -> [PoolStatistics] {
    names.indices.map { index in
      let pool = pools[index]
      return PoolStatistics(
        name: names[index], size: pool.size, requests: pool.gets, failures: pool.failures, releases: pool.puts,
        pageRequests: pool.pageAllocations, pageReleases: pool.pageFrees, pages: pool.pages,
        highWaterPages: pool.highWaterPages, minimumPages: pool.minimumPages, maximumPages: pool.maximumPages,
        idlePages: pool.idle)
    }
  }

  /// A row of the common statistics; all free items lie in pages.
  public func statistics(_ index: Int, isInMap: Bool) -> ZoneStatistics {
    let pool = pools[index]
    var row = ZoneStatistics(name: names[index], size: pool.size, isInMap: isInMap)
    row.limit = pool.hardLimit == Self.unlimited ? 0 : pool.hardLimit
    row.used = pool.out
    row.free = pool.items
    row.kegFree = pool.items
    row.requests = pool.gets
    row.frees = pool.puts
    row.failures = pool.failures
    row.pages = pool.pages
    row.pagesReturned = pool.pageFrees
    return row
  }

  /// Adds the bytes of the pools of one page source to the accounts of a ledger.
  ///
  /// - Parameters:
  ///   - ledger: to add to.
  ///   - source: index of the page source.
  ///   - cached: items of each pool in per-CPU caches and in caches behind them; empty where there are none.
  public func add(to ledger: inout Ledger, source: Int, cached: [(perCPU: Int, shared: Int)] = []) {
    for index in 0..<state.pointee.pools.count where pools[index].source == source {
      let pool = pools + index
      let size = pool.pointee.size
      let held = index < cached.count ? cached[index] : (perCPU: 0, shared: 0)
      let live = pool.pointee.out - held.perCPU - held.shared
      if pool.pointee.isInternal {
        ledger.bucketStructures += live * size
      } else {
        ledger.live += live * pool.pointee.requestedSize
        ledger.rounding += live * (size - pool.pointee.requestedSize)
      }
      ledger.cpuBuckets += held.perCPU * size
      ledger.zoneBuckets += held.shared * size
      ledger.slabFree += pool.pointee.items * size
      ledger.slabOverhead += pool.pointee.pages * kernelPageSize - (pool.pointee.out + pool.pointee.items) * size
    }
  }
}

extension PoolAllocator {
  /// The panic of DIAGNOSTIC for an item whose mark was gone.
  func modifiedItemMessage(_ found: PoolDiagnostic.Finding) -> String {
    let page = found.address.rawValue & ~UInt64(kernelPageSize - 1)
    return "pool_get(\(names[found.pool])): free list modified: magic=\(String(found.value, radix: 16));"
      + " page 0x\(String(page, radix: 16)); item addr 0x\(String(found.address.rawValue, radix: 16))"
  }
}
