// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Glibc

/// Sizes of one record exchange on the wire, bytes.
struct Exchange {
  let request: Int
  let reply: Int
}

/// A bare socket pair over loopback TCP whose ends exchange as many bytes as an NFS client and server did, and do nothing else.
final class PingPong: @unchecked Sendable {
  private let exchanges: [Exchange]
  private let buffer: UnsafeMutableRawPointer
  private let client: Int32
  private let server: Int32
  private var thread = pthread_t()

  init?(_ exchanges: [Exchange]) {
    self.exchanges = exchanges
    let largest = exchanges.reduce(1) { max($0, $1.request, $1.reply) }
    buffer = .allocate(byteCount: largest * 2, alignment: 64)
    memset(buffer, 0, largest * 2)
    guard let pair = Self.connectedPair() else { return nil }
    (client, server) = pair
    pthread_create(
      &thread, nil,
      { argument in
        if let argument { Unmanaged<PingPong>.fromOpaque(argument).takeUnretainedValue().answer(half: 1) }
        return nil
      }, Unmanaged.passUnretained(self).toOpaque())
  }

  deinit { buffer.deallocate() }

  private static func connectedPair() -> (Int32, Int32)? {
    let stream = Int32(SOCK_STREAM.rawValue)
    let listener = socket(AF_INET, stream, 0)
    let client = socket(AF_INET, stream, 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let connected = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        bind(listener, address, size) == 0 && listen(listener, 1) == 0 && getsockname(listener, address, &size) == 0
          && connect(client, address, size) == 0
      }
    }
    let server = accept(listener, nil, nil)
    close(listener)
    guard connected, server >= 0 else { return nil }
    for descriptor in [client, server] {
      var on: Int32 = 1
      setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, 4)
    }
    return (client, server)
  }

  private func answer(half: Int) {
    let bytes = buffer + half * largest
    while true {
      for exchange in exchanges {
        guard receive(server, bytes, exchange.request), transmit(server, bytes, exchange.reply) else { return }
      }
    }
  }

  private var largest: Int { exchanges.reduce(1) { max($0, $1.request, $1.reply) } }

  private func receive(_ descriptor: Int32, _ bytes: UnsafeMutableRawPointer, _ count: Int) -> Bool {
    var have = 0
    while have < count {
      let more = recv(descriptor, bytes, count - have, 0)
      if more <= 0 { return false }
      have += more
    }
    return true
  }

  private func transmit(_ descriptor: Int32, _ bytes: UnsafeMutableRawPointer, _ count: Int) -> Bool {
    var sent = 0
    while sent < count {
      let more = send(descriptor, bytes, count - sent, Int32(MSG_NOSIGNAL))
      if more <= 0 { return false }
      sent += more
    }
    return true
  }

  /// Makes every exchange once.
  ///
  /// - Returns: seconds that it took.
  func round() -> Double {
    let start = seconds(CLOCK_MONOTONIC)
    for exchange in exchanges {
      guard transmit(client, buffer, exchange.request), receive(client, buffer, exchange.reply) else { return .nan }
    }
    return seconds(CLOCK_MONOTONIC) - start
  }

  func stop() {
    shutdown(client, Int32(SHUT_RDWR))
    pthread_join(thread, nil)
    close(client)
    close(server)
  }
}
