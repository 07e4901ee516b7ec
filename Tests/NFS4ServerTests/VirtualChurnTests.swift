// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import KernelMemory
import NFS4
import Testing

@testable import NFS4Server

/// Hours of virtual time with clients that open, lock, renew, lose connections, repeat requests, reboot and vanish.
@Suite struct VirtualChurnTests {
  private static let hours: UInt64 = 8
  private static let clients = 6
  /// Seconds after which the last lease, the last saved reply and the last idle owner are over (NFSRV_MOULDYLEASE and more).
  private static let longAfter: UInt64 = 800_000

  @Test("Eight hours of churn leave no state behind", arguments: [1, 2] as [UInt64])
  func eightHours(seed: UInt64) throws {
    let server = try TestServer(checksInvariants: false)
    let root = try server.rootHandle()
    // Memory that is not state (connections, vnodes, names) comes and goes beside it: the malloc types of state are compared.
    var random = SeededRandom(seed: seed)
    let clients = try (0..<Self.clients).map { try ChurnClient(server, number: UInt64($0), root: root) }
    let end = Self.hours * 3600
    var steps = 0
    while server.kernel.now / 1_000_000_000 < end {
      let index = random.below(clients.count)
      do {
        try clients[index].step(&random)
      } catch let failure as ChurnFailure {
        Issue.record("seed \(seed), step \(steps), client \(index): \(failure.text)")
        return
      }
      server.advance(seconds: UInt64(random.below(5)))
      steps += 1
      if steps % 64 == 0 { try server.service.checkInvariants() }
    }
    #expect(steps > 10_000)
    for round in 0..<3 {
      server.advance(seconds: Self.longAfter)
      _ = try server.call(CompoundBuilder().root(), connection: 9000 + UInt64(round))
      server.service.connectionClosed(9000 + UInt64(round))
    }
    try server.service.checkInvariants()
    let rest = server.service.snapshot
    #expect(rest.clients == 0 && rest.stateStructures == 0 && rest.opens == 0 && rest.locks == 0)
    #expect(rest.lockFiles == 0 && rest.savedReplies == 0)
    for (name, counts) in server.mallocCounts() where name.hasPrefix("NFSD") {
      #expect(counts.mallocs == counts.frees, "seed \(seed): \(name): \(counts.mallocs) mallocs, \(counts.frees) frees")
    }
    #expect(server.mallocCounts()["NFSD V4lock"].map { $0.mallocs > 1000 } == true)
  }
}

private struct ChurnFailure: Error {
  let text: String
}

/// A client that keeps the rules, and now and then does not come back.
private final class ChurnClient {
  private struct Open {
    var name: Int
    var file: TestClient.OpenFile
    var owner: TestOwner
    var lock: (stateid: Stateid, owner: TestOwner)?
  }

  private let server: TestServer
  private let number: UInt64
  private let root: [UInt8]
  private var client: TestClient
  private var connection: UInt64
  private var incarnation: UInt64 = 0
  private var owners: [TestOwner] = []
  private var opens: [Open] = []
  private var xid: UInt32
  private var silentSteps = 0

  init(_ server: TestServer, number: UInt64, root: [UInt8]) throws {
    self.server = server
    self.number = number
    self.root = root
    connection = 100 + number
    xid = UInt32(number + 1) << 24
    client = try TestClient(server, name: "churn \(number)", verifier: 1, connection: connection)
    owners = Self.freshOwners(0)
  }

  private static func freshOwners(_ incarnation: UInt64) -> [TestOwner] {
    (0..<3).map { TestOwner("owner \($0) of \(incarnation)", sequence: UInt32($0) * 1000 + 1) }
  }

  func step(_ random: inout SeededRandom) throws {
    if silentSteps > 0 {
      silentSteps -= 1
      return
    }
    switch random.below(100) {
    case 0: try reboot()
    case 1:
      // Nothing is heard of it for longer than the lease; what it had may be gone when it comes back.
      silentSteps = 200
    case 2...5: loseConnection()
    case 6...15: _ = try expect(send(CompoundBuilder().operation(.renew).long(client.id)), .renew, [.ok])
    case 16...45: try open(&random)
    case 46...65: try lock(&random)
    case 66...80: try unlock(&random)
    default: try close(&random)
    }
  }

  private func reboot() throws {
    incarnation += 1
    client = try TestClient(server, name: "churn \(number)", verifier: 1 + incarnation, connection: connection)
    owners = Self.freshOwners(incarnation)
    opens = []
  }

  private func loseConnection() {
    server.service.connectionClosed(connection)
    connection += 1000
  }

  private func send(_ compound: CompoundBuilder) throws -> CompoundReply {
    xid += 1
    return try server.call(compound, xid: xid, connection: connection)
  }

  /// Sends a request with a sequence number; one in eight answers is lost with its connection, and the request comes again.
  private func sendOnce(_ compound: CompoundBuilder, _ random: inout SeededRandom) throws -> CompoundReply {
    let first = try send(compound)
    guard random.below(8) == 0 else { return first }
    loseConnection()
    let again = try server.call(compound, xid: xid, connection: connection)
    guard again.bytes == first.bytes else {
      throw ChurnFailure(text: "a repeated request got another answer: \(first.status.name), then \(again.status.name)")
    }
    return again
  }

  /// The status of an operation behind PUTFH; a lost lease makes the client start anew, and gives nil.
  private func expect(_ reply: CompoundReply, _ operation: NFSOperation, _ allowed: Set<NFSStatus>) throws -> NFSStatus?
  {
    if [.expired, .staleClientID, .badStateid].contains(reply.status) {
      try reboot()
      return nil
    }
    guard allowed.contains(reply.status) else {
      throw ChurnFailure(text: "\(operation.name) answered \(reply.status.name)")
    }
    return reply.status
  }

  private func open(_ random: inout SeededRandom) throws {
    guard opens.count < 12 else { return try close(&random) }
    let name = random.below(20)
    let owner = owners[random.below(owners.count)]
    guard !opens.contains(where: { $0.name == name && $0.owner === owner }) else { return }
    let deny = UInt32(random.below(10) == 0 ? 2 : 0)
    let compound = CompoundBuilder().handle(root)
      .open(
        "file \(name)", client: client.id, owner: owner.name, sequence: owner.next(), deny: deny,
        how: .unchecked(.mode(0o644))
      )
      .getHandle()
    let reply = try sendOnce(compound, &random)
    guard let status = try expect(reply, .open, [.ok, .shareDenied]), status == .ok else { return }
    try reply.ok(.putFilehandle)
    try reply.ok(.open)
    let body = try reply.openBody()
    try reply.ok(.getFilehandle)
    var file = TestClient.OpenFile(handle: try reply.opaque(), stateid: body.stateid, flags: body.flags)
    if body.flags & NFSOpen.resultConfirm != 0 {
      let confirm = try sendOnce(
        CompoundBuilder().handle(file.handle).openConfirm(file.stateid, sequence: owner.next()), &random)
      guard try expect(confirm, .openConfirm, [.ok]) != nil else { return }
      try confirm.ok(.putFilehandle)
      try confirm.ok(.openConfirm)
      file.stateid = try confirm.stateid()
    }
    opens.append(Open(name: name, file: file, owner: owner))
  }

  private func lock(_ random: inout SeededRandom) throws {
    guard !opens.isEmpty else { return }
    let index = random.below(opens.count)
    let open = opens[index]
    let type = random.below(2) == 0 ? NFSLock.write : NFSLock.read
    let offset = UInt64(random.below(100))
    let length = UInt64(1 + random.below(50))
    var compound = CompoundBuilder().handle(open.file.handle)
    let owner = open.lock?.owner ?? TestOwner("locker \(number) \(open.name) \(xid)")
    if let lock = open.lock {
      compound = compound.lock(type, offset: offset, length: length, stateid: lock.stateid, sequence: owner.next())
    } else {
      compound = compound.lock(
        type, offset: offset, length: length, open: open.file.stateid, openSequence: open.owner.next(),
        client: client.id, owner: owner.name, sequence: owner.next())
    }
    let reply = try sendOnce(compound, &random)
    guard let status = try expect(reply, .lock, [.ok, .denied]), status == .ok else { return }
    try reply.ok(.putFilehandle)
    try reply.ok(.lock)
    opens[index].lock = (try reply.stateid(), owner)
  }

  private func unlock(_ random: inout SeededRandom) throws {
    guard let index = opens.indices.filter({ opens[$0].lock != nil }).randomElement(using: &random) else { return }
    guard let lock = opens[index].lock else { return }
    let compound = CompoundBuilder().handle(opens[index].file.handle)
      .unlock(
        sequence: lock.owner.next(), stateid: lock.stateid, offset: UInt64(random.below(100)),
        length: UInt64(1 + random.below(80)))
    let reply = try sendOnce(compound, &random)
    guard try expect(reply, .unlock, [.ok]) != nil else { return }
    try reply.ok(.putFilehandle)
    try reply.ok(.unlock)
    opens[index].lock?.stateid = try reply.stateid()
  }

  private func close(_ random: inout SeededRandom) throws {
    guard !opens.isEmpty else { return }
    let index = random.below(opens.count)
    let open = opens[index]
    if let lock = open.lock {
      // All locks are given back first, as kernels do.
      let all = try sendOnce(
        CompoundBuilder().handle(open.file.handle)
          .unlock(sequence: lock.owner.next(), stateid: lock.stateid, offset: 0, length: .max), &random)
      guard try expect(all, .unlock, [.ok]) != nil else { return }
    }
    let reply = try sendOnce(
      CompoundBuilder().handle(open.file.handle).close(open.file.stateid, sequence: open.owner.next()), &random)
    guard try expect(reply, .close, [.ok]) != nil else { return }
    opens.remove(at: index)
  }
}
