// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Glibc

/// An RPC server on a TCP port, with a thread for each connection and no rpcbind.
///
/// What a peer can do to it costs that peer its connection or brings it an error reply: garbage, records above the limit,
/// half a record and silence, replies that nobody takes.
public final class TCPServer: Sendable {
  private let listener: ServerListener

  /// The port listened on.
  public var port: UInt16 { listener.port }

  /// Binds the address; connections wait until ``start()``.
  ///
  /// - Parameters:
  ///   - host: the address to bind, such as 127.0.0.1.
  ///   - port: the port, 0 for any free one.
  ///   - service: what answers the calls.
  ///   - limits: how much one peer can take.
  ///   - access: who may call.
  /// - Throws: ``RPCError/portInUse(host:port:)`` or ``RPCError/cannotListen(host:port:reason:)``.
  public init(
    host: String, port: UInt16, service: any RPCService, limits: RPCLimits = RPCLimits(),
    access: RPCAccess = RPCAccess()
  ) throws(RPCError) {
    _ = BrokenPipe.ignored
    let bound = try SocketFactory.listen(host: host, port: port)
    listener = ServerListener(
      descriptor: bound.descriptor, port: bound.port, service: service, limits: limits, access: access)
  }

  deinit {
    listener.stop()
  }

  /// Begins to accept connections; a second call does nothing.
  ///
  /// - Throws: ``RPCError/resourceExhausted(what:)`` when there is no thread.
  public func start() throws(RPCError) {
    try listener.start()
  }

  /// Ends all connections, runs `body` while there is none, and then takes connections again, which meanwhile wait.
  ///
  /// Not to be called from inside a service.
  public func withoutConnections(_ body: () -> Void) { listener.withoutConnections(body) }

  /// Ends all connections and waits for their threads; the port is free afterwards.
  ///
  /// A call under way is finished first, its reply may be lost. Not to be called from inside a service. A second call
  /// does nothing.
  public func stop() {
    listener.stop()
  }
}

/// The listening socket and the connections made from it.
private final class ServerListener: Sendable {
  private struct Connection: Sendable {
    let descriptor: Int32
    let thread: pthread_t
  }

  private struct State: Sendable {
    var isRunning = false
    var isStopped = false
    var acceptThread: pthread_t?
    var lastID: UInt64 = 0
    var live: [UInt64: Connection] = [:]
    /// Threads that are through and have to be joined.
    var finished: [pthread_t] = []
  }

  /// The pause after an accept that failed for want of descriptors or memory.
  private static let exhaustedPauseMicroseconds: UInt32 = 10_000

  let port: UInt16
  private let descriptor: Int32
  private let service: any RPCService
  private let limits: RPCLimits
  private let access: RPCAccess
  private let state = PosixMutex(State())
  /// Held by whoever takes a connection in, and by ``withoutConnections(_:)`` for its whole time.
  private let admission = PosixMutex(())

  init(descriptor: Int32, port: UInt16, service: any RPCService, limits: RPCLimits, access: RPCAccess) {
    self.descriptor = descriptor
    self.port = port
    self.service = service
    self.limits = limits
    self.access = access
  }

  func start() throws(RPCError) {
    let isServed = state.withLock { state in
      guard !state.isRunning, !state.isStopped else { return true }
      state.acceptThread = PosixThread.start { self.acceptLoop() }
      state.isRunning = state.acceptThread != nil
      return state.isRunning
    }
    guard isServed else { throw .resourceExhausted(what: "a thread to accept connections") }
  }

  func stop() {
    let (isFirst, acceptThread) = state.withLock { state in
      defer { state.isStopped = true }
      return (!state.isStopped, state.acceptThread)
    }
    guard isFirst else { return }
    // Wakes the accepting thread, which closing the descriptor would not.
    shutdown(descriptor, Int32(SHUT_RDWR))
    if let acceptThread { PosixThread.join(acceptThread) }
    close(descriptor)
    endConnections()
  }

  func withoutConnections(_ body: () -> Void) {
    admission.withLock { _ in
      endConnections()
      body()
    }
  }

  /// Ends every connection and waits for its thread.
  private func endConnections() {
    let threads = state.withLock { state in
      for connection in state.live.values { shutdown(connection.descriptor, Int32(SHUT_RDWR)) }
      let threads = state.live.values.map(\.thread) + state.finished
      state.live = [:]
      state.finished = []
      return threads
    }
    for thread in threads { PosixThread.join(thread) }
  }

  private func acceptLoop() {
    while true {
      let peer = accept(descriptor, nil, nil)
      let code = errno
      if peer >= 0 {
        _ = fcntl(peer, F_SETFD, FD_CLOEXEC)
        admission.withLock { _ in admit(peer) }
        continue
      }
      if state.withLock({ $0.isStopped }) { return }
      switch code {
      case EMFILE, ENFILE, ENOBUFS, ENOMEM: usleep(Self.exhaustedPauseMicroseconds)
      case EBADF, EINVAL, ENOTSOCK: return
      default: break  // the error of one connection that ended before it was taken
      }
    }
  }

  /// Gives a connection its thread, or closes it when there are too many.
  private func admit(_ peer: Int32) {
    let (isServed, finished) = state.withLock { state in
      let finished = state.finished
      state.finished = []
      guard !state.isStopped, state.live.count < limits.maximumConnections else { return (false, finished) }
      let id = state.lastID + 1
      // The lock is held until the thread is on the list, so the thread cannot be through before.
      guard let thread = PosixThread.start({ self.serve(peer, id: id) }) else { return (false, finished) }
      state.lastID = id
      state.live[id] = Connection(descriptor: peer, thread: thread)
      return (true, finished)
    }
    if !isServed { close(peer) }
    for thread in finished { PosixThread.join(thread) }
  }

  private func serve(_ peer: Int32, id: UInt64) {
    service.connectionOpened(id)
    let socket = StreamSocket(adopting: peer, timeoutMilliseconds: limits.stalledPeerMilliseconds)
    ServerConnection.serve(socket, id: id, service: service, limits: limits, access: access)
    // Off the list before the descriptor is closed: stop() must never shut another's socket down.
    state.withLock { state in
      guard let connection = state.live.removeValue(forKey: id) else { return }
      state.finished.append(connection.thread)
    }
    service.connectionClosed(id)
    _ = consume socket
  }
}
