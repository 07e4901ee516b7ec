// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// What a SETATTR, OPEN or CREATE asks to set (RFC 7530 sections 5.5 and 16.32).
public struct SettableAttributes: Sendable {
  /// How a time is to be set: settime4.
  public enum TimeChange: Sendable, Equatable {
    /// SET_TO_SERVER_TIME4.
    case serverTime
    /// SET_TO_CLIENT_TIME4.
    case clientTime(NFSTime)
  }

  /// Attributes that the request names.
  public var mask: AttributeMask = []
  /// size, bytes.
  public var size: UInt64 = 0
  /// mode bits.
  public var mode: UInt32 = 0
  /// Numeric owner, nil where the string was no number.
  public var owner: UInt32? = nil
  /// Numeric owner group, nil where the string was no number.
  public var ownerGroup: UInt32? = nil
  /// time_access_set.
  public var timeAccess = TimeChange.serverTime
  /// time_modify_set.
  public var timeModify = TimeChange.serverTime

  /// Nothing to set.
  public init() {}

  /// Writes the fattr4 of a request.
  public func encode(into writer: inout XDRWriter) {
    let present = mask.intersection(.settable)
    writer.put(present)
    let lengthPosition = writer.position
    writer.put(0 as UInt32)
    if present.contains(.size) { writer.put(size) }
    if present.contains(.mode) { writer.put(mode) }
    if present.contains(.owner) { writer.putDecimalString(owner ?? 65_534) }
    if present.contains(.ownerGroup) { writer.putDecimalString(ownerGroup ?? 65_534) }
    if present.contains(.timeAccessSet) { put(timeAccess, into: &writer) }
    if present.contains(.timeModifySet) { put(timeModify, into: &writer) }
    writer.patch(UInt32(truncatingIfNeeded: writer.position &- lengthPosition &- 4), at: lengthPosition)
  }

  private func put(_ change: TimeChange, into writer: inout XDRWriter) {
    switch change {
    case .serverTime: writer.put(0 as UInt32)
    case .clientTime(let time):
      writer.put(1 as UInt32)
      writer.put(time)
    }
  }
}

/// What came of reading the attributes of a request.
public enum SettableAttributesResult: Sendable, Equatable {
  /// All of them can be set.
  case settable
  /// An attribute that exists but cannot be set: NFS4ERR_INVAL (RFC 7530 section 5.5).
  case readOnly
  /// An attribute that this server does not support: NFS4ERR_ATTRNOTSUPP.
  case notSupported
  /// A value that its type allows and its meaning does not, as a second of more than 999,999,999 nanoseconds: NFS4ERR_INVAL.
  case badValue
}

extension XDRReader {
  /// Reads the fattr4 of a request; the whole list is consumed whatever the result.
  ///
  /// - Parameters:
  ///   - attributes: takes the values.
  ///   - resolve: tells the number behind an owner string; the second argument is true for a group.
  /// - Returns: whether they can be set, and why not.
  /// - Throws: ``XDRError`` where the bytes do not fit the bitmap: NFS4ERR_BADXDR.
  public mutating func settableAttributes(
    into attributes: inout SettableAttributes,
    resolvingOwners resolve: (UnsafeRawBufferPointer, Bool) -> OwnerResolution = { text, _ in .decimal(text) }
  ) throws(XDRError) -> SettableAttributesResult {
    let (mask, beyond) = try attributeMask()
    var values = XDRReader(try opaque(limit: NFS4Protocol.attributeListLimit))
    if beyond { return .notSupported }
    let readOnly = AttributeMask.encodable.subtracting(.settable)
    if !mask.intersection(readOnly).isEmpty { return .readOnly }
    if !mask.subtracting(.settable).isEmpty { return .notSupported }
    attributes.mask = mask
    var isGood = true
    if mask.contains(.size) { attributes.size = try values.uint64() }
    if mask.contains(.mode) { attributes.mode = try values.uint32() }
    if mask.contains(.owner) { attributes.owner = try values.owner(isGroup: false, resolve, &isGood) }
    if mask.contains(.ownerGroup) { attributes.ownerGroup = try values.owner(isGroup: true, resolve, &isGood) }
    if mask.contains(.timeAccessSet) { attributes.timeAccess = try values.timeChange(&isGood) }
    if mask.contains(.timeModifySet) { attributes.timeModify = try values.timeChange(&isGood) }
    guard values.remaining == 0 else { throw .tooLong(length: values.remaining, limit: 0) }
    return isGood ? .settable : .badValue
  }

  private mutating func owner(
    isGroup: Bool, _ resolve: (UnsafeRawBufferPointer, Bool) -> OwnerResolution, _ isGood: inout Bool
  ) throws(XDRError) -> UInt32? {
    switch resolve(try opaque(limit: NFS4Protocol.ownerReadLimit), isGroup) {
    case .number(let number): return number
    case .unknown: return nil
    case .malformed:
      isGood = false
      return nil
    }
  }

  private mutating func timeChange(_ isGood: inout Bool) throws(XDRError) -> SettableAttributes.TimeChange {
    switch try uint32() {
    case 0: return .serverTime
    case 1:
      do {
        return .clientTime(try time())
      } catch {
        // The time was there: the list goes on behind it.
        guard case .badTime = error else { throw error }
        isGood = false
        return .serverTime
      }
    case let other: throw .badValue(other)
    }
  }
}
