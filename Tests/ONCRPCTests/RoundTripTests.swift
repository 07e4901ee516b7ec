// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import ONCRPC
import Testing

/// Which way the calls go.
enum Tier: CaseIterable {
  case tcp
  case memory
}

/// A service behind either transport.
struct Connected {
  let service: RecordingService
  let transport: any RPCTransport
  private let served: Served?

  init(_ tier: Tier, _ credential: RPCClientCredential = .none, limits: RPCLimits = RPCLimits()) throws {
    switch tier {
    case .tcp:
      let served = try Served(limits: limits)
      service = served.service
      transport = try served.client(credential, limits: limits)
      self.served = served
    case .memory:
      service = RecordingService()
      transport = try InMemoryTransport(service: service, credential: credential, limits: limits)
      served = nil
    }
  }
}

@Suite("Round trips")
struct RoundTripTests {
  @Test(
    "A body comes back byte for byte",
    arguments: Tier.allCases, [0, 1, 2, 3, 4, 160, 4096, 65_537, 1 << 20])
  func aBodyComesBack(_ tier: Tier, _ size: Int) throws {
    let connected = try Connected(tier, .sys(uid: 5, gid: 6))
    let body = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ 7) }
    for _ in 0..<3 {
      #expect(try connected.transport.call(RecordingService.Procedure.echo, body) == body)
    }
    #expect(connected.service.seen.map(\.arguments) == [body, body, body])
    #expect(connected.service.isEveryBufferAligned)
  }

  @Test("The arguments stay as they are for the next call", arguments: Tier.allCases)
  func argumentsStay(_ tier: Tier) throws {
    let connected = try Connected(tier, .sys(uid: 5, gid: 6, groups: Array(0..<16)))
    let body = [UInt8](repeating: 0xA5, count: 64)
    _ = try connected.transport.call(RecordingService.Procedure.echo, body)
    let again = try connected.transport.call(procedure: RecordingService.Procedure.echo, argumentLength: 64)
    #expect(Array(again) == body)
  }

  @Test("Transaction numbers go up by one from the first", arguments: Tier.allCases)
  func transactionNumbers(_ tier: Tier) throws {
    let connected = try Connected(tier)
    for _ in 0..<4 { _ = try connected.transport.call(RecordingService.Procedure.echo) }
    #expect(connected.service.seen.map(\.xid) == [1, 2, 3, 4])
  }

  @Test("The largest body fits and one byte more is refused before it is sent", arguments: Tier.allCases)
  func largestBody(_ tier: Tier) throws {
    let connected = try Connected(tier, limits: RPCLimits(maximumRecordBytes: 8192))
    let limit = connected.transport.argumentBuffer.count
    #expect(limit >= 7168 && limit < 8192)
    #expect(
      try connected.transport.call(procedure: RecordingService.Procedure.echo, argumentLength: limit).count == limit)
    #expect(throws: RPCError.argumentsTooLong(length: limit + 1, limit: limit)) {
      try connected.transport.call(procedure: RecordingService.Procedure.echo, argumentLength: limit + 1)
    }
    #expect(throws: RPCError.argumentsTooLong(length: -1, limit: limit)) {
      try connected.transport.call(procedure: RecordingService.Procedure.echo, argumentLength: -1)
    }
    #expect(connected.service.seen.count == 1)
  }

  @Test("The library answers procedure 0 and the service does not see it", arguments: Tier.allCases)
  func nullProcedure(_ tier: Tier) throws {
    let connected = try Connected(tier, .sys(uid: 0, gid: 0))
    #expect(try connected.transport.call(0) == [])
    #expect(connected.service.seen.isEmpty)
  }

  @Test("A service sees the same over TCP and in memory")
  func bothTiersSeeTheSame() throws {
    let seed: UInt64 = 20_070_507
    let credential = RPCClientCredential.sys(uid: 501, gid: 20, groups: [3, 1, 2], machine: "client.example")
    var seen: [[RecordingService.Seen]] = []
    var results: [[[UInt8]]] = []
    for tier in Tier.allCases {
      var random = SeededGenerator(seed: seed)
      let connected = try Connected(tier, credential)
      results.append([])
      for _ in 0..<200 {
        let body = (0..<Int.random(in: 0...3000, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
        results[results.count - 1].append(try connected.transport.call(RecordingService.Procedure.echo, body))
      }
      seen.append(connected.service.seen)
    }
    #expect(seen[0] == seen[1], "seed \(seed)")
    #expect(results[0] == results[1], "seed \(seed)")
    #expect(seen[0].count == 200)
  }
}
