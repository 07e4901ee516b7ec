// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// Where the page header of a pool lies and how many items a page holds.
///
/// pool_init() of OpenBSD and NetBSD sys/kern/subr_pool.c: a header at the end of the page costs the page some items, so
/// that larger items have theirs in a pool of headers ("phpool").
public struct PoolLayout: Equatable, Sendable {
  /// When the header lies in the page.
  public enum HeaderRule: Sendable {
    /// Items smaller than a sixteenth of a page (OpenBSD).
    case smallItems
    /// Items smaller than that and than eight headers, and all where the header costs no item (NetBSD since 2005).
    case smallItemsOrNoLoss
  }

  /// Size of an item, bytes: rounded up to the alignment.
  public let size: Int
  /// Items of a page.
  public let itemsPerPage: Int
  /// True where the header lies in the page.
  public let headerInPage: Bool
  /// Largest offset of the first item, bytes: pages are "coloured" in steps of the alignment.
  public let largestColor: Int

  /// Computes a layout.
  ///
  /// - Parameters:
  ///   - requestedSize: of an item, bytes, at most a page.
  ///   - alignment: of items, bytes, a power of two.
  ///   - smallest: sizeof(struct pool_item), bytes.
  ///   - headerBytes: sizeof(struct pool_item_header), aligned.
  ///   - rule: when the header lies in the page.
  public init(requestedSize: Int, alignment: Int, smallest: Int, headerBytes: Int, rule: HeaderRule) {
    let size = (max(requestedSize, smallest) + alignment - 1) / alignment * alignment
    precondition(size > 0 && size <= kernelPageSize, "PoolLayout: pool item size (\(size)) too large")
    let inPage =
      switch rule {
      case .smallItems: size < kernelPageSize / 16
      case .smallItemsOrNoLoss:
        size < min(kernelPageSize / 16, 8 * headerBytes)
          || kernelPageSize / size == (kernelPageSize - headerBytes) / size
      }
    let usable = inPage ? kernelPageSize - headerBytes : kernelPageSize
    self.size = size
    headerInPage = inPage
    itemsPerPage = usable / size
    largestColor = (usable - usable / size * size) / alignment * alignment
  }
}
