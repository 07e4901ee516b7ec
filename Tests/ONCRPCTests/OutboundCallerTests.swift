// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Testing

@testable import ONCRPC

/// Calls that a server makes from threads of its own.
@Suite struct OutboundCallerTests {
  /// Collects outcomes in the order that they come in.
  private final class Outcomes: Sendable {
    private let list = PosixMutex<[Result<[UInt8], RPCError>]>([])
    private let events = EventCounter()

    var all: [Result<[UInt8], RPCError>] { list.withLock { $0 } }

    func add(_ outcome: Result<[UInt8], RPCError>) {
      list.withLock { $0.append(outcome) }
      events.signal()
    }

    /// Waits for so many outcomes; the bound only ends a test that fails anyway.
    func await(_ count: Int) -> Bool {
      let deadline = EventCounter.deadline(milliseconds: 30_000)
      while all.count < count {
        let seen = events.count
        if all.count >= count { break }
        guard events.wait(beyond: seen, until: deadline) else { return false }
      }
      return true
    }
  }

  private func destination(_ port: UInt16, program: UInt32 = RecordingService.programNumber) -> RPCDestination {
    RPCDestination(host: "127.0.0.1", port: port, program: program, version: RecordingService.versionNumber)
  }

  @Test func callsToOneDestinationShareAConnectionAndKeepTheirOrder() throws {
    let served = try Served()
    let caller = OutboundCaller(credential: .sys(uid: 3, gid: 4))
    let outcomes = Outcomes()
    for index in 0..<50 as Range<UInt32> {
      caller.call(
        destination(served.server.port), procedure: RecordingService.Procedure.echo, arguments: words(index),
        timeoutMilliseconds: 30_000
      ) { outcomes.add($0) }
    }
    #expect(outcomes.await(50))
    for (index, outcome) in outcomes.all.enumerated() { #expect(try outcome.get() == words(UInt32(index))) }
    #expect(served.service.opened.count == 1)
    #expect(served.service.seen.first?.uid == 3)
    served.server.stop()
  }

  @Test func aSilentDestinationHoldsUpNoOther() throws {
    let (silent, served) = (try Served(), try Served())
    let caller = OutboundCaller(credential: .none)
    let (late, early) = (Outcomes(), Outcomes())
    caller.call(
      destination(silent.server.port), procedure: RecordingService.Procedure.waitForRelease, arguments: [],
      timeoutMilliseconds: 30_000
    ) { late.add($0) }
    caller.call(
      destination(served.server.port), procedure: RecordingService.Procedure.echo, arguments: words(1),
      timeoutMilliseconds: 30_000
    ) { early.add($0) }
    #expect(early.await(1))
    #expect(late.all.isEmpty)
    silent.service.release()
    #expect(late.await(1))
    silent.server.stop()
    served.server.stop()
  }

  @Test func aConnectionThatEndedIsMadeAnew() throws {
    let first = try Served()
    let caller = OutboundCaller(credential: .none)
    let outcomes = Outcomes()
    let target = destination(first.server.port)
    func echo() {
      caller.call(
        target, procedure: RecordingService.Procedure.echo, arguments: words(5), timeoutMilliseconds: 30_000
      ) { outcomes.add($0) }
    }
    echo()
    #expect(outcomes.await(1))
    first.server.stop()
    let again = RecordingService()
    let second = try TCPServer(host: "127.0.0.1", port: target.port, service: again)
    try second.start()
    echo()
    #expect(outcomes.await(2))
    #expect(try outcomes.all[1].get() == words(5))
    second.stop()
    echo()
    #expect(outcomes.await(3))
    #expect(throws: RPCError.self) { _ = try outcomes.all[2].get() }
  }

  @Test func errorsAndLimitsAreToldToTheirCalls() throws {
    let served = try Served()
    let caller = OutboundCaller(credential: .none, maximumDestinations: 1)
    let outcomes = Outcomes()
    let call = { (target: RPCDestination, procedure: UInt32) in
      caller.call(target, procedure: procedure, arguments: [], timeoutMilliseconds: 30_000) { outcomes.add($0) }
    }
    call(destination(served.server.port), RecordingService.Procedure.systemError)
    // One destination is the limit; the second is refused before it is called.
    call(destination(served.server.port, program: 9), RecordingService.Procedure.echo)
    #expect(outcomes.await(2))
    for outcome in outcomes.all { #expect(throws: RPCError.self) { _ = try outcome.get() } }
    #expect(served.service.seen.count == 1)
    caller.stop()
    call(destination(served.server.port), RecordingService.Procedure.echo)
    #expect(outcomes.await(3))
    #expect(throws: RPCError.connectionLost(reason: "no more calls are made")) { _ = try outcomes.all[2].get() }
    served.server.stop()
  }
}
