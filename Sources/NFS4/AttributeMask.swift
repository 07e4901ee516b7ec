// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// A set of NFSv4.0 attributes: the first two words of a bitmap4 (RFC 7530 sections 5.4 to 5.8).
@frozen
public struct AttributeMask: OptionSet, Hashable, Sendable {
  /// Bit n stands for attribute number n.
  public let rawValue: UInt64

  /// Makes a set from its bits.
  @inlinable public init(rawValue: UInt64) { self.rawValue = rawValue }

  /// The set of one attribute by its number, 0 to 63.
  @inlinable public init(number: Int) { rawValue = 1 << UInt64(number) }

  /// supported_attrs.
  public static let supportedAttributes = AttributeMask(number: 0)
  /// type.
  public static let type = AttributeMask(number: 1)
  /// fh_expire_type.
  public static let filehandleExpireType = AttributeMask(number: 2)
  /// change.
  public static let change = AttributeMask(number: 3)
  /// size.
  public static let size = AttributeMask(number: 4)
  /// link_support.
  public static let linkSupport = AttributeMask(number: 5)
  /// symlink_support.
  public static let symlinkSupport = AttributeMask(number: 6)
  /// named_attr.
  public static let namedAttributes = AttributeMask(number: 7)
  /// fsid.
  public static let fsid = AttributeMask(number: 8)
  /// unique_handles.
  public static let uniqueHandles = AttributeMask(number: 9)
  /// lease_time.
  public static let leaseTime = AttributeMask(number: 10)
  /// rdattr_error.
  public static let readdirError = AttributeMask(number: 11)
  /// aclsupport.
  public static let aclSupport = AttributeMask(number: 13)
  /// cansettime.
  public static let canSetTime = AttributeMask(number: 15)
  /// case_insensitive.
  public static let caseInsensitive = AttributeMask(number: 16)
  /// case_preserving.
  public static let casePreserving = AttributeMask(number: 17)
  /// chown_restricted.
  public static let chownRestricted = AttributeMask(number: 18)
  /// filehandle.
  public static let filehandle = AttributeMask(number: 19)
  /// fileid.
  public static let fileid = AttributeMask(number: 20)
  /// files_avail.
  public static let filesAvailable = AttributeMask(number: 21)
  /// files_free.
  public static let filesFree = AttributeMask(number: 22)
  /// files_total.
  public static let filesTotal = AttributeMask(number: 23)
  /// homogeneous.
  public static let homogeneous = AttributeMask(number: 26)
  /// maxfilesize.
  public static let maximumFileSize = AttributeMask(number: 27)
  /// maxlink.
  public static let maximumLinks = AttributeMask(number: 28)
  /// maxname.
  public static let maximumName = AttributeMask(number: 29)
  /// maxread.
  public static let maximumRead = AttributeMask(number: 30)
  /// maxwrite.
  public static let maximumWrite = AttributeMask(number: 31)
  /// mode.
  public static let mode = AttributeMask(number: 33)
  /// no_trunc.
  public static let noTruncation = AttributeMask(number: 34)
  /// numlinks.
  public static let linkCount = AttributeMask(number: 35)
  /// owner.
  public static let owner = AttributeMask(number: 36)
  /// owner_group.
  public static let ownerGroup = AttributeMask(number: 37)
  /// quota_avail_hard.
  public static let quotaAvailableHard = AttributeMask(number: 38)
  /// quota_avail_soft.
  public static let quotaAvailableSoft = AttributeMask(number: 39)
  /// quota_used.
  public static let quotaUsed = AttributeMask(number: 40)
  /// rawdev.
  public static let rawDevice = AttributeMask(number: 41)
  /// space_avail.
  public static let spaceAvailable = AttributeMask(number: 42)
  /// space_free.
  public static let spaceFree = AttributeMask(number: 43)
  /// space_total.
  public static let spaceTotal = AttributeMask(number: 44)
  /// space_used.
  public static let spaceUsed = AttributeMask(number: 45)
  /// time_access.
  public static let timeAccess = AttributeMask(number: 47)
  /// time_access_set.
  public static let timeAccessSet = AttributeMask(number: 48)
  /// time_delta.
  public static let timeDelta = AttributeMask(number: 51)
  /// time_metadata.
  public static let timeMetadata = AttributeMask(number: 52)
  /// time_modify.
  public static let timeModify = AttributeMask(number: 53)
  /// time_modify_set.
  public static let timeModifySet = AttributeMask(number: 54)
  /// mounted_on_fileid.
  public static let mountedOnFileid = AttributeMask(number: 55)

  /// Attributes that SETATTR, OPEN and CREATE may set here (RFC 7530 section 5.5): ACLs and system flags are not supported.
  public static let settable: AttributeMask = [.size, .mode, .owner, .ownerGroup, .timeAccessSet, .timeModifySet]

  /// What a server without quotas does not support.
  public static let quotas: AttributeMask = [.quotaAvailableHard, .quotaAvailableSoft, .quotaUsed]

  /// Every attribute that ``FileAttributes`` can carry and write.
  public static let encodable: AttributeMask = known.union(quotas)

  /// Every attribute that a server of this project reports, but for ``quotas``, which depend on its configuration.
  public static let known: AttributeMask = [
    .supportedAttributes, .type, .filehandleExpireType, .change, .size, .linkSupport, .symlinkSupport, .namedAttributes,
    .fsid, .uniqueHandles, .leaseTime, .readdirError, .aclSupport, .canSetTime, .caseInsensitive, .casePreserving,
    .chownRestricted, .filehandle, .fileid, .filesAvailable, .filesFree, .filesTotal, .homogeneous, .maximumFileSize,
    .maximumLinks, .maximumName, .maximumRead, .maximumWrite, .mode, .noTruncation, .linkCount, .owner, .ownerGroup,
    .rawDevice, .spaceAvailable, .spaceFree, .spaceTotal, .spaceUsed, .timeAccess, .timeDelta, .timeMetadata,
    .timeModify, .mountedOnFileid,
  ]
}

extension XDRReader {
  /// Reads a bitmap4 of at most ``NFS4Protocol/bitmapWordLimit`` words.
  ///
  /// - Returns: the first two words, and whether a bit beyond them was set (no such attribute exists in NFSv4.0).
  @inlinable
  public mutating func attributeMask() throws(XDRError) -> (mask: AttributeMask, beyond: Bool) {
    let words = Int(try uint32())
    guard words <= NFS4Protocol.bitmapWordLimit else {
      throw .tooLong(length: words, limit: NFS4Protocol.bitmapWordLimit)
    }
    var bits: UInt64 = 0
    var beyond = false
    var index = 0
    while index < words {
      let word = try uint32()
      if index < 2 { bits |= UInt64(word) << UInt64(32 &* index) } else if word != 0 { beyond = true }
      index &+= 1
    }
    return (AttributeMask(rawValue: bits), beyond)
  }
}

extension XDRWriter {
  /// Writes a bitmap4 with as few words as the set needs.
  @inlinable
  public mutating func put(_ mask: AttributeMask) {
    let low = UInt32(truncatingIfNeeded: mask.rawValue)
    let high = UInt32(truncatingIfNeeded: mask.rawValue >> 32)
    if high != 0 {
      put(2 as UInt32)
      put(low)
      put(high)
    } else if low != 0 {
      put(1 as UInt32)
      put(low)
    } else {
      put(0 as UInt32)
    }
  }
}
