// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4
import Testing

@testable import NFS4Server

/// Clients that open, narrow, close, reboot and die, and a server that restarts, against a model of share reservations.
@Suite struct StateChurnTests {
  @Test("Share reservations hold through reboots, deaths and restarts", arguments: [1, 2, 3, 4] as [UInt64])
  func shareReservationsHold(seed: UInt64) throws {
    let churn = try StateChurn(seed: seed)
    for step in 0..<400 {
      do {
        try churn.step()
      } catch {
        Issue.record("seed \(seed), step \(step): \(error)")
        return
      }
    }
    try churn.end()
    #expect(churn.denied > 10, "seed \(seed) met too few conflicts")
    #expect(churn.reclaimed > 0, "seed \(seed) reclaimed nothing")
  }
}

/// What the clients believe to have, and the steps that they take.
private final class StateChurn {
  struct Unexpected: Error, CustomStringConvertible {
    let description: String
  }

  /// An open as its client knows it.
  struct Open {
    var file: Int
    var owner: Int
    var stateid: Stateid
    /// Pairs of access and deny that OPENs asked for.
    var modes: [(access: UInt32, deny: UInt32)]

    var access: UInt32 { modes.reduce(0) { $0 | $1.access } }
    var deny: UInt32 { modes.reduce(0) { $0 | $1.deny } }
  }

  final class Member {
    let name: String
    var verifier: UInt64 = 1
    var client: TestClient
    var owners: [TestOwner]
    var opens: [Open] = []

    init(_ server: TestServer, _ number: Int) throws {
      name = "client \(number)"
      client = try TestClient(server, name: name, connection: UInt64(number + 1))
      owners = (0..<3).map { TestOwner("owner \($0)", sequence: UInt32($0) &* 1000 &+ 1) }
    }
  }

  private let server: TestServer
  private var random: SeededRandom
  private var members: [Member] = []
  private let handles: [[UInt8]]
  private let root: [UInt8]
  private let level: [Int]
  private(set) var denied = 0
  private(set) var reclaimed = 0
  private static let grace: UInt64 = 40
  private static let types = ["NFSD V4state", "NFSD lckfile", "NFSD V4client"]

  init(seed: UInt64) throws {
    random = SeededRandom(seed: seed)
    server = try TestServer {
      $0.leaseSeconds = 60
      $0.graceSeconds = Int(Self.grace)
      $0.courtesySeconds = 0
    }
    root = try server.rootHandle()
    let maker = try TestClient(server, name: "maker")
    let owner = TestOwner("maker")
    var handles: [[UInt8]] = []
    for file in 0..<4 {
      let open = try maker.open("f\(file)", in: root, owner: owner)
      try maker.close(open, owner: owner)
      handles.append(open.handle)
    }
    self.handles = handles
    server.advance(seconds: 500)
    level = Self.level(server)
    for number in 0..<4 { members.append(try Member(server, number)) }
  }

  private static func level(_ server: TestServer) -> [Int] {
    let counts = server.mallocCounts()
    return types.map { Int(counts[$0]?.mallocs ?? 0) - Int(counts[$0]?.frees ?? 0) }
  }

  func step() throws {
    let member = members[random.below(members.count)]
    switch random.below(100) {
    case 0..<45: try open(member)
    case 45..<65: try close(member)
    case 65..<75: try narrow(member)
    case 75..<82: try readWithoutState()
    case 82..<88: try passTime(except: nil)
    case 88..<91: try reboot(member)
    case 91..<94: try update(member)
    case 94..<97: try die(member)
    default: try restart()
    }
  }

  private func expect(_ status: NFSStatus, _ expected: NFSStatus, _ what: String) throws {
    guard status == expected else { throw Unexpected(description: "\(what): \(status), not \(expected)") }
  }

  private func isDenied(_ file: Int, access: UInt32, deny: UInt32) -> Bool {
    members.contains { $0.opens.contains { $0.file == file && ($0.deny & access | $0.access & deny) != 0 } }
  }

  /// Sends a sequenced compound, now and then a second time, which must bring the same bytes.
  private func send(_ member: Member, _ compound: CompoundBuilder) throws -> CompoundReply {
    let reply = try server.call(compound, connection: member.client.connection)
    if random.below(8) == 0 && reply.status == .ok {
      let again = try server.call(compound, connection: member.client.connection)
      guard again.bytes == reply.bytes else { throw Unexpected(description: "a retransmission got another reply") }
    }
    return reply
  }

  private func open(_ member: Member) throws {
    let file = random.below(handles.count)
    let number = random.below(3)
    let owner = member.owners[number]
    let access = UInt32(random.below(3) + 1)
    let deny = random.below(3) == 0 ? UInt32(random.below(4)) : 0
    let how: OpenHow = random.below(2) == 0 ? .noCreate : .unchecked(.mode(0o644))
    let compound = CompoundBuilder().handle(root)
      .open(
        "f\(file)", client: member.client.id, owner: owner.name, sequence: owner.next(), access: access, deny: deny,
        how: how)
    let expected: NFSStatus = isDenied(file, access: access, deny: deny) ? .shareDenied : .ok
    let reply = try send(member, compound)
    try expect(reply.status, expected, "OPEN f\(file) \(access)/\(deny) by \(member.name)")
    guard expected == .ok else {
      denied += 1
      return
    }
    try reply.ok(.putFilehandle)
    try reply.ok(.open)
    let body = try reply.openBody()
    var stateid = body.stateid
    if body.flags & NFSOpen.resultConfirm != 0 {
      let confirm = try send(
        member, CompoundBuilder().handle(handles[file]).openConfirm(stateid, sequence: owner.next()))
      try confirm.ok(.putFilehandle)
      try confirm.ok(.openConfirm)
      stateid = try confirm.stateid()
    }
    if let index = member.opens.firstIndex(where: { $0.file == file && $0.owner == number }) {
      member.opens[index].stateid = stateid
      member.opens[index].modes.append((access, deny))
    } else {
      member.opens.append(Open(file: file, owner: number, stateid: stateid, modes: [(access, deny)]))
    }
  }

  private func close(_ member: Member) throws {
    guard !member.opens.isEmpty else { return }
    let open = member.opens.remove(at: random.below(member.opens.count))
    let compound = CompoundBuilder().handle(handles[open.file])
      .close(open.stateid, sequence: member.owners[open.owner].next())
    try expect(try send(member, compound).status, .ok, "CLOSE by \(member.name)")
  }

  /// Goes back to some of the OPENs, or to what none of them asked for.
  private func narrow(_ member: Member) throws {
    guard !member.opens.isEmpty else { return }
    let index = random.below(member.opens.count)
    var open = member.opens[index]
    var modes = open.modes.filter { _ in random.below(2) == 0 }
    if modes.isEmpty { modes = [open.modes[0]] }
    let (access, deny) = (modes.reduce(0) { $0 | $1.access }, modes.reduce(0) { $0 | $1.deny })
    let compound = CompoundBuilder().handle(handles[open.file]).operation(.openDowngrade).stateid(open.stateid)
      .word(member.owners[open.owner].next()).word(access).word(deny)
    let reply = try send(member, compound)
    try expect(reply.status, .ok, "OPEN_DOWNGRADE to \(access)/\(deny) by \(member.name)")
    try reply.ok(.putFilehandle)
    try reply.ok(.openDowngrade)
    open.stateid = try reply.stateid()
    open.modes.removeAll { $0.access & ~access != 0 || $0.deny & ~deny != 0 }
    member.opens[index] = open
  }

  private func readWithoutState() throws {
    let file = random.below(handles.count)
    let expected: NFSStatus = isDenied(file, access: NFSOpen.accessRead, deny: 0) ? .locked : .ok
    let compound = CompoundBuilder().handle(handles[file]).read(.anonymous, offset: 0, count: 1)
    try expect(try server.call(compound).status, expected, "READ without an open")
  }

  private func passTime(except silent: Member?, seconds: UInt64 = 25) throws {
    server.advance(seconds: seconds)
    for member in members where member !== silent {
      let renew = CompoundBuilder().operation(.renew).long(member.client.id)
      try expect(try server.call(renew).status, .ok, "RENEW by \(member.name)")
    }
  }

  /// A new instance of the client: the server forgets what the old one had.
  private func reboot(_ member: Member) throws {
    member.verifier += 1
    member.client = try TestClient(
      server, name: member.name, verifier: member.verifier, connection: member.client.connection)
    member.opens = []
  }

  /// New callbacks, which cost nothing.
  private func update(_ member: Member) throws {
    let id = member.client.id
    member.client = try TestClient(
      server, name: member.name, verifier: member.verifier, connection: member.client.connection)
    guard member.client.id == id else { throw Unexpected(description: "an update got another client id") }
  }

  /// A client is silent until its lease is over, and comes back.
  private func die(_ member: Member) throws {
    for _ in 0..<5 { try passTime(except: member) }
    let renew = CompoundBuilder().operation(.renew).long(member.client.id)
    try expect(try server.call(renew).status, .expired, "RENEW of a client that was silent")
    try reboot(member)
  }

  private func restart() throws {
    server.service.restart()
    if random.below(4) == 0 { server.service.restart() }
    let absent = random.below(members.count)
    for (number, member) in members.enumerated() {
      member.client = try TestClient(
        server, name: member.name, verifier: member.verifier, connection: member.client.connection)
      member.owners = (0..<3).map { TestOwner("owner \($0)", sequence: 7) }
      if number == absent {
        // It does not reclaim in time.
        member.opens = []
        continue
      }
      for index in member.opens.indices {
        let open = member.opens[index]
        let compound = CompoundBuilder().handle(handles[open.file])
          .reclaim(
            client: member.client.id, owner: member.owners[open.owner].name,
            sequence: member.owners[open.owner].next(), access: open.access, deny: open.deny)
        let reply = try send(member, compound)
        try expect(reply.status, .ok, "a reclaim by \(member.name)")
        try reply.ok(.putFilehandle)
        try reply.ok(.open)
        member.opens[index].stateid = try reply.openBody().stateid
        member.opens[index].modes = [(open.access, open.deny)]
        reclaimed += 1
      }
      let new = CompoundBuilder().root().open("f0", client: member.client.id, owner: [9], sequence: 1)
      try expect(try server.call(new).status, .grace, "an OPEN in the grace period")
    }
    try passTime(except: nil, seconds: Self.grace)
  }

  /// Everybody falls silent; nothing is left.
  func end() throws {
    server.advance(seconds: 1000)
    let left = server.service.snapshot
    #expect(left.clients == 0)
    #expect(left.openOwners == 0)
    #expect(left.opens == 0)
    #expect(left.lockFiles == 0)
    #expect(left.stateStructures == 0)
    #expect(Self.level(server) == level)
    try server.service.checkInvariants()
    try server.kernel.heap.allocator.checkInvariants()
  }
}
