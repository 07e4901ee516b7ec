// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4

extension MemoryFileSystem {
  /// Fills the fields that differ from file to file; the rest is the server's.
  func fill(_ attributes: inout FileAttributes, _ file: Int) {
    let inode = inodes + file
    attributes.type = inode.pointee.kind
    attributes.change = inode.pointee.change
    attributes.size = inode.pointee.size
    attributes.fileid = UInt64(truncatingIfNeeded: file)
    attributes.mountedOnFileid = UInt64(truncatingIfNeeded: file)
    attributes.mode = inode.pointee.mode
    attributes.linkCount = inode.pointee.linkCount
    attributes.owner = inode.pointee.uid
    attributes.ownerGroup = inode.pointee.gid
    attributes.rawDevice = (inode.pointee.deviceMajor, inode.pointee.deviceMinor)
    attributes.spaceUsed = spaceUsed(file)
    attributes.timeAccess = inode.pointee.accessTime
    attributes.timeMetadata = inode.pointee.metadataTime
    attributes.timeModify = inode.pointee.modifyTime
    let free = UInt64(truncatingIfNeeded: fileLimit &- fileCount)
    attributes.filesTotal = UInt64(truncatingIfNeeded: fileLimit)
    attributes.filesFree = free
    attributes.filesAvailable = free
    let space = UInt64(truncatingIfNeeded: pool.available)
    attributes.spaceTotal = UInt64(truncatingIfNeeded: pool.limit)
    attributes.spaceFree = space
    attributes.spaceAvailable = space
    if quotas.limit != nil {
      let owner = inode.pointee.uid
      let available = UInt64(truncatingIfNeeded: min(quotas.available(to: owner), pool.available))
      attributes.quotaAvailableHard = available
      attributes.quotaAvailableSoft = available
      attributes.quotaUsed = UInt64(truncatingIfNeeded: quotas.used(by: owner))
    }
  }

  /// Bytes that the file takes on the modelled disk: whole blocks of data, whole directory blocks; a link's text lies in the inode.
  func spaceUsed(_ file: Int) -> UInt64 {
    if inodes[file].isRegular { return UInt64(truncatingIfNeeded: inodes[file].blocksUsed &* BlockPool.blockBytes) }
    return inodes[file].isDirectory ? inodes[file].size : 0
  }

  /// Checks a change of attributes against owner and mode, without making it.
  ///
  /// The rights to change the size are the caller's to check: they depend on the state of opens.
  ///
  /// - Throws: NFS4ERR_ROFS, NFS4ERR_PERM, NFS4ERR_ACCESS, NFS4ERR_BADOWNER, NFS4ERR_ISDIR and NFS4ERR_INVAL for the size of what is no regular file.
  func checkMaySet(_ wanted: SettableAttributes, on file: Int, _ principal: Principal) throws(NFSStatus) {
    try requireWritable()
    let owns = principal.isRoot || principal.uid == inodes[file].uid
    if wanted.mask.contains(.size) && !inodes[file].isRegular {
      throw inodes[file].isDirectory ? .isDirectory : .invalid
    }
    if wanted.mask.contains(.mode) {
      guard owns else { throw .notOwner }
      let givesGroup = wanted.mode & Inode.setGroupBit != 0 && !inodes[file].isDirectory
      if givesGroup && !principal.isRoot && !principal.isMember(of: inodes[file].gid) { throw .notOwner }
    }
    if wanted.mask.contains(.owner) {
      guard let owner = wanted.owner else { throw .badOwner }
      guard principal.isRoot || (owns && owner == inodes[file].uid) else { throw .notOwner }
    }
    if wanted.mask.contains(.ownerGroup) {
      guard let group = wanted.ownerGroup else { throw .badOwner }
      let mayGive = owns && (group == inodes[file].gid || principal.isMember(of: group))
      guard principal.isRoot || mayGive else { throw .notOwner }
    }
    if wanted.mask.contains(.timeAccessSet) { try checkMaySetTime(wanted.timeAccess, file, owns, principal) }
    if wanted.mask.contains(.timeModifySet) { try checkMaySetTime(wanted.timeModify, file, owns, principal) }
  }

  private func checkMaySetTime(
    _ change: SettableAttributes.TimeChange, _ file: Int, _ owns: Bool, _ principal: Principal
  ) throws(NFSStatus) {
    if owns { return }
    guard change == .serverTime else { throw .notOwner }
    guard permits(file, Permission.write, principal) else { throw .accessDenied }
  }

  /// Makes a change of attributes that ``checkMaySet(_:on:_:)`` allowed.
  ///
  /// - Throws: NFS4ERR_FBIG for a size past the largest file; nothing is changed then.
  func set(_ wanted: SettableAttributes, on file: Int, _ principal: Principal) throws(NFSStatus) {
    guard !wanted.mask.isEmpty else { return }
    if wanted.mask.contains(.size) { try setSize(file, to: wanted.size) }
    if wanted.mask.contains(.owner), let owner = wanted.owner, owner != inodes[file].uid {
      // What the file takes goes to its new owner, whom the giver's privilege spares the limit.
      let bytes = inodes[file].blocksUsed &* BlockPool.blockBytes
      quotas.add(-bytes, to: inodes[file].uid)
      quotas.add(bytes, to: owner)
      inodes[file].uid = owner
      dropSetBits(file, principal)
    }
    if wanted.mask.contains(.ownerGroup), let group = wanted.ownerGroup, group != inodes[file].gid {
      inodes[file].gid = group
      dropSetBits(file, principal)
    }
    if wanted.mask.contains(.mode) { inodes[file].mode = wanted.mode & 0o7777 }
    if wanted.mask.contains(.timeAccessSet) { inodes[file].accessTime = time(wanted.timeAccess) }
    if wanted.mask.contains(.timeModifySet) { inodes[file].modifyTime = time(wanted.timeModify) }
    inodes[file].hasExclusiveVerifier = false
    touchMetadata(file)
  }

  /// A file written or given away by anyone but root loses its set-user and set-group bits (FreeBSD sys/ufs/ufs/ufs_vnops.c).
  func dropSetBits(_ file: Int, _ principal: Principal) {
    if !principal.isRoot { inodes[file].mode &= ~(Inode.setUserBit | Inode.setGroupBit) }
  }

  private func time(_ change: SettableAttributes.TimeChange) -> NFSTime {
    switch change {
    case .serverTime: now
    case .clientTime(let time): time
    }
  }
}
