// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// The attributes of one file by value: what a server fills and encodes, and what a client decodes (RFC 7530 sections 5.6 to 5.8).
///
/// Only fields named in ``mask`` have a meaning after decoding.
public struct FileAttributes: Sendable {
  /// Attributes that were decoded.
  public var mask: AttributeMask = []
  /// supported_attrs.
  public var supported: AttributeMask = []
  /// type, a value of ``NFSFileType``.
  public var type: UInt32 = 0
  /// fh_expire_type; 0 = persistent.
  public var filehandleExpireType: UInt32 = 0
  /// change.
  public var change: UInt64 = 0
  /// size, bytes.
  public var size: UInt64 = 0
  /// link_support.
  public var linkSupport: Bool = true
  /// symlink_support.
  public var symlinkSupport: Bool = true
  /// named_attr.
  public var namedAttributes: Bool = false
  /// fsid major and minor.
  public var fsid: (major: UInt64, minor: UInt64) = (0, 0)
  /// unique_handles.
  public var uniqueHandles: Bool = true
  /// lease_time, seconds.
  public var leaseTime: UInt32 = 0
  /// rdattr_error.
  public var readdirError: UInt32 = 0
  /// aclsupport; 0 = no ACLs.
  public var aclSupport: UInt32 = 0
  /// cansettime.
  public var canSetTime: Bool = true
  /// case_insensitive.
  public var caseInsensitive: Bool = false
  /// case_preserving.
  public var casePreserving: Bool = true
  /// chown_restricted.
  public var chownRestricted: Bool = true
  /// filehandle.
  public var filehandle: Filehandle = Filehandle()
  /// fileid.
  public var fileid: UInt64 = 0
  /// files_avail.
  public var filesAvailable: UInt64 = 0
  /// files_free.
  public var filesFree: UInt64 = 0
  /// files_total.
  public var filesTotal: UInt64 = 0
  /// homogeneous.
  public var homogeneous: Bool = true
  /// maxfilesize, bytes.
  public var maximumFileSize: UInt64 = 0
  /// maxlink.
  public var maximumLinks: UInt32 = 0
  /// maxname, bytes.
  public var maximumName: UInt32 = 0
  /// maxread, bytes.
  public var maximumRead: UInt64 = 0
  /// maxwrite, bytes.
  public var maximumWrite: UInt64 = 0
  /// mode bits, 0 to 0o7777.
  public var mode: UInt32 = 0
  /// no_trunc.
  public var noTruncation: Bool = true
  /// numlinks.
  public var linkCount: UInt32 = 0
  /// owner as a numeric user id.
  public var owner: UInt32 = 0
  /// owner_group as a numeric group id.
  public var ownerGroup: UInt32 = 0
  /// quota_avail_hard, bytes.
  public var quotaAvailableHard: UInt64 = 0
  /// quota_avail_soft, bytes.
  public var quotaAvailableSoft: UInt64 = 0
  /// quota_used, bytes.
  public var quotaUsed: UInt64 = 0
  /// rawdev major and minor.
  public var rawDevice: (major: UInt32, minor: UInt32) = (0, 0)
  /// space_avail, bytes.
  public var spaceAvailable: UInt64 = 0
  /// space_free, bytes.
  public var spaceFree: UInt64 = 0
  /// space_total, bytes.
  public var spaceTotal: UInt64 = 0
  /// space_used, bytes.
  public var spaceUsed: UInt64 = 0
  /// time_access.
  public var timeAccess: NFSTime = NFSTime(seconds: 0, nanoseconds: 0)
  /// time_delta.
  public var timeDelta: NFSTime = NFSTime(seconds: 0, nanoseconds: 1)
  /// time_metadata.
  public var timeMetadata: NFSTime = NFSTime(seconds: 0, nanoseconds: 0)
  /// time_modify.
  public var timeModify: NFSTime = NFSTime(seconds: 0, nanoseconds: 0)
  /// mounted_on_fileid.
  public var mountedOnFileid: UInt64 = 0

  /// All fields at their defaults.
  public init() {}

  /// Writes bitmap and attribute values (a fattr4) for the attributes of `wanted`, in ascending order.
  ///
  /// Numbers that are not in ``AttributeMask/encodable`` are left out, as RFC 7530 section 16.7.4 asks of GETATTR.
  ///
  /// - Parameters:
  ///   - wanted: which attributes.
  ///   - ownerText: the owner's name, nil for the number as a decimal string.
  ///   - groupText: the group's name, nil for the number as a decimal string.
  ///   - writer: takes the bytes.
  public func encode(
    _ wanted: AttributeMask, ownerText: UnsafeRawBufferPointer? = nil, groupText: UnsafeRawBufferPointer? = nil,
    into writer: inout XDRWriter
  ) {
    let present = wanted.intersection(.encodable)
    writer.put(present)
    let lengthPosition = writer.position
    writer.put(0 as UInt32)
    var bits = present.rawValue
    while bits != 0 {
      let number = bits.trailingZeroBitCount
      bits &= bits &- 1
      if number == Self.ownerNumber, let ownerText {
        writer.putOpaque(ownerText)
      } else if number == Self.groupNumber, let groupText {
        writer.putOpaque(groupText)
      } else {
        encodeValue(number, into: &writer)
      }
    }
    writer.patch(UInt32(truncatingIfNeeded: writer.position &- lengthPosition &- 4), at: lengthPosition)
  }

  /// Numbers of owner and owner_group, whose values are strings.
  static let ownerNumber = 36
  static let groupNumber = 37

  private func encodeValue(_ number: Int, into writer: inout XDRWriter) {
    switch number {
    case 0: writer.put(supported)
    case 1: writer.put(type)
    case 2: writer.put(filehandleExpireType)
    case 3: writer.put(change)
    case 4: writer.put(size)
    case 5: writer.put(linkSupport)
    case 6: writer.put(symlinkSupport)
    case 7: writer.put(namedAttributes)
    case 8: putPair(fsid, into: &writer)
    case 9: writer.put(uniqueHandles)
    case 10: writer.put(leaseTime)
    case 11: writer.put(readdirError)
    case 13: writer.put(aclSupport)
    case 15: writer.put(canSetTime)
    case 16: writer.put(caseInsensitive)
    case 17: writer.put(casePreserving)
    case 18: writer.put(chownRestricted)
    case 19: writer.put(filehandle)
    case 20: writer.put(fileid)
    case 21: writer.put(filesAvailable)
    case 22: writer.put(filesFree)
    case 23: writer.put(filesTotal)
    case 26: writer.put(homogeneous)
    case 27: writer.put(maximumFileSize)
    case 28: writer.put(maximumLinks)
    case 29: writer.put(maximumName)
    case 30: writer.put(maximumRead)
    case 31: writer.put(maximumWrite)
    case 33: writer.put(mode)
    case 34: writer.put(noTruncation)
    case 35: writer.put(linkCount)
    case 36: writer.putDecimalString(owner)
    case 37: writer.putDecimalString(ownerGroup)
    case 38: writer.put(quotaAvailableHard)
    case 39: writer.put(quotaAvailableSoft)
    case 40: writer.put(quotaUsed)
    case 41: putPair(rawDevice, into: &writer)
    case 42: writer.put(spaceAvailable)
    case 43: writer.put(spaceFree)
    case 44: writer.put(spaceTotal)
    case 45: writer.put(spaceUsed)
    case 47: writer.put(timeAccess)
    case 51: writer.put(timeDelta)
    case 52: writer.put(timeMetadata)
    case 53: writer.put(timeModify)
    case 55: writer.put(mountedOnFileid)
    default: break
    }
  }

  private func putPair(_ pair: (major: UInt64, minor: UInt64), into writer: inout XDRWriter) {
    writer.put(pair.major)
    writer.put(pair.minor)
  }

  private func putPair(_ pair: (major: UInt32, minor: UInt32), into writer: inout XDRWriter) {
    writer.put(pair.major)
    writer.put(pair.minor)
  }
}
