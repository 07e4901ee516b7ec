// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4
import Testing

@Suite struct AttributeTests {
  @Test func everyKnownAttributeReadsBackAsWritten() throws {
    var attributes = FileAttributes()
    attributes.supported = .known
    attributes.type = NFSFileType.directory.rawValue
    attributes.change = 0x1122_3344_5566_7788
    attributes.size = 1 << 40
    attributes.fsid = (major: 3, minor: 4)
    attributes.leaseTime = 120
    attributes.fileid = 42
    attributes.mode = 0o1755
    attributes.linkCount = 3
    attributes.owner = 1001
    attributes.ownerGroup = 0
    attributes.rawDevice = (major: 8, minor: 1)
    attributes.spaceUsed = 4096
    attributes.maximumRead = 1 << 20
    attributes.timeModify = NFSTime(seconds: 1_178_000_000, nanoseconds: 999_999_999)
    attributes.mountedOnFileid = 43
    let handle: [UInt8] = [9, 8, 7]
    attributes.filehandle = try #require(handle.withUnsafeBytes { Filehandle($0) })
    let (bytes, overflowed) = written { attributes.encode(.known, into: &$0) }
    #expect(!overflowed)
    var read = FileAttributes()
    try bytes.withUnsafeBytes { raw throws in
      var reader = XDRReader(raw)
      try reader.fileAttributes(into: &read)
      #expect(reader.remaining == 0)
    }
    #expect(read.mask == .known)
    #expect(read.supported == .known)
    #expect(read.type == 2 && read.change == attributes.change && read.size == attributes.size)
    #expect(read.fsid == (3, 4) && read.rawDevice == (8, 1))
    #expect(read.fileid == 42 && read.mode == 0o1755 && read.linkCount == 3)
    #expect(read.owner == 1001 && read.ownerGroup == 0 && read.leaseTime == 120)
    #expect(read.spaceUsed == 4096 && read.maximumRead == 1 << 20 && read.mountedOnFileid == 43)
    #expect(read.timeModify == attributes.timeModify)
    #expect(read.filehandle == attributes.filehandle)
  }

  @Test func attributesThatDoNotExistAreLeftOutOfTheReply() throws {
    let wanted = AttributeMask([.size]).union(AttributeMask(number: 12)).union(AttributeMask(number: 60))
    let (bytes, _) = written { FileAttributes().encode(wanted, into: &$0) }
    #expect(bytes == [0, 0, 0, 1, 0, 0, 0, 0x10, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0])
  }

  @Test func aBitmapOf1001WordsIsRefusedAndOneBeyondTwoIsNoted() throws {
    let (long, _) = written { writer in
      writer.put(1001 as UInt32)
      for _ in 0..<1001 { writer.put(0 as UInt32) }
    }
    long.withUnsafeBytes { raw in
      var reader = XDRReader(raw)
      #expect(throws: XDRError.tooLong(length: 1001, limit: 1000)) { try reader.attributeMask() }
    }
    let (three, _) = written { writer in
      for word in [3, 1, 2, 4] as [UInt32] { writer.put(word) }
    }
    try three.withUnsafeBytes { raw throws in
      var reader = XDRReader(raw)
      let (mask, beyond) = try reader.attributeMask()
      #expect(mask.rawValue == 0x2_0000_0001)
      #expect(beyond)
    }
  }

  @Test func whatARequestSetsReadsBack() throws {
    var set = SettableAttributes()
    set.mask = .settable
    set.size = 77
    set.mode = 0o640
    set.owner = 5
    set.ownerGroup = 6
    set.timeModify = .clientTime(NFSTime(seconds: 1, nanoseconds: 2))
    let (bytes, _) = written { set.encode(into: &$0) }
    var read = SettableAttributes()
    try bytes.withUnsafeBytes { raw throws in
      var reader = XDRReader(raw)
      #expect(try reader.settableAttributes(into: &read) == .settable)
      #expect(reader.remaining == 0)
    }
    #expect(read.mask == .settable && read.size == 77 && read.mode == 0o640)
    #expect(read.owner == 5 && read.ownerGroup == 6)
    #expect(read.timeAccess == .serverTime && read.timeModify == set.timeModify)
  }

  @Test func settingAReadOnlyAttributeAndOneThatDoesNotExistAreToldApart() throws {
    func result(_ number: Int) throws -> SettableAttributesResult {
      let (bytes, _) = written { writer in
        writer.put(AttributeMask(number: number))
        writer.put(8 as UInt32)
        writer.put(0 as UInt64)
      }
      return try bytes.withUnsafeBytes { raw throws in
        var reader = XDRReader(raw)
        var attributes = SettableAttributes()
        return try reader.settableAttributes(into: &attributes)
      }
    }
    #expect(try result(20) == .readOnly)
    #expect(try result(12) == .notSupported)
  }

  @Test func attributeValuesThatDoNotFillTheirListAreBadXDR() {
    let (bytes, _) = written { writer in
      writer.put(AttributeMask.mode)
      writer.put(8 as UInt32)
      writer.put(0 as UInt64)
    }
    bytes.withUnsafeBytes { raw in
      var reader = XDRReader(raw)
      var attributes = SettableAttributes()
      #expect(throws: XDRError.self) { try reader.settableAttributes(into: &attributes) }
    }
  }
}

@Suite struct FilehandleTests {
  @Test func handlesOfNoneAndOfMoreThan128BytesAreRefused() {
    #expect([UInt8]().withUnsafeBytes { Filehandle($0) } == nil)
    #expect([UInt8](repeating: 1, count: 129).withUnsafeBytes { Filehandle($0) } == nil)
    #expect([UInt8](repeating: 1, count: 128).withUnsafeBytes { Filehandle($0) }?.count == 128)
  }

  @Test func handlesAreEqualByLengthAndBytes() {
    func handle(_ bytes: [UInt8]) -> Filehandle? { bytes.withUnsafeBytes { Filehandle($0) } }
    #expect(handle([1, 2, 3]) == handle([1, 2, 3]))
    #expect(handle([1, 2, 3]) != handle([1, 2, 4]))
    #expect(handle([1, 2]) != handle([1, 2, 0]))
    #expect(handle(Array(repeating: 5, count: 16)) != handle(Array(repeating: 5, count: 15) + [6]))
  }

  @Test func theTwoSpecialStateidsAreRecognized() {
    #expect(Stateid.anonymous.isSpecial)
    #expect(Stateid.readBypass.isSpecial)
    #expect(!Stateid(sequence: 0, otherHigh: 1, otherLow: 0).isSpecial)
  }

  @Test func operationAndStatusNumbersAreThoseOfRFC7531() {
    #expect(NFSOperation.open.rawValue == 18 && NFSOperation.releaseLockOwner.rawValue == 39)
    #expect(NFSOperation.openConfirm.name == "OPEN_CONFIRM" && NFSOperation.illegal.rawValue == 10_044)
    #expect(NFSStatus.badXDR.rawValue == 10_036 && NFSStatus.badXDR.name == "NFS4ERR_BADXDR")
    #expect(NFSStatus.callbackPathDown.rawValue == 10_048)
  }
}
