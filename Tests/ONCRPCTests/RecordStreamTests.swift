// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import ONCRPC
import Testing

@Suite("Records on the wire")
struct RecordStreamTests {
  /// Cuts a message into fragments of given sizes, the last one taking the rest.
  private func fragments(_ message: [UInt8], of size: Int) -> [UInt8] {
    var bytes: [UInt8] = []
    var start = 0
    repeat {
      let end = min(start + size, message.count)
      bytes += fragment(Array(message[start..<end]), isLast: end == message.count)
      start = end
    } while start < message.count
    return bytes
  }

  @Test("Fragments of any size are joined", arguments: [1, 2, 3, 5, 7, 13, 40, 41, 1000, 4099])
  func fragmentsAreJoined(_ size: Int) throws {
    let served = try Served()
    let peer = RawPeer(port: served.server.port)
    let body = (0..<4096).map { UInt8(truncatingIfNeeded: $0 &* 7) }
    for _ in 0..<2 {
      peer.send(fragments(HandMadeCall(body: body).bytes, of: size))
      #expect(peer.receiveRecord() == words(77, 1, 0, 0, 0, 0) + body)
    }
    #expect(served.service.isEveryBufferAligned)
  }

  @Test("Empty fragments in front, between and at the end do no harm")
  func emptyFragments() throws {
    let served = try Served()
    let peer = RawPeer(port: served.server.port)
    let message = HandMadeCall(body: [1, 2, 3, 4]).bytes
    let cut = 17
    peer.send(
      fragment([], isLast: false) + fragment(Array(message[..<cut]), isLast: false) + fragment([], isLast: false)
        + fragment(Array(message[cut...]), isLast: false) + fragment([], isLast: true))
    #expect(peer.receiveRecord() == words(77, 1, 0, 0, 0, 0) + [1, 2, 3, 4])
  }

  @Test("Bytes that come one by one make a record")
  func byteByByte() throws {
    let served = try Served()
    let peer = RawPeer(port: served.server.port)
    for byte in record(HandMadeCall(body: [5, 6, 7, 8]).bytes) { peer.send([byte]) }
    #expect(peer.receiveRecord() == words(77, 1, 0, 0, 0, 0) + [5, 6, 7, 8])
  }

  @Test("Calls sent together are answered in order, whatever their length")
  func pipelining() throws {
    let served = try Served()
    let peer = RawPeer(port: served.server.port)
    let bodies = (0..<100).map { index in [UInt8](repeating: UInt8(index), count: index) }
    let calls = bodies.enumerated().flatMap { index, body in
      record(HandMadeCall(xid: UInt32(index), body: body).bytes)
    }
    peer.send(calls)
    for (index, body) in bodies.enumerated() {
      #expect(peer.receiveRecord() == words(UInt32(index), 1, 0, 0, 0, 0) + body)
    }
    #expect(served.service.isEveryBufferAligned)
  }

  @Test("Pipelined records longer than the read-ahead come through")
  func longPipeline() throws {
    let served = try Served(limits: RPCLimits(maximumRecordBytes: 200_000))
    let peer = RawPeer(port: served.server.port)
    let body = (0..<190_001).map { UInt8(truncatingIfNeeded: $0 &* 11) }
    let call = fragments(HandMadeCall(body: body).bytes, of: 33_333)
    for _ in 0..<5 { peer.send(call) }
    for _ in 0..<5 { #expect(peer.receiveRecord() == words(77, 1, 0, 0, 0, 0) + body) }
  }
}
