// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import KernelMemory

/// Loses pages of address space after every n calls of malloc(9) and free(9): a loss that is in nobody's books.
struct LoseFault {
  private(set) var pages = 0
  private var period: UInt64 = 0
  private var countdown: UInt64 = 0

  init() {}

  init(pages: Int, every period: UInt64) {
    self.pages = pages
    self.period = period
    countdown = period
  }

  /// True where the call that was just made is one that loses pages.
  @inline(__always)
  mutating func losesAfterThisCall() -> Bool {
    guard period != 0 else { return false }
    countdown &-= 1
    guard countdown == 0 else { return false }
    countdown = period
    return true
  }
}
