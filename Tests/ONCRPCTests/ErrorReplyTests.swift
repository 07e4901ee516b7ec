// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import ONCRPC
import Testing

@Suite("Error replies")
struct ErrorReplyTests {
  @Test("What a service refuses is an error of the client, and the connection goes on", arguments: Tier.allCases)
  func serviceErrors(_ tier: Tier) throws {
    let connected = try Connected(tier, .sys(uid: 1, gid: 1))
    let transport = connected.transport
    #expect(throws: RPCError.procedureUnavailable(procedure: 99)) { try transport.call(99) }
    #expect(throws: RPCError.garbageArguments) { try transport.call(RecordingService.Procedure.garbage) }
    #expect(throws: RPCError.systemError) { try transport.call(RecordingService.Procedure.systemError) }
    #expect(throws: RPCError.systemError) { try transport.call(RecordingService.Procedure.tooLong) }
    #expect(throws: RPCError.systemError) { try transport.call(RecordingService.Procedure.negative) }
    #expect(try transport.call(RecordingService.Procedure.echo, [9]) == [9])
  }

  @Test("Another program is PROG_UNAVAIL")
  func otherProgram() throws {
    let served = try Served()
    let client = try served.client(program: 100_003)
    #expect(throws: RPCError.programUnavailable(program: 100_003)) { try client.call(1) }
    try served.expectAlive()
  }

  @Test("Another version is PROG_MISMATCH with the versions there are", arguments: [2, 4] as [UInt32])
  func otherVersion(_ version: UInt32) throws {
    let served = try Served()
    let client = try served.client(version: version)
    #expect(throws: RPCError.versionMismatch(program: RecordingService.programNumber, low: 3, high: 3)) {
      try client.call(1)
    }
    try served.expectAlive()
  }

  @Test("Every error reads as one line")
  func oneLine() {
    let errors: [RPCError] = [
      .unreachable(host: "h", port: 1, reason: "r"), .portInUse(host: "h", port: 1),
      .cannotListen(host: "h", port: 1, reason: "r"), .timedOut(milliseconds: 5), .connectionLost(reason: "r"),
      .programUnavailable(program: 1), .versionMismatch(program: 1, low: 2, high: 3),
      .procedureUnavailable(procedure: 4), .garbageArguments, .systemError, .rpcVersionMismatch(low: 2, high: 2),
      .authError(.badCredential), .authError(RPCAuthStatus(rawValue: 99)), .malformedReply,
      .argumentsTooLong(length: 2, limit: 1), .invalidCredential(reason: "r"), .resourceExhausted(what: "w"),
    ]
    #expect(Set(errors.map(\.description)).count == errors.count)
    for error in errors { #expect(!error.description.isEmpty && !error.description.contains("\n")) }
    #expect(RPCError.authError(.badCredential).description.contains("AUTH_BADCRED"))
  }
}
