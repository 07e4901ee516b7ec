// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Glibc

/// The addresses of a host name and port.
struct SocketAddresses: ~Copyable {
  private let list: UnsafeMutablePointer<addrinfo>?

  /// Resolves a name.
  ///
  /// - Parameters:
  ///   - host: a name or a numeric address, IPv4 or IPv6.
  ///   - port: the TCP port.
  /// - Throws: the resolver's own words.
  init(host: String, port: UInt16) throws(SystemFailure) {
    var hints = addrinfo()
    hints.ai_family = AF_UNSPEC
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    hints.ai_flags = AI_NUMERICSERV
    var found: UnsafeMutablePointer<addrinfo>?
    let code = getaddrinfo(host, String(port), &hints, &found)
    guard code == 0 else {
      throw SystemFailure(code: EINVAL, reason: String(cString: gai_strerror(code)))
    }
    list = found
  }

  deinit {
    if let list { freeaddrinfo(list) }
  }

  /// Tries the addresses in order until one serves.
  ///
  /// - Parameter attempt: makes a descriptor for an address; throws why it cannot.
  /// - Returns: the first descriptor.
  /// - Throws: the failure of the last address.
  func firstDescriptor(
    _ attempt: (borrowing addrinfo) throws(SystemFailure) -> Int32
  ) throws(SystemFailure) -> Int32 {
    var failure = SystemFailure(code: EADDRNOTAVAIL, reason: "no address")
    var next = list
    while let entry = next {
      do throws(SystemFailure) {
        return try attempt(entry.pointee)
      } catch {
        failure = error
      }
      next = entry.pointee.ai_next
    }
    throw failure
  }
}

/// A system call that failed.
struct SystemFailure: Error {
  /// The value of errno.
  let code: Int32
  /// The system's words for it.
  let reason: String

  /// Makes a failure of errno.
  ///
  /// - Parameter code: the value of errno.
  init(code: Int32) {
    self.code = code
    reason = String(cString: strerror(code))
  }

  /// Makes a failure with words of its own.
  ///
  /// - Parameters:
  ///   - code: the value of errno that comes nearest.
  ///   - reason: the words.
  init(code: Int32, reason: String) {
    self.code = code
    self.reason = reason
  }
}

/// Makes listening and connected TCP sockets.
enum SocketFactory {
  /// The queue of connections that the accepting thread has not taken yet.
  static let listenBacklog: Int32 = 128

  /// Binds and listens.
  ///
  /// - Parameters:
  ///   - host: the address to bind.
  ///   - port: the port, 0 for any free one.
  /// - Returns: the listening descriptor and its port.
  /// - Throws: ``RPCError/portInUse(host:port:)`` or ``RPCError/cannotListen(host:port:reason:)``.
  static func listen(host: String, port: UInt16) throws(RPCError) -> (descriptor: Int32, port: UInt16) {
    do throws(SystemFailure) {
      let descriptor = try SocketAddresses(host: host, port: port)
        .firstDescriptor { (entry) throws(SystemFailure) in
          try listen(at: entry)
        }
      return (descriptor, localPort(of: descriptor))
    } catch {
      if error.code == EADDRINUSE { throw .portInUse(host: host, port: port) }
      throw .cannotListen(host: host, port: port, reason: error.reason)
    }
  }

  /// Connects.
  ///
  /// - Parameters:
  ///   - host: the server's name or address.
  ///   - port: the server's port.
  ///   - timeoutMilliseconds: the longest wait for one address.
  /// - Returns: a connected descriptor in blocking mode.
  /// - Throws: ``RPCError/unreachable(host:port:reason:)``.
  static func connect(host: String, port: UInt16, timeoutMilliseconds: Int) throws(RPCError) -> Int32 {
    do throws(SystemFailure) {
      return try SocketAddresses(host: host, port: port)
        .firstDescriptor { (entry) throws(SystemFailure) in
          try connect(to: entry, timeoutMilliseconds: timeoutMilliseconds)
        }
    } catch {
      throw .unreachable(host: host, port: port, reason: error.reason)
    }
  }

  private static func open(_ entry: borrowing addrinfo, flags: Int32) throws(SystemFailure) -> Int32 {
    let kind = entry.ai_socktype | Int32(SOCK_CLOEXEC.rawValue) | flags
    let descriptor = socket(entry.ai_family, kind, entry.ai_protocol)
    guard descriptor >= 0 else { throw SystemFailure(code: errno) }
    return descriptor
  }

  private static func listen(at entry: borrowing addrinfo) throws(SystemFailure) -> Int32 {
    let descriptor = try open(entry, flags: 0)
    // A port whose old connections still linger may be listened on again; a port with a listener may not.
    SocketOption.set(descriptor, SOL_SOCKET, SO_REUSEADDR, Int32(1))
    guard bind(descriptor, entry.ai_addr, entry.ai_addrlen) == 0, Glibc.listen(descriptor, listenBacklog) == 0
    else {
      let code = errno
      close(descriptor)
      throw SystemFailure(code: code)
    }
    return descriptor
  }

  private static func connect(
    to entry: borrowing addrinfo, timeoutMilliseconds: Int
  ) throws(SystemFailure) -> Int32 {
    let descriptor = try open(entry, flags: Int32(SOCK_NONBLOCK.rawValue))
    var code: Int32 = 0
    if Glibc.connect(descriptor, entry.ai_addr, entry.ai_addrlen) != 0 {
      code = errno
      if code == EINPROGRESS || code == EINTR {
        code = awaitConnection(descriptor, timeoutMilliseconds: timeoutMilliseconds)
      }
    }
    if code == 0, fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) & ~O_NONBLOCK) != 0 {
      code = errno
    }
    guard code == 0 else {
      close(descriptor)
      throw SystemFailure(code: code)
    }
    return descriptor
  }

  /// Waits for the end of the handshake and gives the socket's error, 0 when connected.
  private static func awaitConnection(_ descriptor: Int32, timeoutMilliseconds: Int) -> Int32 {
    let deadline = MonotonicClock.now &+ MonotonicClock.nanoseconds(timeoutMilliseconds)
    while true {
      let now = MonotonicClock.now
      let left = now < deadline ? Int32(clamping: (deadline &- now) / 1_000_000 &+ 1) : 0
      var entry = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
      let ready = poll(&entry, 1, left)
      if ready > 0 { break }
      if ready == 0 { return ETIMEDOUT }
      if errno != EINTR { return errno }
    }
    var code: Int32 = 0
    var size = socklen_t(MemoryLayout<Int32>.size)
    return getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &size) == 0 ? code : errno
  }

  private static func localPort(of descriptor: Int32) -> UInt16 {
    var storage = sockaddr_storage()
    var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
    return withUnsafeMutablePointer(to: &storage) { storage in
      storage.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        guard getsockname(descriptor, address, &size) == 0 else { return 0 }
        let raw = UnsafeRawPointer(address)
        // sin_port and sin6_port lie at the same place.
        return UInt16(bigEndian: raw.load(fromByteOffset: 2, as: UInt16.self))
      }
    }
  }
}
