// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4

/// What a READDIR entry or a GETATTR brought: the attributes and, if it was asked for, the filehandle.
struct DecodedAttributes {
  var attributes = NodeAttributes()
  /// The filehandle's bytes in the reply; empty if there is none.
  var filehandle = UnsafeRawBufferPointer(start: nil, count: 0)
  /// rdattr_error.
  var error: UInt32 = 0
}

extension XDRReader {
  /// Reads a fattr4 of the attributes that these clients ask for.
  ///
  /// The compact form of the codec's `fileAttributes(into:)`: 20,000 entries of READDIR replies pass here in one basic
  /// pass. An attribute outside of ``AttributeSets`` ends the reading, since what stands behind it cannot be found.
  mutating func decodedAttributes(into decoded: inout DecodedAttributes) throws(XDRError) {
    let mask = try attributeMask().mask
    var values = XDRReader(try opaque(limit: NFS4Protocol.attributeListLimit))
    decoded.filehandle = UnsafeRawBufferPointer(start: nil, count: 0)
    decoded.error = 0
    var present: AttributeMask = []
    var bits = mask.rawValue
    while bits != 0 {
      let number = bits.trailingZeroBitCount
      switch number {
      case 1: decoded.attributes.type = try values.uint32()
      case 3: decoded.attributes.change = try values.uint64()
      case 4: decoded.attributes.size = try values.uint64()
      case 8: try values.skip(16)
      case 11: decoded.error = try values.uint32()
      case 19: decoded.filehandle = try values.filehandle()
      case 20: decoded.attributes.fileid = try values.uint64()
      case 33: decoded.attributes.mode = try values.uint32()
      case 35: decoded.attributes.linkCount = try values.uint32()
      case 36: decoded.attributes.owner = try values.ownerNumber()
      case 37: decoded.attributes.group = try values.ownerNumber()
      case 41: try values.skip(8)
      case 45: decoded.attributes.spaceUsed = try values.uint64()
      case 47: decoded.attributes.timeAccess = try values.time()
      case 52: decoded.attributes.timeMetadata = try values.time()
      case 53: decoded.attributes.timeModify = try values.time()
      case 55: try values.skip(8)
      default:
        decoded.attributes.mask = present
        return
      }
      present.insert(AttributeMask(number: number))
      bits &= bits &- 1
    }
    decoded.attributes.mask = present
  }

  private mutating func ownerNumber() throws(XDRError) -> UInt32 {
    let text = try opaque(limit: NFS4Protocol.opaqueLimit)
    // One digit is what root's files have; a name that is no number is nobody (RFC 7530 section 5.9).
    if text.count == 1, text[0] >= 48, text[0] <= 57 { return UInt32(text[0] &- 48) }
    return decimalOwner(text) ?? 65_534
  }
}
