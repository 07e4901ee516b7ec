// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4

extension MemoryFileSystem {
  /// Moves an entry, over an existing one if the two are of like kind (RFC 7530 section 16.27.4).
  ///
  /// An open file in the way goes, too: RFC 7530 section 16.26.5 would rather have its entry stay where an open denies writes, but no server
  /// of the field does so.
  ///
  /// - Returns: what the new name stood for before, nil if it was free.
  /// - Throws: NFS4ERR_ROFS, NFS4ERR_NOENT, NFS4ERR_ACCESS, NFS4ERR_NOSPC, NFS4ERR_EXIST where one is a directory and the other is not or the directory in the way is
  ///   not empty, NFS4ERR_INVAL for a directory that would lie below itself, NFS4ERR_MLINK.
  func rename(
    _ oldName: UnsafeRawBufferPointer, in source: Int, to newName: UnsafeRawBufferPointer, in target: Int,
    principal: Principal
  ) throws(NFSStatus) -> RemovedLink? {
    try requireWritable()
    guard permits(source, Permission.execute, principal), permits(target, Permission.execute, principal) else {
      throw .accessDenied
    }
    guard let file = lookup(oldName, in: source) else { throw .noEntry }
    try checkMayRemove(file, from: source, principal)
    guard permits(target, Permission.write, principal) else { throw .accessDenied }
    let isDirectory = inodes[file].isDirectory
    let moves = source != target
    if isDirectory {
      guard !isInside(target, file) else { throw .invalid }
      // Its entry `..` is rewritten (FreeBSD sys/ufs/ufs/ufs_vnops.c, ufs_rename).
      if moves && !permits(file, Permission.write, principal) { throw .accessDenied }
    }
    let replaced = lookup(newName, in: target)
    if let replaced {
      // Two names of one file, or one name: nothing is done (RFC 7530 section 16.27.4).
      if replaced == file { return nil }
      guard inodes[replaced].isDirectory == isDirectory else { throw .exists }
      if isDirectory && entryCount(of: replaced) > 0 { throw .exists }
      try checkMayRemove(replaced, from: target, principal)
    } else if isDirectory && moves && inodes[target].linkCount >= Self.linkLimit {
      throw .tooManyLinks
    }
    if replaced == nil { try reserveEntry(newName, in: target) }
    var removed: RemovedLink? = nil
    if let replaced, let table = inodes[target].directory {
      table.pointee.replace(at: table.pointee.find(newName), file: file)
      if isDirectory { inodes[target].linkCount &-= 1 }
      removed = dropLink(replaced)
    } else {
      enter(newName, file, in: target)
    }
    if let table = inodes[source].directory { removeEntry(at: table.pointee.find(oldName), from: source) }
    if isDirectory {
      inodes[source].linkCount &-= 1
      inodes[target].linkCount &+= 1
      inodes[file].parent = UInt32(truncatingIfNeeded: target)
    }
    noteEntries(of: source)
    if moves { noteEntries(of: target) }
    touchMetadata(file)
    return removed
  }

  /// Whether `directory` is `ancestor` or lies below it.
  private func isInside(_ directory: Int, _ ancestor: Int) -> Bool {
    var current = directory
    while true {
      if current == ancestor { return true }
      if current == Self.root { return false }
      current = Int(inodes[current].parent)
    }
  }
}
