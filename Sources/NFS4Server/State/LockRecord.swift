// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// struct nfslock in modelled memory: a range of bytes that a lock-owner holds (FreeBSD 8.1 sys/fs/nfs/nfsrvstate.h).
///
/// The kernel keeps the end as the first byte behind the range; here it is the last byte of it, so that a range up to the last byte but
/// one of 64 bits and one to the end of the file differ.
struct LockRecord {
  /// Offset of the links of the lock-owner's locks, in the order of their first bytes (lo_lckowner).
  static let ownerOffset = 0
  /// Offset of the links of the file's locks (lo_lckfile).
  static let fileOffset = 8

  let link: KernelLink
  let bytes: UnsafeMutableRawPointer

  /// The lock-owner's record that holds the lock (lo_stp).
  var holder: KernelLink {
    get { bytes[word: 16] }
    nonmutating set { bytes[word: 16] = newValue }
  }
  /// The file (lo_lfp).
  var lockFile: KernelLink {
    get { bytes[word: 20] }
    nonmutating set { bytes[word: 20] = newValue }
  }
  /// First byte (lo_first).
  var first: UInt64 {
    get { bytes[long: 24] }
    nonmutating set { bytes[long: 24] = newValue }
  }
  /// Last byte, all ones for the end of the file (lo_end).
  var last: UInt64 {
    get { bytes[long: 32] }
    nonmutating set { bytes[long: 32] = newValue }
  }
  /// 1 for an exclusive lock (lo_flags).
  var flags: UInt32 {
    get { bytes[word: 40] }
    nonmutating set { bytes[word: 40] = newValue }
  }

  var isExclusive: Bool { flags != 0 }

  /// The bytes that the lock covers.
  var range: LockRange { LockRange(first: first, last: last) }
}

/// A range of bytes to lock, test or unlock: never empty.
struct LockRange: Equatable {
  var first: UInt64
  /// The last byte, all ones for the end of the file.
  var last: UInt64

  init(first: UInt64, last: UInt64) {
    self.first = first
    self.last = last
  }

  /// The range of a request; nil where the length is zero or reaches past 64 bits (RFC 7530 section 16.10.4).
  init?(offset: UInt64, length: UInt64) {
    guard length != 0 else { return nil }
    first = offset
    if length == .max {
      last = .max
    } else {
      let (end, overflow) = offset.addingReportingOverflow(length)
      guard !overflow else { return nil }
      last = end &- 1
    }
  }

  /// The length as the protocol has it.
  var length: UInt64 { last == .max ? .max : last &- first &+ 1 }

  func overlaps(_ other: LockRange) -> Bool { first <= other.last && other.first <= last }

  /// Whether the other range overlaps this one or begins or ends where this one ends or begins.
  func touches(_ other: LockRange) -> Bool {
    (other.last == .max || first <= other.last &+ 1) && (last == .max || other.first <= last &+ 1)
  }
}
