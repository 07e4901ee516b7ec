// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Glibc

/// A value behind a pthread mutex.
///
/// The Mutex of the standard library is a bare futex on Linux, which the thread sanitizer does not see as a lock; with
/// pthread_mutex_t a sanitizer run over connections that come and go reports real races only.
final class PosixMutex<Value: Sendable>: @unchecked Sendable {
  private let handle: UnsafeMutablePointer<pthread_mutex_t>
  private var value: Value

  /// Makes an open lock.
  ///
  /// - Parameter value: what it protects.
  init(_ value: Value) {
    self.value = value
    handle = .allocate(capacity: 1)
    handle.initialize(to: pthread_mutex_t())
    pthread_mutex_init(handle, nil)
  }

  deinit {
    pthread_mutex_destroy(handle)
    handle.deallocate()
  }

  /// Runs with the lock held; not to be nested.
  ///
  /// - Parameter body: what to do with the value.
  /// - Returns: what `body` returns.
  func withLock<Result>(_ body: (inout Value) -> Result) -> Result {
    pthread_mutex_lock(handle)
    defer { pthread_mutex_unlock(handle) }
    return body(&value)
  }
}
