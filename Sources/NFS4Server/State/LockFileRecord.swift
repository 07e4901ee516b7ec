// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// struct nfslockfile in modelled memory: one per file that has state (FreeBSD 8.1 sys/fs/nfs/nfsrvstate.h).
struct LockFileRecord {
  static let hashOffset = 0

  let link: KernelLink
  let bytes: UnsafeMutableRawPointer

  /// Head of the opens of the file (lf_open).
  @inline(__always) var openHead: UnsafeMutableRawPointer { bytes + 8 }
  /// Head of the byte-range locks (lf_lock).
  @inline(__always) var lockHead: UnsafeMutableRawPointer { bytes + 12 }
  /// Head of the delegations (lf_deleg).
  @inline(__always) var delegationHead: UnsafeMutableRawPointer { bytes + 16 }
  /// The filehandle (lf_fh), ``ServerFilehandle/byteCount`` bytes.
  @inline(__always) var filehandle: UnsafeMutableRawPointer { bytes + 20 }
  /// Users that hold the structure without state (lf_usecount).
  var useCount: UInt32 {
    get { bytes[word: 48] }
    nonmutating set { bytes[word: 48] = newValue }
  }

  /// True while nothing on the file is open, locked or delegated.
  var isUnused: Bool {
    openHead[word: 0] == 0 && lockHead[word: 0] == 0 && delegationHead[word: 0] == 0 && useCount == 0
  }
}
