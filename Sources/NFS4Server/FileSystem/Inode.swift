// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4

/// One file of the in-memory file system.
struct Inode {
  /// Value of ``kind`` while no file uses the inode.
  static let freeKind: UInt32 = 0
  /// The sticky bit of a directory: only owners remove entries.
  static let stickyBit: UInt32 = 0o1000
  static let setUserBit: UInt32 = 0o4000
  static let setGroupBit: UInt32 = 0o2000

  /// Changes each time the inode is given to a new file, so that old filehandles are told apart.
  var generation: UInt32 = 0
  /// Raw value of an `NFSFileType`, or ``freeKind``.
  var kind: UInt32 = Inode.freeKind
  var mode: UInt32 = 0
  var uid: UInt32 = 0
  var gid: UInt32 = 0
  var linkCount: UInt32 = 0
  /// Opens that keep the file alive without a link.
  var openCount: UInt32 = 0
  /// A directory's parent; the next free inode while this one is free.
  var parent: UInt32 = 0
  var size: UInt64 = 0
  /// The change attribute: counts every change of data or attributes.
  var change: UInt64 = 0
  var accessTime = NFSTime(seconds: 0, nanoseconds: 0)
  var modifyTime = NFSTime(seconds: 0, nanoseconds: 0)
  var metadataTime = NFSTime(seconds: 0, nanoseconds: 0)
  var deviceMajor: UInt32 = 0
  var deviceMinor: UInt32 = 0
  /// The verifier of the EXCLUSIVE4 create that made the file, until its attributes are set.
  var exclusiveVerifier: UInt64 = 0
  var hasExclusiveVerifier = false
  /// Block table of a regular file; a nil block is a hole.
  var blocks: UnsafeMutablePointer<UnsafeMutableRawPointer?>? = nil
  var blockSlots = 0
  var blocksUsed = 0
  /// Entries of a directory, made with the first one.
  var directory: UnsafeMutablePointer<DirectoryTable>? = nil
  /// Text of a symbolic link, ``size`` bytes.
  var linkText: UnsafeMutableRawPointer? = nil

  @inline(__always) var isDirectory: Bool { kind == NFSFileType.directory.rawValue }
  @inline(__always) var isRegular: Bool { kind == NFSFileType.regular.rawValue }
  @inline(__always) var isLink: Bool { kind == NFSFileType.symbolicLink.rawValue }
}
