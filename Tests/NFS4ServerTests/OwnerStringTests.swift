// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4
import Testing

@testable import NFS4Server

/// Owner strings: numbers and name@domain (RFC 7530 section 5.9).
@Suite struct OwnerStringTests {
  private static let directory = "d"

  private func server(_ configure: (inout IDMapping) -> Void = { _ in }) throws -> TestServer {
    let server = try TestServer {
      $0.idMapping.domain = "lab.example.org"
      $0.idMapping.users.append(IDMapping.Entry("rick", 501))
      $0.idMapping.groups.append(IDMapping.Entry("staff", 20))
      configure(&$0.idMapping)
    }
    _ = try server.makeDirectory(Self.directory)
    return server
  }

  private func set(_ server: TestServer, _ attribute: AttributeMask, _ text: [UInt8]) throws -> NFSStatus {
    let list = CompoundBuilder.list { $0.opaque(text) }
    return try server.call(
      CompoundBuilder().root().lookup(Self.directory).operation(.setAttributes).stateid(.anonymous).mask(attribute)
        .opaque(list)
    ).status
  }

  private func set(_ server: TestServer, _ attribute: AttributeMask, _ text: String) throws -> NFSStatus {
    try set(server, attribute, [UInt8](text.utf8))
  }

  /// The owner strings that GETATTR tells.
  private func owners(_ server: TestServer) throws -> [String] {
    let reply = try server.call(
      CompoundBuilder().root().lookup(Self.directory).getAttributes([.owner, .ownerGroup]))
    try reply.ok(.putRootFilehandle)
    try reply.ok(.lookup)
    try reply.ok(.getAttributes)
    #expect(try reply.mask() == [.owner, .ownerGroup])
    _ = try reply.word()
    return [try reply.string(), try reply.string()]
  }

  @Test func numbersAndNamesOfTheDomainAreTaken() throws {
    let server = try server()
    #expect(try set(server, .owner, "501") == .ok)
    #expect(try owners(server) == ["501", "0"])
    for (text, number) in [
      ("root@lab.example.org", "0"), ("rick@lab.example.org", "501"), ("rick@LAB.Example.ORG", "501"),
      ("nobody@lab.example.org", "65534"), ("nobody", "65534"), ("0", "0"), ("4294967294", "4294967294"),
    ] {
      #expect(try set(server, .owner, text) == .ok, "\(text)")
      #expect(try owners(server)[0] == number, "\(text)")
    }
    #expect(try set(server, .ownerGroup, "staff@lab.example.org") == .ok)
    #expect(try owners(server)[1] == "20")
  }

  @Test(arguments: [
    "rick", "root", "Rick@lab.example.org", "bob@lab.example.org", "rick@example.org", "staff@lab.example.org", "007",
    "4294967296", "-1", "12a", "@lab.example.org", "rick@lab.example.org@elsewhere",
  ])
  func aStringThatNamesNobodyIsABadOwner(text: String) throws {
    let server = try server()
    #expect(try set(server, .owner, text) == .badOwner)
    #expect(try owners(server) == ["0", "0"])
    let create = CompoundBuilder().root().operation(.create).word(2).string("made").mask(.owner)
      .opaque(CompoundBuilder.list { $0.string(text) })
    #expect(try server.call(create).status == .badOwner)
    #expect(try server.call(CompoundBuilder().root().lookup("made")).status == .noEntry)
  }

  @Test(
    arguments: [
      [], [0xFF], [0xC3, 0x28], [UInt8]("rick@".utf8), [UInt8]("rick@a..b".utf8), [UInt8]("rick@-a.org".utf8),
      [UInt8]("rick@a_b.org".utf8), [UInt8]("rick@\(String(repeating: "a", count: 64)).org".utf8),
    ] as [[UInt8]])
  func aStringThatIsNoOwnerStringIsInvalid(text: [UInt8]) throws {
    let server = try server()
    #expect(try set(server, .owner, text) == .invalid)
    #expect(try set(server, .ownerGroup, text) == .invalid)
  }

  @Test func aDomainBeyondASCIIIsWellFormedAndUnknown() throws {
    #expect(try set(try server(), .owner, "rick@bücher.example") == .badOwner)
  }

  @Test func aLongOwnerStringIsABadOwner() throws {
    #expect(try set(try server(), .owner, String(repeating: "x", count: 5000) + "@lab.example.org") == .badOwner)
  }

  @Test func namesAreToldWhereTheServerIsSetUpSo() throws {
    let server = try server { $0.sendsNames = true }
    #expect(try owners(server) == ["root@lab.example.org", "wheel@lab.example.org"])
    #expect(try set(server, .owner, "501") == .ok)
    #expect(try set(server, .ownerGroup, "77") == .ok)
    #expect(try owners(server) == ["rick@lab.example.org", "77"])
    let listed = try server.call(CompoundBuilder().root().readDirectory(mask: [.owner, .fileid]))
    try listed.ok(.putRootFilehandle)
    try listed.ok(.readDirectory)
    _ = try listed.long()
    #expect(try listed.bool())
    _ = try listed.long()
    #expect(try listed.string() == Self.directory)
    #expect(try listed.mask() == [.owner, .fileid])
    _ = try listed.word()
    _ = try listed.long()
    #expect(try listed.string() == "rick@lab.example.org")
  }

  @Test func numbersCanBeRefused() throws {
    let server = try server { $0.acceptsNumbers = false }
    #expect(try set(server, .owner, "501") == .badOwner)
    #expect(try set(server, .owner, "rick@lab.example.org") == .ok)
  }

  @Test(arguments: [true, false])
  func verifyComparesWhoIsMeant(sendsNames: Bool) throws {
    let server = try server { $0.sendsNames = sendsNames }
    #expect(try set(server, .owner, "501") == .ok)
    func verify(_ operation: NFSOperation, _ text: [UInt8]) throws -> NFSStatus {
      try server.call(
        CompoundBuilder().root().lookup(Self.directory).operation(operation).mask(.owner)
          .opaque(CompoundBuilder.list { $0.opaque(text) })
      ).status
    }
    for text in ["501", "rick@lab.example.org"] {
      #expect(try verify(.verify, [UInt8](text.utf8)) == .ok)
      #expect(try verify(.verifyNot, [UInt8](text.utf8)) == .same)
    }
    for text in ["502", "0501", "bob@lab.example.org", "rick@elsewhere.org", "rick"] {
      #expect(try verify(.verify, [UInt8](text.utf8)) == .notSame)
      #expect(try verify(.verifyNot, [UInt8](text.utf8)) == .ok)
    }
    #expect(try verify(.verify, [0xFF]) == .invalid)
    #expect(try verify(.verifyNot, []) == .invalid)
  }
}
