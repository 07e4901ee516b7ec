// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// A filehandle kept by value: at most ``NFS4Protocol/filehandleLimit`` bytes in place, no allocation (RFC 7530 chapter 4).
@frozen
public struct Filehandle: Sendable, Equatable {
  @usableFromInline var storage: InlineArray<16, UInt64>
  @usableFromInline var length: UInt8

  /// No filehandle.
  @inlinable
  public init() {
    storage = InlineArray(repeating: 0)
    length = 0
  }

  /// Copies `bytes`; nil if there are none or more than ``NFS4Protocol/filehandleLimit``.
  @inlinable
  public init?(_ bytes: UnsafeRawBufferPointer) {
    guard !bytes.isEmpty, bytes.count <= NFS4Protocol.filehandleLimit else { return nil }
    self.init()
    length = UInt8(truncatingIfNeeded: bytes.count)
    withUnsafeMutableBytes(of: &storage) { $0.copyMemory(from: bytes) }
  }

  /// Bytes of the filehandle, 0 for none.
  @inlinable public var count: Int { Int(length) }

  /// Gives the bytes to `body`; the buffer is valid only during the call.
  @inlinable
  public func withBytes<R>(_ body: (UnsafeRawBufferPointer) -> R) -> R {
    withUnsafeBytes(of: storage) { body(UnsafeRawBufferPointer(rebasing: $0[0..<Int(length)])) }
  }

  /// Equal length and bytes.
  @inlinable
  public static func == (left: Filehandle, right: Filehandle) -> Bool {
    guard left.length == right.length else { return false }
    var index = 0
    while index &* 8 < Int(left.length) {
      if left.storage[index] != right.storage[index] { return false }
      index &+= 1
    }
    return true
  }
}

extension Filehandle: Hashable {
  /// Hashes the used words and the length.
  @inlinable
  public func hash(into hasher: inout Hasher) {
    hasher.combine(length)
    var index = 0
    while index &* 8 < Int(length) {
      hasher.combine(storage[index])
      index &+= 1
    }
  }
}

extension XDRReader {
  /// Reads an nfs_fh4 and returns a view of its bytes (1 to ``NFS4Protocol/filehandleLimit``).
  @inlinable
  public mutating func filehandle() throws(XDRError) -> UnsafeRawBufferPointer {
    try opaque(limit: NFS4Protocol.filehandleLimit)
  }
}

extension XDRWriter {
  /// Writes an nfs_fh4.
  @inlinable
  public mutating func put(_ filehandle: Filehandle) {
    filehandle.withBytes { putOpaque($0) }
  }
}
