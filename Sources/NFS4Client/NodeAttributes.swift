// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4

/// The attributes that a client keeps of a file, small enough to be copied freely.
struct NodeAttributes {
  /// Which of the fields have been read from the server.
  var mask: AttributeMask = []
  var type: UInt32 = 0
  var mode: UInt32 = 0
  var linkCount: UInt32 = 0
  var owner: UInt32 = 0
  var group: UInt32 = 0
  var change: UInt64 = 0
  var size: UInt64 = 0
  var fileid: UInt64 = 0
  var spaceUsed: UInt64 = 0
  var timeAccess = NFSTime(seconds: 0, nanoseconds: 0)
  var timeMetadata = NFSTime(seconds: 0, nanoseconds: 0)
  var timeModify = NFSTime(seconds: 0, nanoseconds: 0)

  /// st_mode.
  var fullMode: UInt32 { mode & 0o7777 | NodeAttributes.typeBits(type) }

  var status: FileStatus {
    FileStatus(
      mode: fullMode, linkCount: linkCount, size: size, fileid: fileid, owner: owner, group: group)
  }

  /// The type bits of st_mode for an nfs_ftype4.
  static func typeBits(_ type: UInt32) -> UInt32 {
    switch type {
    case NFSFileType.regular.rawValue, NFSFileType.namedAttribute.rawValue: FileMode.regular
    case NFSFileType.directory.rawValue, NFSFileType.attributeDirectory.rawValue: FileMode.directory
    case NFSFileType.symbolicLink.rawValue: FileMode.symbolicLink
    case NFSFileType.blockDevice.rawValue: FileMode.blockDevice
    case NFSFileType.characterDevice.rawValue: FileMode.characterDevice
    case NFSFileType.fifo.rawValue: FileMode.fifo
    case NFSFileType.socket.rawValue: FileMode.socket
    default: 0
    }
  }

  /// Takes over the fields that `newer` has.
  mutating func merge(_ newer: NodeAttributes) {
    let present = newer.mask
    if present.contains(.type) { type = newer.type }
    if present.contains(.change) { change = newer.change }
    if present.contains(.size) { size = newer.size }
    if present.contains(.fileid) { fileid = newer.fileid }
    if present.contains(.mode) { mode = newer.mode }
    if present.contains(.linkCount) { linkCount = newer.linkCount }
    if present.contains(.owner) { owner = newer.owner }
    if present.contains(.ownerGroup) { group = newer.group }
    if present.contains(.spaceUsed) { spaceUsed = newer.spaceUsed }
    if present.contains(.timeAccess) { timeAccess = newer.timeAccess }
    if present.contains(.timeMetadata) { timeMetadata = newer.timeMetadata }
    if present.contains(.timeModify) { timeModify = newer.timeModify }
    mask.formUnion(present)
  }
}

/// The sets of attributes that the two clients ask for.
enum AttributeSets {
  /// Linux: what makes an inode (nfs4_fattr_bitmap: 16 attributes, 128 bytes with numeric owners).
  static let file: AttributeMask = [
    .type, .change, .size, .fsid, .fileid, .mode, .linkCount, .owner, .ownerGroup, .rawDevice, .spaceUsed, .timeAccess,
    .timeMetadata, .timeModify, .mountedOnFileid,
  ]
  /// Linux: cache_consistency_bitmask.
  static let consistency: AttributeMask = [.change, .size, .timeMetadata, .timeModify]
  /// Linux: what a WRITE brings back.
  static let write: AttributeMask = [.change, .size, .spaceUsed, .timeMetadata, .timeModify]
  /// Linux: nfs4_statfs_bitmap.
  static let fileSystem: AttributeMask = [
    .filesAvailable, .filesFree, .filesTotal, .spaceAvailable, .spaceFree, .spaceTotal,
  ]
  /// Linux: what a READDIR asks of every entry (readdirplus).
  static let directoryEntry: AttributeMask = AttributeSets.file.union([.readdirError, .filehandle])
  /// BSD: NFSGETATTR_ATTRBIT (recollection).
  static let bsdFile: AttributeMask = [
    .type, .change, .size, .fsid, .fileid, .mode, .linkCount, .owner, .ownerGroup, .rawDevice, .spaceUsed, .timeAccess,
    .timeMetadata, .timeModify,
  ]
  /// BSD: NFSWCCATTR_ATTRBIT, the weak cache consistency attributes in front of a change (recollection).
  static let bsdBefore: AttributeMask = [.change, .size, .timeMetadata, .timeModify]
  /// BSD: what a READDIR asks of every entry (recollection).
  static let bsdDirectoryEntry: AttributeMask = [.type, .fileid]
}
