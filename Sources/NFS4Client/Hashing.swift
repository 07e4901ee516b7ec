// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// A hash of bytes for the client's tables: fixed, so that a run is the same each time, and fast for names of a few
/// bytes.
@inline(__always)
func hashBytes(_ bytes: UnsafeRawBufferPointer, seed: UInt64) -> UInt64 {
  var hash = seed ^ UInt64(truncatingIfNeeded: bytes.count) &* 0x9E37_79B9_7F4A_7C15
  var offset = 0
  while offset &+ 8 <= bytes.count {
    hash = hashMix(hash ^ bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
    offset &+= 8
  }
  var rest: UInt64 = 0
  var shift: UInt64 = 0
  while offset < bytes.count {
    rest |= UInt64(bytes[offset]) << shift
    shift &+= 8
    offset &+= 1
  }
  return hashMix(hash ^ rest)
}

/// The 64-bit finalizer of MurmurHash3: every bit of the input reaches every bit of the result.
@inline(__always)
func hashMix(_ value: UInt64) -> UInt64 {
  var hash = value
  hash ^= hash >> 33
  hash = hash &* 0xff51_afd7_ed55_8ccd
  hash ^= hash >> 33
  hash = hash &* 0xc4ce_b9fe_1a85_ec53
  return hash ^ (hash >> 33)
}

/// True if `left`, of which as many bytes are readable, equals `right`.
@inline(__always)
func equalBytes(_ left: UnsafeRawPointer, _ right: UnsafeRawBufferPointer) -> Bool {
  var offset = 0
  while offset &+ 8 <= right.count {
    if left.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
      != right.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
    {
      return false
    }
    offset &+= 8
  }
  while offset < right.count {
    if left.load(fromByteOffset: offset, as: UInt8.self) != right[offset] { return false }
    offset &+= 1
  }
  return true
}
