// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4

/// Parts of a node that the client knows to be out of date: Linux' NFS_INO_INVALID flags (include/linux/nfs_fs.h).
struct Staleness: OptionSet {
  let rawValue: UInt16
  static let change = Staleness(rawValue: 1)
  static let size = Staleness(rawValue: 2)
  static let metadataTime = Staleness(rawValue: 4)
  static let modifyTime = Staleness(rawValue: 8)
  static let linkCount = Staleness(rawValue: 16)
  static let mode = Staleness(rawValue: 32)
  static let other = Staleness(rawValue: 64)
  static let blocks = Staleness(rawValue: 128)
  static let access = Staleness(rawValue: 256)
  static let data = Staleness(rawValue: 512)

  /// Everything that stat(2) shows.
  static let attributes: Staleness = [
    .change, .size, .metadataTime, .modifyTime, .linkCount, .mode, .other, .blocks,
  ]

  /// What a reply with these attributes makes fresh.
  static func refreshed(by mask: AttributeMask) -> Staleness {
    var set: Staleness = []
    if mask.contains(.change) { set.insert(.change) }
    if mask.contains(.size) { set.insert(.size) }
    if mask.contains(.timeMetadata) { set.insert(.metadataTime) }
    if mask.contains(.timeModify) { set.insert(.modifyTime) }
    if mask.contains(.linkCount) { set.insert(.linkCount) }
    if mask.contains(.mode) { set.insert(.mode) }
    if mask.contains(.owner) { set.insert(.other) }
    if mask.contains(.spaceUsed) { set.insert(.blocks) }
    return set
  }
}

/// What the client keeps of one file: inode and vnode in one.
struct Node {
  var filehandle: Filehandle
  var attributes: NodeAttributes
  /// Out of date.
  ///
  /// In the BSD flavour any attribute flag stands for `n_attrstamp = 0`.
  var stale: Staleness = []
  /// When the attributes were read, nanoseconds (read_cache_jiffies, n_attrstamp).
  var readNanoseconds: UInt64 = 0
  /// How long they are believed, nanoseconds (attrtimeo).
  var timeout: UInt64 = 0
  /// When the time-out was last set (attrtimeo_timestamp).
  var timeoutNanoseconds: UInt64 = 0
  /// When the file was last seen to have changed, nanoseconds; the BSD time-out grows with the distance.
  var changedNanoseconds: UInt64 = 0
  /// Counts the changes of a directory that put its names in doubt (cache_change_attribute).
  var verifier: UInt64 = 0
  /// Rights that ACCESS granted, and since when.
  var access: UInt32 = 0
  var accessKnown = false
  var accessNanoseconds: UInt64 = 0
  /// The directory that this directory is in, -1 for the root and for files.
  ///
  /// Holds it.
  var parent: Int32 = -1
  /// The name of a directory, -1 if it has none.
  var ownName: Int32 = -1
  /// Names that lead here.
  var nameCount: Int32 = 0
  /// Descriptors, working directories, child directories.
  var holdCount: Int32 = 0
  /// First name in this directory.
  var firstName: Int32 = -1
  /// First open of this file.
  var firstOpen: Int32 = -1
  /// Opens for writing (nfs_file_has_writers).
  var writers: Int32 = 0
  /// First cached block of data.
  var firstBlock: Int32 = -1
  /// The blocks that wait to be written, and those that wait for a COMMIT.
  var dirtyBlocks: Int32 = 0
  var uncommittedBlocks: Int32 = 0
  /// Verifier of the WRITEs that wait for a COMMIT.
  var writeVerifier: UInt64 = 0
  /// Listing of a directory, -1 if none is kept.
  var listing: Int32 = -1
  /// Number of the system call that last used it: such a node is not given up.
  var lastCall: UInt64 = 0
  var inUse = true

  init(filehandle: Filehandle, attributes: NodeAttributes) {
    self.filehandle = filehandle
    self.attributes = attributes
  }

  var isDirectory: Bool { attributes.type == NFSFileType.directory.rawValue }
  var isRegular: Bool { attributes.type == NFSFileType.regular.rawValue }
  var isSymbolicLink: Bool { attributes.type == NFSFileType.symbolicLink.rawValue }
}
