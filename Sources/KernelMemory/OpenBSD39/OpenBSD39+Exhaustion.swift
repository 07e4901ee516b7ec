// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// What OpenBSD does and says where a request cannot be served (reference page "kernel-allocators", sections 10 and
/// 17).
extension OpenBSD39 {
  /// malloc(9) of more than 65535 pages.
  @inline(never)
  func tooLarge(_ size: Int) -> KernelAddress {
    failure = .panic(
      message: BucketMalloc.tooLargeMessage, requestBytes: BucketMalloc.pagesAsked(size) * kernelPageSize)
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
      reason =
        reserve == nil
        ? "plpg: the direct map is used up and no page is freed"
        : "getpage: kernel_map has no room for the page cache of pools"
    case .noPages, .pagesNeverCome:
      reason =
        (reserve == nil ? "plpg" : "getpage") + ": physical pages are short and none is freed"
    }
    failure = .stuck(reason: reason, requestBytes: kernelPageSize)
  }

  /// A free(9) of something that is not allocated.
  @inline(never)
  func freeRefused(_ address: KernelAddress, _ type: Int) {
    guard let outcome = buckets.outcome(ofFreeing: address, type: type, .openBSD) else { return }
    if let line = outcome.console { log.print(line) }
    failure = outcome.failure
  }

  /// A pool_put() of something that is not out.
  ///
  /// The kernel finds the first two cases. It takes an address inside an item for an item, and a second put of one item
  /// among others for a good one; the words for those are the ones of the case above and of later OpenBSD releases
  /// (recollection).
  @inline(never)
  func poolFreeRefused(_ index: Int, _ address: KernelAddress, _ error: PoolAllocator.FreeError) {
    let hex = TextColumn.hexadecimal(address.rawValue)
    guard let outcome = pools.outcome(ofPutting: index, error, alreadyFree: "double pool_put: \(hex)") else { return }
    if let line = outcome.console { log.print(line) }
    failure = outcome.failure
  }

  /// Checked mode: a free item of malloc was written to, which the kernel prints and goes on.
  func reportModifiedItem() {
    if let line = buckets.modifiedItemLine(.openBSD) { log.print(line) }
  }

  /// Checked mode: the mark of a free pool item is gone.
  func reportModifiedPoolItem() {
    if failure == nil, let found = pools.modifiedItemFailure() { failure = found }
  }
}
