// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// The physical pages of a machine: taken by the allocator and by the page cache, given back, and watched by the page daemon.
///
/// Thresholds are those that vm_pageout() sets (FreeBSD 6 sys/vm/vm_pageout.c): `freeMinimum` = 4 + (pages − 1024) / 200 + reserved,
/// `freeTarget` = 4 × minimum + reserved. The reserve itself is page_shift-dependent in the kernel; here it is 2 % of a minimum of
/// 64 pages (recollection).
public final class PhysicalPages {
  /// Pages that the VM system manages (v_page_count).
  public let total: Int
  /// Pages that are free.
  public private(set) var free: Int
  /// v_free_reserved.
  public let freeReserved: Int
  /// v_free_min: below it the page daemon is woken.
  public let freeMinimum: Int
  /// v_free_target: where a scan ends.
  public let freeTarget: Int
  /// True once the free pages fell below the minimum, until the page daemon has scanned (vm_pages_needed).
  public private(set) var pagesNeeded = false

  /// Runs one scan of the page daemon; set by the kernel around the allocator.
  public var pageDaemon: (() -> Void)?

  /// A machine with this many managed pages, all free.
  public init(totalPages: Int) {
    total = max(totalPages, 1)
    free = total
    freeReserved = Self.reserve(of: total)
    freeMinimum = 4 + max(0, total - 1024) / 200 + freeReserved
    freeTarget = min(total / 2, 4 * freeMinimum + freeReserved)
  }

  /// v_page_count of a machine with this much memory in bytes: 0.97 of its pages (reference page "kernel-allocators", section 0.3, computed).
  public static func managedPages(ofMemory bytes: Int) -> Int { bytes / kernelPageSize * 97 / 100 }

  private static func reserve(of total: Int) -> Int { min(64, total / 50) }

  /// Takes pages; false, and nothing taken, where there are fewer.
  @inline(__always)
  public func take(_ count: Int) -> Bool {
    guard count <= free else {
      pagesNeeded = true
      return false
    }
    free &-= count
    if free < freeMinimum { pagesNeeded = true }
    return true
  }

  /// Waits for the page daemon as VM_WAIT does: one scan, then a second try.
  ///
  /// - Returns: false where the pages are still not there: the caller would sleep without end.
  public func waitAndTake(_ count: Int) -> Bool {
    pagesNeeded = true
    pageDaemon?()
    return take(count)
  }

  /// Gives pages back.
  @inline(__always)
  public func give(_ count: Int) { free &+= count }

  /// The page daemon has scanned.
  public func scanFinished() { pagesNeeded = free < freeMinimum && pagesNeeded }
}
