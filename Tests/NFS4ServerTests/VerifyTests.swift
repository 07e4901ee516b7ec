// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4
import Testing

@testable import NFS4Server

/// VERIFY and NVERIFY (RFC 7530 sections 16.15 and 16.35).
@Suite struct VerifyTests {
  private func status(
    _ server: TestServer, _ operation: NFSOperation, words: [UInt32], _ values: [UInt8]
  ) throws -> NFSStatus {
    let compound = CompoundBuilder().root().operation(operation).word(UInt32(words.count))
    for word in words { compound.word(word) }
    return try server.call(compound.opaque(values)).status
  }

  /// The fattr4 values that the server tells.
  private func values(_ server: TestServer, _ mask: AttributeMask) throws -> [UInt8] {
    let reply = try server.call(CompoundBuilder().root().getAttributes(mask))
    try reply.ok(.putRootFilehandle)
    try reply.ok(.getAttributes)
    #expect(try reply.mask() == mask)
    return try reply.opaque()
  }

  private func words(_ mask: AttributeMask) -> [UInt32] {
    [UInt32(truncatingIfNeeded: mask.rawValue), UInt32(truncatingIfNeeded: mask.rawValue >> 32)]
  }

  @Test func everyAttributeThatWasToldIsTheSame() throws {
    let server = try TestServer()
    let all = AttributeMask.known.subtracting(.readdirError)
    for number in 0..<56 {
      let one = AttributeMask(number: number)
      guard all.contains(one) else { continue }
      let told = try values(server, one)
      #expect(try status(server, .verify, words: words(one), told) == .ok, "attribute \(number)")
      #expect(try status(server, .verifyNot, words: words(one), told) == .same, "attribute \(number)")
    }
    let told = try values(server, all)
    #expect(try status(server, .verify, words: words(all), told) == .ok)
    #expect(try status(server, .verifyNot, words: words(all), told) == .same)
  }

  @Test func oneOtherValueIsADifference() throws {
    let server = try TestServer()
    let mask: AttributeMask = [.type, .change, .size, .timeModify]
    var told = try values(server, mask)
    told[3] ^= 1
    #expect(try status(server, .verify, words: words(mask), told) == .notSame)
    #expect(try status(server, .verifyNot, words: words(mask), told) == .ok)
  }

  @Test func valuesThatDoNotFitTheSetAreBadXDR() throws {
    let server = try TestServer()
    let told = try values(server, [.size, .mode])
    for operation in [NFSOperation.verify, .verifyNot] {
      #expect(try status(server, operation, words: words([.size, .mode]), Array(told.dropLast(4))) == .badXDR)
      #expect(try status(server, operation, words: words([.size, .mode]), told + [0, 0, 0, 0]) == .badXDR)
      #expect(try status(server, operation, words: words([.linkSupport]), [0, 0, 0, 2]) == .badXDR)
    }
  }

  @Test func aBitmapOfMoreWordsIsNoDifference() throws {
    let server = try TestServer()
    var told = try values(server, .supportedAttributes)
    #expect(told.count == 12)
    told[3] = 3
    told += [0, 0, 0, 0]
    #expect(try status(server, .verify, words: words(.supportedAttributes) + [0, 0], told) == .ok)
  }

  @Test func aTimeOfTooManyNanosecondsIsInvalid() throws {
    let server = try TestServer()
    var told = try values(server, .timeModify)
    told.replaceSubrange(8..<12, with: [0x3B, 0x9A, 0xCA, 0x00])
    #expect(try status(server, .verify, words: words(.timeModify), told) == .invalid)
  }

  @Test func writeOnlyAndUnsupportedAttributesAreToldApart() throws {
    let server = try TestServer()
    for operation in [NFSOperation.verify, .verifyNot] {
      for number in [11, 48, 54] {
        let mask = AttributeMask(number: number)
        #expect(try status(server, operation, words: words(mask), [0, 0, 0, 0]) == .invalid, "attribute \(number)")
      }
      for number in [12, 14, 24, 25, 32, 38, 39, 40, 46, 49, 50, 56, 63] {
        let mask = AttributeMask(number: number)
        #expect(
          try status(server, operation, words: words(mask), [0, 0, 0, 0]) == .attributeNotSupported,
          "attribute \(number)")
      }
      #expect(try status(server, operation, words: [0, 0, 1], []) == .attributeNotSupported)
      #expect(try status(server, operation, words: [], []) == (operation == .verify ? .ok : .same))
    }
  }
}
