// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4
import Testing

@testable import NFS4Server

/// Attributes that cannot be told or set, and lists that do not fit (RFC 7530 sections 5.5, 16.4, 16.7 and 16.32).
@Suite struct AttributeErrorTests {
  /// Sets one attribute to raw bytes, by SETATTR and by CREATE, which must agree.
  private func set(_ server: TestServer, _ words: [UInt32], _ values: [UInt8]) throws -> NFSStatus {
    func fattr(_ compound: CompoundBuilder) -> CompoundBuilder {
      compound.word(UInt32(words.count))
      for word in words { compound.word(word) }
      return compound.opaque(values)
    }
    let reply = try server.call(fattr(CompoundBuilder().root().operation(.setAttributes).stateid(.anonymous)))
    try reply.ok(.putRootFilehandle)
    let status = try reply.result(.setAttributes)
    let set = try reply.mask()
    if status != .ok { #expect(set == []) }
    #expect(reply.remaining == 0)
    let created = try server.call(fattr(CompoundBuilder().root().operation(.create).word(2).string("made")))
    #expect(created.status == status)
    #expect(try server.call(CompoundBuilder().root().remove("made")).status == (status == .ok ? .ok : .noEntry))
    return status
  }

  private func words(_ number: Int) -> [UInt32] {
    var words = [UInt32](repeating: 0, count: number / 32 + 1)
    words[number / 32] = 1 << UInt32(number % 32)
    return words
  }

  @Test func readOnlyAttributesCannotBeSet() throws {
    let server = try TestServer()
    for number in 0..<56 {
      let one = AttributeMask(number: number)
      guard AttributeMask.known.contains(one), !AttributeMask.settable.contains(one) else { continue }
      #expect(try set(server, words(number), [0, 0, 0, 0]) == .invalid, "attribute \(number)")
    }
  }

  @Test(arguments: [12, 14, 24, 25, 32, 46, 49, 50, 56, 63, 64, 1000])
  func unsupportedAttributesCannotBeSet(number: Int) throws {
    #expect(try set(try TestServer(), words(number), [0, 0, 0, 0]) == .attributeNotSupported)
  }

  @Test func listsThatDoNotFitAreBadXDR() throws {
    let server = try TestServer()
    let mode = words(33)
    #expect(try set(server, mode, []) == .badXDR)
    #expect(try set(server, mode, [0, 0, 1]) == .badXDR)
    #expect(try set(server, mode, [0, 0, 1, 0xA4, 0, 0, 0, 0]) == .badXDR)
    #expect(try set(server, mode, [0, 0, 1, 0xA4]) == .ok)
    #expect(try set(server, words(36), [0, 0, 0, 9, 0x30]) == .badXDR)
    #expect(try set(server, words(54), [0, 0, 0, 2]) == .badXDR)
  }

  @Test func aTimeOfTooManyNanosecondsIsInvalid() throws {
    let server = try TestServer()
    let values = CompoundBuilder.list { $0.word(1).long(500_000_000).word(1_000_000_000) }
    #expect(try set(server, words(54), values) == .invalid)
    #expect(try set(server, words(48), values) == .invalid)
    let last = CompoundBuilder.list { $0.word(1).long(500_000_000).word(999_999_999) }
    #expect(try set(server, words(54), last) == .ok)
    // The time before is read to its end: the one behind it is right.
    let both = CompoundBuilder.list { $0.word(1).long(1).word(.max).word(1).long(2).word(3) }
    #expect(try set(server, [0, 1 << 16 | 1 << 22], both) == .invalid)
  }

  @Test func nothingIsSetWhereOneAttributeIsWrong() throws {
    let server = try TestServer()
    let root = try server.rootHandle()
    let before = try server.attributes(root)
    let values = CompoundBuilder.list { $0.word(0o700).string("bob@elsewhere") }
    #expect(try set(server, [0, 1 << 1 | 1 << 4], values) == .badOwner)
    let after = try server.attributes(root)
    #expect(after.mode == before.mode)
    #expect(after.owner == 0)
  }

  @Test func numbersThatNobodyKnowsAreNotTold() throws {
    let server = try TestServer()
    for number in [12, 24, 38, 63, 64, 1000, 31_999] {
      let compound = CompoundBuilder().root().operation(.getAttributes).word(UInt32(words(number).count))
      for word in words(number) { compound.word(word) }
      let reply = try server.call(compound)
      try reply.ok(.putRootFilehandle)
      try reply.ok(.getAttributes)
      #expect(try reply.mask() == [], "attribute \(number)")
      #expect(try reply.opaque() == [], "attribute \(number)")
    }
    let tooLong = CompoundBuilder().root().operation(.getAttributes).word(1001)
    for _ in 0..<1001 { tooLong.word(0) }
    #expect(try server.call(tooLong).status == .badXDR)
  }

  @Test func writeOnlyAttributesCannotBeTold() throws {
    let server = try TestServer()
    for mask in [AttributeMask.timeAccessSet, .timeModifySet, [.size, .timeModifySet]] {
      #expect(try server.call(CompoundBuilder().root().getAttributes(mask)).status == .invalid)
      #expect(try server.call(CompoundBuilder().root().readDirectory(mask: mask)).status == .invalid)
    }
  }

  @Test func entriesOfADirectoryHaveNoErrorToTell() throws {
    let server = try TestServer()
    _ = try server.makeDirectory("d")
    let reply = try server.call(CompoundBuilder().root().readDirectory(mask: [.readdirError, .type]))
    try reply.ok(.putRootFilehandle)
    try reply.ok(.readDirectory)
    _ = try reply.long()
    #expect(try reply.bool())
    _ = try reply.long()
    _ = try reply.string()
    let attributes = try reply.attributes()
    #expect(attributes.mask == [.readdirError, .type])
    #expect(attributes.readdirError == 0)
  }

  @Test func theSupportedSetIsWhatIsTold() throws {
    let server = try TestServer()
    let kinds: [NFSFileType] = [.directory, .symbolicLink, .blockDevice, .characterDevice, .socket, .fifo]
    for kind in kinds {
      let made = try server.call(CompoundBuilder().root().makeNode("\(kind)", kind).getHandle())
      #expect(made.status == .ok)
      let reply = try server.call(CompoundBuilder().root().lookup("\(kind)").getHandle())
      try reply.ok(.putRootFilehandle)
      try reply.ok(.lookup)
      try reply.ok(.getFilehandle)
      let attributes = try server.attributes(try reply.opaque(), AttributeMask(rawValue: ~(1 << 48 | 1 << 54)))
      #expect(attributes.mask == attributes.supported.subtracting([.timeAccessSet, .timeModifySet]))
      #expect(attributes.supported.isDisjoint(with: AttributeMask(number: 12)))
      #expect(attributes.aclSupport == 0)
      #expect(attributes.mountedOnFileid == attributes.fileid)
      #expect(attributes.homogeneous && attributes.canSetTime && attributes.uniqueHandles)
      #expect(attributes.filehandleExpireType == 0)
    }
  }

  @Test func accessRefusesBitsThatDoNotExist() throws {
    let server = try TestServer()
    for bits in [64, 65, 127, 128, 0x8000_0000] as [UInt32] {
      #expect(try server.call(CompoundBuilder().root().operation(.access).word(bits)).status == .invalid)
    }
  }
}
