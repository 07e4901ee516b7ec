// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Glibc

/// The monotonic clock, for time-outs on sockets only; no result depends on it.
enum MonotonicClock {
  /// Nanoseconds since an arbitrary moment.
  static var now: UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
  }

  /// Milliseconds as nanoseconds.
  ///
  /// - Parameter milliseconds: a time not below 0.
  /// - Returns: the same time in nanoseconds, the largest number if it does not fit.
  static func nanoseconds(_ milliseconds: Int) -> UInt64 {
    let (product, overflow) = UInt64(max(milliseconds, 0)).multipliedReportingOverflow(by: 1_000_000)
    return overflow ? .max : product
  }
}
