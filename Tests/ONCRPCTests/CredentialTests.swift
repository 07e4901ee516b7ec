// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import ONCRPC
import Testing

@Suite("Credentials")
struct CredentialTests {
  @Test("AUTH_SYS arrives whole with its groups and machine name", arguments: Tier.allCases)
  func authSysArrivesWhole(_ tier: Tier) throws {
    let groups = (0..<16).map { UInt32($0) * 1000 + 7 }
    let credential = RPCClientCredential.sys(uid: 1001, gid: 1002, groups: groups, machine: "host.example")
    let connected = try Connected(tier, credential)
    _ = try connected.transport.call(RecordingService.Procedure.credential)
    let seen = try #require(connected.service.seen.first)
    #expect(seen.flavor == .sys)
    #expect(seen.uid == 1001)
    #expect(seen.gid == 1002)
    #expect(seen.groups == groups)
    #expect(seen.machine == "host.example")
  }

  @Test("Numbers above 2^31 and an empty machine name survive", arguments: Tier.allCases)
  func extremes(_ tier: Tier) throws {
    let connected = try Connected(tier, .sys(uid: .max, gid: 0x8000_0000, groups: [.max], machine: ""))
    _ = try connected.transport.call(RecordingService.Procedure.credential)
    let seen = try #require(connected.service.seen.first)
    #expect(seen.uid == .max)
    #expect(seen.gid == 0x8000_0000)
    #expect(seen.groups == [.max])
    #expect(seen.machine == "")
  }

  @Test("The longest machine name with every group fits", arguments: Tier.allCases)
  func longestCredential(_ tier: Tier) throws {
    let name = String(repeating: "n", count: 255)
    let connected = try Connected(tier, .sys(uid: 1, gid: 2, groups: Array(repeating: 9, count: 16), machine: name))
    #expect(try connected.transport.call(RecordingService.Procedure.echo, [1, 2, 3]) == [1, 2, 3])
    #expect(connected.service.seen.first?.machine == name)
  }

  @Test("AUTH_NONE is nobody without groups", arguments: Tier.allCases)
  func authNone(_ tier: Tier) throws {
    let connected = try Connected(tier, .none)
    _ = try connected.transport.call(RecordingService.Procedure.credential)
    let seen = try #require(connected.service.seen.first)
    #expect(seen.flavor == .none)
    #expect(seen.uid == RPCCredential.nobody)
    #expect(seen.gid == RPCCredential.nobody)
    #expect(seen.groups.isEmpty)
    #expect(seen.machine == "")
  }

  @Test("What AUTH_SYS cannot carry is refused when the client is made")
  func refusals() {
    let service = RecordingService()
    let bad: [RPCClientCredential] = [
      .sys(uid: 1, gid: 1, groups: Array(0..<17)),
      .sys(uid: 1, gid: 1, machine: String(repeating: "x", count: 256)),
      .sys(uid: 1, gid: 1, machine: "a\0b"),
    ]
    for credential in bad {
      let error = #expect(throws: RPCError.self) { try InMemoryTransport(service: service, credential: credential) }
      guard case .invalidCredential = error else {
        Issue.record("got \(String(describing: error))")
        continue
      }
    }
    #expect(service.opened.isEmpty)
  }

  @Test("Membership looks at the main group and at the others")
  func membership() {
    RPCClientCredential.sys(uid: 1, gid: 10, groups: [20, 30]).withServerView { view in
      let memberships = [10, 20, 30, 40].map { view.isMember(of: $0) }
      #expect(memberships == [true, true, true, false])
      let name = view.machineName
      #expect(name == "localhost")
    }
    RPCClientCredential.none.withServerView { view in
      let memberships = [10, RPCCredential.nobody].map { view.isMember(of: $0) }
      #expect(memberships == [false, true])
    }
  }
}
