// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Foundation

/// A TCP connection on which a test sends whatever bytes it likes.
final class RawConnection: Sendable {
  private let descriptor: Int32

  /// Seconds that a read waits; only a server that hangs lets them pass.
  private static let timeoutSeconds = 60

  init(port: UInt16) throws {
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { throw EndToEndFailure("socket: \(String(cString: strerror(errno)))") }
    for (option, seconds) in [(SO_RCVTIMEO, Self.timeoutSeconds), (SO_SNDTIMEO, Self.timeoutSeconds)] {
      var wait = timeval(tv_sec: seconds, tv_usec: 0)
      setsockopt(descriptor, SOL_SOCKET, option, &wait, socklen_t(MemoryLayout<timeval>.size))
    }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    let descriptor = descriptor
    let status = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard status == 0 else { throw EndToEndFailure("connect to \(port): \(String(cString: strerror(errno)))") }
  }

  deinit { close(descriptor) }

  /// Sends all bytes; false where the server has closed the connection before it took them.
  @discardableResult
  func send(_ bytes: [UInt8]) -> Bool {
    var sent = 0
    while sent < bytes.count {
      let count = bytes.withUnsafeBytes { buffer in
        Foundation.send(descriptor, buffer.baseAddress.map { $0 + sent }, bytes.count - sent, Int32(MSG_NOSIGNAL))
      }
      guard count > 0 else { return false }
      sent += count
    }
    return true
  }

  /// Sends bytes again and again as long as the connection takes them at once.
  func sendWithoutWaiting(_ bytes: [UInt8], times: Int) {
    let all = [UInt8]((0..<64).map { _ in bytes }.joined())
    for _ in 0..<(times / 64) {
      let count = all.withUnsafeBytes {
        Foundation.send(descriptor, $0.baseAddress, all.count, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT))
      }
      if count == all.count { continue }
      // Full: the server gets a moment to take more, and if it does not, it has stopped reading.
      var ready = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
      guard count > 0 || errno == EAGAIN, poll(&ready, 1, 500) == 1, ready.revents & Int16(POLLERR | POLLHUP) == 0
      else {
        return
      }
    }
  }

  /// What came back.
  enum Answer: Equatable {
    case record([UInt8])
    case closed
    case silence
  }

  /// Receives one record of one or more fragments, without the marks.
  func receiveRecord() -> Answer {
    var record: [UInt8] = []
    while true {
      switch receive(4) {
      case .record(let mark):
        let word = mark.reduce(0) { $0 << 8 | UInt32($1) }
        switch receive(Int(word & 0x7fff_ffff)) {
        case .record(let bytes): record += bytes
        case let other: return other
        }
        if word & 0x8000_0000 != 0 { return .record(record) }
      case let other: return other
      }
    }
  }

  private func receive(_ count: Int) -> Answer {
    guard count <= 4 << 20 else { return .record([]) }
    var bytes = [UInt8](repeating: 0, count: count)
    var have = 0
    while have < count {
      let more = bytes.withUnsafeMutableBytes { buffer in
        recv(descriptor, buffer.baseAddress.map { $0 + have }, count - have, 0)
      }
      if more == 0 || (more < 0 && (errno == ECONNRESET || errno == EPIPE)) { return .closed }
      guard more > 0 else { return .silence }
      have += more
    }
    return .record(bytes)
  }
}
