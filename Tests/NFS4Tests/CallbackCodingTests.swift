// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4
import Testing

/// CB_COMPOUND on the wire (RFC 7530 chapter 15, RFC 7531).
@Suite struct CallbackCodingTests {
  private static let handle = [UInt8](0..<28).withUnsafeBytes { Filehandle($0) } ?? Filehandle()

  private static func bytes(_ encode: (inout XDRWriter) -> Void) -> [UInt8] {
    withUnsafeTemporaryAllocation(byteCount: 512, alignment: 8) { room in
      var writer = XDRWriter(room)
      encode(&writer)
      return [UInt8](writer.written)
    }
  }

  private static let compounds: [CallbackCompound] = [
    CallbackCompound(ident: 7, operation: .getAttributes(filehandle: handle, mask: [.change, .size])),
    CallbackCompound(
      ident: .max,
      operation: .recall(
        stateid: Stateid(sequence: 1, otherHigh: 0x0102_0304_0506_0708, otherLow: 9), truncate: true,
        filehandle: handle)),
  ]

  @Test(arguments: compounds)
  func aCompoundIsReadAsItWasWritten(_ compound: CallbackCompound) throws {
    let bytes = Self.bytes { compound.encode(into: &$0) }
    #expect(bytes.count <= NFS4Callback.compoundBytes)
    let read = try bytes.withUnsafeBytes { raw in
      var reader = XDRReader(raw)
      return try CallbackCompound(from: &reader)
    }
    #expect(read == compound)
  }

  @Test func aRecallHasTheBytesOfTheRFC() {
    let compound = CallbackCompound(
      ident: 5,
      operation: .recall(
        stateid: Stateid(sequence: 1, otherHigh: 2, otherLow: 3), truncate: false,
        filehandle: [UInt8]([0xAA, 0xBB]).withUnsafeBytes { Filehandle($0) } ?? Filehandle()))
    #expect(
      Self.bytes { compound.encode(into: &$0) } == [
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 1, 0, 0, 0, 4, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 3,
        0, 0, 0, 0, 0, 0, 0, 2, 0xAA, 0xBB, 0, 0,
      ])
  }

  @Test(arguments: compounds)
  func aShortenedCompoundIsRefused(_ compound: CallbackCompound) {
    let bytes = Self.bytes { compound.encode(into: &$0) }
    for count in 0..<bytes.count {
      let short = [UInt8](bytes.prefix(count))
      #expect(throws: XDRError.self) {
        try short.withUnsafeBytes { raw in
          var reader = XDRReader(raw)
          _ = try CallbackCompound(from: &reader)
        }
      }
    }
  }

  private static let results: [(CallbackResult, UInt32)] = [
    (CallbackResult(status: .ok), NFS4Callback.recall), (CallbackResult(status: .badHandle), NFS4Callback.recall),
    (CallbackResult(status: .ok, size: 1 << 40, change: .max), NFS4Callback.getAttributes),
    (CallbackResult(status: .ok, size: nil, change: 3), NFS4Callback.getAttributes),
    (CallbackResult(status: .delay), NFS4Callback.getAttributes),
  ]

  private static func read(_ bytes: some Collection<UInt8>, _ operation: UInt32) throws(XDRError) -> CallbackResult {
    let copy = [UInt8](bytes)
    let result: Result<CallbackResult, XDRError> = copy.withUnsafeBytes { raw in
      var reader = XDRReader(raw)
      do throws(XDRError) {
        return .success(try CallbackResult(from: &reader, operation: operation))
      } catch {
        return .failure(error)
      }
    }
    return try result.get()
  }

  @Test func aResultIsReadAsItWasWrittenAndShortenedOnesAreRefused() throws {
    for (result, operation) in Self.results {
      let bytes = Self.bytes { result.encode(operation: operation, into: &$0) }
      #expect(try Self.read(bytes, operation) == result)
      for count in 0..<bytes.count {
        #expect(throws: XDRError.self) { _ = try Self.read(bytes.prefix(count), operation) }
      }
    }
  }

  @Test func resultsThatContradictThemselvesAreRefused() throws {
    func words(_ values: UInt32...) -> [UInt8] { Self.bytes { writer in for value in values { writer.put(value) } } }
    // A failure before the first operation has no result of one.
    #expect(try Self.read(words(10018, 0, 0), NFS4Callback.recall).status == 10018)
    // An operation that the client does not know is answered with CB_ILLEGAL.
    #expect(
      try Self.read(words(10044, 0, 1, NFS4Callback.illegal, 10044), NFS4Callback.getAttributes).status == 10044)
    for bad in [
      words(0, 0, 0), words(0, 0, 2, 4, 0, 4, 0), words(0, 0, 1, 3, 0), words(0, 0, 1, 4, 5), words(0, 0xFFFF_FFFF),
    ] {
      #expect(throws: XDRError.self) { _ = try Self.read(bad, NFS4Callback.recall) }
    }
  }
}
