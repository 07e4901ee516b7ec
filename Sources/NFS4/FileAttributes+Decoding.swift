// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension XDRReader {
  /// Reads a fattr4 that a server sent and fills the fields it knows.
  ///
  /// Attribute values carry no lengths of their own: a known set bit behind an unknown one cannot be found, so reading stops at the first
  /// unknown bit and ``FileAttributes/mask`` tells what was read. The whole list is skipped either way.
  public mutating func fileAttributes(into attributes: inout FileAttributes) throws(XDRError) {
    let (mask, _) = try attributeMask()
    var values = XDRReader(try opaque(limit: NFS4Protocol.attributeListLimit))
    attributes.mask = []
    var bits = mask.rawValue
    while bits != 0 {
      let number = bits.trailingZeroBitCount
      bits &= bits &- 1
      let bit = AttributeMask(number: number)
      guard AttributeMask.encodable.contains(bit) else { return }
      try attributes.decodeValue(number, from: &values)
      attributes.mask.formUnion(bit)
    }
  }

  /// Reads a decimal owner string; a name that is not a number reads as nobody (65534).
  mutating func numericOwner() throws(XDRError) -> UInt32 {
    let text = try opaque(limit: NFS4Protocol.ownerReadLimit)
    return decimalOwner(text) ?? 65_534
  }
}

extension FileAttributes {
  /// Reads the attribute values that a client compares a file's with (VERIFY, NVERIFY) and fills the fields.
  ///
  /// - Parameters:
  ///   - wanted: which attributes the list holds, all of them in ``AttributeMask/encodable``.
  ///   - list: the values, in ascending order of the attributes.
  ///   - resolve: tells the number behind an owner string; the second argument is true for a group.
  /// - Returns: a number where all owner strings stand for somebody, and what is wrong with one otherwise.
  /// - Throws: ``XDRError`` where the list does not fit the set.
  public mutating func decode(
    _ wanted: AttributeMask, from list: UnsafeRawBufferPointer,
    resolvingOwners resolve: (UnsafeRawBufferPointer, Bool) -> OwnerResolution
  ) throws(XDRError) -> OwnerResolution {
    var values = XDRReader(list)
    var outcome = OwnerResolution.number(0)
    var bits = wanted.rawValue
    while bits != 0 {
      let number = bits.trailingZeroBitCount
      bits &= bits &- 1
      guard number == Self.ownerNumber || number == Self.groupNumber else {
        try decodeValue(number, from: &values)
        continue
      }
      switch resolve(try values.opaque(limit: NFS4Protocol.ownerReadLimit), number == Self.groupNumber) {
      case .number(let id): if number == Self.ownerNumber { owner = id } else { ownerGroup = id }
      case .unknown: if outcome != .malformed { outcome = .unknown }
      case .malformed: outcome = .malformed
      }
    }
    guard values.remaining == 0 else { throw .tooLong(length: values.remaining, limit: 0) }
    mask = wanted
    return outcome
  }
}

/// The number in an owner string of decimal digits (RFC 7530 section 5.9), nil if it is none or does not fit in 32 bits.
public func decimalOwner(_ text: UnsafeRawBufferPointer) -> UInt32? {
  guard !text.isEmpty, text.count <= 10 else { return nil }
  var value: UInt64 = 0
  for byte in text {
    guard byte >= 48, byte <= 57 else { return nil }
    value = value &* 10 &+ UInt64(byte &- 48)
  }
  return value <= UInt64(UInt32.max) ? UInt32(truncatingIfNeeded: value) : nil
}

extension FileAttributes {
  fileprivate mutating func decodeValue(_ number: Int, from reader: inout XDRReader) throws(XDRError) {
    switch number {
    case 0: supported = try reader.attributeMask().mask
    case 1: type = try reader.uint32()
    case 2: filehandleExpireType = try reader.uint32()
    case 3: change = try reader.uint64()
    case 4: size = try reader.uint64()
    case 5: linkSupport = try reader.bool()
    case 6: symlinkSupport = try reader.bool()
    case 7: namedAttributes = try reader.bool()
    case 8: fsid = (major: try reader.uint64(), minor: try reader.uint64())
    case 9: uniqueHandles = try reader.bool()
    case 10: leaseTime = try reader.uint32()
    case 11: readdirError = try reader.uint32()
    case 13: aclSupport = try reader.uint32()
    case 15: canSetTime = try reader.bool()
    case 16: caseInsensitive = try reader.bool()
    case 17: casePreserving = try reader.bool()
    case 18: chownRestricted = try reader.bool()
    case 19: filehandle = Filehandle(try reader.filehandle()) ?? Filehandle()
    case 20: fileid = try reader.uint64()
    case 21: filesAvailable = try reader.uint64()
    case 22: filesFree = try reader.uint64()
    case 23: filesTotal = try reader.uint64()
    case 26: homogeneous = try reader.bool()
    case 27: maximumFileSize = try reader.uint64()
    case 28: maximumLinks = try reader.uint32()
    case 29: maximumName = try reader.uint32()
    case 30: maximumRead = try reader.uint64()
    case 31: maximumWrite = try reader.uint64()
    case 33: mode = try reader.uint32()
    case 34: noTruncation = try reader.bool()
    case 35: linkCount = try reader.uint32()
    case 36: owner = try reader.numericOwner()
    case 37: ownerGroup = try reader.numericOwner()
    case 38: quotaAvailableHard = try reader.uint64()
    case 39: quotaAvailableSoft = try reader.uint64()
    case 40: quotaUsed = try reader.uint64()
    case 41: rawDevice = (major: try reader.uint32(), minor: try reader.uint32())
    case 42: spaceAvailable = try reader.uint64()
    case 43: spaceFree = try reader.uint64()
    case 44: spaceTotal = try reader.uint64()
    case 45: spaceUsed = try reader.uint64()
    case 47: timeAccess = try reader.time()
    case 51: timeDelta = try reader.time()
    case 52: timeMetadata = try reader.time()
    case 53: timeModify = try reader.time()
    case 55: mountedOnFileid = try reader.uint64()
    default: break
    }
  }
}
