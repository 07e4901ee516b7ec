// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension WiredMap {
  /// Takes a block of pages that lies at a multiple of its own size.
  ///
  /// - Parameters:
  ///   - pages: a power of two up to ``AddressMap/largestAlignedBlock``.
  ///   - wait: whether the caller may sleep for physical pages.
  /// - Returns: the index of the first page, or one of the three codes, all of which are below 0.
  public func allocateAligned(pages: Int, _ wait: WaitPolicy) -> Int {
    let page = space.allocateAligned(pages: pages)
    guard page >= 0 else { return Self.noSpace }
    guard let physical, !physical.take(pages) else { return page }
    return wire(page, pages, wait, physical)
  }
}
