// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// The life of one connection on the server's side.
enum ServerConnection {
  /// Answers records until the peer closes, stalls or sends what is no RPC call.
  ///
  /// A call that comes in one piece costs one receive and one send. The time of a record is looked at only when it came
  /// in several pieces; since one receive may wait for the full time too, a peer gets at most twice the limit.
  ///
  /// - Parameters:
  ///   - socket: the peer.
  ///   - id: the connection's number.
  ///   - service: what answers the calls.
  ///   - limits: how much the peer can take.
  ///   - access: who may call.
  static func serve(
    _ socket: borrowing StreamSocket, id: UInt64, service: any RPCService, limits: RPCLimits, access: RPCAccess
  ) {
    guard var reader = try? RecordReader(maximumRecordBytes: limits.maximumRecordBytes),
      let endpoint = try? ServerEndpoint(
        service: service, maximumRecordBytes: limits.maximumRecordBytes, flavors: access.flavors,
        isRefused: access.refuses(socket.descriptor))
    else { return }
    let patience = MonotonicClock.nanoseconds(limits.stalledPeerMilliseconds)
    let idlePatience = MonotonicClock.nanoseconds(limits.idlePeerMilliseconds)
    var recordBegan: UInt64 = 0
    var isSilent = false
    var lastHeard: UInt64 = 0
    while true {
      switch reader.next() {
      case .record(let record):
        recordBegan = 0
        guard let reply = endpoint.answer(record, connection: id) else { return }
        guard case .done = socket.send(reply) else { return }
      case .overlong, .onlyEmptyFragments:
        return
      case .needsMore:
        if reader.isMidRecord {
          let now = MonotonicClock.now
          if recordBegan == 0 {
            recordBegan = now
          } else if now &- recordBegan >= patience {
            return
          }
        }
        switch socket.receive(into: reader.space()) {
        case .done(let count):
          reader.received(count)
          isSilent = false
        case .timedOut:
          if reader.isMidRecord { return }
          // The clock is looked at only where nothing came for a while, so that a busy peer costs nothing.
          let now = MonotonicClock.now
          if !isSilent { (isSilent, lastHeard) = (true, now &- patience) }
          if now &- lastHeard >= idlePatience { return }
        case .closed, .failed: return
        }
      }
    }
  }
}
