// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Glibc

/// Counts events and lets threads wait for the next one.
///
/// Waiting takes real time and is for threads that serve real peers; no result of an experiment depends on it.
public final class EventCounter: @unchecked Sendable {
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private let condition: UnsafeMutablePointer<pthread_cond_t>
  private var events: UInt64 = 0

  /// No events yet.
  public init() {
    mutex = .allocate(capacity: 1)
    mutex.initialize(to: pthread_mutex_t())
    pthread_mutex_init(mutex, nil)
    condition = .allocate(capacity: 1)
    condition.initialize(to: pthread_cond_t())
    var attributes = pthread_condattr_t()
    pthread_condattr_init(&attributes)
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
    pthread_cond_init(condition, &attributes)
    pthread_condattr_destroy(&attributes)
  }

  deinit {
    pthread_cond_destroy(condition)
    pthread_mutex_destroy(mutex)
    condition.deallocate()
    mutex.deallocate()
  }

  /// A moment `milliseconds` from now, for ``wait(beyond:until:)``.
  public static func deadline(milliseconds: Int) -> UInt64 {
    MonotonicClock.now &+ MonotonicClock.nanoseconds(milliseconds)
  }

  /// Events so far.
  public var count: UInt64 {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return events
  }

  /// Counts an event and wakes every thread that waits.
  public func signal() {
    pthread_mutex_lock(mutex)
    events &+= 1
    pthread_cond_broadcast(condition)
    pthread_mutex_unlock(mutex)
  }

  /// Waits for more than `seen` events.
  ///
  /// - Parameters:
  ///   - seen: events that the caller knows of.
  ///   - deadline: when to give up, of ``deadline(milliseconds:)``.
  /// - Returns: false if the time is over first.
  public func wait(beyond seen: UInt64, until deadline: UInt64) -> Bool {
    var time = timespec()
    time.tv_sec = Int(deadline / 1_000_000_000)
    time.tv_nsec = Int(deadline % 1_000_000_000)
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    while events == seen {
      if pthread_cond_timedwait(condition, mutex, &time) == ETIMEDOUT { return events != seen }
    }
    return true
  }
}
