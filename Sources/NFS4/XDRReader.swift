// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// Why bytes could not be read as XDR.
public enum XDRError: Error, Equatable, CustomStringConvertible, Sendable {
  /// Fewer bytes are left than the item needs.
  case truncated(needed: Int, left: Int)
  /// A length field is above the limit of the item.
  case tooLong(length: Int, limit: Int)
  /// A discriminant or boolean has a value outside of its type.
  case badValue(UInt32)
  /// The nanoseconds of a time are a second or more (RFC 7530 section 2.2.1, nfstime4).
  case badTime(nanoseconds: UInt32)

  /// One line with the values.
  public var description: String {
    switch self {
    case .truncated(let needed, let left): "XDR: \(needed) bytes needed, \(left) left"
    case .tooLong(let length, let limit): "XDR: length \(length) is above the limit of \(limit)"
    case .badValue(let value): "XDR: value \(value) is not of the type"
    case .badTime(let nanoseconds): "XDR: \(nanoseconds) nanoseconds are a second or more"
    }
  }
}

/// A cursor over XDR bytes (RFC 4506) that checks every length before it uses it.
///
/// The reader borrows memory: it is valid as long as the bytes that it was made with.
@frozen
public struct XDRReader {
  @usableFromInline var cursor: UnsafeRawPointer
  @usableFromInline var end: UnsafeRawPointer

  /// Starts at the first byte of `bytes`; an empty buffer may have no address.
  @inlinable
  public init(_ bytes: UnsafeRawBufferPointer) {
    if let base = bytes.baseAddress {
      cursor = base
      end = base + bytes.count
    } else {
      // Any non-null address serves an empty range: nothing is ever read from it.
      cursor = UnsafeRawPointer(bitPattern: 1).unsafelyUnwrapped
      end = cursor
    }
  }

  /// Bytes not read yet.
  @inlinable public var remaining: Int { end - cursor }

  /// What has not been read yet, without moving.
  @inlinable public var rest: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: cursor, count: end - cursor) }

  /// Reads an unsigned 32-bit integer.
  @inlinable
  public mutating func uint32() throws(XDRError) -> UInt32 {
    guard end - cursor >= 4 else { throw .truncated(needed: 4, left: end - cursor) }
    let value = UInt32(bigEndian: cursor.loadUnaligned(as: UInt32.self))
    cursor += 4
    return value
  }

  /// Reads an unsigned 64-bit integer.
  @inlinable
  public mutating func uint64() throws(XDRError) -> UInt64 {
    guard end - cursor >= 8 else { throw .truncated(needed: 8, left: end - cursor) }
    let value = UInt64(bigEndian: cursor.loadUnaligned(as: UInt64.self))
    cursor += 8
    return value
  }

  /// Reads a boolean; any other value than 0 and 1 is an error (RFC 4506 section 4.4).
  @inlinable
  public mutating func bool() throws(XDRError) -> Bool {
    let value = try uint32()
    guard value <= 1 else { throw .badValue(value) }
    return value == 1
  }

  /// Reads `count` bytes of fixed-length opaque data, skips its padding and returns a view of it.
  @inlinable
  public mutating func fixedOpaque(_ count: Int) throws(XDRError) -> UnsafeRawBufferPointer {
    let left = end - cursor
    guard count >= 0, count <= left else { throw .truncated(needed: count, left: left) }
    let padded = (count &+ 3) & ~3
    guard padded <= left else { throw .truncated(needed: padded, left: left) }
    let view = UnsafeRawBufferPointer(start: cursor, count: count)
    cursor += padded
    return view
  }

  /// Reads variable-length opaque data of at most `limit` bytes and returns a view of it.
  @inlinable
  public mutating func opaque(limit: Int) throws(XDRError) -> UnsafeRawBufferPointer {
    let length = Int(try uint32())
    guard length <= limit else { throw .tooLong(length: length, limit: limit) }
    return try fixedOpaque(length)
  }

  /// Skips `count` bytes, which must be there.
  @inlinable
  public mutating func skip(_ count: Int) throws(XDRError) {
    guard count >= 0, count <= end - cursor else { throw .truncated(needed: count, left: end - cursor) }
    cursor += count
  }
}
