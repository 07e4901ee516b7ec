// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4
import Testing

@testable import NFS4Server

/// GETATTR of a file with a write delegation (RFC 7530 section 10.4.3).
@Suite struct CallbackAttributeTests {
  private let stage: DelegationStage
  private let holder: DelegatedClient
  private let other: DelegatedClient
  private let file: DelegatedClient.Opened
  private static let wanted: AttributeMask = [.change, .size, .timeModify]

  init() throws {
    stage = try DelegationStage()
    (holder, other) = (try stage.client(1), try stage.client(2))
    file = try holder.open("f", access: NFSOpen.accessBoth)
    let write = CompoundBuilder().handle(file.handle).write(file.stateid, offset: 0, data: [1, 2, 3])
    #expect(try holder.call(write) == .ok)
  }

  /// GETATTR of the other client; nil where it answers NFS4ERR_DELAY.
  private func attributes(_ mask: AttributeMask = Self.wanted) throws -> FileAttributes? {
    let reply = try stage.server.call(CompoundBuilder().handle(file.handle).getAttributes(mask), connection: 2)
    try reply.ok(.putFilehandle)
    let status = try reply.result(.getAttributes)
    guard status == .ok else {
      #expect(status == .delay)
      return nil
    }
    return try reply.attributes()
  }

  @Test func theHolderIsAskedAndAnUnmodifiedFileIsAsTheServerHasIt() throws {
    let before = try stage.server.call(
      CompoundBuilder().handle(file.handle).getAttributes(Self.wanted), connection: 1)
    try before.ok(.putFilehandle)
    try before.ok(.getAttributes)
    let own = try before.attributes()
    #expect(try attributes() == nil)
    #expect(try attributes() == nil)
    let handle = try #require(file.handle.withUnsafeBytes { Filehandle($0) })
    #expect(
      stage.callbacks.compounds == [
        CallbackCompound(ident: 1, operation: .getAttributes(filehandle: handle, mask: [.change, .size]))
      ])
    try stage.callbacks.answer(.ok, size: 3, change: grantedChange())
    let seen = try #require(try attributes())
    #expect(seen.size == 3)
    #expect(seen.change == own.change)
  }

  /// The change attribute at the time of the grant: a fresh file's.
  private func grantedChange() throws -> UInt64 {
    let fresh = try holder.open("fresh", access: NFSOpen.accessBoth)
    let reply = try stage.server.call(CompoundBuilder().handle(fresh.handle).getAttributes(.change))
    try reply.ok(.putFilehandle)
    try reply.ok(.getAttributes)
    return try reply.attributes().change
  }

  @Test func aModifiedFileMovesOnWithEachAnswer() throws {
    let change = try grantedChange()
    stage.server.advance(seconds: 10)
    #expect(try attributes() == nil)
    try stage.callbacks.answer(.ok, size: 5000, change: change + 1)
    let first = try #require(try attributes())
    #expect(first.size == 5000)
    stage.server.advance(seconds: 5)
    #expect(try attributes() == nil)
    try stage.callbacks.answer(.ok, size: 5000, change: change + 1)
    let second = try #require(try attributes())
    #expect(second.change > first.change)
    #expect(second.timeModify.seconds == first.timeModify.seconds + 5)
    // The server's own size stays: the data is still with the holder.
    #expect(try holder.giveBack(file) == .ok)
    let after = try #require(try attributes())
    #expect(after.size == 3)
    #expect(after.change >= second.change)
  }

  @Test func aSizeOfItsOwnAloneMeansModified() throws {
    let change = try grantedChange()
    #expect(try attributes() == nil)
    try stage.callbacks.answer(.ok, size: 9, change: change)
    #expect(try #require(try attributes()).size == 9)
  }

  @Test func anAnswerWaitsForAClientThatComesBackLate() throws {
    #expect(try attributes() == nil)
    try stage.callbacks.answer(.ok, size: 3, change: try grantedChange())
    stage.server.advance(seconds: 15)
    #expect(try attributes() != nil)
    // It serves once.
    #expect(try attributes() == nil)
  }

  @Test func attributesThatTheHolderCannotChangeAreAnsweredAtOnce() throws {
    #expect(try attributes([.type, .mode, .fileid, .owner]) != nil)
    #expect(stage.callbacks.compounds.isEmpty)
  }

  @Test func verifyAsksTheHolderAsWell() throws {
    let verify = CompoundBuilder().handle(file.handle).operation(.verify).attributes(.size(77))
    #expect(try other.call(verify) == .delay)
    try stage.callbacks.answer(.ok, size: 77, change: 1)
    #expect(try other.call(verify) == .ok)
  }

  @Test func theHolderIsNotAskedForItself() throws {
    #expect(try holder.call(CompoundBuilder().handle(file.handle).getAttributes(.known)) == .ok)
    // On another connection the stateid in the same compound tells who asks.
    let compound = CompoundBuilder().handle(file.handle).read(file.stateid, offset: 0, count: 1)
      .getAttributes(.known)
    #expect(try stage.server.call(compound, connection: 7).status == .ok)
    #expect(stage.callbacks.compounds.isEmpty)
  }

  @Test func onASharedConnectionNobodyIsKnown() throws {
    _ = try TestClient(stage.server, name: "third", connection: 1)
    #expect(try holder.call(CompoundBuilder().handle(file.handle).getAttributes(.known)) == .delay)
  }

  @Test(arguments: [NFSStatus.badHandle, .serverFault])
  func aHolderThatDoesNotAnswerGivesTheDelegationBack(_ status: NFSStatus) throws {
    #expect(try attributes() == nil)
    try stage.callbacks.answer(status)
    guard case .recall = stage.callbacks.compounds.last?.operation else {
      Issue.record("no recall was sent")
      return
    }
    #expect(try attributes() == nil)
    #expect(try holder.giveBack(file) == .ok)
    #expect(try attributes() != nil)
  }

  @Test func aHolderThatIsBusyIsAskedAgain() throws {
    #expect(try attributes() == nil)
    try stage.callbacks.answer(.delay)
    #expect(try attributes() == nil)
    #expect(stage.callbacks.compounds.count == 2)
    guard case .getAttributes = stage.callbacks.compounds.last?.operation else {
      Issue.record("something else was sent")
      return
    }
  }
}
