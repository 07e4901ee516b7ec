// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Glibc

/// POSIX threads that are joined by their handle.
///
/// A thread per connection may block in the kernel for as long as its peer likes, which the pool of Swift
/// concurrency must not.
enum PosixThread {
  private final class Body {
    let run: @Sendable () -> Void
    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
  }

  /// Starts a thread.
  ///
  /// - Parameter body: what it does.
  /// - Returns: its handle, to be joined once; nil when the system has no thread left.
  static func start(_ body: @escaping @Sendable () -> Void) -> pthread_t? {
    let box = Unmanaged.passRetained(Body(body))
    var handle = pthread_t()
    let code = pthread_create(
      &handle, nil,
      { argument in
        if let argument {
          Unmanaged<Body>.fromOpaque(argument).takeRetainedValue().run()
        }
        return nil
      }, box.toOpaque())
    guard code == 0 else {
      box.release()
      return nil
    }
    return handle
  }

  /// Waits for the end of a thread; the thread itself does not wait.
  ///
  /// - Parameter handle: what ``start(_:)`` gave.
  static func join(_ handle: pthread_t) {
    pthread_join(handle, nil)
  }

  /// Lets a thread end on its own: nobody joins it.
  ///
  /// - Parameter handle: what ``start(_:)`` gave.
  static func detach(_ handle: pthread_t) {
    pthread_detach(handle)
  }
}
