// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Glibc

/// The time that a client lives in: virtual beside the embedded server, monotonic against a real one.
public protocol ClientClock: AnyObject {
  /// Nanoseconds since an arbitrary start; never goes back.
  var nanoseconds: UInt64 { get }

  /// Lets `nanoseconds` pass: before a request is repeated that the server answered with NFS4ERR_DELAY.
  func wait(nanoseconds: UInt64)
}

/// The monotonic clock of this machine.
public final class MonotonicClock: ClientClock {
  /// Makes a clock; all of them tell the same time.
  public init() {}

  /// CLOCK_MONOTONIC in nanoseconds.
  public var nanoseconds: UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(truncatingIfNeeded: time.tv_sec) &* 1_000_000_000 &+ UInt64(truncatingIfNeeded: time.tv_nsec)
  }

  /// Sleeps.
  public func wait(nanoseconds: UInt64) {
    var left = timespec(tv_sec: Int(nanoseconds / 1_000_000_000), tv_nsec: Int(nanoseconds % 1_000_000_000))
    var rest = timespec()
    while nanosleep(&left, &rest) != 0 && errno == EINTR { left = rest }
  }
}

/// A clock that moves only when it is told to.
public final class ManualClock: ClientClock {
  /// The time now, nanoseconds.
  public var nanoseconds: UInt64

  /// Starts at `nanoseconds`.
  public init(nanoseconds: UInt64 = 0) { self.nanoseconds = nanoseconds }

  /// Moves the time forward.
  public func wait(nanoseconds amount: UInt64) { nanoseconds &+= amount }
}
