// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import KernelMemory

/// What one TCP connection keeps in kernel memory between RPCs.
public struct ConnectionBuffers {
  /// mbufs of the request that is being served: what a WRITE describes with its iovec.
  public internal(set) var requestMbufs = 0
  /// Head of the request chain, null between RPCs.
  var request = KernelAddress.null
  /// Head of the reply in the send buffer, until the client's next segment acknowledges it.
  var reply = KernelAddress.null
  var socket = KernelAddress.null
  var protocolBlock = KernelAddress.null
  var tcpBlock = KernelAddress.null
  var remoteName = KernelAddress.null
}

extension Kernel {
  /// Accepts a connection: socket, inpcb, tcpcb and the peer's address (FreeBSD 6 sonewconn, tcp_usr_accept).
  public func openConnection() -> ConnectionBuffers {
    var connection = ConnectionBuffers()
    connection.socket = heap.allocate(.socket)
    connection.protocolBlock = heap.allocate(.inpcb)
    connection.tcpBlock = heap.allocate(.tcpcb)
    connection.remoteName = heap.malloc(MbufLayer.socketAddressBytes, mbufs.socketNameType)
    return connection
  }

  /// Ends a connection and frees what it kept; replies that the server's cache has copied stay.
  public func closeConnection(_ connection: inout ConnectionBuffers) {
    mbufs.freeChain(connection.request)
    mbufs.freeChain(connection.reply)
    heap.free(connection.remoteName, mbufs.socketNameType)
    heap.free(.tcpcb, connection.tcpBlock)
    heap.free(.inpcb, connection.protocolBlock)
    heap.free(.socket, connection.socket)
    connection = ConnectionBuffers()
  }

  /// A request has arrived: its segments are in clusters, and they acknowledge the reply before.
  ///
  /// - Parameters:
  ///   - connection: the connection it came on.
  ///   - requestBytes: bytes of the RPC record with its mark.
  public func beginRPC(connection: inout ConnectionBuffers, requestBytes: Int) {
    heap.select(cpu: processors.next())
    mbufs.freeChain(connection.reply)
    connection.reply = .null
    connection.request = mbufs.receive(requestBytes)
    connection.requestMbufs = mbufs.segments(of: requestBytes)
  }

  /// The reply is built and handed to TCP; it stays in the send buffer until the next request.
  ///
  /// - Parameters:
  ///   - connection: the connection it goes to.
  ///   - replyBytes: bytes of the RPC record with its mark.
  public func buildReply(connection: inout ConnectionBuffers, replyBytes: Int) {
    mbufs.freeChain(connection.reply)
    connection.reply = mbufs.build(replyBytes)
    mbufs.transmit(replyBytes)
  }

  /// Copies the reply for the duplicate request cache: m_copym with M_COPYALL, plain mbufs copied and clusters shared.
  ///
  /// - Returns: the head of the copy, for ``freeChain(_:)``; null where there is no reply.
  public func copyReply(_ connection: ConnectionBuffers) -> KernelAddress { mbufs.copy(connection.reply) }

  /// Frees an mbuf chain (m_freem); null is ignored.
  public func freeChain(_ head: KernelAddress) { mbufs.freeChain(head) }

  /// The RPC is over: its request is freed, the page daemon runs if pages are needed, and the virtual clock moves on.
  public func endRPC(connection: inout ConnectionBuffers) {
    mbufs.freeChain(connection.request)
    connection.request = .null
    heap.recording?.safePoint()
    if pages.pagesNeeded { runPageDaemon() }
    passSleep()
    advance(to: clock.now &+ configuration.rpcNanoseconds)
  }
}
