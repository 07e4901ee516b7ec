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
    let name = pools.names[index]
    let reason: String
    switch pools.refusal {
    case .none: return
    case .limit:
      guard !pools.pools[index].failsAtLimit else { return }
      reason = "sleeps on \"\(name)\": pool \"\(name)\" has \(pools.pools[index].hardLimit) items out, its limit"
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
    if let line = outcome.console { print(line) }
    failure = outcome.failure
  }

  /// A pool_put() of something that is not out.
  ///
  /// The kernel finds the first two cases. It takes an address inside an item for an item, and a second put of one item
  /// among others for a good one; the words for those are the ones of the case above and of later OpenBSD releases
  /// (recollection).
  @inline(never)
  func poolFreeRefused(_ index: Int, _ address: KernelAddress, _ error: PoolAllocator.FreeError) {
    let name = pools.names[index]
    switch error {
    case .none: return
    case .noneOut:
      print("pool \(name): putting with none out")
      failure = .panic(message: "pool_put", requestBytes: 0)
    case .notAnItem: failure = .panic(message: "pool_put: \(name): page header missing", requestBytes: 0)
    case .alreadyFree:
      failure = .panic(
        message: "pool_put: \(name): double pool_put: 0x\(String(address.rawValue, radix: 16))", requestBytes: 0)
    }
  }

  /// Checked mode: a free item of malloc was written to, which the kernel prints and goes on.
  func reportModifiedItem() {
    if let line = buckets.modifiedItemLine(.openBSD) { print(line) }
  }

  /// Checked mode: the mark of a free pool item is gone.
  func reportModifiedPoolItem() {
    guard failure == nil, let found = pools.diagnostic?.takeFinding() else { return }
    failure = .panic(message: pools.modifiedItemMessage(found), requestBytes: 0)
  }

  private func print(_ line: String) {
    if console.count < Self.consoleCapacity { console.append(line) }
  }
}
