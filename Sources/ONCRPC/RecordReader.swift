// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Glibc

/// Cuts a byte stream into records, joining their fragments (RFC 5531 section 11).
///
/// Holds no socket: the owner receives into ``space()``, tells ``received(_:)`` how much came, and asks ``next()`` until
/// it wants more. A record of one fragment is handed out where it was received; only further fragments are moved. Every
/// length is checked against the limit before a byte of the fragment is waited for.
struct RecordReader: ~Copyable {
  /// What the bytes received so far amount to.
  enum Step {
    /// A whole record, aligned to 4 bytes, valid until the next call of any method.
    case record(UnsafeRawBufferPointer)
    /// The record, or its mark, is not complete.
    case needsMore
    /// The record would be longer than the limit.
    case overlong
    /// Fragments without data that do not end the record, beyond ``maximumEmptyFragments``.
    case onlyEmptyFragments
  }

  /// Bytes received beyond a full record, so that pipelined calls come with few system calls.
  static let readAheadBytes = 64 << 10
  /// The most fragments without data that one record may have; a peer could send them for ever.
  static let maximumEmptyFragments = 64
  private static let markBytes = 4

  private let memory: MappedMemory
  private let maximumRecordBytes: Int
  /// Joined data of a record whose last fragment is missing, empty unless `joining`.
  private var recordStart = 0
  private var recordEnd = 0
  private var joining = false
  private var emptyFragments = 0
  /// Bytes received and not yet looked at.
  private var cursor = 0
  private var end = 0

  /// Whether a record has begun and is not complete.
  var isMidRecord: Bool { joining || cursor != end }

  /// Makes a reader.
  ///
  /// - Parameter maximumRecordBytes: the longest record.
  /// - Throws: ``RPCError/resourceExhausted(what:)``.
  init(maximumRecordBytes: Int) throws(RPCError) {
    self.maximumRecordBytes = maximumRecordBytes
    memory = try MappedMemory(count: maximumRecordBytes + Self.markBytes + Self.readAheadBytes)
  }

  /// Takes the next record out of the bytes received.
  ///
  /// - Returns: the record, or why there is none.
  mutating func next() -> Step {
    while end - cursor >= Self.markBytes {
      let mark = UInt32(bigEndian: base.loadUnaligned(fromByteOffset: cursor, as: UInt32.self))
      let length = Int(mark & 0x7fff_ffff)
      let isLast = mark & 0x8000_0000 != 0
      let joined = joining ? recordEnd - recordStart : 0
      guard length <= maximumRecordBytes - joined else { return .overlong }
      guard end - cursor - Self.markBytes >= length else { return .needsMore }
      let data = cursor + Self.markBytes
      if joining {
        memmove(base + recordEnd, base + data, length)
        recordEnd += length
      } else {
        // The place of the mark has room to move data down to a multiple of 4.
        recordStart = data & ~3
        recordEnd = recordStart + length
        if recordStart != data {
          memmove(base + recordStart, base + data, length)
        }
      }
      cursor = data + length
      joining = !isLast
      if isLast {
        emptyFragments = 0
        return .record(UnsafeRawBufferPointer(start: base + recordStart, count: recordEnd - recordStart))
      }
      if length == 0 {
        emptyFragments += 1
        guard emptyFragments <= Self.maximumEmptyFragments else { return .onlyEmptyFragments }
      }
    }
    return .needsMore
  }

  /// Gives the place for further bytes; never empty after ``next()`` wanted more.
  ///
  /// - Returns: the free end of the buffer.
  mutating func space() -> UnsafeMutableRawBufferPointer {
    if !isMidRecord {
      cursor = 0
      end = 0
    } else if memory.bytes.count - end < missing {
      compact()
    }
    return UnsafeMutableRawBufferPointer(rebasing: memory.bytes[end...])
  }

  /// Tells how many bytes came into ``space()``.
  ///
  /// - Parameter count: number of bytes.
  mutating func received(_ count: Int) {
    end += min(count, memory.bytes.count - end)
  }

  private var base: UnsafeMutableRawPointer { memory.base }

  /// Bytes that the fragment under way still lacks, at least 1.
  private var missing: Int {
    let have = end - cursor
    guard have >= Self.markBytes else { return Self.markBytes - have }
    let mark = UInt32(bigEndian: base.loadUnaligned(fromByteOffset: cursor, as: UInt32.self))
    return max(Self.markBytes + Int(mark & 0x7fff_ffff) - have, 1)
  }

  /// Moves joined data to the start of the buffer and the bytes not looked at behind them.
  private mutating func compact() {
    let joined = joining ? recordEnd - recordStart : 0
    if joined > 0 {
      memmove(base, base + recordStart, joined)
    }
    recordStart = 0
    recordEnd = joined
    memmove(base + joined, base + cursor, end - cursor)
    end = joined + end - cursor
    cursor = joined
  }
}
