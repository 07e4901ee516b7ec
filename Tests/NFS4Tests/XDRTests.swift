// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4
import Testing

/// Runs `write` on a buffer of `capacity` bytes and gives what was written, and whether it overflowed.
func written(_ capacity: Int = 65_536, _ write: (inout XDRWriter) -> Void) -> (bytes: [UInt8], overflowed: Bool) {
  let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: capacity, alignment: 8)
  defer { buffer.deallocate() }
  var writer = XDRWriter(buffer)
  write(&writer)
  return (Array(writer.written), writer.overflowed)
}

@Suite struct XDRTests {
  @Test func integersAreBigEndianAndReadBack() throws {
    let (bytes, overflowed) = written { writer in
      writer.put(0x0102_0304 as UInt32)
      writer.put(0x0506_0708_090A_0B0C as UInt64)
      writer.put(true)
    }
    #expect(!overflowed)
    #expect(bytes == [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0, 0, 0, 1])
    try bytes.withUnsafeBytes { raw throws in
      var reader = XDRReader(raw)
      #expect(try reader.uint32() == 0x0102_0304)
      #expect(try reader.uint64() == 0x0506_0708_090A_0B0C)
      #expect(try reader.bool())
      #expect(reader.remaining == 0)
    }
  }

  @Test(arguments: [0, 1, 2, 3, 4, 5, 8, 255]) func opaqueDataIsPaddedWithZerosToFourBytes(length: Int) throws {
    let data = [UInt8](repeating: 0xAB, count: length)
    let (bytes, _) = written { writer in data.withUnsafeBytes { writer.putOpaque($0) } }
    #expect(bytes.count == 4 + (length + 3) / 4 * 4)
    #expect(bytes.dropFirst(4 + length).allSatisfy { $0 == 0 })
    try bytes.withUnsafeBytes { raw throws in
      var reader = XDRReader(raw)
      #expect(Array(try reader.opaque(limit: 255)) == data)
      #expect(reader.remaining == 0)
    }
  }

  @Test func aLengthAboveTheLimitIsRefusedBeforeTheBytesAreLookedAt() {
    let bytes: [UInt8] = [0xFF, 0xFF, 0xFF, 0xFF]
    bytes.withUnsafeBytes { raw in
      var reader = XDRReader(raw)
      #expect(throws: XDRError.tooLong(length: 0xFFFF_FFFF, limit: 128)) { try reader.opaque(limit: 128) }
    }
  }

  @Test func aLengthBeyondTheEndIsRefused() {
    let bytes: [UInt8] = [0, 0, 0, 5, 1, 2, 3, 4]
    bytes.withUnsafeBytes { raw in
      var reader = XDRReader(raw)
      #expect(throws: XDRError.truncated(needed: 5, left: 4)) { try reader.opaque(limit: 128) }
      var padded = XDRReader(UnsafeRawBufferPointer(rebasing: raw[0..<7]))
      #expect(throws: XDRError.self) { try padded.opaque(limit: 128) }
    }
  }

  @Test func missingPaddingIsRefused() {
    let bytes: [UInt8] = [0, 0, 0, 3, 1, 2, 3]
    bytes.withUnsafeBytes { raw in
      var reader = XDRReader(raw)
      #expect(throws: XDRError.truncated(needed: 4, left: 3)) { try reader.opaque(limit: 128) }
    }
  }

  @Test func anEmptyBufferReadsNothing() {
    var reader = XDRReader(UnsafeRawBufferPointer(start: nil, count: 0))
    #expect(reader.remaining == 0)
    #expect(throws: XDRError.truncated(needed: 4, left: 0)) { try reader.uint32() }
  }

  @Test func aBooleanOfTwoIsRefused() {
    let bytes: [UInt8] = [0, 0, 0, 2]
    bytes.withUnsafeBytes { raw in
      var reader = XDRReader(raw)
      #expect(throws: XDRError.badValue(2)) { try reader.bool() }
    }
  }

  @Test func aWriteThatDoesNotFitWritesNothingAndIsRemembered() {
    let (bytes, overflowed) = written(10) { writer in
      writer.put(1 as UInt64)
      writer.put(2 as UInt32)
    }
    #expect(overflowed)
    #expect(bytes == [0, 0, 0, 0, 0, 0, 0, 1])
  }

  @Test func rewindingForgetsWhatWasWrittenAndTheOverflow() {
    let (bytes, overflowed) = written(8) { writer in
      writer.put(7 as UInt32)
      let mark = writer.position
      writer.put(1 as UInt64)
      writer.rewind(to: mark)
      writer.put(9 as UInt32)
    }
    #expect(!overflowed)
    #expect(bytes == [0, 0, 0, 7, 0, 0, 0, 9])
  }

  @Test func patchingChangesOneWordBehindTheEndOnly() {
    let (bytes, _) = written { writer in
      writer.put(0 as UInt32)
      writer.put(5 as UInt32)
      writer.patch(3, at: 0)
      writer.patch(99, at: 8)
    }
    #expect(bytes == [0, 0, 0, 3, 0, 0, 0, 5])
  }

  @Test(arguments: [(0, "0"), (7, "7"), (65_534, "65534"), (4_294_967_295, "4294967295")] as [(UInt32, String)])
  func ownersAreDecimalStringsAndReadBack(number: UInt32, text: String) throws {
    let (bytes, _) = written { $0.putDecimalString(number) }
    try bytes.withUnsafeBytes { raw throws in
      var reader = XDRReader(raw)
      let view = try reader.opaque(limit: 32)
      #expect(String(decoding: view, as: UTF8.self) == text)
      #expect(decimalOwner(view) == number)
    }
  }

  @Test(arguments: ["", "4294967296", "99999999999", "12a", "-1", "root@example"])
  func anOwnerThatIsNoNumberOf32BitsHasNoValue(text: String) {
    #expect(Array(text.utf8).withUnsafeBytes { decimalOwner($0) } == nil)
  }
}
