// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Glibc
import NFS4
import NFS4Client
import ONCRPC
import Testing

/// Owners, sequence numbers, stateids, leases and what happens when the server says no.
@Suite struct StateTests {
  @Test(arguments: ClientFlavour.allCases)
  func sequenceNumbersGoUpByOneWithEveryOpenAndClose(_ flavour: ClientFlavour) throws {
    let m = try Mounted(flavour)
    for _ in 0..<5 { try m.make("file") }
    #expect(m.server.protocolErrors == 0)
    #expect(m.server.owners.count == 1)
    // Five OPENs, one OPEN_CONFIRM, five CLOSEs: 0 to 10.
    #expect(m.server.owners.first?.value.sequence == 10)
  }

  @Test func everyBSDProgramHasAnOwnerOfItsOwnAndLinuxHasOne() throws {
    for flavour in ClientFlavour.allCases {
      let m = try Mounted(flavour)
      for _ in 0..<3 {
        m.client.startProgram()
        try m.make("a")
        try m.make("b")
        m.client.endProgram()
      }
      #expect(m.server.owners.count == (flavour == .bsd ? 3 : 1))
      #expect(m.client.rpcCounts[.openConfirm] == (flavour == .bsd ? 3 : 1))
    }
  }

  @Test func aProgramThatOpensNothingHasNoOwner() throws {
    let m = try Mounted(.bsd)
    m.client.startProgram()
    try m.client.mkdir(p("dir"), mode: 0o777)
    m.client.endProgram()
    #expect(m.server.owners.isEmpty)
  }

  @Test func anOwnerThatNeedsNoConfirmationIsNotConfirmed() throws {
    let server = FakeServer()
    server.neverAsksForConfirmation = true
    let m = try Mounted(.bsd, server: server)
    try m.make("file")
    #expect(m.client.rpcCounts[.openConfirm] == 0)
  }

  @Test(arguments: ClientFlavour.allCases)
  func anOpenThatFailsMovesTheSequenceNumber(_ flavour: ClientFlavour) throws {
    let m = try Mounted(flavour)
    try m.make("file")
    m.server.planned = [(.open, .accessDenied)]
    #expect(
      m.failure { () throws(SystemCallError) in _ = try m.client.open(p("file"), flags: .read, mode: 0) }
        == .accessDenied)
    // These do not move it (RFC 7530 section 9.1.7).
    m.server.planned = [(.open, .resource)]
    #expect(
      m.failure { () throws(SystemCallError) in _ = try m.client.open(p("file"), flags: .read, mode: 0) }
        == SystemCallError(EREMOTEIO))
    #expect(try m.read("file") == [])
    #expect(m.server.protocolErrors == 0)
  }

  @Test(arguments: ClientFlavour.allCases)
  func delayIsWaitedForAndThenGivenUp(_ flavour: ClientFlavour) throws {
    let m = try Mounted(flavour)
    try m.make("file")
    let before = m.clock.nanoseconds
    m.server.planned = [(.open, .delay), (.open, .delay), (.close, .delay)]
    #expect(try m.read("file") == [])
    #expect(m.clock.nanoseconds - before == 3_000_000_000)
    #expect(m.server.protocolErrors == 0)
    m.server.planned = [(.setAttributes, .grace)]
    try m.client.chmod(p("file"), mode: 0)
    #expect(m.server.planned.isEmpty)
    m.server.planned = Array(repeating: (.setAttributes, .delay), count: 100)
    #expect(m.failure { () throws(SystemCallError) in try m.client.chmod(p("file"), mode: 0) } == .inputOutput)
    #expect(m.client.lastFailure == .delayedTooOften(31, .setattr))
    #expect(m.server.planned.count == 100 - 31)
  }

  @Test(arguments: ClientFlavour.allCases, [NFSStatus.staleClientID, .expired, .badSeqid])
  func aServerThatForgotTheClientGetsItAnew(_ flavour: ClientFlavour, _ status: NFSStatus) throws {
    let m = try Mounted(flavour)
    try m.make("file", [1, 2, 3])
    m.server.planned = [(.open, status)]
    #expect(try m.read("file") == [1, 2, 3])
    #expect(m.client.rpcCounts[.setClientID] == (status == .badSeqid ? 1 : 2))
    #expect(m.server.owners.count == 2)
    m.server.planned = [(.open, status), (.open, status)]
    #expect(
      m.failure { () throws(SystemCallError) in _ = try m.client.open(p("file"), flags: .read, mode: 0) }
        == .inputOutput)
    #expect(m.client.lastFailure == .status(status, .open))
  }

  @Test func theSameFileOpenedTwiceIsOneStateThatIsClosedOnce() throws {
    for flavour in ClientFlavour.allCases {
      let m = try Mounted(flavour)
      try m.make("file", [5])
      m.server.calls.removeAll()
      let reader = try m.client.open(p("file"), flags: .read, mode: 0)
      let writer = try m.client.open(p("file"), flags: .write, mode: 0)
      #expect(m.server.opens.count == 1)
      try m.client.close(writer)
      #expect(m.server.opens.first?.value.access == (flavour == .linux ? NFSOpen.accessRead : NFSOpen.accessBoth))
      #expect(m.client.rpcCounts[.openDowngrade] == (flavour == .linux ? 1 : 0))
      var byte = [UInt8](repeating: 0, count: 1)
      #expect(try byte.withUnsafeMutableBytes { try m.client.read(reader, into: $0) } == 1)
      try m.client.close(reader)
      #expect(m.server.opens.isEmpty)
      #expect(m.server.protocolErrors == 0)
      #expect(m.failure { () throws(SystemCallError) in try m.client.close(reader) } == .badDescriptor)
    }
  }

  @Test func whatAProgramLeavesOpenIsClosedAtItsEnd() throws {
    for flavour in ClientFlavour.allCases {
      let m = try Mounted(flavour)
      let descriptor = try m.client.open(p("file"), flags: .creat, mode: 0o666)
      _ = try [UInt8](repeating: 1, count: 10).withUnsafeBytes { try m.client.write(descriptor, from: $0) }
      _ = try m.client.opendir(p("."))
      _ = try m.client.mmap(descriptor, length: 10)
      m.client.endProgram()
      #expect(m.server.opens.isEmpty)
      #expect(m.server.files[1].data.count == 10)
      try m.client.checkInvariants()
    }
  }

  // MARK: Lease

  @Test func linuxRenewsOnlyWhenNothingElseDoes() throws {
    let m = try Mounted(.linux)
    m.clock.nanoseconds += 59_000_000_000
    _ = try m.client.statfs(p("."))
    #expect(m.client.rpcCounts[.renew] == 0)
    m.clock.nanoseconds += 2_000_000_000
    _ = try m.client.statfs(p("."))
    #expect(m.client.rpcCounts[.renew] == 1)
    // OPEN and CLOSE renew the lease themselves.
    for _ in 0..<10 {
      m.clock.nanoseconds += 50_000_000_000
      try m.make("file")
    }
    #expect(m.client.rpcCounts[.renew] == 1)
  }

  @Test func bsdRenewsEveryHalfLease() throws {
    let m = try Mounted(.bsd)
    for _ in 0..<9 {
      m.clock.nanoseconds += 10_000_000_000
      try m.make("file")
    }
    #expect(m.client.rpcCounts[.renew] == 1)
    m.clock.nanoseconds += 10_000_000_000
    try m.make("file")
    #expect(m.client.rpcCounts[.renew] == 2)
  }

  @Test func aRenewThatFindsTheClientGoneLeadsToANewClientID() throws {
    let m = try Mounted(.bsd)
    m.clock.nanoseconds += 46_000_000_000
    m.server.planned = [(.renew, .expired)]
    _ = try m.client.statfs(p("."))
    #expect(m.client.lastFailure == .status(.expired, .renew))
    #expect(m.client.rpcCounts[.setClientID] == 1)
    try m.make("file")
    #expect(m.client.rpcCounts[.setClientID] == 2)
    // A callback path that is down renews the lease all the same.
    m.clock.nanoseconds += 46_000_000_000
    m.server.planned = [(.renew, .callbackPathDown)]
    try m.make("file")
    #expect(m.client.rpcCounts[.setClientID] == 2)
  }

  // MARK: Identity

  @Test func clientIDsHaveTheLengthsOfTheKernels() throws {
    for flavour in ClientFlavour.allCases {
      let server = FakeServer()
      var ids: Set<[UInt8]> = []
      for number: UInt32 in [1, 2, 77, .max] {
        server.clientIDs = [:]
        _ = try Mounted(flavour, server: server) { $0.clientNumber = number }
        let id = try #require(server.clientIDs.keys.first)
        #expect((flavour == .linux ? 40...60 : 25...45).contains(id.count))
        ids.insert(id)
      }
      #expect(ids.count == 4)
    }
  }

  @Test func theVerifierComesFromTheSeed() throws {
    func verifier(_ seed: UInt64) throws -> ArraySlice<UInt8> {
      let server = FakeServer()
      server.records = true
      _ = try Mounted(.linux, server: server) { $0.seed = seed }
      return try #require(server.calls.first).bytes[16..<24]
    }
    #expect(try verifier(1) == verifier(1))
    #expect(try verifier(1) != verifier(2))
  }

  // MARK: Errors

  @Test func aLostConnectionIsAnInputOutputErrorWithItsReason() throws {
    let m = try Mounted(.linux)
    m.server.transportError = .connectionLost(reason: "test")
    #expect(m.failure { () throws(SystemCallError) in _ = try m.client.stat(p("file")) } == .inputOutput)
    #expect(m.client.lastFailure == .transport(.connectionLost(reason: "test"), .access))
    #expect(m.client.lastFailure?.description == "ACCESS: connection lost: test")
    #expect(
      throws: NFSClientFailure.transport(.connectionLost(reason: "test"), .setClientID)
    ) {
      try NFSClient(transport: m.server, clock: m.clock, configuration: NFSClientConfiguration(flavour: .bsd)).mount()
    }
  }

  @Test func anExportThatDoesNotExistCannotBeMounted() throws {
    let client = NFSClient(
      transport: FakeServer(), clock: ManualClock(),
      configuration: NFSClientConfiguration(flavour: .linux, exportPath: "/no/such"))
    #expect(throws: NFSClientFailure.status(.noEntry, .lookup)) { try client.mount() }
    #expect(throws: SystemCallError.inputOutput) { _ = try client.stat(p(".")) }
  }

  @Test(arguments: [
    (NFSStatus.notOwner, EPERM), (.noEntry, ENOENT), (.io, EIO), (.noDevice, ENXIO), (.accessDenied, EACCES),
    (.exists, EEXIST), (.crossDevice, EXDEV), (.notDirectory, ENOTDIR), (.isDirectory, EISDIR), (.invalid, EINVAL),
    (.fileTooBig, EFBIG), (.noSpace, ENOSPC), (.readOnlyFileSystem, EROFS), (.tooManyLinks, EMLINK),
    (.nameTooLong, ENAMETOOLONG), (.notEmpty, ENOTEMPTY), (.quotaExceeded, EDQUOT), (.stale, ESTALE),
    (.notSupported, EOPNOTSUPP), (.badStateid, EIO), (.serverFault, EIO), (.resource, EREMOTEIO), (.isSymlink, ELOOP),
  ])
  func statusesOfTheServerAreTheErrnosOfClients(_ status: NFSStatus, _ code: Int32) throws {
    let m = try Mounted(.linux)
    try m.make("file")
    m.server.planned = [(.setAttributes, status)]
    #expect(m.failure { () throws(SystemCallError) in try m.client.chmod(p("file"), mode: 0) }?.code == code)
  }
}
