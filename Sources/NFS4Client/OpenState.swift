// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4

/// Who opens files: an open-owner with its sequence number (RFC 7530 section 9.1.7).
struct OpenOwner {
  /// The name's bytes: 12 (BSD) or 24 (Linux).
  var name: InlineArray<24, UInt8> = InlineArray(repeating: 0)
  var length = 0
  /// Sequence number of the next request.
  var sequence: UInt32 = 0
  /// False until the first OPEN of this owner.
  var exists = false

  /// What a result does to the sequence number: it goes on, except after the errors that RFC 7530 section 9.1.7 lists.
  mutating func advance(_ status: NFSStatus) {
    switch status {
    case .staleClientID, .staleStateid, .badStateid, .badSeqid, .badXDR, .resource, .noFilehandle, .moved: break
    default: sequence &+= 1
    }
  }

  mutating func append(bigEndian value: UInt32) {
    for shift in stride(from: 24, through: 0, by: -8) where length < 24 {
      name[length] = UInt8(truncatingIfNeeded: value >> shift)
      length &+= 1
    }
  }
}

/// One open of a file as the server knows it.
struct OpenState {
  var node: Int32
  var stateid: Stateid
  /// share_access that the server has.
  var access: UInt32
  /// Descriptors open for reading only, writing only, both.
  var readers: Int32 = 0
  var writers: Int32 = 0
  var both: Int32 = 0
  var nextOfNode: Int32 = -1

  var references: Int32 { readers &+ writers &+ both }
}

/// What a file descriptor stands for.
struct OpenFile {
  var node: Int32 = -1
  var state: Int32 = -1
  var flags: OpenFlags = []
  var offset: UInt64 = 0

  var inUse: Bool { node >= 0 }
}

/// What a DIR stands for.
struct OpenDirectory {
  var node: Int32 = -1
  /// Number of the next entry: 0 is `.`, 1 is `..`.
  var position = 0
  /// Byte offset of the next entry in the listing.
  var offset = 0
  /// The listing's generation when ``offset`` was right.
  var generation: UInt64 = 0
  /// Cookie behind the last entry that was given out.
  var cookie: UInt64 = 0

  var inUse: Bool { node >= 0 }
}
