// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// What a kernel says about calls of pool(9) that cannot be served, where OpenBSD and NetBSD say the same
/// (sys/kern/subr_pool.c).
extension PoolAllocator {
  /// What a pool_get() that may sleep waits for at the limit of its pool; nil where it gets null all the same.
  func limitReason(_ index: Int) -> String? {
    guard !pools[index].failsAtLimit else { return nil }
    return "sleeps on \"\(names[index])\": pool \"\(names[index])\" has \(pools[index].hardLimit) items out, its limit"
  }

  /// What a refused pool_put() ends in; nil for one that was done.
  ///
  /// - Parameters:
  ///   - index: the pool.
  ///   - error: why it was refused.
  ///   - alreadyFree: the system's words for an item that is not out.
  /// - Returns: a console line, where there is one, and the panic.
  func outcome(
    ofPutting index: Int, _ error: FreeError, alreadyFree: @autoclosure () -> String
  ) -> (console: String?, failure: KernelFailure)? {
    let name = names[index]
    switch error {
    case .none: return nil
    case .noneOut: return ("pool \(name): putting with none out", .panic(message: "pool_put", requestBytes: 0))
    case .notAnItem: return (nil, .panic(message: "pool_put: \(name): page header missing", requestBytes: 0))
    case .alreadyFree: return (nil, .panic(message: "pool_put: \(name): \(alreadyFree())", requestBytes: 0))
    }
  }

  /// Checked mode: the panic for a free item whose mark was gone; nil where none was found since the last call.
  func modifiedItemFailure() -> KernelFailure? {
    diagnostic?.takeFinding().map { .panic(message: modifiedItemMessage($0), requestBytes: 0) }
  }
}
