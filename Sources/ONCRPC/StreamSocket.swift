// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Glibc

/// One connected TCP socket, closed with its owner.
struct StreamSocket: ~Copyable {
  /// The descriptor.
  let descriptor: Int32
  private let timeoutMilliseconds: Int

  /// How a transfer ended.
  enum Transfer: Equatable {
    case done(Int)
    case closed
    case timedOut
    case failed(Int32)
  }

  /// Takes a connected descriptor over.
  ///
  /// Nagle's algorithm is off: a record is one segment train and the peer waits for all of it. Time-outs are socket
  /// options, which cost no system call per transfer.
  ///
  /// - Parameters:
  ///   - descriptor: a connected TCP socket in blocking mode.
  ///   - timeoutMilliseconds: the longest wait inside one system call.
  init(adopting descriptor: Int32, timeoutMilliseconds: Int) {
    self.descriptor = descriptor
    self.timeoutMilliseconds = timeoutMilliseconds
    SocketOption.set(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, Int32(1))
    SocketOption.set(descriptor, SOL_SOCKET, SO_KEEPALIVE, Int32(1))
    var wait = timeval()
    wait.tv_sec = timeoutMilliseconds / 1000
    wait.tv_usec = (timeoutMilliseconds % 1000) * 1000
    SocketOption.set(descriptor, SOL_SOCKET, SO_RCVTIMEO, wait)
    SocketOption.set(descriptor, SOL_SOCKET, SO_SNDTIMEO, wait)
  }

  deinit {
    close(descriptor)
  }

  /// Sends all bytes with as few system calls as the socket buffer allows.
  ///
  /// - Parameter bytes: what to send.
  /// - Returns: `.done` with the count, or why it could not be sent within the time-out, counted from the first wait.
  func send(_ bytes: UnsafeRawBufferPointer) -> Transfer {
    guard var next = bytes.baseAddress else { return .done(0) }
    var left = bytes.count
    var began: UInt64 = 0
    while true {
      let count = Glibc.send(descriptor, next, left, Int32(MSG_NOSIGNAL))
      if count == left { return .done(bytes.count) }
      if count >= 0 {
        next += count
        left -= count
      } else {
        let code = errno
        if code == EAGAIN || code == EWOULDBLOCK { return .timedOut }
        if code != EINTR { return .failed(code) }
      }
      // A peer that takes a little now and then does not hold the thread for ever.
      let now = MonotonicClock.now
      if began == 0 {
        began = now
      } else if now &- began >= MonotonicClock.nanoseconds(timeoutMilliseconds) {
        return .timedOut
      }
    }
  }

  /// Receives what there is, waiting for at least one byte.
  ///
  /// - Parameter space: where to put it, not empty.
  /// - Returns: `.done` with the count, or why nothing came.
  func receive(into space: UnsafeMutableRawBufferPointer) -> Transfer {
    while true {
      let count = recv(descriptor, space.baseAddress, space.count, 0)
      if count > 0 { return .done(count) }
      if count == 0 { return .closed }
      let code = errno
      if code == EAGAIN || code == EWOULDBLOCK { return .timedOut }
      if code != EINTR { return .failed(code) }
    }
  }
}

/// Socket options by value.
enum SocketOption {
  /// Sets one option; a kernel that does not know it goes on without.
  ///
  /// - Parameters:
  ///   - descriptor: the socket.
  ///   - level: the option's level.
  ///   - name: the option.
  ///   - value: the option's value in the layout of C.
  static func set<Value: BitwiseCopyable>(_ descriptor: Int32, _ level: Int32, _ name: Int32, _ value: Value) {
    var value = value
    setsockopt(descriptor, level, name, &value, socklen_t(MemoryLayout<Value>.size))
  }
}

/// Signals that a program which writes to sockets has to set aside.
enum BrokenPipe {
  /// Makes a write to a connection that the peer closed an error instead of the end of the process.
  ///
  /// Our own sends ask for that one by one (MSG_NOSIGNAL); this covers any socket written to by a library.
  static let ignored: Void = { _ = signal(SIGPIPE, SIG_IGN) }()
}
