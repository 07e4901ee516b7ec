// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// Writes XDR (RFC 4506) into a buffer of fixed size.
///
/// A write that does not fit sets ``overflowed`` and writes nothing: the caller looks once at the end, or where it must decide
/// (an NFSv4 server answers NFS4ERR_RESOURCE or cuts a READDIR short). The writer borrows the buffer.
@frozen
public struct XDRWriter {
  @usableFromInline let base: UnsafeMutableRawPointer
  @usableFromInline let capacity: Int
  @usableFromInline var offset: Int
  @usableFromInline var failed: Bool

  /// Starts at the first byte of `buffer`.
  @inlinable
  public init(_ buffer: UnsafeMutableRawBufferPointer) {
    base = buffer.baseAddress ?? UnsafeMutableRawPointer(bitPattern: 1).unsafelyUnwrapped
    capacity = buffer.baseAddress == nil ? 0 : buffer.count
    offset = 0
    failed = false
  }

  /// Bytes written so far; also where the next item goes.
  @inlinable public var position: Int { offset }

  /// True after the first item that did not fit.
  @inlinable public var overflowed: Bool { failed }

  /// Bytes that still fit.
  @inlinable public var remaining: Int { capacity &- offset }

  @inlinable @inline(__always)
  mutating func room(_ count: Int) -> Bool {
    if count <= capacity &- offset { return true }
    failed = true
    return false
  }

  /// Writes an unsigned 32-bit integer.
  @inlinable
  public mutating func put(_ value: UInt32) {
    guard room(4) else { return }
    (base + offset).storeBytes(of: value.bigEndian, as: UInt32.self)
    offset &+= 4
  }

  /// Writes an unsigned 64-bit integer.
  @inlinable
  public mutating func put(_ value: UInt64) {
    guard room(8) else { return }
    (base + offset).storeBytes(of: value.bigEndian, as: UInt64.self)
    offset &+= 8
  }

  /// Writes a boolean as 0 or 1.
  @inlinable
  public mutating func put(_ value: Bool) { put(value ? 1 : 0 as UInt32) }

  /// Writes bytes of fixed length and zero padding up to a multiple of four.
  @inlinable
  public mutating func putFixed(_ bytes: UnsafeRawBufferPointer) {
    let count = bytes.count
    let padded = (count &+ 3) & ~3
    guard room(padded) else { return }
    if let source = bytes.baseAddress, count > 0 {
      (base + offset).copyMemory(from: source, byteCount: count)
    }
    var pad = count
    while pad < padded {
      (base + offset + pad).storeBytes(of: 0, as: UInt8.self)
      pad &+= 1
    }
    offset &+= padded
  }

  /// Writes bytes with their length in front.
  @inlinable
  public mutating func putOpaque(_ bytes: UnsafeRawBufferPointer) {
    guard room(4 &+ ((bytes.count &+ 3) & ~3)) else { return }
    put(UInt32(truncatingIfNeeded: bytes.count))
    putFixed(bytes)
  }

  /// Writes the UTF-8 of a string with its length in front; not for hot paths.
  @inlinable
  public mutating func putString(_ text: String) {
    var copy = text
    copy.withUTF8 { putOpaque(UnsafeRawBufferPointer($0)) }
  }

  /// Leaves room for `count` bytes (a multiple of four) that the caller fills, and returns it; nil if it does not fit.
  @inlinable
  public mutating func reserve(_ count: Int) -> UnsafeMutableRawBufferPointer? {
    guard room(count) else { return nil }
    let view = UnsafeMutableRawBufferPointer(start: base + offset, count: count)
    offset &+= count
    return view
  }

  /// Overwrites the word at `position`, which must have been written before.
  @inlinable
  public mutating func patch(_ value: UInt32, at position: Int) {
    guard position >= 0, position &+ 4 <= offset else { return }
    (base + position).storeBytes(of: value.bigEndian, as: UInt32.self)
  }

  /// Goes back to `position`, which must not be ahead, and forgets what was written behind it and any overflow since.
  @inlinable
  public mutating func rewind(to position: Int) {
    guard position >= 0, position <= offset else { return }
    offset = position
    failed = false
  }

  /// What was written.
  @inlinable public var written: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base, count: offset) }
}
